"""`headrace log TASK`: what a task printed, and its moves."""

from __future__ import annotations

import os
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from rich.text import Text

from headrace.cli.history.names import find_run, find_task, run_name, task_name
from headrace.cli.history.output import print_json, print_lines, table, time_of_day
from headrace.cli.history.place import CannotDo, opened
from headrace.cli.history.reasons import error_of
from headrace.cli.history.task import move_values, stream_of
from headrace.cli.text import count

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.journal import RunRecord, TransitionRecord, UnitRecord

__all__ = ["log"]

_BLOCK = 1 << 16


def log(journal: str | None, which: str, task: str, *, only: str | None, lines: int, as_json: bool) -> int:
    """Print a task's moves, and the ends of the files that its standard streams went to.

    Args:
        journal: where to look.
        which: the run.
        task: the task.
        only: ``stdout`` or ``stderr``: print this one and nothing else, whole, as it is.
        lines: so many lines of the end of each; 0: all.
        as_json: print it for programs.
    """
    with opened(journal, which) as reader:
        run = find_run(reader, which)
        unit = find_task(reader, run, task)
        moves = reader.transitions(unit.kind, unit.id, run.number)
    if only is not None:
        return _copy(run, unit, only)
    if as_json:
        streams = {name: _stream_values(run, path, lines) for name, path in _streams(unit)}
        print_json({"run": run_name(run), "task": unit.id, "moves": [move_values(one) for one in moves], **streams})
        return 0
    print_lines([Text.assemble((task_name(unit), "bold"), f" of run {run_name(run)}"), *_moves(moves)])
    # Of what is no task, the streams are its face's affair.
    for name, path in _streams(unit) if unit.kind == "task" or unit.stdout or unit.stderr else ():
        sys.stdout.write("\n")
        _print_stream(run, name, path, lines)
    return 0


def _streams(unit: UnitRecord) -> list[tuple[str, str | None]]:
    return [("stdout", unit.stdout), ("stderr", unit.stderr)]


def _moves(moves: list[TransitionRecord]) -> list[Text]:
    begin = moves[0].monotonic if moves else 0.0
    return list(
        table(
            ("at", "after", "attempt", "is", "on", "error"),
            [
                (
                    time_of_day(move.wall),
                    f"{move.monotonic - begin:,.3f} s",
                    str(move.attempt + 1),
                    move.state,
                    move.executor or "",
                    ": ".join(filter(None, error_of(move.cause))) if move.cause else "",
                )
                for move in moves
            ],
            right=("after", "attempt"),
        )
    )


def _copy(run: RunRecord, unit: UnitRecord, name: str) -> int:
    given = dict(_streams(unit))[name]
    if given is None:
        raise CannotDo(f"{task_name(unit)} of run {run_name(run)} was given no {name} file; see: headrace show")
    path = stream_of(run, given)
    try:
        with path.open("rb") as file:
            sys.stdout.flush()
            while block := file.read(_BLOCK):
                sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
    except OSError as error:
        raise CannotDo(_not_read(name, path, error)) from None
    return 0


def _print_stream(run: RunRecord, name: str, given: str | None, lines: int) -> None:
    if given is None:
        print_lines([Text(f"{name}: not kept; stdout= and stderr= of a call say where to", style="dim")])
        return
    path = stream_of(run, given)
    try:
        text, left_out = _end_of(path, lines)
    except OSError as error:
        print_lines([Text(_not_read(name, path, error), style="yellow")])
        return
    before = f", its last {count(lines, 'line')}: --lines 0 shows all" if left_out else ""
    print_lines([Text.assemble((f"{name}: {path}", "bold"), before if text else ", empty")])
    sys.stdout.write(text if not text or text.endswith("\n") else f"{text}\n")


def _stream_values(run: RunRecord, given: str | None, lines: int) -> dict[str, Any] | None:
    if given is None:
        return None
    path = stream_of(run, given)
    try:
        text, left_out = _end_of(path, lines)
    except OSError as error:
        return {"path": str(path), "error": error.strerror}
    return {"path": str(path), "text": text, "whole": not left_out}


def _end_of(path: Path, lines: int) -> tuple[str, bool]:
    """The last lines of a file, and whether there are more before them."""
    with path.open("rb") as file:
        if not lines:
            return file.read().decode("utf-8", "replace"), False
        blocks: deque[bytes] = deque()
        at = file.seek(0, os.SEEK_END)
        while at > 0 and sum(block.count(b"\n") for block in blocks) <= lines:
            size = min(_BLOCK, at)
            at = file.seek(at - size)
            blocks.appendleft(file.read(size))
    found = b"".join(blocks).splitlines(keepends=True)
    return b"".join(found[-lines:]).decode("utf-8", "replace"), at > 0 or len(found) > lines


def _not_read(name: str, path: Path, error: OSError) -> str:
    return f"{name}: {path} cannot be read: {error.strerror}"
