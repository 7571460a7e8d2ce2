"""Locks between processes, by files that the operating system unlocks when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FileLease", "hold", "is_held", "lock_in_time", "try_lock"]

# Whoever only looks holds a lock for a moment, which must not pass for a writer.
_LOOKERS_AT_MOST: Final = 0.1
_BETWEEN: Final = 0.01


class FileLease:
    """An exclusive lock on a file of its own, which is there while it is held.

    A fork shares it: a child must call `forked` at once, or the lease outlives the parent.

    Raises:
        BlockingIOError: it is held by somebody else, who is named.
        OSError: no such file can be made.
    """

    def __init__(self, path: Path, holder: str) -> None:
        self.path = path
        deadline = time.monotonic() + _LOOKERS_AT_MOST
        while True:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                other = os.pread(self._fd, 1000, 0).decode("utf-8", "replace")
                os.close(self._fd)
                if time.monotonic() < deadline:
                    time.sleep(_BETWEEN)
                    continue
                raise BlockingIOError(error.errno, other or "another process") from None
            except BaseException:
                os.close(self._fd)
                raise
            if _is_still_there(self._fd, path):
                break
            os.close(self._fd)  # Its last holder removed it just now.
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, holder.encode("utf-8", "replace"), 0)

    def forked(self) -> None:
        """Let go of a forked copy; the parent's lease stands."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def release(self) -> None:
        """Give the lease up."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                self.path.unlink()
            os.close(fd)


def is_held(path: Path) -> bool:
    """Tell whether somebody holds the lease of that file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


@contextmanager
def hold(path: Path, *, shared: bool, patience: float) -> Iterator[None]:
    """Hold a lock, shared with others who share it or alone.

    Raises:
        TimeoutError: others held it for longer than `patience` seconds.
        OSError: no such file can be made.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        lock_in_time(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, path, patience)
        yield
    finally:
        os.close(fd)


def lock_in_time(fd: int, kind: int, path: Path, patience: float) -> None:
    """Lock an open file, within so many seconds. Raises TimeoutError."""
    deadline = time.monotonic() + patience
    # The system has no such call with a timeout.
    while not try_lock(fd, kind):
        if time.monotonic() >= deadline:
            raise TimeoutError(f"another process has held {path} for {patience:g} seconds")
        time.sleep(_BETWEEN)


def try_lock(fd: int, kind: int) -> bool:
    """Lock an open file if that can be done at once."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still_there(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
