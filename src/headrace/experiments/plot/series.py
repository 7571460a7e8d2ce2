"""Plotting results: means with their confidence intervals against what was varied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from headrace.experiments.errors import ExperimentError
from headrace.experiments.plot.canvas import IMAGES, checked_suffix, figure_with_axes, printable, save
from headrace.experiments.statistics import mean_interval

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

__all__ = ["InvalidSeries", "plot_series"]

_Point: TypeAlias = "tuple[Any, float, float] | tuple[Any, Sequence[float]]"


class InvalidSeries(ExperimentError, ValueError):
    """There is nothing to plot, or something that is no point."""


def plot_series(
    points: Iterable[_Point],
    path: str | os.PathLike[str],
    *,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
) -> Path:
    """Plot means with error bars to a file, .svg or .png as its suffix says. Return the file's path.

    Args:
        points: each (x, mean, half width), or (x, samples), of which the mean and its interval at 95 % are worked out.
            If every x is a number, they are drawn to scale, from the least on; else side by side, as they come. An
            infinite half width, that of a single sample, has a hollow mark and no bar.
        path: where to. The folder is made if it is not there.
        x_label: what was varied, with its unit.
        y_label: what was measured, with its unit.
        title: stands above it.

    Raises:
        InvalidSeries: there are no points, or one is none.
        InvalidSamples: a point's samples are none.
        UnknownFormat: another suffix.
        MissingExtra: matplotlib is not installed.
    """
    path = Path(path)
    checked_suffix(path, IMAGES)
    found = [_read(place, point) for place, point in enumerate(points)]
    if not found:
        raise InvalidSeries("there are no points to plot")
    figure, axes = figure_with_axes(6.4, 4.4)
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x, _, _ in found)
    if numbers:
        found.sort(key=lambda point: float(point[0]))
        across = [float(x) for x, _, _ in found]
    else:
        names = list(dict.fromkeys(printable(str(x)) for x, _, _ in found))
        across = [float(names.index(printable(str(x)))) for x, _, _ in found]
        turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if sum(map(len, names)) > 60 else {}  # noqa: PLR2004 - what a line holds
        axes.set_xticks(range(len(names)), [name[:30] for name in names], parse_math=False, **turn)
        axes.set_xlim(-0.5, len(names) - 0.5)
    if numbers and len(found) > 1:
        axes.plot(across, [mean for _, mean, _ in found], color="#9ab8cf", linewidth=1, zorder=1)
    for at, (_, mean, half) in zip(across, found, strict=True):
        known = math.isfinite(half)
        axes.errorbar(
            at,
            mean,
            yerr=half if known else None,
            fmt="o",
            color="#0072b2",
            markerfacecolor="#0072b2" if known else "white",
            capsize=4,
            markersize=5,
        )
    axes.grid(axis="y", color="#e0e0e0")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(printable(x_label), parse_math=False)
    axes.set_ylabel(printable(y_label), parse_math=False)
    axes.set_title(printable(title), parse_math=False)
    figure.set_layout_engine("tight")
    return save(figure, path)


def _read(place: int, point: Any) -> tuple[Any, float, float]:  # noqa: ANN401 - looked at here
    match point:
        case (x, mean, half) if isinstance(mean, int | float) and isinstance(half, int | float):
            if not math.isfinite(mean) or math.isnan(half) or half < 0 or _unplaced(x):
                raise InvalidSeries(f"point {place} is {point!r}: its mean is finite, and its half width 0 or more")
            return x, float(mean), float(half)
        case (x, samples) if (
            isinstance(samples, Sequence) and not isinstance(samples, str | bytes) and not _unplaced(x)
        ):
            interval = mean_interval(samples)
            return x, interval.mean, interval.half_width
    raise InvalidSeries(f"point {place} is {point!r}, and should be (x, mean, half width) or (x, samples)")


def _unplaced(x: object) -> bool:
    return isinstance(x, float) and not math.isfinite(x)
