"""Where the nodes of a graph are drawn, in inches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

from headrace.experiments.errors import MissingExtra

if TYPE_CHECKING:
    from types import ModuleType

    import networkx as nx

    from headrace.experiments.graph import Graph

__all__ = ["Positions", "laid_out"]

Positions: TypeAlias = "dict[str, tuple[float, float]]"

#: networkx lays out more than this by scipy only.
_BY_SPRINGS_AT_MOST: Final = 499
_GAP: Final = 0.5
_NEARLY: Final = 1e-6
#: Pushing alone settles in a few rounds or hardly ever, where many nodes are close together: then all is spread first.
_ROUNDS_AT_MOST: Final = 25
_SPREADS_AT_MOST: Final = 30
_SPREAD: Final = 1.15


def laid_out(graph: Graph, *, column: float, row: float, seed: int) -> Positions:
    """Place all nodes. Arrows go from left to right, in layers; other edges are springs. Parts lie side by side.

    Args:
        graph: what is drawn.
        column: the distance between two layers.
        row: the distance between two nodes of a layer.
        seed: where the springs begin from.

    Raises:
        MissingExtra: networkx is not installed.
    """
    networkx = _networkx()
    arrows: nx.DiGraph[str] = networkx.DiGraph()
    arrows.add_nodes_from(node.id for node in graph.nodes)
    arrows.add_edges_from((edge.a, edge.b) for edge in graph.edges if edge.a != edge.b)
    directed = any(edge.directed for edge in graph.edges)
    order = {name: place for place, name in enumerate(arrows)}
    parts = []
    for members in networkx.weakly_connected_components(arrows):
        # In the graph's order: that of a set is another one each time.
        part = networkx.DiGraph()
        part.add_nodes_from(sorted(members, key=order.__getitem__))
        part.add_edges_from((a, b) for a, b in arrows.edges if a in members)
        if directed or len(part) > _BY_SPRINGS_AT_MOST:
            parts.append(_layered(networkx, part, column, row, directed=directed))
        else:
            parts.append(_sprung(networkx, part, column, row, seed))
    return _side_by_side(parts, column, row)


def _networkx() -> ModuleType:
    try:
        import networkx as nx  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise MissingExtra("networkx", "plots", "plots of graphs") from error
    return nx


def _sprung(networkx: ModuleType, part: nx.DiGraph[str], column: float, row: float, seed: int) -> Positions:
    plain = part.to_undirected()
    # Springs alone fold a tree over itself; from a planar beginning they need not.
    planar, _ = networkx.check_planarity(plain)
    begin = networkx.planar_layout(plain) if planar and len(plain) > 2 else None  # noqa: PLR2004 - no fold in two
    iterations = 300 if len(plain) <= 100 else 80  # noqa: PLR2004 - it is quadratic
    k = 1.6 / math.sqrt(len(plain))
    placed = networkx.spring_layout(plain, pos=begin, k=k, iterations=iterations, seed=seed, scale=None)
    at = {name: (float(x), float(y)) for name, (x, y) in placed.items()}
    lengths = sorted(math.dist(at[a], at[b]) for a, b in plain.edges)
    middle = lengths[len(lengths) // 2] if lengths else 1.0
    scaled = {name: (x / middle * column, y / middle * max(row, column / 1.6)) for name, (x, y) in at.items()}
    return _pushed_apart(scaled, column, row)


def _pushed_apart(at: Positions, column: float, row: float) -> Positions:
    """Move nodes until no two cover one another."""
    for _ in range(_SPREADS_AT_MOST):
        for _ in range(_ROUNDS_AT_MOST):
            if not _push(at, column, row):
                return at
        at = {name: (x * _SPREAD, y * _SPREAD) for name, (x, y) in at.items()}
    return at


def _push(at: Positions, column: float, row: float) -> bool:
    """Push each two that cover one another apart, on the way on which less is missing. Tell whether there were any."""
    moved = False
    names = sorted(at, key=lambda name: at[name][0])
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            (x1, y1), (x2, y2) = at[one], at[other]
            if x2 - x1 >= column:
                break
            across, up = column - abs(x2 - x1), row - abs(y2 - y1)
            if across <= _NEARLY or up <= _NEARLY:
                continue
            moved = True
            if across / column < up / row:
                push = math.copysign(across / 2, x2 - x1)
                at[one], at[other] = (x1 - push, y1), (x2 + push, y2)
            else:
                push = math.copysign(up / 2, y2 - y1)
                at[one], at[other] = (x1, y1 - push), (x2, y2 + push)
    return moved


def _layered(networkx: ModuleType, part: nx.DiGraph[str], column: float, row: float, *, directed: bool) -> Positions:
    layers = _generations(networkx, part) if directed else _distances(networkx, part)
    beside = part.to_undirected()
    height: dict[str, float] = {}
    # Each goes beside the mean of those that it is connected to, and that are placed.
    for _ in range(4):
        for layer in layers:
            means = {
                name: _mean([height[other] for other in beside[name] if other in height], height.get(name, place))
                for place, name in enumerate(layer)
            }
            layer.sort(key=means.__getitem__)
            for place, name in enumerate(layer):
                height[name] = place - (len(layer) - 1) / 2
        layers.reverse()
    return {name: (at * column, -height[name] * row) for at, layer in enumerate(layers) for name in layer}


def _generations(networkx: ModuleType, part: nx.DiGraph[str]) -> list[list[str]]:
    """Layer by layer: nobody in one points at an earlier one, unless there is a cycle, which is spread over layers."""
    order = {name: place for place, name in enumerate(part)}
    free = part.copy()
    while not networkx.is_directed_acyclic_graph(free):
        cycle = networkx.find_cycle(free)
        free.remove_edge(*max(cycle, key=lambda edge: order[edge[0]] - order[edge[1]]))
    return [sorted(layer, key=order.__getitem__) for layer in networkx.topological_generations(free)]


def _distances(networkx: ModuleType, part: nx.DiGraph[str]) -> list[list[str]]:
    plain = part.to_undirected()
    middle = max(plain, key=plain.degree.__getitem__)
    return [list(layer) for layer in networkx.bfs_layers(plain, [middle])]


def _mean(numbers: list[float], default: float) -> float:
    return sum(numbers) / len(numbers) if numbers else default


def _side_by_side(parts: list[Positions], column: float, row: float) -> Positions:
    """Put the parts on shelves, about as wide as high together, the largest first."""
    boxes = []
    for part in sorted(parts, key=len, reverse=True):
        left, low = min(x for x, _ in part.values()), min(y for _, y in part.values())
        wide = max(x for x, _ in part.values()) - left + column
        high = max(y for _, y in part.values()) - low + row
        boxes.append((part, left, low, wide, high))
    width = max([wide for *_, wide, _ in boxes] + [1.3 * math.sqrt(sum(wide * high for *_, wide, high in boxes))])
    placed: Positions = {}
    x = y = shelf = 0.0
    for part, left, low, wide, high in boxes:
        if x and x + wide > width:
            x, y, shelf = 0.0, y - shelf - _GAP, 0.0
        for name, (at_x, at_y) in part.items():
            placed[name] = (x + at_x - left, y - high + at_y - low)
        x, shelf = x + wide + _GAP, max(shelf, high)
    return placed
