"""A run as a timeline, in the Chrome trace format, which https://ui.perfetto.dev shows.

Each executor is a process there, with as many threads as it ran tasks at once; each attempt is a slice, and so is the
time that a join app waits for what its body returned.
"""

from __future__ import annotations

import heapq
import json
from typing import TYPE_CHECKING, Any, Final, TextIO

from headrace.cli.history.names import run_name
from headrace.cli.history.standing import word_of
from headrace.journal import TransitionRecord, UnitRecord

if TYPE_CHECKING:
    from headrace.cli.history.standing import Standing
    from headrace.journal import Ident, JournalReader

__all__ = ["write_trace"]

#: States of a task that are one slice, if they follow each other.
_ONE_SLICE: Final = {("launched", "running")}


class _Slice:
    __slots__ = ("began", "lane", "move", "since")

    def __init__(self, move: TransitionRecord, began: float, lane: tuple[int, int], since: float) -> None:
        self.move = move
        self.began = began
        self.lane = lane
        self.since = since


class _Executor:
    """A process of the trace: its threads are given out again when a slice has ended."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.free: list[int] = []
        self.lanes = 0

    def take(self) -> tuple[int, int]:
        if self.free:
            return self.number, heapq.heappop(self.free)
        self.lanes += 1
        return self.number, self.lanes


class _Trace:
    def __init__(self, file: TextIO, resting: set[tuple[str, str]]) -> None:
        self._file = file
        self._resting = resting
        self._apps: dict[tuple[str, Ident], str] = {}
        self._open: dict[tuple[str, Ident], _Slice] = {}
        self._added: dict[tuple[str, Ident], float] = {}
        self._executors: dict[str, _Executor] = {}
        self._begin: float | None = None
        self._last = 0.0
        self._first = True

    def unit(self, unit: UnitRecord) -> None:
        self._apps[unit.kind, unit.id] = unit.app or unit.name

    def move(self, move: TransitionRecord) -> None:
        if self._begin is None:
            self._begin = move.monotonic
        at = self._last = (move.monotonic - self._begin) * 1e6
        key = move.kind, move.unit
        begun = self._open.pop(key, None)
        if begun is not None:
            if (begun.move.state, move.state) in _ONE_SLICE:
                self._open[key] = begun
                return
            self._end(key, begun, at, move.state, move.cause)
        if (move.kind, move.state) in self._resting:
            if move.previous is None or move.attempt:
                self._added[key] = at
            return
        name = move.executor if move.state != "joining" and move.executor else move.state
        executor = self._executors.get(name)
        if executor is None:
            executor = self._executors[name] = _Executor(len(self._executors) + 1)
            self._write({"ph": "M", "name": "process_name", "pid": executor.number, "args": {"name": name}})
        self._open[key] = _Slice(move, at, executor.take(), self._added.pop(key, at))

    def close(self, *, alive: bool) -> None:
        """End what has not ended, where the record ends."""
        for key, begun in self._open.items():
            self._end(key, begun, self._last, word_of(key[0], begun.move.state, alive=alive), None)

    def _end(self, key: tuple[str, Ident], begun: _Slice, at: float, state: str, cause: str | None) -> None:
        pid, tid = begun.lane
        heapq.heappush(self._executor(pid).free, tid)
        app = self._apps.get(key, key[0])
        arguments: dict[str, Any] = {"task": key[1], "attempt": begun.move.attempt + 1, "led to": state}
        if begun.began > begun.since:
            arguments["waited for seconds"] = round((begun.began - begun.since) / 1e6, 6)
        if cause:
            arguments["error"] = cause
        self._write(
            {
                "ph": "X",
                "name": f"{app} #{key[1]}",
                "cat": app,
                "pid": pid,
                "tid": tid,
                "ts": round(begun.began, 1),
                "dur": round(at - begun.began, 1),
                "args": arguments,
            }
        )

    def _executor(self, number: int) -> _Executor:
        return list(self._executors.values())[number - 1]

    def _write(self, event: dict[str, Any]) -> None:
        self._file.write(f"{'' if self._first else ','}\n{json.dumps(event)}")
        self._first = False


def write_trace(reader: JournalReader, standing: Standing, file: TextIO) -> None:
    """Write the timeline of a run. It is not held in memory, however long it is."""
    run = standing.run
    about = {"run": run_name(run), "id": run.id, "what": standing.what, "began": run.began, "status": standing.status}
    file.write(f'{{"displayTimeUnit": "ms", "otherData": {json.dumps(about)}, "traceEvents": [')
    trace = _Trace(file, reader.resting_states(run.number))
    for line in reader.log(run.number):
        if isinstance(line, TransitionRecord):
            trace.move(line)
        elif isinstance(line, UnitRecord):
            trace.unit(line)
    trace.close(alive=standing.alive)
    file.write("\n]}\n")
