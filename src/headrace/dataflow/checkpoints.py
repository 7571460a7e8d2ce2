"""Results that outlive their run."""

from __future__ import annotations

import json
import logging
import pickle
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from headrace.dataflow.errors import CheckpointError, ConfigurationError
from headrace.journal import CorruptResultError, JournalError, JournalReader

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from headrace.dataflow.config import CheckpointFailure, CheckpointMode
    from headrace.dataflow.task import Task
    from headrace.journal import Journal, Results

__all__ = [
    "REFERENCE",
    "Checkpoints",
    "Found",
    "ResultSource",
    "get_all_checkpoints",
    "get_last_checkpoint",
]

logger = logging.getLogger(__name__)

#: The file in a run's checkpoint directory that says where its results are.
REFERENCE: Final = "headrace.json"

_FOLDER: Final = "checkpoint"
_CODEC: Final = "pickle"


@dataclass(frozen=True, slots=True)
class Found:
    """A result of an earlier run."""

    value: Any


class ResultSource(Protocol):
    """Where results of earlier runs may be found."""

    def find(self, task: Task, key: str) -> Found | None:
        """Return the result of the task's call, whose memo key is `key`; None if it is not known. On any worker."""


class _Stored:
    """The results that runs of one lineage have stored."""

    def __init__(self, results: Results, lineage: str, reader: JournalReader | None = None) -> None:
        self._results = results
        self._lineage = lineage
        self._reader = reader

    def find(self, task: Task, key: str) -> Found | None:
        try:
            result = self._results.find(f"{self._lineage}/{key}")
        except CorruptResultError as error:
            logger.warning("%s is run again: %s", task, error)
            return None
        except JournalError:
            logger.warning("%s is run again, although it may have been run before", task, exc_info=True)
            return None
        if result is None or result.record.codec != _CODEC:
            return None
        try:
            return Found(pickle.loads(result.payload))  # noqa: S301 - written by whoever may write to the store, and whole
        except Exception:
            logger.warning("%s is run again: its stored result cannot be unpickled", task, exc_info=True)
            return None

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


class Checkpoints:
    """Where the results of one kernel's cached calls go, and where those of earlier runs come from.

    Args:
        journal: this run's; results go into its store.
        lineage: the first of the runs that share results with this one: what they have stored is used.
        run_dir: the run's directory.
        mode: when results go to disk; None: never.
        period: seconds between two checkpoints, in mode ``"periodic"``.
        failure: what becomes of a task whose result cannot be stored.
    """

    def __init__(
        self,
        journal: Journal,
        lineage: str,
        run_dir: Path,
        *,
        mode: CheckpointMode | None,
        period: float,
        failure: CheckpointFailure,
    ) -> None:
        self._journal = journal
        self._lineage = lineage
        self._folder = run_dir / _FOLDER
        self._mode = mode
        self._failure = failure
        self._sources: tuple[ResultSource, ...] = (_Stored(journal.results, lineage),)
        # What was computed since the last checkpoint, by key; only in modes that write later.
        self._kept: dict[str, tuple[str, Any]] = {}
        self._referred = False
        self._saving = threading.RLock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if mode == "periodic":
            self._thread = threading.Thread(
                target=self._every, args=(period,), name="headrace-checkpoints", daemon=True
            )
            self._thread.start()

    @property
    def at_task_exit(self) -> bool:
        """Whether a future is settled only when its result is on disk."""
        return self._mode == "task_exit"

    # --- looking up ---------------------------------------------------------------------------------------------------

    def find(self, task: Task, key: str) -> Found | None:
        """Return the result that an earlier run had for the task's call. May block; never raises."""
        for source in self._sources:
            found = source.find(task, key)
            if found is not None:
                return found
        return None

    def add_source(self, source: ResultSource) -> None:
        """Look for results there too, after those that are known."""
        self._sources = (*self._sources, source)

    def load(self, folders: Iterable[str | os.PathLike[str]]) -> None:
        """Use the results of the runs that these checkpoint directories belong to.

        Raises:
            ConfigurationError: it is no list, or one of them is no checkpoint; none has been taken then.
        """
        if isinstance(folders, str | bytes) or not isinstance(folders, list | tuple):
            raise ConfigurationError(f"checkpoints are given as a list of directories, not as {folders!r}")
        for source in [self._source_at(Path(folder)) for folder in folders]:
            self.add_source(source)

    def _source_at(self, folder: Path) -> ResultSource:
        file = folder / REFERENCE
        try:
            reference = json.loads(file.read_text(encoding="utf-8"))
            place, lineage = reference["journal"], reference["lineage"]
        except FileNotFoundError:
            other = " (it is one of Parsl's: see the how-to on them)" if (folder / "tasks.pkl").exists() else ""
            raise ConfigurationError(
                f"{folder} is no checkpoint{other}: there is no {REFERENCE}; give directories as "
                "get_all_checkpoints() returns them"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"the checkpoint {file} cannot be read: {error!r}") from error
        if place == self._journal.place:
            return _Stored(self._journal.results, lineage)
        try:
            reader = JournalReader.open(place)
        except (OSError, JournalError) as error:
            msg = f"the results of checkpoint {folder} cannot be read from {place}: {error}"
            raise ConfigurationError(msg) from error
        return _Stored(reader.results, lineage, reader)

    # --- storing ------------------------------------------------------------------------------------------------------

    def pack(self, who: str, value: Any) -> bytes | None:  # noqa: ANN401 - any app's result
        """Return the result as it is stored; None if it cannot be, and that is to be a warning only.

        Raises:
            CheckpointError: it does not pickle.
        """
        try:
            payload = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            failure = self.judge(who, error)
            if failure is None:
                return None
            raise failure from error
        self._refer()
        return payload

    def save(self, key: str, payload: bytes | None, told: Callable[[BaseException | None], None]) -> None:
        """Have `told` called when the payload is on disk, or with the error; without a payload, when all before is."""
        if payload is None:
            self._journal.barrier(told)
        else:
            self._journal.result(f"{self._lineage}/{key}", payload, codec=_CODEC, durable=told)

    def keep(self, key: str, who: str, value: Any) -> None:  # noqa: ANN401 - any app's result
        """Take note of a result that the next `checkpoint` is to store."""
        if self._mode is not None and not self.at_task_exit:
            self._kept[key] = (who, value)

    def judge(self, who: str, error: BaseException) -> CheckpointError | None:
        """Return what a task fails with whose result could not be stored; None if it is not to fail: that is logged."""
        failure = CheckpointError(
            f"the result of {who} could not be stored: {error}; see the cause, declare the app cache=False, or have "
            "only warnings with Config(checkpoint_failure='warn')"
        )
        failure.__cause__ = error
        if self._failure == "fail":
            return failure
        logger.warning("the result of %s could not be stored, and is not found again: %s", who, error)
        return None

    def checkpoint(self) -> Path:
        """Have all on disk that has been computed so far; return the checkpoint's directory.

        Raises:
            CheckpointError: a result does not pickle; the others have been stored.
            JournalUnavailable: the store cannot be written to. What is missing is written by the next one.
        """
        failures: list[CheckpointError] = []
        with self._saving:
            self._refer()
            for key, (who, value) in list(self._kept.items()):
                try:
                    payload = self.pack(who, value)
                except CheckpointError as error:
                    failures.append(error)
                else:
                    if payload is not None:
                        self._journal.wait_for_room()
                        self._journal.result(f"{self._lineage}/{key}", payload, codec=_CODEC)
                self._kept.pop(key, None)
            self._journal.flush()
        if failures:
            raise failures[0]
        return self._folder

    def close(self) -> None:
        """Store what is left, where the mode says so, and let go of what was loaded. Raises as `checkpoint` does."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._mode in {"periodic", "dfk_exit"} and self._kept:
                self.checkpoint()
        finally:
            for source in self._sources:
                if isinstance(source, _Stored):
                    source.close()

    def _every(self, period: float) -> None:
        while not self._closed.wait(period):
            if self._kept:
                try:
                    self.checkpoint()
                except Exception:
                    logger.exception("a periodic checkpoint has failed; the next one is in %g seconds", period)

    def _refer(self) -> None:
        """Have the run's checkpoint directory say where its results are."""
        if self._referred:
            return
        reference = {"journal": self._journal.place, "lineage": self._lineage, "run": self._journal.run.id}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / REFERENCE).write_text(json.dumps(reference), encoding="utf-8")
        except OSError as error:
            logger.warning("%s cannot be written: %s; resuming this run works all the same", self._folder, error)
        self._referred = True


def get_all_checkpoints(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """Return the checkpoint directories of all runs under `rundir`, the oldest first."""
    found = []
    with suppress(FileNotFoundError):
        runs = [entry for entry in Path(rundir).iterdir() if entry.name.isdecimal()]
        for run in sorted(runs, key=lambda entry: int(entry.name)):
            folder = run / _FOLDER
            if (folder / REFERENCE).exists() or (folder / "tasks.pkl").exists():
                found.append(str(folder.absolute()))
    return found


def get_last_checkpoint(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """Return the checkpoint directory of the last run under `rundir` that has one, in a list; else an empty list."""
    return get_all_checkpoints(rundir)[-1:]
