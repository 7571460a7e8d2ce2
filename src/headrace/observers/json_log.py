"""A line of JSON for each event."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.observers.observation import cause_text
from headrace.observers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.core import Lifecycle, State
    from headrace.observers.observation import Observation
    from headrace.observers.run_info import RunInfo

__all__ = ["JsonLog"]

logger = logging.getLogger(__name__)

_HEADS_AT_MOST: Final = 2_000


class JsonLog(Observer):
    """Appends a line of JSON to a file for each event of a run.

    What cannot be written, as on a full disk, is counted and logged as a warning, and told in the file by a line of its
    own once that is possible again; a line that was cut off stays so, and the next begins on a new line. The file is
    not synced: what is certain after a crash of the machine is in the journal.

    Args:
        path: the file. Several runs may share it, and what is there stays. Unless given, ``events.jsonl`` in each
            run's own directory.

    Raises:
        FileNotFoundError: there is no such folder as `path` names.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path).absolute()
        if self._path is not None and not self._path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {self._path.parent} for the log {self._path.name}: make it")
        self._files: dict[str, _Lines] = {}

    def started(self, run: RunInfo) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened.
            ValueError: the run has no directory, and no path was given.
        """
        if self._path is None and run.dir is None:
            raise ValueError(f"run {run.id} has no directory for events.jsonl: write JsonLog(path)")
        lines = _Lines(run, self._path or Path(run.dir or "") / "events.jsonl")
        self._files[run.id] = lines
        place = {"face": run.face, "dir": None if run.dir is None else str(run.dir), "pid": os.getpid()}
        lines.write([lines.event("started", run.monotonic, **place)])

    def transitions(self, run: RunInfo, batch: Sequence[Observation]) -> None:
        """Write a line for each."""
        lines = self._files[run.id]
        lines.write([lines.move(move) for move in batch], moves=len(batch))

    def missed(self, run: RunInfo, number: int) -> None:
        """Write that so many are not there."""
        lines = self._files[run.id]
        lines.write([lines.missed(number, "the log was too slow")], moves=number)

    def ended(self, run: RunInfo) -> None:
        """Write that the run has ended, and close the file."""
        lines = self._files.pop(run.id)
        lines.write([lines.event("ended", time.monotonic())])
        lines.close()

    def __repr__(self) -> str:
        return f"JsonLog({'' if self._path is None else repr(str(self._path))})"


class _Lines:
    """The lines of one run, in an open file."""

    def __init__(self, run: RunInfo, path: Path) -> None:
        self._run = run
        self._path = path
        # Unbuffered and appending: lines of several writers do not fall into one another.
        self._file = path.open("ab", buffering=0)
        # What the lines of many moves have in common.
        self._heads: dict[tuple[Lifecycle, str, State | None, State, str | None], str] = {}
        self._run_field = f'"run": {json.dumps(run.id)}'
        self._second = (0, "")
        # Moves that could not be written, why, and whether the last line was cut off.
        self._lost = 0
        self._error: OSError | None = None
        self._torn = False

    def event(self, event: str, at: float, **fields: Any) -> str:  # noqa: ANN401 - whatever JSON knows
        rest = "".join(f", {json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items())
        return f'{self._when(at)}, "event": "{event}", {self._run_field}{rest}}}\n'

    def missed(self, number: int, why: str) -> str:
        return self.event("missed", time.monotonic(), number=number, why=why)

    def move(self, move: Observation) -> str:
        unit, attempt, previous, state, at, cause, executor = move
        key = (unit.lifecycle, unit.name, previous, state, executor)
        head = self._heads.get(key) or self._new_head(key)
        ident = unit.id if type(unit.id) is int else json.dumps(unit.id if isinstance(unit.id, str) else repr(unit.id))
        error = "null" if cause is None else json.dumps(cause_text(cause))
        return f'{self._when(at)}, {head}, "id": {ident}, "attempt": {attempt}, "error": {error}}}\n'

    def write(self, lines: list[str], *, moves: int = 0) -> None:
        """Append the lines, which tell of so many moves."""
        if self._error is not None:
            lines = [self.missed(self._lost, f"it could not be written: {self._error}"), *lines]
        text = "".join(lines)
        data = (f"\n{text}" if self._torn else text).encode()
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            whole = data[:written].count(b"\n") - (self._torn and written > 0)
            self._torn = self._torn if not written else not data[:written].endswith(b"\n")
            self._lose(error, moves, whole)
            return
        if self._error is not None:
            logger.warning("%s is written again; of run %s it lacks %d moves", self._path, self._run.id, self._lost)
        self._lost, self._error, self._torn = 0, None, False

    def close(self) -> None:
        if self._error is not None:
            lost = self._lost
            logger.warning("the end of %s could not be written: it lacks %d moves: %s", self._path, lost, self._error)
        self._file.close()

    def _lose(self, error: OSError, moves: int, whole: int) -> None:
        """Note that of the lines, which told of so many moves, only the first `whole` were written."""
        if self._error is None:
            logger.warning("%s cannot be written, and will lack what happens meanwhile: %s", self._path, error)
        elif whole:
            # What was lost before has been told.
            whole -= 1
            self._lost = 0
        self._lost += max(0, moves - whole)
        self._error = error

    def _new_head(self, key: tuple[Lifecycle, str, State | None, State, str | None]) -> str:
        lifecycle, name, previous, state, executor = key
        fields = {
            "kind": lifecycle.name,
            "name": name,
            "from": None if previous is None else previous.name,
            "to": state.name,
            "executor": executor,
        }
        if len(self._heads) >= _HEADS_AT_MOST:
            self._heads.clear()
        head = self._heads[key] = f'"event": "moved", {self._run_field}, {json.dumps(fields)[1:-1]}'
        return head

    def _when(self, at: float) -> str:
        """How each line begins: the time of day, and seconds since the run began."""
        second, micros = divmod(int(self._run.wall_time(at) * 1e6), 1_000_000)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f'{{"time": "{self._second[1]}.{micros:06d}Z", "at": {at - self._run.monotonic:.6f}'
