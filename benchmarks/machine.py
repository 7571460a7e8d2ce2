"""The machine and the versions a run was made with."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "describe"]

_SYNCS, _SYNCED_BYTES = 30, 4096
_PACKAGES = ("headrace", "pebble", "parsl", "ray", "distributed")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to judge the figures."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    packages: dict[str, str]
    """Package name to version, of those installed."""
    date: str
    disk: str
    """The file system that temporary files are on, and how long it takes to have some of one on disk."""

    def sentence(self) -> str:
        """One line naming all of it."""
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        hardware = f"{self.cores} cores of {self.cpu}, {self.memory_gib:.0f} GiB"
        return f"{hardware}, {self.kernel}, {self.python}; {self.disk}; {packages}; {self.date}"


def describe() -> Machine:
    """This machine, today."""
    return Machine(
        cpu=_field("/proc/cpuinfo", r"^model name\s*:\s*(.+)$") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=int(_field("/proc/meminfo", r"^MemTotal:\s*(\d+) kB$") or 0) / 2**20,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: version for name in _PACKAGES if (version := _version(name))},
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        disk=f"temporary files on {_file_system(tempfile.gettempdir())}, synced in {_sync_ms():.2g} ms",
    )


def _field(path: str, pattern: str) -> str | None:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1) if found else None


def _file_system(folder: str) -> str:
    """The kind of file system that a folder is on: that of the mount whose path is the longest beginning of its."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "an unknown file system"
    path = Path(folder).resolve()
    found = [(mount, kind) for _, mount, kind, *_ in map(str.split, mounts) if path.is_relative_to(mount)]
    return max(found, key=lambda one: len(one[0]), default=("", "an unknown file system"))[1]


def _sync_ms() -> float:
    """The median time of having 4 KiB more of a temporary file on disk."""
    times = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(_SYNCED_BYTES))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
