"""`headrace why TASK`: what a task waits for, and whose fault it is that it did not end well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from headrace.cli.history.names import find_run, find_task, run_name, task_name
from headrace.cli.history.output import print_json, print_lines, table
from headrace.cli.history.place import opened
from headrace.cli.history.reasons import error_of
from headrace.cli.history.standing import seconds_of, standing_of, state_word, word_of
from headrace.cli.history.task import attempts_of, dependants_line, unit_values
from headrace.cli.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.cli.history.standing import Standing
    from headrace.cli.history.task import Attempt
    from headrace.journal import JournalReader, UnitRecord, Waits
    from headrace.journal import Path as Way

__all__ = ["why"]

_NAMED = 5
_RUNS = {"launched", "running"}


def why(journal: str | None, which: str, task: str, *, as_json: bool) -> int:
    """Print what a task waits for and who waits for it; or why it did not end well, and whose fault that is."""
    with opened(journal, which) as reader:
        run = find_run(reader, which)
        unit = find_task(reader, run, task)
        standing = standing_of(reader, run)
        waits = reader.waits(unit.kind, unit.id, run.number, limit=_NAMED)
        attempts = attempts_of(unit, reader.transitions(unit.kind, unit.id, run.number))
        way = _way(reader, run.number, unit, waits)
    if unit.kind == "task" or unit.ended or unit.failed:
        verdict = _verdict(standing, unit, waits, way, attempts)
    else:
        verdict = _resting(standing, unit, waits)
    if as_json:
        print_json(
            {
                "run": run_name(run),
                **unit_values(unit),
                "why": verdict,
                "attempts": [one.values() for one in attempts],
                "needs": waits.needs,
                "unmet": [{"state": one.state, "failed": one.failed, "number": one.number} for one in waits.unmet],
                "waits_for": [unit_values(one) for one in waits.first],
                "path": [unit_values(one) for one in way.units] if way else [],
                "path_left_out": way.left_out if way else 0,
                "root": unit_values(way.units[-1]) if way and way.whole else None,
                "needed_by": waits.needed_by,
                "dependants": [unit_values(one) for one in waits.dependants],
            }
        )
        return 0
    print_lines(_lines(standing, unit, waits, way, verdict))
    return 0


def _way(reader: JournalReader, run: int, unit: UnitRecord, waits: Waits) -> Way | None:
    """The path to what is at fault if the unit failed because of others, or to what it waits for in the end."""
    if unit.ended and not unit.failed:
        return None
    first = next((one for one in waits.first if one.failed == unit.failed), None)
    return None if first is None else reader.path(first.kind, first.id, run, failed=unit.failed, ends=_NAMED)


def _verdict(standing: Standing, unit: UnitRecord, waits: Waits, way: Way | None, attempts: Sequence[Attempt]) -> str:
    """In a sentence."""
    on = f" on {unit.executor}" if unit.executor else ""
    took = seconds_of(unit, alive=standing.alive)
    often = f", after {count(len(attempts), 'attempt')}" if len(attempts) > 1 else ""
    if unit.failed:
        return _fault(unit, way, often)
    if unit.state == "memo_done":
        return "it did not have to run: the result of an equal call was there"
    if unit.ended:
        return f"it ended well{on}, in {took}{often}" if took else "it ended well"
    if not standing.alive:
        over = f", and the run {'was killed' if standing.status == 'killed' else 'ended'} before it ended"
        return f"it ran{on}{over}" if unit.state in _RUNS else f"{_waiting(unit, waits, attempts)}{over}"
    if unit.state in _RUNS:
        return f"it runs{on}, for {took} now{often and f' (attempt {len(attempts)})'}"
    return _waiting(unit, waits, attempts)


def _resting(standing: Standing, unit: UnitRecord, waits: Waits) -> str:
    """Of what is no task, the journal knows where it is and what it needs, not what is to be done with it."""
    missing = sum(one.number for one in waits.unmet)
    needs = f"; of the {waits.needs:,} that its actions wait for, {missing:,} are not there" if missing else ""
    if not waits.unmet and waits.needs:
        needs = "; all that its actions wait for is there, delays aside"
    over = "" if standing.alive else f", and the run {'was killed' if standing.status == 'killed' else 'ended'}"
    return f"it is {unit.state}{over}{needs}"


def _waiting(unit: UnitRecord, waits: Waits, attempts: Sequence[Attempt]) -> str:
    if waits.unmet:
        missing = sum(one.number for one in waits.unmet)
        return f"it waits for {missing:,} of the {count(waits.needs, 'task')} that it needs"
    where = " or ".join(unit.labels) or "an executor"
    failed = [one for one in attempts if one.cause]
    if failed:
        error = ": ".join(filter(None, error_of(failed[-1].cause)))
        often = count(len(failed), "attempt")
        return f"{often} of it failed, the last with {error}; it waits for its next one, or for a place on {where}"
    return f"all that it needs is there: it waits for a place on {where}"


def _fault(unit: UnitRecord, way: Way | None, often: str) -> str:
    error = ": ".join(filter(None, error_of(unit.cause)))
    if way is None:
        if unit.state == "cancelled":
            return f"it was cancelled{often}{f': {error}' if unit.cause else ''}"
        return f"it failed by itself{often}, with {error}" if unit.state != "dep_fail" else f"it did not run: {error}"
    root = way.units[-1]
    verb = "could not be joined" if unit.state == "failed" else "did not run"
    if not way.whole:
        return f"it {verb} because of what failed more than {way.left_out:,} steps away: {error}"
    what = ": ".join(filter(None, error_of(root.cause)))
    said = "was cancelled" if root.state == "cancelled" else f"failed with {what}"
    return f"it {verb} because {task_name(root)} {said}"


def _lines(standing: Standing, unit: UnitRecord, waits: Waits, way: Way | None, verdict: str) -> Iterator[Text]:
    alive = standing.alive
    yield Text.assemble((task_name(unit), "bold"), f" of run {run_name(standing.run)}: {state_word(unit, alive=alive)}")
    yield Text(verdict, style="red" if unit.failed else "")
    if way is not None and (len(way.units) > 1 or unit.failed):
        names = [f"{task_name(one)} ({state_word(one, alive=alive)})" for one in way.units]
        if way.left_out:
            names.insert(len(names) // 2, f"... {way.left_out:,} more ...")
        yield Text.assemble(("  ", ""), " <- ".join([task_name(unit), *names]))
    if unit.failed and sum(one.number for one in waits.unmet if one.failed) > 1:
        failed = ", ".join(
            f"{one.number:,} {word_of(one.kind, one.state, alive=alive)}" for one in waits.unmet if one.failed
        )
        yield Text(f"  of the {count(waits.needs, 'task')} that it needs: {failed}")
    if not unit.ended and waits.first:
        yield Text()
        yield from _waiting_for(waits, alive=alive)
    if waits.needed_by:
        several = waits.needed_by > 1
        over = unit.ended or not alive
        verb = ("need it" if several else "needs it") if over else ("wait for it" if several else "waits for it")
        yield Text()
        yield Text(f"{count(waits.needed_by, 'task')} {verb}: {dependants_line(waits, alive=alive)}", style="dim")


def _waiting_for(waits: Waits, *, alive: bool) -> Iterator[Text]:
    yield from table(
        ("waits for", "is", "on", "for"),
        [
            (task_name(one), state_word(one, alive=alive), one.executor or "", seconds_of(one, alive=alive))
            for one in waits.first
        ],
        right=("for",),
    )
    if sum(one.number for one in waits.unmet) > len(waits.first):
        every = (f"{one.number:,} {word_of(one.kind, one.state, alive=alive)}" for one in waits.unmet)
        yield Text(f"in all: {', '.join(every)}", style="dim")
