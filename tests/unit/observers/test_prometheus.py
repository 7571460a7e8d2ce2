"""What Prometheus is told is what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.unit.observers.lamps import LampState, lamp, life, run_info, seen

from headrace.observers import PrometheusObserver

if TYPE_CHECKING:
    from headrace.observers import RunInfo

dark, lit, dim, out, broken = LampState


@pytest.fixture
def observer() -> PrometheusObserver:
    return PrometheusObserver()


@pytest.fixture
def run(observer: PrometheusObserver) -> RunInfo:
    """A run that the observer observes."""
    run = run_info(counts=lambda: {"lamp": {"dark": 2, "out": 5}})
    observer.started(run)
    return run


def value(observer: PrometheusObserver, metric: str, /, **labels: str) -> float | None:
    return observer.registry.get_sample_value(metric, labels)


def test_moves_are_counted_by_kind_name_and_state(observer: PrometheusObserver, run: RunInfo) -> None:
    observer.transitions(run, life(lamp(1)) + life(lamp(2)))
    observer.transitions(run, life(lamp(3)) + life(lamp(4, "shed")))

    assert value(observer, "headrace_moves_total", kind="lamp", name="hall", state="out") == 3
    assert value(observer, "headrace_moves_total", kind="lamp", name="shed", state="lit") == 1


def test_how_long_an_attempt_took_is_observed_from_its_launch(observer: PrometheusObserver, run: RunInfo) -> None:
    observer.transitions(run, life(lamp(1), at=10.0))

    labels = {"kind": "lamp", "name": "hall", "outcome": "out"}
    assert value(observer, "headrace_attempt_seconds_count", **labels) == 1
    assert value(observer, "headrace_attempt_seconds_sum", **labels) == 2.0


def test_an_attempt_that_another_follows_is_observed_as_that(observer: PrometheusObserver, run: RunInfo) -> None:
    unit = lamp()
    observer.transitions(run, [seen(unit, dark), seen(unit, lit, at=1.0)])
    observer.transitions(run, [seen(unit, dark, at=1.5), seen(unit, lit, at=2.0), seen(unit, broken, at=5.0)])

    again = {"kind": "lamp", "name": "hall", "outcome": "(again)"}
    at_last = {"kind": "lamp", "name": "hall", "outcome": "broken"}
    assert value(observer, "headrace_attempt_seconds_sum", **again) == 0.5
    assert value(observer, "headrace_attempt_seconds_sum", **at_last) == 3.0


def test_what_never_began_took_no_time(observer: PrometheusObserver, run: RunInfo) -> None:
    unit = lamp()
    observer.transitions(run, [seen(unit, dark), seen(unit, broken)])

    assert value(observer, "headrace_attempt_seconds_count", kind="lamp", name="hall", outcome="broken") is None


def test_units_by_state_are_asked_of_the_run(observer: PrometheusObserver, run: RunInfo) -> None:
    assert run.id == "the-run"
    assert value(observer, "headrace_units", kind="lamp", state="out") == 5


def test_units_of_several_runs_are_added_up_also_when_one_has_ended(observer: PrometheusObserver, run: RunInfo) -> None:
    other = run_info(id="other", counts=lambda: {"lamp": {"out": 7}})
    observer.started(other)
    observer.ended(other)

    assert run.id == "the-run"
    assert value(observer, "headrace_units", kind="lamp", state="out") == 12


def test_a_state_that_no_unit_is_in_stays_there_when_the_run_has_ended(observer: PrometheusObserver) -> None:
    run = run_info(counts=lambda: {"lamp": {"lit": 0}})
    observer.started(run)
    observer.ended(run)

    assert value(observer, "headrace_units", kind="lamp", state="lit") == 0


def test_what_was_missed_is_counted(observer: PrometheusObserver, run: RunInfo) -> None:
    observer.missed(run, 3)
    observer.missed(run, 4)

    assert value(observer, "headrace_missed_moves_total") == 7


def test_an_attempt_whose_end_was_missed_is_observed_by_what_its_unit_says(
    observer: PrometheusObserver, run: RunInfo
) -> None:
    unit = lamp()
    observer.transitions(run, [seen(unit, dark), seen(unit, lit, at=1.0)])
    late = seen(unit, out, at=5.0)
    observer.missed(run, 1)
    observer.transitions(run, [late])

    labels = {"kind": "lamp", "name": "hall", "outcome": "out"}
    assert value(observer, "headrace_attempt_seconds_count", **labels) == 1
    assert value(observer, "headrace_attempt_seconds_sum", **labels) == 4.0


def test_names_without_number_are_counted_together(observer: PrometheusObserver, run: RunInfo) -> None:
    observer.transitions(run, [seen(lamp(number, f"lamp {number}"), dark) for number in range(600)])

    assert value(observer, "headrace_moves_total", kind="lamp", name="(others)", state="dark") == 100


def test_each_observer_has_a_registry_of_its_own() -> None:
    assert PrometheusObserver().registry is not PrometheusObserver().registry


def test_a_registry_may_be_given() -> None:
    registry = CollectorRegistry()
    PrometheusObserver(registry=registry)

    assert b"headrace_moves_total" in generate_latest(registry)


def test_when_a_run_has_ended_nothing_of_it_is_kept_but_numbers(observer: PrometheusObserver, run: RunInfo) -> None:
    unit = lamp()
    observer.transitions(run, [seen(unit, dark), seen(unit, lit)])
    observer.ended(run)

    assert observer._attempts == {}
    assert observer._units._runs == {}
