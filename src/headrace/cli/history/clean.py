"""`headrace clean`: remove runs that have ended from the journal, and what only they needed."""

from __future__ import annotations

import os
import platform
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from headrace.cli.history.age import age_of
from headrace.cli.history.names import find_run, folder_of, run_name
from headrace.cli.history.output import date_and_minute, print_json, print_lines, table
from headrace.cli.history.place import CannotDo, opened
from headrace.cli.text import count
from headrace.journal import JournalUnavailable, RunTaken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.journal import JournalReader, RunRecord

__all__ = ["Wanted", "clean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs are to go."""

    #: These; none: by age and number.
    runs: Sequence[str] = ()
    #: Those that ended longer ago than this, as text.
    older_than: str | None = None
    #: All but so many of the latest.
    keep: int | None = None


@dataclass(slots=True)
class _Going:
    """A run that goes."""

    run: RunRecord
    #: How many units it has, and how many results nobody else has a use for.
    units: int
    results: int
    #: Its directory, if that goes too.
    folder: str | None
    #: What kept it, or its directory, from going.
    problem: str | None = None

    def values(self) -> dict[str, Any]:
        return {
            "run": run_name(self.run),
            "id": self.run.id,
            "tasks": self.units,
            "results": self.results,
            "run_dir": self.folder,
            "problem": self.problem,
        }


def clean(journal: str | None, wanted: Wanted, *, run_dirs: bool, yes: bool, as_json: bool) -> int:
    """Remove runs; without `yes` only say which. Return 1 if something could not be removed.

    Raises:
        CannotDo: it is not clear which, or a run that was named goes on.
    """
    with opened(journal) as reader:
        runs = reader.runs()
        going, alive = _chosen(reader, wanted, runs)
        gone: list[RunRecord] = []
        all_of_them = []
        for run in going:
            gone.append(run)
            all_of_them.append(_planned(reader, run, _lineages(runs, gone), run_dirs=run_dirs))
        files, compacted = 0, False
        if yes:
            for one in all_of_them:
                _remove(reader, one)
            files = reader.results.sweep()
            compacted = bool(all_of_them) and _compacted(reader)
    if as_json:
        print_json(
            {
                "removed" if yes else "would_remove": [one.values() for one in all_of_them],
                "alive": [run_name(run) for run in alive],
                "files": files,
                "compacted": compacted,
            }
        )
    else:
        print_lines(_lines(all_of_them, alive, files, yes=yes))
    return 1 if any(one.problem for one in all_of_them) and yes else 0


def _chosen(reader: JournalReader, wanted: Wanted, runs: list[RunRecord]) -> tuple[list[RunRecord], list[RunRecord]]:
    """The runs that are to go, and those that would be but go on; the latest first."""
    if wanted.runs:
        if wanted.older_than is not None or wanted.keep is not None:
            raise CannotDo("name runs, or say --older-than and --keep: not both")
        named = {run.id: run for run in (find_run(reader, which) for which in wanted.runs)}
        alive = [run for run in named.values() if _goes_on(reader, run)]
        if alive:
            names = ", ".join(run_name(run) for run in alive)
            raise CannotDo(f"still running, and so not to be removed: {names}; wait until it has ended, or end it")
        return list(named.values()), []
    if wanted.older_than is None and wanted.keep is None:
        raise CannotDo("say which runs: their names, --older-than 30d, or --keep 10")
    if wanted.keep is not None and wanted.keep < 0:
        raise CannotDo(f"--keep takes a number from 0 on, not {wanted.keep}")
    found = runs[wanted.keep or 0 :]
    if wanted.older_than is not None:
        before = time.time() - age_of(wanted.older_than)
        found = [run for run in found if (run.ended or reader.last_heard(run.number) or run.began) < before]
    alive = [run for run in found if _goes_on(reader, run)]
    return [run for run in found if run not in alive], alive


def _goes_on(reader: JournalReader, run: RunRecord) -> bool:
    return run.ended is None and reader.is_alive(run.number)


def _lineage(run: RunRecord) -> str | None:
    lineage = run.extra.get("lineage")
    return lineage if isinstance(lineage, str) and lineage else None


def _lineages(runs: Sequence[RunRecord], but: Sequence[RunRecord]) -> set[str | None]:
    """The lineages that have a run left: what several runs share goes with the last of them."""
    gone = {run.id for run in but}
    return {_lineage(run) for run in runs if run.id not in gone}


def _planned(reader: JournalReader, run: RunRecord, kept: set[str | None], *, run_dirs: bool) -> _Going:
    lineage = _lineage(run)
    results = reader.results.number(f"{lineage}/") if lineage and lineage not in kept else 0
    folder = folder_of(run) if run_dirs else None
    going = _Going(run, sum(one.number for one in reader.counters(run.number)), results, None)
    if folder is not None and os.path.lexists(folder):
        going.problem = _why_not(run, folder, reader)
        going.folder = None if going.problem else folder
    return going


def _why_not(run: RunRecord, folder: str, reader: JournalReader) -> str | None:
    """What keeps a directory from being removed."""
    path = Path(folder)
    if run.host != platform.node():
        return f"its directory {folder} is on {run.host}: remove it there"
    if path.is_symlink() or not path.is_dir() or not path.name.isdecimal() or not path.is_absolute():
        return f"{folder} does not look like a run directory: remove it yourself, if that is what it is"
    if path.stat().st_uid != os.geteuid():
        return f"its directory {folder} belongs to another user"
    if Path(reader.place).is_relative_to(path):
        return f"its directory {folder} holds the journal"
    return None


def _remove(reader: JournalReader, going: _Going) -> None:
    run = going.run
    try:
        if going.folder is not None:
            shutil.rmtree(going.folder)
        # Looked up again: a run may have begun meanwhile that resumes this one.
        lineage = _lineage(run)
        others = {_lineage(one) for one in reader.runs() if one.id != run.id}
        under = f"{lineage}/" if lineage and lineage not in others else None
        going.results = reader.remove(run.number, results_under=under)
    except (OSError, RunTaken, JournalUnavailable) as error:
        going.problem = str(error)


def _compacted(reader: JournalReader) -> bool:
    try:
        return reader.compact()
    except JournalUnavailable:
        # What was removed is gone, and its space is used again, if not given back.
        return False


def _lines(going: Sequence[_Going], alive: Sequence[RunRecord], files: int, *, yes: bool) -> Iterator[Text | str]:
    if not going:
        yield "no run to remove"
    yield from table(
        ("run", "began", "tasks", "results", "directory", "what", "problem"),
        [
            (
                run_name(one.run),
                date_and_minute(one.run.began),
                f"{one.units:,}",
                f"{one.results:,}",
                one.folder or "",
                " ".join(one.run.argv),
                Text(one.problem or "", style="red"),
            )
            for one in going
        ],
        right=("tasks", "results"),
    )
    if alive:
        yield Text(f"still running, and so kept: {', '.join(map(run_name, alive))}", style="dim")
    if yes:
        gone = sum(not one.problem for one in going)
        if going:
            yield f"removed {count(gone, 'run')}" + (f" and {count(files, 'file')} of results" if files else "")
    elif going:
        yield Text(
            f"nothing is removed yet: --yes removes {'this run' if len(going) == 1 else f'these {len(going):,} runs'}",
            style="bold",
        )
