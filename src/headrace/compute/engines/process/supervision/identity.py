"""What tells a process from a later one that has got the same process id."""

from __future__ import annotations

import os

__all__ = ["boot_id", "parent_of", "start_time"]


def boot_id() -> str:
    """Return what the kernel calls this run of the machine; "" where it does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
            return file.read().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """Return when a process was started, in clock ticks since boot; None if there is none."""
    fields = _stat(pid)
    return None if fields is None else int(fields[19])


def parent_of(pid: int) -> int | None:
    """Return the parent of a process; None if there is none such."""
    fields = _stat(pid)
    return None if fields is None else int(fields[1])


def _stat(pid: int) -> list[bytes] | None:
    """What `/proc/PID/stat` says after the name, which may hold anything, spaces and brackets included."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(fd, 4096).rpartition(b")")[2].split()
    except OSError:  # It ended in between.
        return None
    finally:
        os.close(fd)
