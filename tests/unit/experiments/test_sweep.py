"""An experiment under many parameters."""

from __future__ import annotations

import csv
import fcntl
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from headrace.experiments import Attribute, ExperimentController, Flags, ResourceFactory, ResourceManager, Types
from headrace.experiments.errors import (
    ExperimentError,
    InvalidAttribute,
    ReadOnlyAttribute,
    UnknownAttribute,
    UnknownResource,
)
from headrace.experiments.results import Results, ResultsError
from headrace.experiments.runner import RunsReason
from headrace.experiments.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Link(ResourceManager):
    """Has what a sweep may go over, and what not."""

    _rtype = "Link"
    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("delay", "A text", default="0ms", flags=Flags.Construct),
        Attribute("rate", "A number", type=Types.Integer, default=1, flags=Flags.Design),
        Attribute("queue", "Another", type=Types.Integer, default=10),
        Attribute("password", "A secret", flags=Flags.Credential),
        Attribute("packets", "Its own", type=Types.Integer, flags=Flags.NoWrite),
    )

    def do_start(self) -> None:
        if self.get("rate") == 13:
            raise RuntimeError("it broke")


@pytest.fixture
def factory() -> ResourceFactory:
    factory = ResourceFactory(shipped=False, plugins=False)
    factory.register_type(Link)
    return factory


@pytest.fixture
def ec(factory: ResourceFactory, tmp_path: Path) -> Iterator[ExperimentController]:
    with ExperimentController("tides", tmp_path, factory=factory, journal=False) as ec:
        yield ec


@pytest.fixture
def link(ec: ExperimentController) -> int:
    return ec.register_resource("Link")


class Rate:
    """A metric: 100 times the rate, and where it was measured."""

    def __init__(self) -> None:
        self.measured: list[tuple[str, int]] = []

    def __call__(self, ec: ExperimentController, run: int) -> float:
        (link,) = ec.resources
        point = (str(ec.get(link, "delay")), int(ec.get(link, "rate")))
        if run == 1:
            self.measured.append(point)
        return 100.0 * point[1]


@pytest.fixture
def metric() -> Rate:
    return Rate()


def points(results: Results) -> list[tuple[Any, ...]]:
    return [(*each.parameters.values(), each.mean) for each in results]


def test_each_value_of_one_meets_each_of_the_others(ec: ExperimentController, link: int, metric: Rate) -> None:
    found = sweep(ec, {(link, "delay"): ["10ms", "50ms"], (link, "rate"): [1, 2]}, compute_metric=metric)

    assert found.names == ("1.delay", "1.rate")
    assert points(found) == [("10ms", 1, 100.0), ("10ms", 2, 200.0), ("50ms", 1, 100.0), ("50ms", 2, 200.0)]
    assert [each.n for each in found] == [2, 2, 2, 2]


def test_zipped_values_meet_one_another(ec: ExperimentController, link: int, metric: Rate) -> None:
    found = sweep(ec, {(link, "delay"): ["10ms", "50ms"], (link, "rate"): [1, 2]}, zipped=True, compute_metric=metric)

    assert points(found) == [("10ms", 1, 100.0), ("50ms", 2, 200.0)]


def test_the_points_may_be_listed(ec: ExperimentController, link: int, metric: Rate) -> None:
    found = sweep(ec, [{(link, "rate"): 4}, {(link, "rate"): 2}, {(link, "rate"): "4"}], compute_metric=metric)

    assert points(found) == [(4, 400.0), (2, 200.0)]


def test_a_number_shuffles_in_the_same_way_each_time(ec: ExperimentController, link: int) -> None:
    one, other = Rate(), Rate()

    for name, metric in (("one", one), ("other", other)):
        found = sweep(ec, {(link, "rate"): range(20, 26)}, shuffle=7, name=name, compute_metric=metric)
        assert points(found) == [(rate, 100.0 * rate) for rate in range(20, 26)]

    assert one.measured == other.measured != sorted(one.measured)


def test_results_are_in_files_as_they_come(ec: ExperimentController, link: int, metric: Rate) -> None:
    seen: list[int] = []

    found = sweep(
        ec,
        {(link, "rate"): [1, 2]},
        compute_metric=metric,
        told=lambda _: seen.append(len(Results.read(ec.exp_dir / "results.json"))),
    )

    assert seen == [1, 2]
    assert Results.read(ec.exp_dir / "results.json").rows == found.rows
    with (ec.exp_dir / "results.csv").open(encoding="utf-8") as file:
        assert [each["mean"] for each in csv.DictReader(file)] == ["100.0", "200.0"]


def test_one_that_was_cut_short_goes_on_where_it_was(ec: ExperimentController, link: int, metric: Rate) -> None:
    def interrupt(row: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(ec, {(link, "rate"): [1, 2, 3]}, compute_metric=metric, told=interrupt)
    found = sweep(ec, {(link, "rate"): [1, 2, 3]}, compute_metric=metric)

    assert [rate for _, rate in metric.measured] == [1, 2, 3]
    assert points(found) == [(1, 100.0), (2, 200.0), (3, 300.0)]


def test_it_goes_on_in_another_process(
    ec: ExperimentController, link: int, metric: Rate, factory: ResourceFactory, tmp_path: Path
) -> None:
    sweep(ec, {(link, "rate"): [1, 2]}, compute_metric=metric)

    with ExperimentController("tides", tmp_path, factory=factory, journal=False) as later:
        later.register_resource("Link")
        sweep(later, {(link, "rate"): [1, 2, 3]}, compute_metric=metric)

    assert [rate for _, rate in metric.measured] == [1, 2, 3]


def test_what_was_measured_may_be_forgotten(ec: ExperimentController, link: int, metric: Rate) -> None:
    for _ in range(2):
        sweep(ec, {(link, "rate"): [1]}, compute_metric=metric, again=True)

    assert len(metric.measured) == 2


def test_a_point_that_failed_is_told_and_measured_again(ec: ExperimentController, link: int, metric: Rate) -> None:
    found = sweep(ec, {(link, "rate"): [13, 1]}, compute_metric=metric)
    tried_again: list[object] = []
    sweep(ec, {(link, "rate"): [13, 1]}, compute_metric=metric, told=tried_again.append)

    assert points(found) == [(13, None), (1, 100.0)]
    assert (found.rows[0].reason, found.rows[0].failed) == (RunsReason.FAILED, 1)
    assert "it broke" in found.rows[0].why
    assert len(tried_again) == 1


def test_results_of_what_has_changed_since_are_not_mixed(ec: ExperimentController, link: int, metric: Rate) -> None:
    sweep(ec, {(link, "rate"): [1]}, compute_metric=metric)
    ec.set(link, "queue", 20)

    with pytest.raises(ResultsError, match="another experiment"):
        sweep(ec, {(link, "rate"): [1]}, compute_metric=metric)


def test_results_by_other_parameters_are_not_mixed(ec: ExperimentController, link: int, metric: Rate) -> None:
    sweep(ec, {(link, "rate"): [1]}, compute_metric=metric)

    with pytest.raises(ResultsError, match=r"by 1\.rate, not 1\.delay"):
        sweep(ec, {(link, "delay"): ["1s"]}, compute_metric=metric)


def test_two_at_one_time_do_not_write_the_same_results(ec: ExperimentController, link: int, metric: Rate) -> None:
    ec.exp_dir.mkdir(parents=True)
    with (ec.exp_dir / ".results.lock").open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ResultsError, match="another sweep"):
            sweep(ec, {(link, "rate"): [1]}, compute_metric=metric)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, ExperimentError),
        ({(1, "rate"): []}, ExperimentError),
        ({(1, "rate"): "12"}, ExperimentError),
        ({(1, "rate"): [1, "many"]}, InvalidAttribute),
        ({(1, "speed"): [1]}, UnknownAttribute),
        ({(9, "rate"): [1]}, UnknownResource),
        ({"rate": [1]}, ExperimentError),
        ({(1, "password"): ["a", "b"]}, ExperimentError),
        ({(1, "packets"): [1]}, ReadOnlyAttribute),
        ([{(1, "rate"): 1}, {(1, "delay"): "1s"}], ExperimentError),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(
    ec: ExperimentController,
    link: int,
    metric: Rate,
    parameters: Any,  # noqa: ANN401 - it makes no sense
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        sweep(ec, parameters, compute_metric=metric)

    assert not metric.measured


def test_zipped_parameters_have_as_many_values_each(ec: ExperimentController, link: int, metric: Rate) -> None:
    with pytest.raises(ExperimentError, match="as many values each"):
        sweep(ec, {(link, "rate"): [1, 2], (link, "delay"): ["1s"]}, zipped=True, compute_metric=metric)


def test_without_a_metric_there_is_nothing_to_sweep_for(ec: ExperimentController, link: int) -> None:
    with pytest.raises(ExperimentError, match="give compute_metric"):
        sweep(ec, {(link, "rate"): [1]})
