"""A copy of results in Parsl's layout, so that Parsl can go on where Headrace was."""

from __future__ import annotations

import logging
import os
import pickle
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from headrace.compat.parsl_checkpoints.call import key_of_task
from headrace.compat.parsl_checkpoints.record import pack_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.dataflow.checkpoints import Found
    from headrace.dataflow.task import Task

__all__ = ["ParslExport"]

logger = logging.getLogger(__name__)

# As the store of results: what is in it is loaded.
_MODE = 0o600


class ParslExport:
    """Appends every result that a kernel stores to a ``tasks.pkl``, and writes the ``dfk.pkl`` that older Parsls had.

    It is a `ResultSource` that knows nothing, since it sees a call's arguments only there, and a `ResultSink`.

    A result is left out if its call has no key of Parsl's, since a function that the program has registered with
    `id_for_memo` raises.

    Args:
        folder: the run's checkpoint directory; made when there is something for it.
        task_count: returns how many tasks the run has had.
        always: whether there are to be files when nothing was taken, too.
    """

    def __init__(self, folder: Path, task_count: Callable[[], int], *, always: bool) -> None:
        self._folder = folder
        self._task_count = task_count
        self._always = always
        #: Parsl's keys of calls, by Headrace's.
        self._keys: dict[str, str] = {}
        self._lock = threading.Lock()
        self._file: int | None = None
        self._length = 0
        self._left_out = 0
        self._failing = False

    def find(self, task: Task, key: str) -> Found | None:
        """Note Parsl's key of the task's call. Returns None."""
        try:
            self._keys[key] = key_of_task(task)
        except Exception:
            logger.debug("%s has no key of Parsl's", task, exc_info=True)
        return None

    def take(self, key: str, payload: bytes) -> None:
        """Append a result. If that cannot be done it is left out, and told when it begins and at the end."""
        # Kept, since a call may run again: where the files are gone that it wrote, its result is forgotten.
        parsl_key = self._keys.get(key)
        with self._lock:
            if parsl_key is None:
                self._left_out += 1
                return
            try:
                self._append(pack_record(parsl_key, payload))
                self._failing = False
            except OSError as error:
                self._left_out += 1
                if not self._failing:
                    logger.warning("%s, a copy of the results for Parsl, cannot be written: %s", self._folder, error)
                self._failing = True

    def flush(self) -> None:
        """Have all on disk.

        Raises:
            OSError: it cannot be written.
        """
        with self._lock:
            os.fsync(self._open())
            state = {"rundir": str(self._folder.parent), "task_count": self._task_count()}
            new = self._folder / "dfk.pkl.new"
            new.write_bytes(pickle.dumps(state))
            new.replace(self._folder / "dfk.pkl")

    def close(self) -> None:
        """Have on disk what has been taken."""
        if self._always or self._file is not None:
            self._always = False
            try:
                self.flush()
            finally:
                if self._file is not None:
                    os.close(self._file)
                    self._file = None
        if self._left_out:
            logger.warning("%d results are not in %s, the copy for Parsl", self._left_out, self._folder)
            self._left_out = 0

    def _open(self) -> int:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(
                self._folder / "tasks.pkl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE
            )
            self._length = os.fstat(self._file).st_size
        return self._file

    def _append(self, record: bytes) -> None:
        file = self._open()
        try:
            left = memoryview(record)
            while left:
                left = left[os.write(file, left) :]
        except BaseException:
            # Parsl would refuse the whole file for half a record.
            with suppress(OSError):
                os.ftruncate(file, self._length)
            raise
        self._length += len(record)
