"""Results that Parsl has left in checkpoints, as answers to equal calls."""

from __future__ import annotations

import logging
import os
import pickle
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from headrace.compat.errors import BadCheckpoint
from headrace.compat.parsl_checkpoints.call import keys_of_task
from headrace.compat.parsl_checkpoints.record import Damage, is_swallowed, records_in
from headrace.dataflow.checkpoints import Found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.dataflow.task import Task

__all__ = ["ParslCheckpoints", "tasks_file"]

logger = logging.getLogger(__name__)


class _Place(NamedTuple):
    """Where a record is."""

    file: Path
    begin: int
    end: int


class ParslCheckpoints:
    """The results in Parsl's checkpoints. Calls with the same key as Parsl's are answered with them.

    **Whoever wrote the files can run any code here.** A result is a pickle, and to load it is to run what is in it.
    Take files of your own only, or of somebody whose programs you would run. When this is made, nothing is unpickled:
    that is done for each result when a call asks for it.

    Give it in ``Config(checkpoint_files=[...])``, or to the kernel's `load_checkpoints`.

    A call has the same key if its function has the same name and module, and its arguments are equal and are given in
    the same way: by position or by name. Its code makes no difference, unlike for results of Headrace's own.

    A file is used up to the first place where no record stands whole. Records that cannot be loaded, or are not what
    they should be, are left out, and their calls run. Both are logged. If a key is there several times, the last record
    counts.

    Args:
        folders: directories that hold a ``tasks.pkl``, such as ``runinfo/000/checkpoint``.
        trust_author: say True, if you do.

    Raises:
        BadCheckpoint: `trust_author` is not True, a directory has no such file, or it cannot be read or holds something
            else.
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]], *, trust_author: bool) -> None:
        if isinstance(folders, str | bytes | os.PathLike):
            raise BadCheckpoint(f"checkpoints are given as a list of directories, not as {folders!r}")
        named = list(folders)
        if trust_author is not True:
            raise BadCheckpoint(
                f"to load results of Parsl's is to run whatever their author put there; if you trust whoever could "
                f"write to {', '.join(map(str, named)) or 'them'}, say ParslCheckpoints(..., trust_author=True)"
            )
        self._places: dict[str, _Place] = {}
        self._protocols: set[int] = set()
        self._lost: dict[Path, int] = {}
        for folder in named:
            self.add(folder)

    @property
    def lost(self) -> dict[Path, int]:
        """For each damaged file, how many of its records cannot be used, as far as can be seen without loading them."""
        return dict(self._lost)

    def __len__(self) -> int:
        """Return how many calls have a result."""
        return len(self._places)

    def __repr__(self) -> str:
        return f"<ParslCheckpoints of {len(self)} results>"

    def add(self, folder: str | os.PathLike[str]) -> int:
        """Take the results in one more directory, too; return how many there are.

        Raises:
            BadCheckpoint: see above.
        """
        file = tasks_file(folder)
        count = 0
        try:
            with file.open("rb") as opened:
                for one in records_in(opened):
                    if isinstance(one, Damage):
                        self._tell_of_damage(file, one)
                    else:
                        self._places[one.key] = _Place(file, one.begin, one.end)
                        self._protocols.add(one.protocol)
                        count += 1
        except OSError as error:
            raise BadCheckpoint(f"the checkpoint {file} cannot be read: {error}") from error
        logger.info("%d results of Parsl's in %s answer calls", count, file)
        return count

    def find(self, task: Task, key: str) -> Found | None:  # noqa: ARG002 - the interface's
        """Return the result that Parsl had for the task's call, None if it is not there. Never raises."""
        try:
            for protocol in self._protocols:
                for parsl_key in keys_of_task(task, protocol):
                    place = self._places.get(parsl_key)
                    if place is not None:
                        return self._load(task, parsl_key, place)
        except Exception:
            # The user's own types take part, and may raise anything.
            logger.debug("%s has no key of Parsl's", task, exc_info=True)
        return None

    def close(self) -> None:
        """Forget all results."""
        self._places = {}

    def _tell_of_damage(self, file: Path, damage: Damage) -> None:
        if damage.begin == 0 and not damage.is_torn:
            raise BadCheckpoint(f"{file} is no checkpoint of Parsl's, or nothing of it is left")
        self._lost[file] = damage.lost
        logger.warning(
            "the checkpoint %s is damaged at byte %d: %d results are lost from there on, and their calls run again",
            file,
            damage.begin,
            damage.lost,
        )

    def _load(self, task: Task, key: str, place: _Place) -> Found | None:
        try:
            with place.file.open("rb") as opened:
                opened.seek(place.begin)
                data = opened.read(place.end - place.begin)
            return Found(_value(key, data))
        except Exception as error:  # noqa: BLE001 - whatever damage or the classes of what is loaded raise
            logger.warning(
                "%s is run again: its result at byte %d of %s cannot be used: %r", task, place.begin, place.file, error
            )
            return None


def tasks_file(folder: str | os.PathLike[str]) -> Path:
    """Return the file of a checkpoint in which results are.

    Raises:
        BadCheckpoint: there is none.
    """
    file = Path(folder) / "tasks.pkl"
    try:
        is_file = stat.S_ISREG(file.stat().st_mode)
    except OSError as error:
        raise BadCheckpoint(f"{os.fspath(folder)!r} is no checkpoint of Parsl's: {error}") from error
    if not is_file:
        raise BadCheckpoint(f"{os.fspath(folder)!r} is no checkpoint of Parsl's: {file} is no file")
    return file


def _value(key: str, data: bytes) -> Any:  # noqa: ANN401 - any app's result
    if is_swallowed(data):
        raise ValueError("it is torn, and runs on into another")
    record = pickle.loads(data)  # noqa: S301 - whoever loads a checkpoint says that its author is trusted
    if not isinstance(record, dict) or record.get("hash") != key or not {"result", "exception"} <= record.keys():
        raise ValueError("it is not what stood there")
    if record["exception"] is not None:
        raise ValueError("it is a failure")
    return record["result"]
