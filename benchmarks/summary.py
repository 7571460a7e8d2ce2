"""Samples to numbers: medians with their range, ratios, growth. Pure."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.model import Sample

__all__ = ["Summary", "Value", "growth_exponent", "summarise"]


@dataclass(frozen=True, slots=True)
class Value:
    """The median of what was measured, and between what it lay."""

    median: float
    low: float
    high: float
    count: int
    noisy: bool = False
    """Whether too few samples were taken on a quiet machine; all of them were used then."""


class Summary:
    """All values of a run, by cell, figure, backend and size."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._groups: dict[tuple[str, str, int], list[Sample]] = {}
        for sample in samples:
            self._groups.setdefault((sample.cell, sample.backend, sample.n), []).append(sample)

    def sizes(self, cell: str, backend: str) -> list[int]:
        """The sizes at which something was tried, ascending."""
        return sorted(n for name, by, n in self._groups if (name, by) == (cell, backend))

    def value(self, cell: str, figure: str, backend: str, n: int) -> Value | None:
        """The value of a figure, None if no sample gives it."""
        return summarise(self._groups.get((cell, backend, n), ()), figure)

    def ratio(self, cell: str, figure: str, over: tuple[str, int], under: tuple[str, int]) -> tuple[float, bool] | None:
        """How many times the figure of `under` that of `over` is, and whether a busy machine had a part in it.

        Both are (backend, size). Quiet samples are only ever set against quiet ones: where one side has too few, all
        samples of both are used. None where a side has no figure, or none above zero.
        """
        sides = [[s for s in self._groups.get((cell, *side), ()) if figure in s.figures] for side in (over, under)]
        noisy = any(_too_few_quiet(side) for side in sides)
        medians = [_median(side if noisy else [s for s in side if s.quiet], figure) for side in sides]
        if any(median is None or median <= 0 for median in medians):
            return None
        upper, lower = medians
        return (upper or 0.0) / (lower or 1.0), noisy

    def error(self, cell: str, backend: str, n: int) -> str | None:
        """Why a sample failed, if one did."""
        return next((s.error for s in self._groups.get((cell, backend, n), ()) if s.error is not None), None)

    def failed(self, cell: str, backend: str, n: int) -> tuple[int, int]:
        """How many samples failed, of how many."""
        samples = self._groups.get((cell, backend, n), [])
        return sum(sample.error is not None for sample in samples), len(samples)

    def series(self, cell: str, figure: str, backend: str) -> list[tuple[int, Value]]:
        """Size and value of a figure, by ascending size, where there is one.

        As with ratios, quiet samples are set against quiet ones only: where one size has too few, all samples of each
        size are used. Else a curve would bend where the machine became busy.
        """
        groups = [(n, self._groups[cell, backend, n]) for n in self.sizes(cell, backend)]
        noisy = any(_too_few_quiet([one for one in samples if figure in one.figures]) for _, samples in groups)
        pairs = ((n, summarise(samples, figure, noisy=noisy)) for n, samples in groups)
        return [(n, value) for n, value in pairs if value is not None]


def summarise(samples: Sequence[Sample], figure: str, *, noisy: bool = False) -> Value | None:
    """The median over the quiet samples, or over all where too few are quiet, or `noisy` says so; None without any.

    Two quiet samples are enough, or one where there is but one. Which samples are quiet does not depend on what they
    measured, so that leaving out the others favours nobody.
    """
    good = [sample for sample in samples if figure in sample.figures]
    noisy = noisy or _too_few_quiet(good)
    numbers = [number for sample in good if noisy or sample.quiet for number in sample.figures[figure]]
    if not numbers:
        return None
    return Value(statistics.median(numbers), min(numbers), max(numbers), len(numbers), noisy)


def _too_few_quiet(samples: Sequence[Sample]) -> bool:
    return sum(sample.quiet for sample in samples) < min(2, len(samples))


def _median(samples: Sequence[Sample], figure: str) -> float | None:
    numbers = [number for sample in samples for number in sample.figures[figure]]
    return statistics.median(numbers) if numbers else None


def growth_exponent(points: Sequence[tuple[float, float]]) -> float:
    """The k of `cost ~ size ** k` that fits best (least squares in the logarithms): 1 is linear, 2 quadratic.

    Raises:
        ValueError: fewer than two sizes.
    """
    if len({size for size, _ in points}) < 2:
        raise ValueError("growth needs at least two sizes")
    slope, _ = statistics.linear_regression(
        [math.log(size) for size, _ in points], [math.log(cost) for _, cost in points]
    )
    return slope
