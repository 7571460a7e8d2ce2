"""Drawing graphs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from headrace.experiments.graph import Graph, GraphEdge, GraphNode, state_color, to_dot
from headrace.experiments.plot.canvas import (
    IMAGES,
    checked_suffix,
    figure_with_axes,
    printable,
    save,
    text_width,
    write_whole,
)
from headrace.experiments.plot.layout import Positions, laid_out

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.patches import FancyBboxPatch

__all__ = ["draw"]

_Point: TypeAlias = "tuple[float, float]"

_FONT: Final = 9.0
_SMALL_FONT: Final = 7.0
_LINE: Final = 0.16
_LONGEST_LINE: Final = 28
_MARGIN: Final = 0.4
#: Outlines of groups, told apart by people who see colours differently (Okabe and Ito).
_OUTLINES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d00")
_NO_GROUP: Final = "#555555"


def draw(graph: Graph, path: str | os.PathLike[str], *, title: str = "", seed: int = 0) -> Path:
    """Draw a graph to a file, as its suffix says: .dot, .svg or .png. Return the file's path.

    Colours tell states, outlines tell groups. What was at the path is replaced, all at once.

    Args:
        graph: what is drawn.
        path: where to. The folder is made if it is not there.
        title: stands above it.
        seed: begins the layout: the same seed draws the same graph in the same way.

    Raises:
        UnknownFormat: another suffix.
        MissingExtra: matplotlib or networkx is not installed. DOT needs neither.
    """
    path = Path(path)
    if checked_suffix(path, (".dot", *IMAGES)) == ".dot":
        return write_whole(path, to_dot(graph).encode())
    return _draw_image(graph, path, title, seed)


def _draw_image(graph: Graph, path: Path, title: str, seed: int) -> Path:
    figure, axes = figure_with_axes(1, 1)
    labels = {node.id: _folded(printable(node.label or node.id)) for node in graph.nodes}
    sizes = {name: _size(label) for name, label in labels.items()}
    on_edges = [_folded(printable(edge.label)) for edge in graph.edges]
    widest = max([wide for wide, _ in sizes.values()] + [0.4])
    highest = max([high for _, high in sizes.values()] + [0.3])
    between = max([_size(label)[0] * 0.8 for label in on_edges if label] + [0.0])
    at = laid_out(graph, column=widest + max(0.3, between + 0.5), row=highest + (0.9 if between else 0.2), seed=seed)
    outlines = _outlines(graph)
    boxes = {
        node.id: _add_node(axes, node, at=at, sizes=sizes, labels=labels, outlines=outlines) for node in graph.nodes
    }
    _add_edges(axes, graph, on_edges, at, boxes)
    across, up = [x for x, _ in at.values()] or [0.0], [y for _, y in at.values()] or [0.0]
    left, right = min(across) - widest / 2 - _MARGIN, max(across) + widest / 2 + _MARGIN
    low, high = min(up) - highest / 2 - _MARGIN, max(up) + highest / 2 + _MARGIN
    entries = _legend(graph, outlines)
    wide, below = max(right - left, 3.0), 0.26 * ((len(entries) + 3) // 4) + (0.2 if entries else 0)
    above = 0.4 if title else 0.0
    axes.set_position((0, 0, 1, 1))
    # A unit of the axes is an inch of the paper, so that boxes fit their text.
    figure.set_size_inches(wide, high - low + below + above)
    middle = (left + right) / 2
    axes.set(xlim=(middle - wide / 2, middle + wide / 2), ylim=(low - below, high + above))
    axes.set_axis_off()
    if title:
        axes.text(middle, high + 0.1, printable(title), ha="center", fontsize=12, parse_math=False)
    _add_legend(axes, entries, middle, low - 0.05, wide)
    return save(figure, path)


def _folded(label: str) -> str:
    """Fold what is long into lines; and what is very long is cut, and says so."""
    lines = [
        line[start : start + _LONGEST_LINE]
        for line in label.splitlines()
        for start in range(0, max(len(line), 1), _LONGEST_LINE)
    ]
    return "\n".join(lines if len(lines) <= 4 else [*lines[:3], "..."])  # noqa: PLR2004 - more than a box should hold


def _size(label: str) -> tuple[float, float]:
    lines = label.split("\n")
    return max(text_width(line, _FONT) for line in [*lines, "i" * 4]) + 0.16, _LINE * len(lines) + 0.12


def _outlines(graph: Graph) -> dict[str, str]:
    groups = dict.fromkeys(node.group for node in graph.nodes if node.group)
    return {group: _OUTLINES[place % len(_OUTLINES)] for place, group in enumerate(groups)}


def _add_node(
    axes: Axes,
    node: GraphNode,
    *,
    at: Positions,
    sizes: dict[str, tuple[float, float]],
    labels: dict[str, str],
    outlines: dict[str, str],
) -> FancyBboxPatch:
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415 - optional, and slow to import

    (x, y), (wide, high) = at[node.id], sizes[node.id]
    box = FancyBboxPatch(
        (x - wide / 2, y - high / 2),
        wide,
        high,
        boxstyle="round,pad=0,rounding_size=0.07",
        facecolor=state_color(node.state),
        edgecolor=outlines.get(node.group, _NO_GROUP),
        linewidth=1.6 if node.group else 1.0,
        zorder=3,
    )
    axes.add_artist(box)
    axes.text(x, y, labels[node.id], ha="center", va="center", fontsize=_FONT, parse_math=False, zorder=4)
    return box


def _add_edges(axes: Axes, graph: Graph, labels: list[str], at: Positions, boxes: dict[str, FancyBboxPatch]) -> None:
    counts = Counter(frozenset((edge.a, edge.b)) for edge in graph.edges)
    drawn: Counter[frozenset[str]] = Counter()
    for edge, label in zip(graph.edges, labels, strict=True):
        pair = frozenset((edge.a, edge.b))
        # Several between the same two bend, each in its own way; those that go back bend to the other side anyway.
        turn = drawn[pair] - (counts[pair] - 1) / 2
        drawn[pair] += 1
        _add_edge(axes, edge, label, at, boxes, bend=0.3 * turn * (1 if edge.a <= edge.b else -1))


def _add_edge(
    axes: Axes, edge: GraphEdge, label: str, at: Positions, boxes: dict[str, FancyBboxPatch], *, bend: float
) -> None:
    from matplotlib.patches import FancyArrowPatch, PathPatch  # noqa: PLC0415 - optional, and slow to import
    from matplotlib.path import Path as Curve  # noqa: PLC0415 - optional, and slow to import

    (x1, y1), (x2, y2) = at[edge.a], at[edge.b]
    look: dict[str, Any] = {"facecolor": "#666666", "edgecolor": "#666666", "linewidth": 1.0, "zorder": 1}
    if edge.a == edge.b:
        top = boxes[edge.a].get_y() + boxes[edge.a].get_height()
        points = [(x1 + 0.12, top), (x1 + 0.3, top + 0.36), (x1 - 0.3, top + 0.36), (x1 - 0.12, top)]
        codes, where = [Curve.MOVETO, *[Curve.CURVE4] * 3], (x1, top + 0.27)
    else:
        control = ((x1 + x2) / 2 + bend * (y2 - y1), (y1 + y2) / 2 - bend * (x2 - x1))
        # Nearer to where it begins, since those that cross do so in the middle.
        where = _on_curve((x1, y1), control, (x2, y2), 0.42 if edge.directed else 0.5)
        points = [(x1, y1), control, (x2, y2)]
        if edge.directed:
            points = _until(boxes[edge.b], *points)
        codes = [Curve.MOVETO, Curve.CURVE3, Curve.CURVE3]
    # Lines end in the middle of boxes, which are above them; heads do not. As artists: a patch would be measured.
    path = Curve(points, codes)
    if edge.directed:
        axes.add_artist(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, **look))
    else:
        axes.add_artist(PathPatch(path, **{**look, "facecolor": "none"}))
    if label:
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.9}
        axes.text(
            *where, label, ha="center", va="center", fontsize=_SMALL_FONT, parse_math=False, bbox=behind, zorder=2
        )


def _until(box: FancyBboxPatch, begin: _Point, control: _Point, end: _Point) -> list[_Point]:
    """Return the part of a curve before the box at its end."""
    half_wide, half_high = box.get_width() / 2 + 0.01, box.get_height() / 2 + 0.01
    outside, inside = 0.0, 1.0
    while inside - outside > 1e-4:  # noqa: PLR2004 - far less than a pixel
        middle = (outside + inside) / 2
        x, y = _on_curve(begin, control, end, middle)
        if abs(x - end[0]) < half_wide and abs(y - end[1]) < half_high:
            inside = middle
        else:
            outside = middle
    between = [begin[axis] + outside * (control[axis] - begin[axis]) for axis in (0, 1)]
    return [begin, (between[0], between[1]), _on_curve(begin, control, end, outside)]


def _on_curve(begin: _Point, control: _Point, end: _Point, at: float) -> _Point:
    """Return a point of a curve of second order."""
    x, y = ((1 - at) ** 2 * a + 2 * at * (1 - at) * b + at**2 * c for a, b, c in zip(begin, control, end, strict=True))
    return x, y


def _legend(graph: Graph, outlines: dict[str, str]) -> list[tuple[str, str, str]]:
    """What each colour means, as label, fill and outline."""
    states = sorted({node.state for node in graph.nodes if node.state})
    entries = [(printable(state), state_color(state), _NO_GROUP) for state in states]
    return entries + [(printable(group), "#ffffff", color) for group, color in list(outlines.items())[: len(_OUTLINES)]]


def _add_legend(axes: Axes, entries: list[tuple[str, str, str]], middle: float, top: float, width: float) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - optional, and slow to import

    step = min(width / 4, 1.6)
    for place, (label, fill, outline) in enumerate(entries):
        x, y = middle - 2 * step + (place % 4) * step + 0.05, top - 0.26 * (place // 4) - 0.2
        axes.add_patch(Rectangle((x, y), 0.16, 0.12, facecolor=fill, edgecolor=outline, linewidth=1.4))
        axes.text(x + 0.22, y + 0.06, label[:16], va="center", fontsize=_SMALL_FONT, parse_math=False)
