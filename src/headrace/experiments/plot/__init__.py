"""Plots of an experiment: its graphs, and its results with their confidence intervals.

Nothing here needs a screen, or a font that matplotlib does not bring. The same input makes the same image.
"""

from __future__ import annotations

from headrace.experiments.plot.canvas import UnknownFormat
from headrace.experiments.plot.drawing import draw
from headrace.experiments.plot.series import InvalidSeries, plot_series

__all__ = ["InvalidSeries", "UnknownFormat", "draw", "plot_series"]
