"""Spans say what happened, when, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.unit.observers.lamps import LampState, lamp, life, run_info, seen

from headrace.observers import OpenTelemetryObserver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from headrace.observers import Observation

dark, lit, dim, out, broken = LampState

SECOND = 1_000_000_000


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


@pytest.fixture
def trace(provider: TracerProvider, exporter: InMemorySpanExporter) -> Trace:
    return Trace(provider, exporter)


class Trace:
    """Has a run observed, and returns its spans: those of attempts, and the run's."""

    def __init__(self, provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
        self.provider = provider
        self._exporter = exporter

    def __call__(self, *told: Sequence[Observation] | int) -> tuple[list[ReadableSpan], ReadableSpan]:
        """Tell an observer of batches, and of how many it missed."""
        observer, run = OpenTelemetryObserver(self.provider), run_info()
        observer.started(run)
        for one in told:
            if isinstance(one, int):
                observer.missed(run, one)
            else:
                observer.transitions(run, one)
        observer.ended(run)
        spans = self._exporter.get_finished_spans()
        (of_run,) = [span for span in spans if span.name == "headrace.run"]
        return [span for span in spans if span is not of_run], of_run


def attributes(span: ReadableSpan) -> dict[str, object]:
    return {name.removeprefix("headrace."): value for name, value in (span.attributes or {}).items()}


def test_an_attempt_is_a_span_from_its_launch_to_its_end_by_the_wall_clock(trace: Trace) -> None:
    (span,), _ = trace(life(lamp(), at=109.0))

    assert span.name == "hall"
    assert (span.start_time, span.end_time) == (1010 * SECOND, 1012 * SECOND)


def test_a_span_says_what_it_is_of(trace: Trace) -> None:
    (span,), _ = trace(life(lamp(7)))

    assert attributes(span) == {
        "run.id": "the-run",
        "unit.kind": "lamp",
        "unit.id": 7,
        "unit.name": "hall",
        "attempt": 0,
        "executor": "wall",
        "state": "out",
    }


def test_spans_are_within_the_runs(trace: Trace) -> None:
    spans, run = trace(life(lamp(1)) + life(lamp(2)))

    assert run.context is not None
    assert [span.parent and span.parent.span_id for span in spans] == [run.context.span_id] * 2


def test_an_attempt_that_ended_well_is_ok(trace: Trace) -> None:
    (span,), _ = trace(life(lamp()))

    assert span.status.status_code is StatusCode.OK


def test_a_failed_attempt_has_the_error(trace: Trace) -> None:
    unit = lamp()
    (span,), _ = trace([seen(unit, dark), seen(unit, lit), seen(unit, broken, cause=error("glass"))])

    (event,) = span.events
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError: glass"
    assert event.name == "exception"
    assert event.attributes is not None
    assert event.attributes["exception.type"] == "builtins.ValueError"
    assert "raise ValueError" in str(event.attributes["exception.stacktrace"])


def test_a_failure_without_an_error_is_one_too(trace: Trace) -> None:
    unit = lamp()
    (span,), _ = trace([seen(unit, dark), seen(unit, lit), seen(unit, broken)])

    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "broken")


def test_each_attempt_has_a_span_of_its_own(trace: Trace) -> None:
    unit = lamp()
    first = [seen(unit, dark), seen(unit, lit, executor="wall"), seen(unit, dark, cause=error("draught"))]
    second = [seen(unit, lit, executor="shelf"), seen(unit, out)]
    spans, _ = trace(first + second)

    told = [(attributes(span)["attempt"], attributes(span)["executor"], span.status.status_code) for span in spans]
    assert told == [(0, "wall", StatusCode.ERROR), (1, "shelf", StatusCode.OK)]


def test_states_in_between_are_events(trace: Trace) -> None:
    unit = lamp()
    (span,), _ = trace([seen(unit, dark, 100), seen(unit, lit, 101), seen(unit, dim, 102.5), seen(unit, out, 103)])

    assert [(event.name, event.timestamp) for event in span.events] == [("dim", 1002 * SECOND + SECOND // 2)]


def test_what_was_never_launched_has_no_span_and_is_counted(trace: Trace) -> None:
    unit = lamp()
    spans, run = trace([seen(unit, dark), seen(unit, broken)])

    assert spans == []
    assert attributes(run)["moves.lamp.broken"] == 1


def test_an_end_that_was_never_told_is_told_as_unknown(trace: Trace) -> None:
    unit = lamp()
    (span,), _ = trace([seen(unit, dark), seen(unit, lit)])

    assert attributes(span)["end_unknown"] is True
    assert span.status.status_code is StatusCode.UNSET


def test_the_end_of_an_attempt_that_was_missed_is_what_its_unit_says(trace: Trace) -> None:
    unit = lamp()
    before = [seen(unit, dark), seen(unit, lit)]
    seen(unit, out, at=109.0)
    (span,), run = trace(before, 1)

    assert (attributes(span)["state"], span.end_time) == ("out", 1009 * SECOND)
    assert attributes(run)["missed_moves"] == 1


def test_the_end_of_an_attempt_that_another_followed_unseen_is_unknown(trace: Trace) -> None:
    unit = lamp()
    before = [seen(unit, dark), seen(unit, lit)]
    seen(unit, dark)
    (span,), _ = trace(before, 1)

    assert attributes(span)["end_unknown"] is True


def test_a_run_is_within_what_the_caller_was_tracing_when_it_made_the_observer(
    trace: Trace, provider: TracerProvider
) -> None:
    with provider.get_tracer("mine").start_as_current_span("my analysis") as mine:
        _, run = trace(life(lamp()))

    assert run.parent is not None
    assert run.parent.span_id == mine.get_span_context().span_id


def error(text: str) -> ValueError:
    """Return an error with a traceback."""

    def burst() -> None:
        raise ValueError(text)

    with pytest.raises(ValueError, match=text) as raised:
        burst()
    return raised.value
