"""Results that outlive their run."""

from __future__ import annotations

import json
import logging
import os
import pickle
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from headrace.core.thread import Thread
from headrace.dataflow.checkpoint_dirs import FOLDER, REFERENCE
from headrace.dataflow.errors import CheckpointError, ConfigurationError
from headrace.journal import CorruptResultError, JournalError, JournalReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headrace.dataflow.config import CheckpointFailure, CheckpointMode
    from headrace.dataflow.task import Task
    from headrace.journal import Journal, Result, Results

__all__ = [
    "Checkpoints",
    "Found",
    "ResultSink",
    "ResultSource",
]

logger = logging.getLogger(__name__)

_CODEC: Final = "pickle"
# Stands where a result was that is not to be found any more.
_GONE: Final = "gone"


@dataclass(frozen=True, slots=True)
class Found:
    """A result of an earlier run."""

    value: Any
    #: The value as it is stored; None if that is not at hand.
    payload: bytes | None = None


@runtime_checkable
class ResultSource(Protocol):
    """Where results of earlier runs may be found."""

    def find(self, task: Task, key: str) -> Found | None:
        """Return the result of the task's call, whose memo key is `key`; None if it is not known. On any worker.

        It is asked once for each key, before a call of that key is run.
        """

    def close(self) -> None:
        """Nothing is looked for any more."""


class ResultSink(Protocol):
    """Who takes a copy of every result that is stored. What it raises is logged: no task fails of it."""

    def take(self, key: str, payload: bytes) -> None:
        """A result, pickled, goes into the store now. On any thread but the mailbox's; may write."""

    def flush(self) -> None:
        """Have all on disk that was taken."""

    def close(self) -> None:
        """Nothing comes any more."""


class _Logs:
    """Tells where programs look for warnings, and in the run's own log, where people look afterwards."""

    def __init__(self, *logs: logging.Logger) -> None:
        self._logs = logs

    def warning(self, message: str, *args: object, exc_info: bool = False) -> None:
        for log in self._logs:
            log.warning(message, *args, exc_info=exc_info)

    def error(self, message: str, *args: object) -> None:
        """With the exception that is being handled."""
        for log in self._logs:
            log.error(message, *args, exc_info=True)  # noqa: LOG014 - see above


class _Stored:
    """The results that runs of some lineages have stored in one place."""

    def __init__(self, results: Results, log: _Logs, reader: JournalReader | None = None) -> None:
        self._results = results
        self._log = log
        self._reader = reader
        self._lineages: tuple[str, ...] = ()

    def add(self, lineage: str) -> None:
        if lineage not in self._lineages:
            self._lineages = (*self._lineages, lineage)

    def find(self, task: Task, key: str) -> Found | None:
        if not self._lineages:
            return None
        keys = [f"{lineage}/{key}" for lineage in self._lineages]
        try:
            return self._found(task, self._results.find(keys[0]) if len(keys) == 1 else self._first(task, keys))
        except CorruptResultError as error:
            self._log.warning("%s is run again: %s", task, error)
        except JournalError:
            self._log.warning("%s is run again, although it may have been run before", task, exc_info=True)
        return None

    def _first(self, task: Task, keys: list[str]) -> Result | None:
        for key in self._results.among(keys):
            try:
                return self._results.find(key)
            except CorruptResultError as error:
                self._log.warning("%s: %s", task, error)
        return None

    def _found(self, task: Task, result: Result | None) -> Found | None:
        if result is None or result.record.codec != _CODEC:
            return None
        try:
            # Written by whoever may write to the store, and whole.
            return Found(pickle.loads(result.payload), result.payload)  # noqa: S301 - see above
        except Exception:  # noqa: BLE001 - unpickling may raise anything, and is told
            self._log.warning("%s is run again: its stored result cannot be unpickled", task, exc_info=True)
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
        log: the run's log.
        mode: when results go to disk; None: never.
        period: seconds between two checkpoints, in mode ``"periodic"``.
        failure: what becomes of a task whose result cannot be stored.
    """

    def __init__(
        self,
        journal: Journal,
        lineage: str,
        run_dir: Path,
        log: logging.Logger,
        *,
        mode: CheckpointMode | None,
        period: float,
        failure: CheckpointFailure,
    ) -> None:
        self._journal = journal
        self._place = journal.place if "://" in journal.place else os.path.realpath(journal.place)
        self._lineage = lineage
        self._folder = run_dir / FOLDER
        self._mode = mode
        self._failure = failure
        self._log = _Logs(logger, log)
        self._own = _Stored(journal.results, self._log)
        if lineage != journal.run.id:
            # Else nobody has stored anything under it.
            self._own.add(lineage)
        self._sources: tuple[ResultSource, ...] = ()
        self._sinks: tuple[ResultSink, ...] = ()
        # Results of other runs, by place.
        self._others: dict[str, _Stored] = {}
        # What was computed since the last checkpoint, by key; only in modes that write later.
        self._kept: dict[str, tuple[object, Any]] = {}
        self._referred = False
        self._referring = threading.RLock()
        self._saving = threading.RLock()
        self._closed = threading.Event()
        self._thread: Thread | None = None
        if mode == "periodic":
            self._thread = Thread(target=self._every, args=(period,), name="headrace-checkpoints")
            self._thread.start()

    @property
    def at_task_exit(self) -> bool:
        """Whether a future is settled only when its result is on disk."""
        return self._mode == "task_exit"

    # --- looking up ---------------------------------------------------------------------------------------------------

    def find(self, task: Task, key: str) -> Found | None:
        """Return the result that an earlier run had for the task's call. May block; never raises.

        One from elsewhere is stored among this lineage's own, so that the next run finds it there.
        """
        found = self._own.find(task, key)
        for source in self._sources:
            elsewhere = self._found_by(source, task, key)
            if found is None and elsewhere is not None:
                found = elsewhere
                self._adopt(task, key, found)
        return found

    def _found_by(self, source: ResultSource, task: Task, key: str) -> Found | None:
        try:
            return source.find(task, key)
        except Exception:  # noqa: BLE001 - not our own code; it is told
            self._log.error("%r could not be asked for the result of %s", source, task)
            return None

    def _adopt(self, who: object, key: str, found: Found) -> None:
        if self._mode is None:
            return
        if not self.at_task_exit:
            self.keep(key, who, found.value)
            return
        try:
            payload = found.payload or pickle.dumps(found.value, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001 - pickling may raise anything, and is told
            self._log.warning("the result that was found for %s cannot be stored", who, exc_info=True)
        else:
            self._refer()
            self._hand_out(key, payload)
            self.store(key, payload)

    def add_source(self, source: ResultSource, *, first: bool = False) -> None:
        """Look for results there too, after the other sources, or before them. It is closed with this."""
        self._sources = (source, *self._sources) if first else (*self._sources, source)

    def add_sink(self, sink: ResultSink) -> None:
        """Give a copy of every result that is stored from now on to `sink`, too. It is closed with this."""
        self._sinks = (*self._sinks, sink)

    def load(self, folders: Sequence[str | os.PathLike[str] | ResultSource]) -> None:
        """Use the results of the runs that these checkpoint directories belong to, and of other sources.

        Raises:
            ConfigurationError: it is no list, or one of them is no checkpoint; none has been taken then.
        """
        if isinstance(folders, str | bytes) or not isinstance(folders, list | tuple):
            raise ConfigurationError(f"checkpoints are given as a list of directories, not as {folders!r}")
        for one in folders:
            if not isinstance(one, str | os.PathLike | ResultSource):
                raise ConfigurationError(f"a checkpoint is a directory or a ResultSource, not {one!r}")
        known = [one if isinstance(one, ResultSource) else self._stored_at(Path(one)) for one in folders]
        for one in known:
            if isinstance(one, ResultSource):
                self.add_source(one)
            else:
                stored, lineage = one
                stored.add(lineage)

    def borrow(self, lineages: Iterable[str]) -> None:
        """Use the results of other lineages in the same store, too, also those that are stored from now on."""
        for lineage in lineages:
            if self._place not in self._others:
                self._opened(self._place, _Stored(self._journal.results, self._log))
            self._others[self._place].add(lineage)

    def _stored_at(self, folder: Path) -> tuple[_Stored, str]:
        file = folder / REFERENCE
        try:
            reference = json.loads(file.read_text(encoding="utf-8"))
            place, lineage = str(reference["journal"]), str(reference["lineage"])
            if "://" not in place:
                place = os.path.realpath(folder / place)
        except FileNotFoundError:
            other = " (it is one of Parsl's: see the how-to on them)" if (folder / "tasks.pkl").exists() else ""
            raise ConfigurationError(
                f"{folder} is no checkpoint{other}: there is no {REFERENCE}; give directories as "
                "get_all_checkpoints() returns them"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"the checkpoint {file} cannot be read: {error!r}") from error
        if place in self._others:
            return self._others[place], lineage
        if place == self._place:
            return self._opened(place, _Stored(self._journal.results, self._log)), lineage
        try:
            reader = JournalReader.open(place)
        except (OSError, JournalError) as error:
            msg = f"the results of checkpoint {folder} cannot be read from {place}: {error}"
            raise ConfigurationError(msg) from error
        return self._opened(place, _Stored(reader.results, self._log, reader)), lineage

    def _opened(self, place: str, stored: _Stored) -> _Stored:
        self._others[place] = stored
        self.add_source(stored)
        return stored

    # --- storing ------------------------------------------------------------------------------------------------------

    def pack(self, key: str, who: object, value: Any) -> bytes | None:  # noqa: ANN401 - any app's result
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
        self._hand_out(key, payload)
        return payload

    def _hand_out(self, key: str, payload: bytes) -> None:
        for sink in self._sinks:
            try:
                sink.take(key, payload)
            except Exception:  # noqa: BLE001 - not our own code; it is told
                self._log.error("%r could not take a result", sink)

    def look_at_own(self) -> None:
        """Find what this run itself has stored, too."""
        self._own.add(self._lineage)

    def wait_for_room(self) -> None:
        """Wait while too much is waiting to be written. Raises as the journal's does."""
        self._journal.wait_for_room()

    def store(self, key: str, payload: bytes) -> None:
        """Give the payload to the journal. Never blocks."""
        self._journal.result(f"{self._lineage}/{key}", payload, codec=_CODEC)

    def forget(self, key: str, told: Callable[[BaseException | None], None]) -> None:
        """Have no later run find a result; `told` is called as by `barrier`. Never blocks."""
        self._kept.pop(key, None)
        if self._mode is None:
            told(None)
        else:
            self._journal.result(f"{self._lineage}/{key}", b"", codec=_GONE, durable=told)

    def barrier(self, told: Callable[[BaseException | None], None]) -> None:
        """Have `told` called, on the journal's thread, when all before is on disk; or with what prevents that."""
        self._journal.barrier(told)

    def keep(self, key: str, who: object, value: Any) -> None:  # noqa: ANN401 - any app's result
        """Take note of a result that the next `checkpoint` is to store."""
        if self._mode is not None and not self.at_task_exit:
            self._kept[key] = (who, value)

    def judge(self, who: object, error: BaseException) -> CheckpointError | None:
        """Return what a task fails with whose result could not be stored; None if it is not to fail: that is logged."""
        failure = CheckpointError(
            f"the result of {who} could not be stored: {error}; see the cause, declare the app cache=False, or have "
            "only warnings with Config(checkpoint_failure='warn')"
        )
        failure.__cause__ = error
        if self._failure == "fail":
            return failure
        self._log.warning("the result of %s could not be stored, and is not found again: %s", who, error)
        return None

    def checkpoint(self, timeout: float | None = None) -> Path:
        """Have all on disk that has been computed so far; return the checkpoint's directory.

        Raises:
            ConfigurationError: no results are kept.
            CheckpointError: a result does not pickle; the others have been stored.
            JournalUnavailable: the store cannot be written to. What is missing is written by the next one.
        """
        if self._mode is None:
            raise ConfigurationError(
                "a checkpoint would store nothing with Config(checkpoint_mode=None); 'manual' does when it is asked"
            )
        failures: list[CheckpointError] = []
        with self._saving:
            self._refer()
            for key, (who, value) in list(self._kept.items()):
                try:
                    payload = self.pack(key, who, value)
                except CheckpointError as error:
                    failures.append(error)
                else:
                    if payload is not None:
                        self._journal.wait_for_room()
                        self.store(key, payload)
                self._kept.pop(key, None)
            self._journal.flush(timeout)
            for sink in self._sinks:
                sink.flush()
        if failures:
            raise failures[0]
        return self._folder

    def close(self, timeout: float | None = None) -> None:
        """Store what is left, where the mode says so, and let go of what was loaded.

        Raises:
            TimeoutError: it is not on disk after so many seconds.
            CheckpointError, JournalUnavailable: as `checkpoint`.
        """
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout)
        try:
            if self._mode in {"periodic", "dfk_exit"} and self._kept:
                self.checkpoint(timeout)
        finally:
            ends: tuple[ResultSink | ResultSource, ...] = (*self._sinks, *self._sources)
            for end in ends:
                try:
                    end.close()
                except Exception:  # noqa: BLE001 - not our own code; it is told
                    self._log.error("%r could not be closed", end)

    def _every(self, period: float) -> None:
        while not self._closed.wait(period):
            if self._kept:
                try:
                    self.checkpoint()
                except Exception:  # noqa: BLE001 - whatever it is, it is told, and the next one may go well
                    self._log.error("a periodic checkpoint has failed; the next one is in %g seconds", period)

    def _refer(self) -> None:
        """Have the run's checkpoint directory say where its results are."""
        if not self._referred:
            with self._referring:
                self._write_reference()

    def _write_reference(self) -> None:
        if self._referred:
            return
        place = self._journal.place
        if "://" not in place:
            # So that the whole folder may be moved.
            place = os.path.relpath(place, self._folder)
        reference = {"journal": place, "lineage": self._lineage, "run": self._journal.run.id}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Whole or not there, whatever happens in the middle.
            new = self._folder / f".{REFERENCE}.new"
            with new.open("w", encoding="utf-8") as file:
                json.dump(reference, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._folder / REFERENCE)
        except OSError as error:
            self._log.warning("%s cannot be written: %s; resuming this run works all the same", self._folder, error)
        self._referred = True
