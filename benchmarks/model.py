"""The values that travel through a run: a group of cells, a cell, its entries, a sample.

Everything is frozen and pure; only `runner` and `driver` touch clocks and processes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.noise import is_quiet

__all__ = ["Cell", "Entry", "Figure", "Group", "Sample"]


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that the same systems take part in: one table, one column a system.

    A backend's name tells whose it is, and is the same in every group: `headrace` is always ours.
    """

    name: str
    title: str
    columns: dict[str, str]
    """Backend name to what a column calls it, in the order of the columns."""
    ratios: tuple[tuple[str, str], ...]
    """Pairs of backends: the figure of the first is also given as a multiple of that of the second."""


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
    compared: bool = True
    """Whether ratios say something: not for a difference that may be next to nothing."""


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
    group: Group
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
    left: int = 0
    """Processes that it left behind and that had to be killed."""

    @property
    def quiet(self) -> bool:
        """Whether the machine was left alone while it was taken."""
        return is_quiet(self.spin, self.others)

    def to_json(self) -> dict[str, Any]:
        """Every field, and `quiet`, as JSON's own types."""
        return asdict(self) | {"quiet": self.quiet}
