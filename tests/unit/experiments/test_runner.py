"""An experiment that is run again and again, each time afresh."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from headrace.core import HeadraceError
from headrace.experiments import (
    Attribute,
    ECState,
    ExperimentController,
    FailureManager,
    Flags,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Trace,
    Types,
)
from headrace.experiments.collector import Collector
from headrace.experiments.errors import ExperimentError, UnknownResource
from headrace.experiments.runner import ExperimentRunner, Runs, RunsReason
from headrace.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

R = ResourceState


class Probe(ResourceManager):
    """Ends at once, or fails, or never ends, as it is told."""

    _rtype = "Probe"
    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("rate", "A number", type=Types.Integer, default=1),
        Attribute("password", "A secret", flags=Flags.Credential),
        Attribute("plan", "What becomes of it", type=Types.Enumerate, default="end", allowed=("end", "fail", "hang")),
    )
    traces: ClassVar[tuple[Trace, ...]] = (Trace("log", "What it said"),)

    def do_start(self) -> None:
        (self.directory / "log").write_text(f"rate {self.get('rate')}", encoding="utf-8")
        if self.get("plan") == "fail":
            raise RuntimeError("it broke")
        self.set_started()
        if self.get("plan") == "end":
            self.set_finished()


@pytest.fixture
def factory() -> ResourceFactory:
    factory = ResourceFactory(shipped=False, plugins=False)
    factory.register_type(Probe)
    factory.register_type(Collector)
    return factory


@pytest.fixture
def ec(factory: ResourceFactory, tmp_path: Path) -> Iterator[ExperimentController]:
    with ExperimentController("tides", tmp_path, factory=factory, journal=False) as ec:
        yield ec


@pytest.fixture
def probe(ec: ExperimentController) -> int:
    return ec.register_resource("Probe")


def from_list(*samples: object) -> Callable[[ExperimentController, int], Any]:
    """A metric whose values are these, then these again."""
    values = itertools.cycle(samples)
    return lambda _ec, _run: next(values)


def run(ec: ExperimentController, **options: Any) -> Runs:  # noqa: ANN401 - the runner's
    return ExperimentRunner().run(ec, **options)


# --- until it has settled ---------------------------------------------------------------------------------------------


def test_it_is_run_until_the_mean_is_known_to_five_percent(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, compute_metric=from_list(90.0, 110.0))

    assert runs.converged
    assert runs.interval is not None
    assert runs.interval.half_width <= 0.05 * runs.interval.mean
    assert runs.samples == tuple(itertools.islice(itertools.cycle([90.0, 110.0]), runs.count))


def test_one_sample_never_is_enough(ec: ExperimentController, probe: int) -> None:
    assert run(ec, compute_metric=from_list(1.0)).count == 2


def test_no_more_than_max_runs_are_made(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, max_runs=4, compute_metric=from_list(1.0, 1000.0))

    assert (runs.count, int(runs), runs.reason, bool(runs)) == (4, 4, RunsReason.ENOUGH, True)


def test_a_single_run_has_a_mean_and_no_idea_how_good_it_is(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, max_runs=1, compute_metric=from_list(7.0))

    assert runs.interval is not None
    assert (runs.interval.mean, runs.interval.half_width) == (7.0, math.inf)
    assert "7, measured once" in runs.why


def test_no_fewer_than_min_runs_are_made(ec: ExperimentController, probe: int) -> None:
    assert run(ec, min_runs=5, compute_metric=from_list(1.0)).count == 5


@pytest.mark.parametrize(("options", "count"), [({}, 1), ({"min_runs": 3}, 3), ({"max_runs": 4}, 4)])
def test_without_a_metric_as_many_are_made_as_asked_for(
    ec: ExperimentController, probe: int, options: dict[str, int], count: int
) -> None:
    runs = run(ec, **options)

    assert (runs.count, runs.reason, runs.interval) == (count, RunsReason.ENOUGH, None)


def test_a_criterion_of_ones_own_decides(ec: ExperimentController, probe: int) -> None:
    asked = []

    def enough(ec: ExperimentController, run: int, samples: list[Any]) -> bool:
        asked.append((ec.exp_id, run, samples))
        return run == 2

    runs = run(ec, compute_metric=from_list("anything", "else"), evaluate_convergence=enough)

    assert asked == [("tides", 1, ["anything"]), ("tides", 2, ["anything", "else"])]
    assert (runs.converged, runs.interval) == (True, None)


def test_the_older_names_of_the_callbacks_mean_the_same(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, compute_metric_callback=from_list(1.0), evaluate_convergence_callback=lambda *_: True)

    assert (runs.count, runs.samples) == (1, (1.0,))


# --- each run is its own ----------------------------------------------------------------------------------------------


def test_it_has_the_same_name_and_another_run_id(ec: ExperimentController, probe: int) -> None:
    seen: list[tuple[str, str]] = []

    run(ec, max_runs=2, prepare=lambda each, _: seen.append((each.exp_id, each.run_id)))

    assert {name for name, _ in seen} == {"tides"}
    assert len({ec.run_id, *(run_id for _, run_id in seen)}) == 3


def test_the_experiment_itself_is_not_touched(ec: ExperimentController, probe: int) -> None:
    run(ec, max_runs=2)

    assert (ec.state(probe), ec.ecstate) == (R.NEW, ECState.RUNNING)


def test_it_is_the_experiment_described(ec: ExperimentController, probe: int) -> None:
    other = ec.register_resource("Probe", rate=3, password="mill", connectedTo=probe)  # noqa: S106 - a stand-in
    ec.enable_trace(other, "log")
    ec.register_condition(other, "START", probe, "FINISHED", "1.5s")
    ec.register_condition(other, "STOP", probe, when=lambda each: each.get("rate") > 5)
    ec.set_with_conditions("rate", 8, other, probe, "STARTED")
    copies: list[ExperimentController] = []

    run(ec, max_runs=1, wait_guids=probe, prepare=lambda each, _: copies.append(each))

    (copy,) = copies
    manager = copy.get_resource(other)
    assert (manager.get("password"), manager.connections) == ("mill", [probe])
    assert (manager.enabled_traces(), copy.conditions(other)) == (["log"], ec.conditions(other))
    assert manager._sets == ec.get_resource(other)._sets


def test_values_take_the_place_of_the_described_ones(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, max_runs=1, values={(probe, "rate"): 6}, compute_metric=lambda each, _: each.get(probe, "rate"))

    assert runs.samples == (6,)


def test_its_failures_are_judged_alike(factory: ResourceFactory, tmp_path: Path) -> None:
    class Lenient(FailureManager):
        def eval_failure(self, guid: int) -> None:
            pass

    with ExperimentController("lenient", tmp_path, factory=factory, journal=False, fm=Lenient()) as ec:
        probes = [ec.register_resource("Probe", plan=plan) for plan in ("fail", "end")]

        assert run(ec, max_runs=2, wait_guids=probes[1]).count == 2


def test_it_has_been_released_when_the_next_begins(ec: ExperimentController, probe: int) -> None:
    made: list[ExperimentController] = []

    def note(each: ExperimentController, number: int) -> None:
        assert all(before.ecstate is ECState.TERMINATED for before in made)
        made.append(each)

    run(ec, max_runs=3, prepare=note)

    assert [each.state(probe) for each in made] == [R.RELEASED] * 3


def test_an_interrupt_releases_it(ec: ExperimentController, probe: int) -> None:
    made: list[ExperimentController] = []

    def interrupted(each: ExperimentController, number: int) -> float:
        made.append(each)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ec, compute_metric=interrupted)

    assert [each.ecstate for each in made] == [ECState.TERMINATED]


def test_it_waits_before_it_measures_on_the_clock_of_the_experiment(factory: ResourceFactory, tmp_path: Path) -> None:
    clock = VirtualClock()
    with ExperimentController("slow", tmp_path, factory=factory, journal=False, clock=clock) as ec:
        probe = ec.register_resource("Probe")

        def hurry(each: ExperimentController, number: int) -> None:
            clock.on_advance(each._stage.tick)
            each.schedule("1ms", lambda: None)
            unit = each.get_resource(probe)._unit
            each._stage.observers.append(
                lambda told: clock.advance(3600) if told.unit is unit and told.state is R.FINISHED else None
            )
            each._stage.observers.append(
                lambda told: clock.advance(3600) if told.unit.name == "the time to wait" else None
            )

        begin = clock.monotonic()
        run(ec, max_runs=1, wait_guids=probe, wait_time="1h", prepare=hurry)

    assert clock.monotonic() - begin >= 3600


# --- a run that gives no sample ---------------------------------------------------------------------------------------


def test_it_ends_them_unless_told_otherwise(ec: ExperimentController, probe: int) -> None:
    ec.set(probe, "plan", "fail")

    runs = run(ec, wait_guids=probe, compute_metric=from_list(1.0))

    assert (bool(runs), runs.reason, runs.count, runs.samples) == (False, RunsReason.FAILED, 1, ())
    (failure,) = runs.failures
    assert "it broke" in failure.why
    assert "it broke" in runs.why


def test_it_may_be_left_out(ec: ExperimentController, probe: int) -> None:
    def second_fails(each: ExperimentController, number: int) -> None:
        each.set(probe, "plan", "fail" if number == 2 else "end")

    runs = run(ec, wait_guids=probe, on_failure="skip", min_runs=4, compute_metric=from_list(1.0), prepare=second_fails)

    assert (runs.converged, runs.count, runs.samples) == (True, 4, (1.0, 1.0, 1.0))
    assert [each.number for each in runs.failures] == [2]


def test_too_many_in_a_row_are_the_end(ec: ExperimentController, probe: int) -> None:
    ec.set(probe, "plan", "fail")

    runs = run(ec, wait_guids=probe, on_failure="skip", max_failures=2, compute_metric=from_list(1.0))

    assert (runs.reason, runs.count) == (RunsReason.FAILED, 2)


def test_one_that_takes_too_long_is_one(ec: ExperimentController, probe: int) -> None:
    ec.set(probe, "plan", "hang")

    runs = run(ec, wait_guids=probe, timeout="20ms", compute_metric=from_list(1.0))

    assert "the time was up" in runs.failures[0].why


def test_one_whose_metric_raises_is_one(ec: ExperimentController, probe: int) -> None:
    def wrong(each: ExperimentController, number: int) -> float:
        return 1 / 0

    runs = run(ec, compute_metric=wrong)

    assert isinstance(runs.failures[0].error, ZeroDivisionError)
    assert "ZeroDivisionError" in runs.why


def test_one_whose_metric_is_no_number_is_one(ec: ExperimentController, probe: int) -> None:
    assert "'much'" in run(ec, compute_metric=from_list("much")).why


def test_one_whose_metric_is_none_is_left_out(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, compute_metric=from_list(None, 1.0))

    assert (runs.converged, runs.count, runs.samples) == (True, 4, (1.0, 1.0))


def test_a_metric_that_is_always_none_does_not_go_on_for_ever(ec: ExperimentController, probe: int) -> None:
    runs = run(ec, compute_metric=from_list(None), max_failures=5)

    assert (runs.reason, runs.count) == (RunsReason.FAILED, 5)


# --- with a collector -------------------------------------------------------------------------------------------------


@pytest.fixture
def collector(ec: ExperimentController, probe: int) -> int:
    ec.enable_trace(probe, "log")
    return ec.register_resource("Collector", traceName="log", connectedTo=probe)


def test_what_it_collects_is_there_for_the_metric(ec: ExperimentController, probe: int, collector: int) -> None:
    def metric(each: ExperimentController, number: int) -> int:
        assert each.state(probe) is R.FINISHED
        return len((each.run_dir / f"{probe}.log").read_text(encoding="utf-8"))

    assert run(ec, max_runs=1, wait_guids=probe, compute_metric=metric).samples == (6,)


def test_everything_may_be_released_first(ec: ExperimentController, probe: int, collector: int) -> None:
    states: list[ResourceState] = []

    def metric(each: ExperimentController, number: int) -> int:
        states.append(each.state(probe))
        return len((each.run_dir / f"{probe}.log").read_text(encoding="utf-8"))

    runs = run(ec, max_runs=1, wait_guids=probe, compute_metric=metric, release_first=True)

    assert (runs.samples, states) == ((6,), [R.RELEASED])


def test_a_run_that_could_not_be_collected_is_no_sample(ec: ExperimentController, probe: int, collector: int) -> None:
    def spoil(each: ExperimentController, number: int) -> None:
        (each.run_dir / f".{probe}.log.new").mkdir(parents=True)

    runs = run(ec, wait_guids=probe, compute_metric=from_list(1.0), prepare=spoil)

    assert (runs.reason, runs.samples) == (RunsReason.FAILED, ())
    assert "could not be collected" in str(runs.failures[0].error)


@pytest.mark.parametrize(
    "options",
    [
        {"min_runs": 0},
        {"max_runs": 0},
        {"min_runs": 5, "max_runs": 3},
        {"compute_metric": from_list(1.0), "compute_metric_callback": from_list(1.0)},
        {"compute_metric": "fast"},
        {"on_failure": "ignore"},
        {"confidence": 95},
        {"relative": -1.0},
        {"wait_time": "soon"},
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    ec: ExperimentController, probe: int, options: dict[str, Any]
) -> None:
    made: list[int] = []

    with pytest.raises(HeadraceError):
        run(ec, prepare=lambda _, number: made.append(number), **options)

    assert not made


def test_an_unknown_resource_to_wait_for_is_refused(ec: ExperimentController, probe: int) -> None:
    with pytest.raises(UnknownResource):
        run(ec, wait_guids=[probe, 99])


def test_both_names_of_a_callback_at_once_are_refused_with_the_reason(ec: ExperimentController, probe: int) -> None:
    with pytest.raises(ExperimentError, match="compute_metric and compute_metric_callback are the same"):
        run(ec, compute_metric=from_list(1.0), compute_metric_callback=from_list(1.0))
