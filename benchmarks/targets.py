"""What was promised, and whether what was measured holds it. Pure.

A target is judged by the measured values alone and at the size it is stated for; without them it is not measured, and
said to be so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from benchmarks.summary import growth_exponent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.summary import Summary

__all__ = [
    "TARGETS",
    "TIMES",
    "AtLeastTimes",
    "AtMost",
    "AtMostTimes",
    "GrowsAtMost",
    "Outcome",
    "Target",
    "Verdict",
    "judge",
]

_OURS = "headrace"
TIMES = "\u00d7"


class Outcome(Enum):
    """How a target stands."""

    MET = "met"
    MISSED = "**not met**"
    UNMEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target, what was measured for it, and how it stands."""

    target: Target
    measured: float | None
    outcome: Outcome
    noisy: bool = False
    """Whether the measured value rests on samples of a busy machine."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """A figure of Headrace is at most a limit."""

    title: str
    limit: float
    unit: str
    cell: str
    figure: str
    n: int
    backend: str = _OURS

    @property
    def wanted(self) -> str:
        """The target as a cell of the table."""
        return f"≤ {self.limit:g} {self.unit}"

    def judge(self, summary: Summary) -> Verdict:
        """Compare the median with the limit."""
        value = summary.value(self.cell, self.figure, self.backend, self.n)
        if value is None:
            return Verdict(self, None, Outcome.UNMEASURED)
        return Verdict(self, value.median, _outcome(holds=value.median <= self.limit), value.noisy)


@dataclass(frozen=True, slots=True)
class AtLeastTimes:
    """A peer's figure is at least so many times Headrace's, each at the largest size it was measured at."""

    title: str
    limit: float
    cell: str
    figure: str
    peer: str
    backend: str = _OURS
    unit: str = TIMES

    @property
    def wanted(self) -> str:
        """The target as a cell of the table."""
        return f"≥ {self.limit:g}{TIMES}"

    def judge(self, summary: Summary) -> Verdict:
        """Compare the ratio of the medians with the limit."""
        found = _times(summary, self.cell, self.figure, over=self.peer, under=self.backend)
        if found is None:
            return Verdict(self, None, Outcome.UNMEASURED)
        ratio, noisy = found
        return Verdict(self, ratio, _outcome(holds=ratio >= self.limit), noisy)


@dataclass(frozen=True, slots=True)
class AtMostTimes:
    """Headrace's figure is at most so many times a peer's, each at the largest size it was measured at."""

    title: str
    limit: float
    cell: str
    figure: str
    peer: str
    unit: str = TIMES

    @property
    def wanted(self) -> str:
        """The target as a cell of the table."""
        return f"≤ {self.limit:g}{TIMES}"

    def judge(self, summary: Summary) -> Verdict:
        """Compare the ratio of the medians with the limit."""
        found = _times(summary, self.cell, self.figure, over=_OURS, under=self.peer)
        if found is None:
            return Verdict(self, None, Outcome.UNMEASURED)
        ratio, noisy = found
        return Verdict(self, ratio, _outcome(holds=ratio <= self.limit), noisy)


@dataclass(frozen=True, slots=True)
class GrowsAtMost:
    """Headrace's whole cost grows at most as a power of the size, up to a size that must have been measured."""

    title: str
    limit: float
    cell: str
    figure: str
    """The cost of one task: the whole cost is it times the size."""
    n: int
    unit: str = ""

    @property
    def wanted(self) -> str:
        """The target as a cell of the table."""
        return f"exponent ≤ {self.limit:g}"

    def judge(self, summary: Summary) -> Verdict:
        """Compare the fitted exponent with the limit."""
        points = summary.series(self.cell, self.figure, _OURS)
        if len(points) < 2 or points[-1][0] < self.n:
            return Verdict(self, None, Outcome.UNMEASURED)
        exponent = growth_exponent([(n, value.median * n) for n, value in points])
        return Verdict(self, exponent, _outcome(holds=exponent <= self.limit), any(value.noisy for _, value in points))


Target = AtMost | AtLeastTimes | AtMostTimes | GrowsAtMost

TARGETS: tuple[Target, ...] = (
    AtMost("No-op, each task", 35, "µs", "noop", "us_per_task", 10_000),
    AtLeastTimes("No-op, against Parsl as it comes", 15, "noop", "us_per_task", "parsl"),
    AtLeastTimes("No-op, against Parsl with its logging off", 3, "noop", "us_per_task", "parsl-nolog"),
    AtLeastTimes("The same, without a journal", 3, "noop", "us_per_task", "parsl-nolog", "headrace-nojournal"),
    AtMost("One task's round trip, median", 70, "µs", "latency", "median_us", 300),
    AtMost("The same, without a journal", 70, "µs", "latency", "median_us", 300, "headrace-nojournal"),
    AtMost("Chain, each link", 45, "µs", "chain", "us_per_link", 5_000),
    AtMost("Join of 5 000 leaves still running, each edge", 40, "µs", "fan-in-gate", "us_per_edge", 5_000),
    GrowsAtMost("The same, 1 000 to 20 000 leaves: linear", 1.1, "fan-in-gate", "us_per_edge", 20_000),
    AtMost("100 000 dependents of a failing root, submitted and failed", 5, "s", "fail-fan", "total_s", 100_000),
    AtMost("A chain of 100 000 behind a failing root, likewise", 5, "s", "fail-chain", "total_s", 100_000),
    GrowsAtMost("1 000 to 1 000 000 tasks: linear", 1.1, "curve", "us_per_task", 1_000_000),
    AtMost("A million tasks, kept by each after the end", 150, "bytes", "curve", "kept_bytes", 1_000_000),
    AtMost("`from headrace import *`", 150, "ms", "import", "ms", 1),
    AtMost("The journal, each no-op task", 15, "µs", "journal-noop", "over_us", 10_000),
    AtMost("The same while another thread computes", 15, "µs", "journal-beside", "over_us", 10_000),
    AtMost("Stored results with 1 000 in flight, each task", 60, "µs", "durable", "us_per_task", 10_000),
    AtLeastTimes("The same, against Parsl as it comes", 5, "durable", "us_per_task", "parsl"),
    AtMost("A run of 1 000 000 tasks: the slowest question", 1_000, "ms", "views", "worst_ms", 1_000_000),
    AtMost("The slowest of its commands", 1_000, "ms", "views", "worst_command_ms", 1_000_000),
    AtMost("A flood of as many, killed: the slowest first look", 1_000, "ms", "flood", "worst_first_ms", 1_000_000),
    AtMostTimes("On processes: no-op, against the bare pool", 1.2, "process-noop", "us_per_task", "futures"),
    AtLeastTimes("The same, against Parsl as it comes", 8, "process-noop", "us_per_task", "parsl"),
    AtLeastTimes("The same, against Parsl bare", 8, "process-noop", "us_per_task", "parsl-nolog"),
    AtLeastTimes("The same, against Ray", 1, "process-noop", "us_per_task", "ray"),
    AtLeastTimes("The same, against Dask", 1, "process-noop", "us_per_task", "dask"),
    AtMost("Starting two workers, to the first result", 150, "ms", "process-start", "first_ms", 1),
    AtMost("A killed worker replaced, to the next result", 100, "ms", "process-replace", "next_ms", 10),
    AtMost("A command `true` with a shell, over `subprocess.run`", 4, "ms", "command-latency", "over_ms", 100),
    AtMost("Without a shell, likewise", 4, "ms", "command-latency", "over_ms", 100, "headrace-argv"),
    AtMost("200 commands with a shell at once, each", 5, "ms", "command-throughput", "ms_per_command", 200),
    AtMost("Without a shell, likewise", 5, "ms", "command-throughput", "ms_per_command", 200, "headrace-argv"),
    AtMost("A condition is met: the action it holds back, 99th percentile", 5, "ms", "reaction", "p99_ms", 500),
    AtMost("1 000 resources deployed and started", 50, "ms", "resources", "ms", 1_000),
    AtMost("A chain of 20 resources of 30 ms", 0.65, "s", "resource-chain", "seconds", 20),
    AtMost("A timed start while 1 000 resources block, lateness", 2, "ms", "timed", "late_ms", 1_000),
    AtMost("1 000 resources that wait, processor time", 0.5, "%", "waiting", "cpu_percent", 1_000),
    AtMost("Two shell commands, the second after the first", 1.2, "s", "shells", "seconds", 2),
    AtMost("A command that prints a gigabyte, growth", 10, "MB", "command-output", "grown_mb", 1_000_000_000),
)


def judge(summary: Summary, targets: Iterable[Target] = TARGETS) -> list[Verdict]:
    """A verdict for every target, in their order."""
    return [target.judge(summary) for target in targets]


def _times(summary: Summary, cell: str, figure: str, *, over: str, under: str) -> tuple[float, bool] | None:
    """The ratio of two backends' figures, each at the largest size it was tried at; see `Summary.ratio`."""
    above, below = summary.sizes(cell, over), summary.sizes(cell, under)
    if not above or not below:
        return None
    return summary.ratio(cell, figure, (over, above[-1]), (under, below[-1]))


def _outcome(*, holds: bool) -> Outcome:
    return Outcome.MET if holds else Outcome.MISSED
