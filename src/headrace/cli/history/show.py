"""`headrace show RUN`: one run, and its tasks."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.text import Text

from headrace.cli.history.names import find_run, folder_of, run_name, task_name
from headrace.cli.history.output import date_and_time, print_json, print_lines, table
from headrace.cli.history.place import CannotDo, opened
from headrace.cli.history.reasons import Reason, reasons_of, root_line
from headrace.cli.history.standing import (
    KNOWN,
    as_words,
    described,
    is_experiment,
    seconds_of,
    standing_of,
    state_word,
    word_of,
)
from headrace.cli.history.task import unit_values
from headrace.cli.text import count, duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.cli.history.standing import Standing
    from headrace.journal import AppTime, Count, JournalReader, UnitRecord

__all__ = ["show_run", "show_tasks"]

_APPS = 20
_SLOWEST = 5
_RUNNING = 5
# What a date begins with that is no news in a list.
_YEAR = len("2026-")


def show_run(journal: str | None, which: str, *, as_json: bool) -> int:
    """Print one run: how it stands, its apps, what runs now, the slowest tasks, and what failed for which reasons."""
    with opened(journal, which) as reader:
        standing = standing_of(reader, find_run(reader, which))
        number = standing.run.number
        times = reader.times(number)
        running = [
            unit for state in ("launched", "running") for unit in reader.units(number, state=state, limit=_RUNNING)
        ][:_RUNNING]
        slowest = reader.slowest(number, limit=_SLOWEST)
        reasons = reasons_of(reader, standing)
        damaged = reader.damage(number)
        resumed = standing.run.extra.get("resumed")
        earlier = next((run_name(run) for run in reader.runs() if run.id == resumed), resumed) if resumed else None
    if as_json:
        print_json(
            {
                **standing.values(),
                "apps": _app_values(standing, times),
                "running": [unit_values(unit) for unit in running],
                "slowest": [unit_values(unit) for unit in slowest],
                "failures": [reason.values() for reason in reasons],
                "damaged_groups": damaged,
            }
        )
        return 0
    lines = [*_heading(standing, earlier), Text(), *_apps(standing, times)]
    if running:
        lines += [Text(), Text("running now" if standing.alive else "cut off", style="bold")]
        lines += _unit_lines(running, standing)
    if slowest:
        lines += [Text(), Text("slowest", style="bold"), *_unit_lines(slowest, standing)]
    if reasons:
        lines += [Text(), *_reason_lines(reasons, standing)]
    if damaged:
        lines += [Text(), Text(f"{count(damaged, 'group')} of its records are damaged, and left out", style="bold red")]
    print_lines(lines)
    return 0


def show_tasks(
    journal: str | None, which: str, *, state: str | None, app: str | None, limit: int, as_json: bool
) -> int:
    """Print tasks of a run, those of a state or of an app only if one is given, in the order of their numbers."""
    with opened(journal, which) as reader:
        standing = standing_of(reader, find_run(reader, which))
        number = standing.run.number
        _check(standing, state, app)
        found = _tasks(reader, standing, state, app, limit or None)
        rows = [(unit, root_line(reader, number, unit)) for unit in found]
    if as_json:
        print_json([{**unit_values(unit), "because_of": root} for unit, root in rows])
        return 0
    alive = standing.alive
    lines = list(
        table(
            ("task", "is", "on", "asked for", "took", "attempt", "why"),
            [
                (
                    task_name(unit),
                    state_word(unit, alive=alive),
                    unit.executor or "",
                    date_and_time(unit.added_at)[_YEAR:],
                    seconds_of(unit, alive=alive),
                    str(unit.attempt + 1) if unit.attempt or seconds_of(unit, alive=alive) else "",
                    root or "",
                )
                for unit, root in rows
            ],
            right=("took", "attempt"),
        )
    )
    matching = sum(one.number for one in standing.counts if _is(one, state, alive=alive) and app in {None, one.app})
    if not lines:
        lines.append(Text("no such tasks"))
    elif matching > len(found):
        lines.append(Text(f"and {count(matching - len(found), 'more task')}: --limit 0 shows all", style="dim"))
    print_lines(lines)
    return 0


def _check(standing: Standing, state: str | None, app: str | None) -> None:
    """Refuse a state that there is not, and an app that the run does not have."""
    if state is not None and state not in KNOWN | set(standing.states):
        raise CannotDo(f"there is no state {state!r}; the tasks of this run are {', '.join(standing.words) or 'none'}")
    apps = sorted({one.app for one in standing.counts})
    if app is not None and app not in apps:
        more = f" and {len(apps) - _APPS:,} more" if len(apps) > _APPS else ""
        raise CannotDo(f"run {run_name(standing.run)} has no app {app!r}: it has {', '.join(apps[:_APPS])}{more}")


def _tasks(
    reader: JournalReader, standing: Standing, state: str | None, app: str | None, limit: int | None
) -> list[UnitRecord]:
    number = standing.run.number
    if state is None:
        return reader.units(number, app=app, limit=limit)
    states = sorted({one.state for one in standing.counts if _is(one, state, alive=standing.alive)})
    units = [unit for one in states for unit in reader.units(number, state=one, app=app, limit=limit)]
    return sorted(units, key=lambda unit: (unit.kind, isinstance(unit.id, str), unit.id))[:limit]


def _is(one: Count, wanted: str | None, *, alive: bool) -> bool:
    """Whether a state is the wanted one, by its name or by the word for it."""
    return wanted in {None, one.state, word_of(one.kind, one.state, alive=alive)}


def _heading(standing: Standing, resumed: str | None) -> Iterator[Text]:
    run = standing.run
    yield Text.assemble(("run ", "dim"), (run_name(run), "bold"), "  ", standing.what)
    took = "" if standing.seconds is None else f" {duration(standing.seconds)}"
    if standing.status == "running":
        said = f" for{took}, since {date_and_time(run.began)}"
    elif standing.status == "killed":
        said = f" after{took or ' an unknown time'}: it has no end, and nobody writes it any more; "
        said += f"last heard of at {date_and_time(standing.heard) or 'no time'}"
    else:
        said = f" at {date_and_time(run.ended)} after{took}"
    yield Text.assemble(standing.styled(), said)
    total = f"{count(standing.total, 'task')}: " if standing.total else "no tasks"
    yield Text.assemble(total, described(standing.words, reused=standing.states.get("memo_done", 0)))
    facts = {
        "began": date_and_time(run.began),
        "where": f"{run.user}@{run.host}, process {run.pid}, in {run.cwd}",
        "directory": folder_of(run),
        "command": shlex.join(command) if (command := run.extra.get("command")) else None,
        "resumes": resumed,
        "versions": ", ".join(f"{name} {version}" for name, version in run.versions.items()),
        "id": run.id,
    }
    for name, fact in facts.items():
        if fact:
            yield Text.assemble((f"{name:13}", "dim"), fact)
    if standing.status == "killed" and is_experiment(run):
        yield Text(f"ExperimentController.recover({folder_of(run)!r}) goes on with it, or releases it", style="bold")
    elif standing.status == "killed":
        yield Text(f"headrace retry {run_name(run)} runs it again, and does what is left", style="bold")


def _app_values(standing: Standing, times: Sequence[AppTime]) -> list[dict[str, Any]]:
    took = {(one.kind, one.app): one for one in times}
    apps: dict[tuple[str, str], dict[str, int]] = {}
    for one in standing.counts:
        apps.setdefault((one.kind, one.app), {})[one.state] = one.number
    return [
        {
            "kind": key[0],
            "app": key[1],
            "states": states,
            "timed": took[key].number if key in took else 0,
            "total_seconds": took[key].total if key in took else 0.0,
            "longest_seconds": took[key].longest if key in took else 0.0,
        }
        for key, states in apps.items()
    ]


def _apps(standing: Standing, times: Sequence[AppTime]) -> list[Text]:
    took = {(one.kind, one.app): one for one in times}
    words = list(standing.words)
    keys = list(dict.fromkeys((one.kind, one.app) for one in standing.counts))
    keys.sort(key=lambda key: -(took[key].total if key in took else 0.0))
    rows = []
    for key in keys[:_APPS]:
        mine = as_words([one for one in standing.counts if (one.kind, one.app) == key], alive=standing.alive)
        time = took.get(key)
        total, mean, longest = (time.total, time.total / time.number, time.longest) if time else (None, None, None)
        rows.append(
            (
                key[1] or key[0],
                *(f"{mine[word]:,}" if word in mine else "·" for word in words),
                *("" if one is None else duration(one) for one in (total, mean, longest)),
            )
        )
    headings = ("app", *words, "total", "mean", "longest")
    lines = list(table(headings, rows, right=headings[1:]))
    if len(keys) > _APPS:
        lines.append(Text(f"and {count(len(keys) - _APPS, 'app')} more", style="dim"))
    return lines


def _unit_lines(units: Sequence[UnitRecord], standing: Standing) -> list[Text]:
    rows = [
        (
            Text(f"  {task_name(unit)}"),
            seconds_of(unit, alive=standing.alive),
            f"on {unit.executor}" if unit.executor else "",
            state_word(unit, alive=standing.alive),
            f"attempt {unit.attempt + 1}" if unit.attempt else "",
        )
        for unit in units
    ]
    return list(table(("",) * 5, rows))[1:]


def _reason_lines(reasons: Sequence[Reason], standing: Standing) -> Iterator[Text]:
    words = standing.words
    yield Text(f"{count(words.get('failed', 0), 'task')} failed", style="bold red")
    for reason in reasons:
        more = " or more" if reason.more else ""
        yield Text.assemble("  ", (f"{reason.kind} in {reason.app}", "red"), f": {count(reason.number, 'task')}{more}")
        for unit, message in reason.examples:
            yield Text(f"    {task_name(unit)}: {message}")
    if not_run := words.get("not run"):
        name = f"headrace show {run_name(standing.run)} --state 'not run'"
        yield Text(f"  {count(not_run, 'task')} did not run because of these: {name}", style="yellow")
