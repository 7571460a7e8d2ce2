"""What runs and tasks are called, and which ones a command line means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli.history.place import CannotDo
from headrace.cli.text import count
from headrace.journal import UnknownRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.journal import Ident, JournalReader, RunRecord, UnitRecord

__all__ = ["find_run", "find_task", "folder_of", "run_name", "task_name"]

_SHORT = 8
_NAMED = 5


def folder_of(run: RunRecord) -> str | None:
    """Return the run's directory; None if it has none."""
    folder = run.extra.get("run_dir")
    return folder if isinstance(folder, str) and folder else None


def run_name(run: RunRecord) -> str:
    """Return what people call a run: the name of its directory, else how its id begins."""
    folder = folder_of(run)
    return Path(folder).name if folder else run.id[:_SHORT]


def task_name(unit: UnitRecord) -> str:
    """Return what people call a task: its app and number."""
    return f"{unit.app or unit.name or unit.kind} #{unit.id}"


def find_run(reader: JournalReader, which: str) -> RunRecord:
    """Return the run that is meant.

    ``last`` is the latest. Digits are the number of a run directory, as in its name; what has a slash in it is the path
    of one. Everything else, and digits that are no run directory's, is an id or how one begins.

    Raises:
        CannotDo: there is none, or more than one.
    """
    if which == "last":
        try:
            return reader.run("last")
        except UnknownRun:
            raise CannotDo(f"there is no run in the journal {reader.place} yet") from None
    runs = reader.runs()
    found = [run for run in runs if _is_in(run, which)]
    found = found or [run for run in runs if run.id == which] or [run for run in runs if run.id.startswith(which)]
    if len(found) == 1:
        return found[0]
    if not found:
        there = f"it has {_listed(runs)}" if runs else "it has none yet"
        raise CannotDo(f"there is no run {which} in the journal {reader.place}: {there}; see: headrace runs")
    alike = "; ".join(f"{run.id} in {folder_of(run) or run.cwd}" for run in found[:_NAMED])
    raise CannotDo(
        f"{which} may be any of {len(found)} runs: {alike}; name one by more of its id, or by the path of its directory"
    )


def find_task(reader: JournalReader, run: RunRecord, which: str) -> UnitRecord:
    """Return the task that is meant: ``26``, ``fetch#26``, with its kind ``task/26``, or the app if that has one only.

    Raises:
        CannotDo: there is none, or more than one.
    """
    counts = reader.counters(run.number)
    app, hash_, last = which.rpartition("#")
    wanted, slash, ident = last.partition("/")
    kinds = sorted({one.kind for one in counts})
    if slash and wanted in kinds:
        kinds = [wanted]
    else:
        ident = last
    units = [unit for kind in kinds for unit in _with_id(reader, run, kind, ident.strip())]
    units = [unit for unit in units if not app.strip() or app.strip() in {unit.app, unit.name}]
    if len(units) == 1:
        return units[0]
    if units:
        names = " or ".join(f"{unit.kind}/{unit.id}" for unit in units)
        raise CannotDo(f"{which} may be more than one in run {run_name(run)}: say {names}")
    if not hash_ and (of_app := sum(one.number for one in counts if one.app == which)):
        of_it = reader.units(run.number, app=which, limit=2)
        if len(of_it) == 1:
            return of_it[0]
        raise CannotDo(
            f"{which} is an app of {count(of_app, 'task')} in run {run_name(run)}; "
            f"see: headrace show {run_name(run)} --app {which}"
        )
    total = sum(one.number for one in counts)
    raise CannotDo(
        f"there is no task {which} in run {run_name(run)}, which has {count(total, 'task')}; "
        f"see: headrace show {run_name(run)} --tasks"
    )


def _is_in(run: RunRecord, which: str) -> bool:
    folder = folder_of(run)
    if folder is None:
        return False
    if which.isdecimal():
        name = Path(folder).name
        return name.isdecimal() and int(name) == int(which)
    return os.sep in which and os.path.realpath(which) == os.path.realpath(folder)


def _listed(runs: Sequence[RunRecord]) -> str:
    names = ", ".join(run_name(run) for run in runs[:_NAMED])
    return f"{names} and {len(runs) - _NAMED:,} more" if len(runs) > _NAMED else names


def _with_id(reader: JournalReader, run: RunRecord, kind: str, ident: str) -> list[UnitRecord]:
    idents: list[Ident] = [ident]
    digits = ident.removeprefix("-")
    if digits.isascii() and digits.isdecimal():
        idents.insert(0, int(ident))
    found = [reader.unit(kind, one, run.number) for one in idents]
    return [unit for unit in found if unit is not None]
