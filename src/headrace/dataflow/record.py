"""The durable record that a kernel keeps: its journal, and the results that outlive it."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.dataflow import current
from headrace.dataflow.checkpoints import Checkpoints
from headrace.dataflow.errors import ConfigurationError
from headrace.dataflow.recorder import Recorder
from headrace.dataflow.reuse import Reuse
from headrace.journal import (
    Journal,
    JournalError,
    JournalReader,
    JournalUnavailable,
    RunRecord,
    RunTaken,
    UnknownRun,
)

if TYPE_CHECKING:
    from headrace.dataflow.config import Config
    from headrace.dataflow.launch import Launch

__all__ = ["Record", "open_record"]

logger = logging.getLogger(__name__)

#: The store of all runs under one `Config.run_dir`, unless another is chosen.
_STORE = "journal.db"


@dataclass(frozen=True, slots=True)
class Record:
    """What one kernel writes.

    ``open_record`` makes one.
    """

    journal: Journal
    recorder: Recorder
    checkpoints: Checkpoints
    #: What it has of earlier runs.
    reuse: Reuse

    def close(self, how: str, timeout: float | None) -> None:
        """Write all that is left; return when it is on disk, or raise what kept it from being so in so many seconds."""
        try:
            self.checkpoints.close(timeout)
        finally:
            self.journal.close(how, timeout)


def open_record(config: Config, run_dir: Path, run_id: str, log: logging.Logger) -> Record | None:
    """Begin the record of a run; return None if it is to have none, or, with a warning, if the default place has none.

    Args:
        config: the kernel's options.
        run_dir: the run's directory.
        run_id: what the run is called.
        log: the run's log, where it is told what cannot be kept.

    Raises:
        ConfigurationError: the store cannot be used, or there is no such run to resume, or one that shares its results
            goes on.
    """
    launch, ordinal = current.begin()
    asked = config.resume != "auto"
    which = config.resume if asked else launch.resume
    if config.journal is False:
        if which not in {None, "last"}:
            raise ConfigurationError(f"run {which!r} cannot be resumed without a journal: leave journal=False out")
        return None
    place = run_dir.parent / _STORE if config.journal is True else config.journal
    assert not isinstance(place, bool)  # noqa: S101 - False has just been dealt with
    try:
        resumed = None if which is None else _run_to_resume(place, which, launch, ordinal, asked=asked)
        begin = partial(_begin, config, place, run_dir, RunRecord.here(run_id, script=launch.script), log)
        extra = {"launch": launch.id, "ordinal": ordinal}
        try:
            journal = begin(resumed, extra)
        except RunTaken as error:
            assert resumed is not None  # noqa: S101 - nobody else knows a new run's id
            message = f"a run that shares the results of the one to be resumed goes on: {error}"
            if which != "last" or asked:
                raise ConfigurationError(f"{message}; or resume none, with resume=None") from error
            message = f"{message}. This one uses what is there, and keeps its own results apart"
            logger.warning("%s", message)
            log.warning("%s", message)
            journal = begin(None, {**extra, "beside": [_lineage_of(resumed), *_beside(resumed)]})
    except JournalUnavailable as error:
        # Where there is something to resume, doing it all again must not go unnoticed.
        if config.journal is not True or which not in {None, "last"} or (which and os.path.lexists(place)):
            raise ConfigurationError(f"{error}; choose another place with Config(journal=...)") from error
        # Such as on a file system that several machines share: SQLite's log does not work there.
        logger.warning(
            "%s; this run is not recorded, and can be neither looked at nor resumed. Choose another place with "
            "Config(journal=...), or none with journal=False",
            error,
        )
        return None
    except JournalError as error:
        raise ConfigurationError(f"{error}; or choose another place with Config(journal=...)") from error
    checkpoints = _checkpoints(config, journal, run_dir, log)
    reuse = Reuse() if resumed is None else Reuse(resumed.id, _name_of(resumed))
    return Record(journal, Recorder(journal), checkpoints, reuse)


def _checkpoints(config: Config, journal: Journal, run_dir: Path, log: logging.Logger) -> Checkpoints:
    """Return where results go; close the journal if that fails."""
    checkpoints: Checkpoints | None = None
    try:
        checkpoints = Checkpoints(
            journal,
            _lineage_of(journal.run),
            run_dir,
            log,
            mode=config.checkpoint_mode,
            period=config.checkpoint_seconds,
            failure=config.checkpoint_failure,
        )
        checkpoints.borrow(_beside(journal.run))
        if config.checkpoint_files:
            checkpoints.load(config.checkpoint_files)
    except BaseException:
        if checkpoints is not None:
            checkpoints.close()
        journal.close("not begun")
        raise
    return checkpoints


def _begin(  # noqa: PLR0917 - all that makes a run
    config: Config,
    place: str | os.PathLike[str],
    run_dir: Path,
    run: RunRecord,
    log: logging.Logger,
    resumed: RunRecord | None,
    extra: dict[str, Any],
) -> Journal:
    """Open the journal of a run that resumes another, or none. Raises what `Journal.open` does."""
    lineage = run.id if resumed is None else _lineage_of(resumed)
    extra = {
        "face": "dataflow",
        "run_dir": str(run_dir),
        "command": list(sys.orig_argv),
        "lineage": lineage,
        "resumed": None if resumed is None else resumed.id,
        # Those whose results are used although they are written to by others.
        "beside": [] if resumed is None else _beside(resumed),
        **extra,
    }
    run = replace(run, versions={**run.versions, "headrace": _version()}, extra=extra)
    # Two that stored results of the same calls at once would put theirs in the place of those that the other's users
    # have seen.
    claim = f"lineage-{lineage}"
    return Journal.open(place, run, claim=claim, failure=config.checkpoint_failure, on_error=partial(log.error, "%s"))


def _lineage_of(run: RunRecord) -> str:
    return str(run.extra.get("lineage", run.id))


def _beside(run: RunRecord) -> list[str]:
    return [str(lineage) for lineage in run.extra.get("beside", ())]


def _name_of(run: RunRecord) -> str:
    return Path(str(run.extra.get("run_dir", run.id))).name


def _version() -> str:
    # Not imported: the package gathers what this floor has, and so stands above it.
    package = sys.modules[__name__.partition(".")[0]]
    return str(vars(package)["__version__"])


def _run_to_resume(
    place: str | os.PathLike[str], which: str, launch: Launch, ordinal: int, *, asked: bool
) -> RunRecord | None:
    """Return the run that is meant; None if it is the last one, and there is none.

    Raises:
        ConfigurationError: no run of that name is there.
    """
    try:
        reader = JournalReader.open(place)
    except FileNotFoundError:
        if which == "last":
            return None
        raise ConfigurationError(f"run {which!r} cannot be resumed: there is no journal {os.fspath(place)}") from None
    with reader:
        if which == "last":
            runs = (run for run in reader.runs() if run.script == launch.script)
            return next(runs if asked else (run for run in runs if _is_same_work(run, launch, ordinal)), None)
        try:
            return _named(reader, which)
        except UnknownRun as error:
            raise ConfigurationError(f"run {which!r} cannot be resumed: {error}") from error


def _is_same_work(run: RunRecord, launch: Launch, ordinal: int) -> bool:
    """Tell whether the run was of the same kernel of an earlier launch of the same program."""
    if run.extra.get("launch") == launch.id or run.extra.get("ordinal") != ordinal:
        return False
    return run.argv[1:] == tuple(sys.argv[1:]) and run.cwd == str(Path.cwd())


def _named(reader: JournalReader, which: str) -> RunRecord:
    """Return the run of that id, or what begins so, or with that directory: its number, or its path with a slash."""
    found = [run for run in reader.runs() if _is_in(run, which)]
    if len(found) > 1:
        ids = ", ".join(run.id for run in found[:5])
        raise ConfigurationError(f"run {which!r} may be any of {len(found)}: {ids}; name it by its id, or its path")
    return found[0] if found else reader.run(which)


def _is_in(run: RunRecord, which: str) -> bool:
    """Tell whether the run's directory is meant, as on the command line."""
    folder = str(run.extra.get("run_dir", ""))
    if "/" in which:
        return bool(folder) and Path(folder) == Path(which).absolute()
    name = Path(folder).name
    return which.isdecimal() and name.isdecimal() and int(name) == int(which)
