"""The values that travel through a run: a cell, its entries, a sample.

Everything is frozen and pure; only `runner` and `driver` touch clocks and processes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.noise import is_quiet

__all__ = ["Cell", "Entry", "Figure", "Sample"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number a cell yields: the lower, the better, for every figure of the suite."""

    key: str
    """Its name in a sample."""
    title: str
    """What a row of the table calls it."""
    unit: str
    from_n: int = 0
    """The size below which it says nothing and is not shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One backend's part in a cell: how large, and how often."""

    backend: str
    n: int
    """Number of tasks, links, leaves or trips. A slow backend may take fewer: the table then names its size."""
    rounds: int = 5
    quick_n: int | None = None
    """The size of a `--quick` run: as `n` when None, not run at all when 0."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that is measured, on several backends."""

    name: str
    """What `--only` takes."""
    title: str
    figures: tuple[Figure, ...]
    entries: tuple[Entry, ...]
    n: int
    """The size the cell is named after; an entry of another size is marked with its own."""
    sized: bool = False
    """Whether every size is a row of its own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process measured."""

    cell: str
    backend: str
    n: int
    round: int
    figures: dict[str, list[float]] = field(default_factory=dict)
    """Figure key to the measured values: one, or several where one process takes several."""
    error: str | None = None
    """Why there are no figures."""
    spin: float = 1.0
    """How slow a fixed loop ran just before and after, relative to the best of the run (the slower of the two)."""
    others: float = 0.0
    """Share of the machine's processor time that went to anything but the sample's processes."""
    wall: float = 0.0
    """Seconds the whole process took."""

    @property
    def quiet(self) -> bool:
        """Whether the machine was left alone while it was taken."""
        return is_quiet(self.spin, self.others)

    def to_json(self) -> dict[str, Any]:
        """Every field, and `quiet`, as JSON's own types."""
        return asdict(self) | {"quiet": self.quiet}
