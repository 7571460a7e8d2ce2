"""Spans for OpenTelemetry."""

from __future__ import annotations

import traceback
from collections import Counter
from typing import TYPE_CHECKING

from headrace.observers.attempts import Attempts
from headrace.observers.observation import cause_text
from headrace.observers.observer import Observer

try:
    from opentelemetry import context, trace
    from opentelemetry.trace import Status, StatusCode
except ImportError as error:
    raise ImportError(
        f"OpenTelemetryObserver needs opentelemetry-api and -sdk: pip install 'headrace[tracing]': {error}"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.core import State, Unit
    from headrace.observers.observation import Observation
    from headrace.observers.run_info import RunInfo

__all__ = ["OpenTelemetryObserver"]


class OpenTelemetryObserver(Observer):
    """Makes a span of each attempt, from being launched to its end, within a span of its run.

    A unit that ends without having been launched has no span; the run's span says how many moves of each kind there
    were. An attempt's span has ``headrace.run.id``, ``headrace.unit.kind``, ``.id`` and ``.name`` (a task's app),
    ``headrace.attempt``, ``headrace.executor``, and when it has ended ``headrace.state``: the state it ended in. States
    in between are events. A failed one has the status ERROR and the error as an ``exception`` event.

    The end of an attempt that is not known, since the run ended without it or the observer was too slow, is told as
    that: ``headrace.end_unknown`` is true, and the status is not set.

    Args:
        provider: makes the spans, and sends them somewhere; OpenTelemetry's global one unless given. It is not shut
            down: it is yours.
    """

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer = (provider or trace.get_tracer_provider()).get_tracer("headrace")
        # Where it was made, which is not where it is called: a run is part of what the caller is tracing.
        self._surroundings = context.get_current()
        self._runs: dict[str, _Spans] = {}

    def started(self, run: RunInfo) -> None:
        """Begin the run's span."""
        self._runs[run.id] = _Spans(self._tracer, run, self._surroundings)

    def transitions(self, run: RunInfo, batch: Sequence[Observation]) -> None:
        """Begin and end spans."""
        spans = self._runs[run.id]
        for move in batch:
            spans.take(move)

    def missed(self, run: RunInfo, number: int) -> None:
        """Note it on the run's span, and end the spans of attempts that have ended meanwhile."""
        self._runs[run.id].missed(number)

    def ended(self, run: RunInfo) -> None:
        """End the run's span."""
        self._runs.pop(run.id).close()


class _Spans:
    """The spans of one run."""

    def __init__(self, tracer: trace.Tracer, run: RunInfo, surroundings: context.Context) -> None:
        self._tracer = tracer
        self._base = int(run.wall * 1e9)
        self._run = run
        attributes = {"headrace.run.id": run.id, "headrace.face": run.face}
        if run.dir is not None:
            attributes["headrace.run.dir"] = str(run.dir)
        self._span = tracer.start_span(
            "headrace.run", surroundings, attributes=attributes, start_time=self._nanoseconds(run.monotonic)
        )
        self._within = trace.set_span_in_context(self._span, surroundings)
        self._attempts: Attempts[trace.Span] = Attempts()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._missed = 0
        self._latest = run.monotonic

    def take(self, move: Observation) -> None:
        self._latest = max(self._latest, move.at)
        self._counts[move.kind, move.state.name] += 1
        if move.ends_attempt:
            span = self._attempts.end(move)
            if span is not None:
                self._end(span, move.unit, move.state, move.at, move.cause)
        if move.begins_work:
            self._attempts.begin(move, self._begin(move))
        elif not move.ends_attempt:
            span = self._attempts.get(move)
            if span is not None:
                span.add_event(move.state.name, timestamp=self._nanoseconds(move.at))

    def missed(self, number: int) -> None:
        self._missed += number
        for over in self._attempts.over():
            if over.state is None or over.at is None:
                self._end_unknown(over.value)
            else:
                self._end(over.value, over.unit, over.state, over.at, getattr(over.unit, "error", None))

    def close(self) -> None:
        for span in self._attempts.rest():
            self._end_unknown(span)
        for (kind, state), number in self._counts.items():
            self._span.set_attribute(f"headrace.moves.{kind}.{state}", number)
        if self._missed:
            self._span.set_attribute("headrace.missed_moves", self._missed)
        self._span.end()

    def _begin(self, move: Observation) -> trace.Span:
        unit = move.unit
        attributes: dict[str, str | int] = {
            "headrace.run.id": self._run.id,
            "headrace.unit.kind": move.kind,
            "headrace.unit.id": unit.id if type(unit.id) is int else str(unit.id),
            "headrace.unit.name": unit.name,
            "headrace.attempt": move.attempt,
        }
        if move.executor is not None:
            attributes["headrace.executor"] = move.executor
        start = self._nanoseconds(move.at)
        return self._tracer.start_span(unit.name, self._within, attributes=attributes, start_time=start)

    def _end(self, span: trace.Span, unit: Unit, state: State, at: float, cause: BaseException | None) -> None:
        moment = self._nanoseconds(at)
        span.set_attribute("headrace.state", state.name)
        if cause is not None:
            exception = {
                "exception.type": f"{type(cause).__module__}.{type(cause).__qualname__}",
                "exception.message": cause_text(cause),
                "exception.stacktrace": "".join(traceback.format_tb(cause.__traceback__)),
            }
            span.add_event("exception", exception, moment)
        if cause is not None or state in unit.lifecycle.failed:
            span.set_status(Status(StatusCode.ERROR, state.name if cause is None else cause_text(cause)))
        else:
            span.set_status(Status(StatusCode.OK))
        span.end(moment)

    def _end_unknown(self, span: trace.Span) -> None:
        span.set_attribute("headrace.end_unknown", value=True)
        span.end(self._nanoseconds(self._latest))

    def _nanoseconds(self, at: float) -> int:
        return self._base + int((at - self._run.monotonic) * 1e9)
