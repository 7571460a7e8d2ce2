"""What work needs of a machine, and what a machine has."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core import HeadraceError

__all__ = ["InsufficientResourcesError", "Resources", "gpus_here", "memory_here", "parse_memory"]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)


class InsufficientResourcesError(HeadraceError, ValueError):
    """More was asked for than there is: waiting would be for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """An amount of what a machine has: what a call needs, or what an executor can give out.

    Args:
        cores: whole cores, at least 0.
        memory: bytes, or text such as ``"1.5GiB"`` or ``"800MB"``; 0: as need, no limit.
        gpus: whole devices, at least 0.

    Raises:
        ValueError: an amount makes no sense; the message names it.
    """

    cores: int = 1
    memory: int = 0
    gpus: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", parse_memory(self.memory))
        for name in ("cores", "gpus"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} must be a whole number, at least 0, not {value!r}")

    def within(self, other: Resources) -> bool:
        """Tell whether `other` has at least as much of each."""
        return self.cores <= other.cores and self.memory <= other.memory and self.gpus <= other.gpus

    def __str__(self) -> str:
        parts = [f"{self.cores} core{'' if self.cores == 1 else 's'}"]
        if self.memory:
            parts.append(f"{self.memory / 2**30:.3g} GiB of memory")
        if self.gpus:
            parts.append(f"{self.gpus} GPU{'' if self.gpus == 1 else 's'}")
        return ", ".join(parts)


def parse_memory(value: Any) -> int:  # noqa: ANN401 - checked here
    """Return bytes for a whole number of them, or for text with a unit: ``"2GiB"``, ``"500 MB"``, ``"1.5g"``.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"memory must be a number of bytes, or text such as '1.5GiB' or '800MB', not {value!r}")
    return math.ceil(float(found[1]) * _UNITS[(found[2] or "").lower()])


def memory_here() -> int:
    """Return how many bytes of memory this process may count on: the machine's, or its control group's if less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(place).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue  # No such controller; or "max".
        total = min(total, limit)
    return total


def gpus_here() -> tuple[str, ...]:
    """Return the names of the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` would have them.

    Where that variable is set it decides, as it does for CUDA itself. Otherwise they are the driver's, counted from 0.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return tuple(name for name in names if name and name not in {"-1", "NoDevFiles"})
    driver = Path("/proc/driver/nvidia/gpus")
    count = len(list(driver.iterdir())) if driver.is_dir() else 0
    return tuple(str(number) for number in range(count))
