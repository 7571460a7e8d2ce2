"""What a supervisor writes down about a command that outlives its owner.

A folder holds, beside what its owner wrote before (`spec.json`): `lock`, held by the supervisor for its whole life;
`process.json`, before the command is started; `status.json`, when everything has ended. Each file is there whole or
not at all. So whoever gets the lock knows: with a status it has ended, with a process only it is lost, with neither it
was never started.
"""

from __future__ import annotations

import fcntl
import json
import os
import time

from .identity import boot_id, start_time

__all__ = ["LOCK", "PROCESS", "SPEC", "STATUS", "Record", "Refused", "write_whole"]

SPEC = "spec.json"
LOCK = "lock"
PROCESS = "process.json"
STATUS = "status.json"

# Kept free for the last word, so that a full disk does not lose it.
_ROOM = 4096
_LAST_WORD = "status.new"
# Whoever looks whether the lock is held takes it for a moment.
_TRIES = 25
_PAUSE = 0.02


class Refused(Exception):
    """The command is not this supervisor's to start. The argument says why."""


class Record:
    """The folder of one command, and the lock on it.

    Args:
        folder: where it is.
        identity: what `spec.json` must say under "id": the folder may have been removed and made anew.

    Raises:
        Refused: the command was started before, or is not there any more.
    """

    def __init__(self, folder: bytes, identity: str) -> None:
        try:
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            self._lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=self._folder)
            with open(SPEC, encoding="utf-8", opener=self._opener) as file:
                found = json.load(file)["id"]
        except FileNotFoundError as error:
            raise Refused("its folder was removed") from error
        if found != identity:
            raise Refused("its folder was removed and made anew")
        if not self._locked():
            raise Refused("another supervisor has it")
        if self._has(PROCESS) or self._has(STATUS):
            raise Refused("it was started before")
        self._process: dict[str, object] = {"pid": os.getpid(), "start": start_time(os.getpid()), "boot": boot_id()}
        self._make_room()
        write_whole(self._folder, PROCESS, self._process)

    def started(self, command: int, when: float) -> None:
        """Write down the command's own process id."""
        write_whole(self._folder, PROCESS, {**self._process, "command": command, "started": when})

    def ended(self, status: dict[str, object]) -> None:
        """Write down how it ended. On return it is on the disk."""
        text = json.dumps(status).encode("ascii")
        fd = os.open(_LAST_WORD, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=self._folder)
        try:
            os.pwrite(fd, text.ljust(_ROOM), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(_LAST_WORD, STATUS, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def open(self, name: str) -> int:
        """Return a file descriptor of a file of the folder, to append to."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.open(name, flags, 0o600, dir_fd=self._folder)

    def _locked(self) -> bool:
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
            else:
                return True
        return False

    def _has(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._folder)
        except FileNotFoundError:
            return False
        return True

    def _make_room(self) -> None:
        fd = os.open(_LAST_WORD, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=self._folder)
        try:
            os.pwrite(fd, b" " * _ROOM, 0)
        finally:
            os.close(fd)

    def _opener(self, name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=self._folder)


def write_whole(folder: int, name: str, content: dict[str, object]) -> None:
    """Write a file of an open folder: it is there as it was, or as it is to be, whatever happens meanwhile."""
    new = f".{name}.{os.getpid()}"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=folder)
    try:
        os.write(fd, json.dumps(content).encode("ascii"))
    finally:
        os.close(fd)
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
