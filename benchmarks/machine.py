"""The machine and the versions a run was made with."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "describe"]

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

    def sentence(self) -> str:
        """One line naming all of it."""
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        hardware = f"{self.cores} cores of {self.cpu}, {self.memory_gib:.0f} GiB"
        return f"{hardware}, {self.kernel}, {self.python}; {packages}; {self.date}"


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
    )


def _field(path: str, pattern: str) -> str | None:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1) if found else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
