"""Matplotlib figures as SVG that an HTML page can hold and colour.

Figures are drawn in stand-in colours, each of which becomes a CSS variable in the SVG: so a chart follows the page's
light or dark scheme. Text stays text, in the page's own font.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#010101"
MUTED: Final = "#020202"
RULE: Final = "#030303"
SURFACE: Final = "#040404"
DEEP: Final = "#050505"
TEAL: Final = "#060606"
AMBER: Final = "#070707"
ROSE: Final = "#080808"
SLATE: Final = "#090909"

#: The CSS variable that stands for each colour on the page.
VARIABLES: Final = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    SURFACE: "--surface",
    DEEP: "--deep",
    TEAL: "--teal",
    AMBER: "--amber",
    ROSE: "--rose",
    SLATE: "--slate",
}

Point = tuple[float, float]

#: A cubic Bézier curve: its start, two control points, and its end.
Curve = tuple[Point, Point, Point, Point]

_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "legend.labelcolor": INK,
}


class Canvas:
    """One figure being drawn: a context manager that lends its `axes` and afterwards holds the `svg`.

    Matplotlib is no thread-safe library: draw in one thread at a time.
    """

    def __init__(self, name: str, width: float, height: float) -> None:
        self._name = name
        self._size = (width, height)
        self.svg = ""

    def __enter__(self) -> Axes:
        # A second's import that only whoever draws should pay for; the workers that measure files do not draw.
        import matplotlib as mpl  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        # The salt makes ids differ between the figures of one page, and agree between two runs.
        self._style = mpl.rc_context({**_STYLE, "svg.hashsalt": self._name})
        self._style.__enter__()
        self._figure: Figure = Figure(figsize=self._size, layout="constrained")
        return self._figure.add_subplot()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                buffer = io.StringIO()
                nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
                self._figure.savefig(buffer, format="svg", metadata=nothing)
                self.svg = inline(buffer.getvalue())
        finally:
            self._style.__exit__(None, None, None)


def draw_curves(axes: Axes, curves: Iterable[Curve], colour: str) -> None:
    """Draw Bézier curves so thin that many may cross."""
    from matplotlib.collections import PathCollection  # noqa: PLC0415 - see `Canvas`
    from matplotlib.path import Path  # noqa: PLC0415

    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    paths = [Path(curve, codes) for curve in curves]
    axes.add_collection(PathCollection(paths, facecolor="none", edgecolor=colour, linewidth=0.6, alpha=0.4))


def inline(document: str) -> str:
    """Make of an SVG document an element for an HTML page, its colours those of the page."""
    tag, _, content = document[document.index("<svg") :].partition(">")
    tag = re.sub(r'\s(?:xmlns(?::\w+)?|width|height|version)="[^"]*"', "", tag)
    content = re.sub(r"<metadata>.*?</metadata>", "", content, flags=re.DOTALL)
    svg = f"{tag}>{content}"
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r"\n\s*", "\n", svg)
