"""Processes that outlive those that started them: found, waited for a moment, then ended."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["Strays"]

_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_PAUSE = 0.02
_GIVE_UP = 10.0


class Strays:
    """Within its `with` block, what our descendants leave behind becomes our child instead of the system's.

    Whatever is left when the block ends is killed. Children that were there before are never touched. Linux only. Used
    by one thread, which starts no other children than those that it waits for.

    Raises:
        OSError: the system refuses.
    """

    def __init__(self) -> None:
        self._known: frozenset[int] = frozenset()
        self._before = 0

    def __enter__(self) -> Self:
        self._known = frozenset(_children())
        was = ctypes.c_int()
        _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(was))
        self._before = was.value
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.end(0.0)
        finally:
            _prctl(_PR_SET_CHILD_SUBREAPER, self._before)

    def end(self, patience: float) -> int:
        """Return when none is left, having waited for `patience` seconds and then killed the rest: how many these were.

        Raises:
            TimeoutError: a process does not end when it is killed.
        """
        begin, killed = time.monotonic(), set()
        while left := [pid for pid in _children() if pid not in self._known and not _reaped(pid)]:
            waited = time.monotonic() - begin
            if waited > patience + _GIVE_UP:
                raise TimeoutError(f"processes that do not end although killed: {', '.join(map(str, left))}")
            if waited > patience:
                for pid in left:
                    killed.add(pid)
                    os.kill(pid, signal.SIGKILL)  # ours and not waited for, so the number is no other process' yet
            time.sleep(_PAUSE)
        return len(killed)


def _children() -> list[int]:
    """Numbers of the processes whose parent we are, ended ones included."""
    own = str(os.getpid())
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
                if stat.rpartition(")")[2].split()[1] == own:
                    found.append(int(entry.name))
    return found


def _reaped(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return True


def _prctl(option: int, argument: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")
