"""How quiet the machine is: a fixed loop, and the processor time nobody here used."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Gauge", "Usage", "is_quiet"]

_TICK = os.sysconf("SC_CLK_TCK")


def is_quiet(spin: float, others: float) -> bool:
    """Whether the machine is left alone: the loop within 15 % of its best, others below 10 % of the processors."""
    return spin <= 1.15 and others <= 0.10


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time used up to a moment."""

    at: float
    machine: float
    """Seconds all processors were busy, or taken away by a hypervisor."""
    children: float
    """Seconds used by this process' ended children and theirs."""

    @classmethod
    def now(cls) -> Usage:
        """The usage up to this moment."""
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cls(
            at=time.monotonic(),
            machine=(user + nice + system + irq + softirq + steal) / _TICK,
            children=children.ru_utime + children.ru_stime,
        )

    def others_since(self, earlier: Usage, cores: int) -> float:
        """Share of the machine since `earlier` that went to neither idling nor our children, 0 at least."""
        foreign = (self.machine - earlier.machine) - (self.children - earlier.children)
        return max(0.0, foreign / ((self.at - earlier.at) * cores))


class Gauge:
    """Times a fixed loop against the best time it ever took in this run."""

    def __init__(self) -> None:
        self._best = min(_loop() for _ in range(20))

    def read(self) -> float:
        """How slow the loop is now: 1 is the best so far."""
        now = min(_loop() for _ in range(3))
        self._best = min(self._best, now)
        return now / self._best

    def wait_for_quiet(self, seconds: float) -> float:
        """Read until the machine idles and the loop is near its best, or `seconds` have passed; the last reading."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = Usage.now()
            time.sleep(0.1)
            others = Usage.now().others_since(before, os.cpu_count() or 1)
            if is_quiet(reading := self.read(), others):
                return reading
        return self.read()


def _loop() -> float:
    start = time.perf_counter()
    total = 0
    for number in range(50_000):
        total += number
    return time.perf_counter() - start
