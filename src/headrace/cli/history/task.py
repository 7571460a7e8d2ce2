"""`headrace show RUN TASK` and `headrace log TASK`: one task, its attempts, its moves and what it printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from headrace.cli.history.names import find_run, find_task, run_name, task_name
from headrace.cli.history.output import date_and_time, print_json, print_lines, table, time_of_day
from headrace.cli.history.place import opened
from headrace.cli.history.reasons import error_of
from headrace.cli.history.standing import seconds_of, standing_of, state_word, word_of
from headrace.cli.text import count, duration, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.cli.history.standing import Standing
    from headrace.journal import RunRecord, TransitionRecord, UnitRecord, Waits

__all__ = ["Attempt", "attempts_of", "dependants_line", "move_values", "show_task", "stream_of", "unit_values"]

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task."""

    number: int
    executor: str | None
    #: When it was handed out, by the machine's clock.
    began: float
    #: How long it took, by the monotonic clock; None if it has not ended, or nobody knows.
    seconds: float | None
    #: How it ended: the state that it led to; None if it has not.
    state: str | None
    #: What it failed with, as text.
    cause: str | None

    def values(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "attempt": self.number,
            "executor": self.executor,
            "began": self.began,
            "seconds": self.seconds,
            "led_to": self.state,
            "cause": self.cause,
        }


def attempts_of(unit: UnitRecord, moves: Sequence[TransitionRecord]) -> list[Attempt]:
    """Return the attempts that the moves of a unit tell of: from leaving its first state to its end, or back to it."""
    attempts: list[Attempt] = []
    if not moves:
        return attempts
    initial = moves[0].state
    begun: TransitionRecord | None = None
    for move in moves[1:]:
        last = move is moves[-1] and unit.ended
        if begun is None and move.previous == initial and not last:
            begun = move
        elif begun is not None and (last or move.state == initial):
            seconds = move.monotonic - begun.monotonic
            executor = begun.executor or move.executor
            number = len(attempts) + 1
            attempts.append(Attempt(number, executor, begun.wall, seconds, move.state, move.cause))
            begun = None
    if begun is not None:
        attempts.append(Attempt(len(attempts) + 1, begun.executor, begun.wall, None, None, None))
    return attempts


def show_task(journal: str | None, which: str, task: str, *, as_json: bool) -> int:
    """Print one task: where it is, each attempt, what it needs and what needs it."""
    with opened(journal, which) as reader:
        run = find_run(reader, which)
        unit = find_task(reader, run, task)
        standing = standing_of(reader, run)
        moves = reader.transitions(unit.kind, unit.id, run.number)
        waits = reader.waits(unit.kind, unit.id, run.number, limit=_NAMED)
    attempts = attempts_of(unit, moves)
    if as_json:
        print_json(
            {
                "run": run_name(run),
                **unit_values(unit),
                "attempts": [one.values() for one in attempts],
                "moves": [move_values(move) for move in moves],
                "needs": waits.needs,
                "unmet": [{"state": one.state, "number": one.number} for one in waits.unmet],
                "needed_by": waits.needed_by,
            }
        )
        return 0
    print_lines(_lines(standing, unit, attempts, waits))
    return 0


def stream_of(run: RunRecord, path: str) -> Path:
    """Return where a file is that a task of a run named."""
    return Path(run.cwd, path)


def unit_values(unit: UnitRecord) -> dict[str, Any]:
    """Return a unit for programs."""
    return {
        "task": unit.id,
        "kind": unit.kind,
        "app": unit.app,
        "name": unit.name,
        "state": unit.state,
        "ended": unit.ended,
        "failed": unit.failed,
        "attempt": unit.attempt + 1,
        "executor": unit.executor,
        "executors_asked_for": list(unit.labels),
        "added": unit.added_at,
        "began": unit.began_at,
        "ended_at": unit.ended_at,
        "seconds": unit.seconds,
        "cause": unit.cause,
        "stdout": unit.stdout,
        "stderr": unit.stderr,
        "extra": dict(unit.extra),
    }


def move_values(move: TransitionRecord) -> dict[str, Any]:
    """Return a move for programs."""
    return {
        "at": move.wall,
        "monotonic": move.monotonic,
        "attempt": move.attempt + 1,
        "from": move.previous,
        "to": move.state,
        "executor": move.executor,
        "cause": move.cause,
    }


def dependants_line(waits: Waits, *, alive: bool) -> str:
    """Return in a line what needs a task."""
    named = ", ".join(f"{task_name(unit)} ({state_word(unit, alive=alive)})" for unit in waits.dependants[:_NAMED])
    more = waits.needed_by - min(_NAMED, len(waits.dependants))
    return f"{named} and {more:,} more" if more > 0 else named


def _lines(standing: Standing, unit: UnitRecord, attempts: Sequence[Attempt], waits: Waits) -> Iterator[Text]:
    alive = standing.alive
    took = seconds_of(unit, alive=alive)
    word = state_word(unit, alive=alive)
    yield Text.assemble(
        (task_name(unit), "bold"), f" of run {run_name(standing.run)}: {word}", f", {took}" if took else ""
    )
    if unit.cause:
        for line in unit.cause.splitlines() or [""]:
            yield Text(f"  {one_line(line)}", style="red")
    facts = {
        "asked for": date_and_time(unit.added_at),
        "executors": ", ".join(unit.labels),
        "needs": _needs_line(waits, alive=alive),
        "needed by": dependants_line(waits, alive=alive),
        "stdout": unit.stdout,
        "stderr": unit.stderr,
        "id": f"{unit.kind}/{unit.id}" if unit.kind != "task" else "",
    }
    for name, fact in facts.items():
        if fact:
            yield Text.assemble((f"{name:11}", "dim"), one_line(fact))
    if attempts:
        yield Text()
        yield from table(
            ("attempt", "on", "began", "took", "led to", "error"),
            [
                (
                    str(one.number),
                    one.executor or "",
                    time_of_day(one.began),
                    "" if one.seconds is None else duration(one.seconds),
                    one.state or ("" if alive else "unknown"),
                    ": ".join(filter(None, error_of(one.cause))) if one.cause else "",
                )
                for one in attempts
            ],
            right=("attempt", "took"),
        )


def _needs_line(waits: Waits, *, alive: bool) -> str:
    if not waits.needs:
        return ""
    unmet = ", ".join(f"{one.number:,} {word_of(one.kind, one.state, alive=alive)}" for one in waits.unmet)
    return f"{count(waits.needs, 'task')}, of which {unmet}" if unmet else f"{count(waits.needs, 'task')}, all done"
