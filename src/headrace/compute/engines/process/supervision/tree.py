"""The processes below this one: found, measured, signalled; never one that is somebody else's.

This process must be a subreaper: whatever loses its parent down there becomes its own child. Its own children cannot
vanish before it has waited for them, so nobody else can have got their process ids. Those further down can vanish:
each is held by a pidfd, and looked at once more while it is held, before it is signalled.
"""

from __future__ import annotations

import os
import signal

from .identity import parent_of

# Typing's own constant would cost every supervisor the import of typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["children", "memory", "send", "stop"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # noqa: PTH110 - pathlib is slow to import
# What is deeper comes up as its parents end, and is found then. Each level holds a file descriptor and a Python frame.
_DEEPEST = 200
_STOPPING_ROUNDS = 20


def children(pid: int) -> list[int]:
    """Return the process ids of the children of a process; none if it is gone."""
    if not _KERNEL_LISTS_CHILDREN:
        return _children_by_search(pid)
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib is slow to import
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - likewise
                found += map(int, file.read().split())
        except OSError:  # The thread has ended.
            continue
    return found


def send(*signals: int, told: set[int] | None = None) -> int:
    """Send signals to every process below this one, but for those that were told; return how many there are.

    `told` is added to.
    """

    def deed(pid: int, fd: int | None) -> None:
        if told is None or pid not in told:
            for each in signals:
                _send(pid, fd, each)
            if told is not None:
                told.add(pid)

    return _walk(deed)


def stop() -> None:
    """Stop every process below this one, so that they can be ended without making others meanwhile.

    Returns when a look finds no more than the look before. What was missed, the ending must find.
    """
    before = -1
    for _ in range(_STOPPING_ROUNDS):
        count = send(signal.SIGSTOP)
        if count <= before:
            return
        before = count


def memory(*, exact: bool) -> int:
    """Return how many bytes of memory the processes below this one have in use.

    Exact, a page that several of them share counts once. Otherwise it counts for each, which is never less, and
    much quicker to find out.
    """
    total = 0

    def deed(pid: int, _fd: int | None) -> None:
        nonlocal total
        total += (_proportional(pid) if exact else None) or _resident(pid)

    _walk(deed)
    return total


def _walk(deed: Callable[[int, int | None], None]) -> int:
    """Do the deed for each process below this one, parents first. It is given the process id, and a pidfd if any."""
    count = 0
    for pid in children(os.getpid()):
        deed(pid, None)
        count += 1 + _descend(pid, None, deed, 1)
    return count


def _descend(parent: int, parent_fd: int | None, deed: Callable[[int, int | None], None], depth: int) -> int:
    count = 0
    for pid in children(parent) if depth < _DEEPEST else ():
        try:
            fd = _hold(pid)
        except OSError:  # It is gone; or there are no more file descriptors, and it is found by a later look.
            continue
        try:
            # In this order: its parent was still there after it was seen to be its child, so its child it is.
            if parent_of(pid) == parent and (parent_fd is None or _there(parent_fd)):
                deed(pid, fd)
                count += 1 + _descend(pid, fd, deed, depth + 1)
        finally:
            if fd is not None:
                os.close(fd)
    return count


def _hold(pid: int) -> int | None:
    """Return a pidfd; None where the system has none.

    Raises:
        OSError: there is no such process.
    """
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


def _there(fd: int) -> bool:
    try:
        signal.pidfd_send_signal(fd, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _send(pid: int, fd: int | None, number: int) -> None:
    try:
        if fd is None:
            os.kill(pid, number)
        else:
            signal.pidfd_send_signal(fd, number)
    except (ProcessLookupError, PermissionError):
        pass  # It has just ended; or it has become another user's, and only that user can end it.


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - likewise
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _children_by_search(parent: int) -> list[int]:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]  # noqa: PTH208 - likewise
    return [pid for pid in pids if parent_of(pid) == parent]
