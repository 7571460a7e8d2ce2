"""In which order samples are taken.

Round by round over all cells, so that a slow minute of the machine touches every cell a little and none wholly. Within
a round the cells are shuffled; within a cell the backends are shuffled but stay together, because what is compared
should be measured side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable, Sequence

    from benchmarks.model import Cell, Entry

__all__ = ["Job", "interleave", "quick", "select"]


@dataclass(frozen=True, slots=True)
class Job:
    """One sample to take."""

    round: int
    cell: str
    backend: str
    n: int


def select(cells: Iterable[Cell], only: Collection[str] = (), backends: Collection[str] = ()) -> list[Cell]:
    """The cells named by `only` with the entries of `backends`; an empty choice is all of them.

    Raises:
        ValueError: a name of `only` is no cell's.
    """
    known = {cell.name: cell for cell in cells}
    unknown = sorted(set(only) - known.keys())
    if unknown:
        raise ValueError(f"no such cell: {', '.join(unknown)} (there are: {', '.join(known)})")
    return [
        replace(cell, entries=tuple(entry for entry in cell.entries if not backends or entry.backend in backends))
        for name, cell in known.items()
        if not only or name in only
    ]


def quick(cells: Iterable[Cell]) -> list[Cell]:
    """The same cells at their quick sizes, one round each."""
    return [replace(cell, entries=tuple(_quick_entries(cell.entries))) for cell in cells]


def interleave(cells: Sequence[Cell], random: random.Random) -> list[Job]:
    """Every sample of `cells` exactly once, rounds ascending; the order within a round is `random`'s."""
    jobs: list[Job] = []
    rounds = max((entry.rounds for cell in cells for entry in cell.entries), default=0)
    for number in range(rounds):
        for cell in random.sample(cells, len(cells)):
            taking_part = [entry for entry in cell.entries if entry.rounds > number]
            jobs.extend(
                Job(number, cell.name, entry.backend, entry.n) for entry in random.sample(taking_part, len(taking_part))
            )
    return jobs


def _quick_entries(entries: Iterable[Entry]) -> Iterable[Entry]:
    for entry in entries:
        n = entry.n if entry.quick_n is None else entry.quick_n
        if n:
            yield replace(entry, n=n, rounds=1)
