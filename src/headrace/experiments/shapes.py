"""The shapes that a topology may have."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from headrace.experiments.errors import ExperimentError, MissingExtra

if TYPE_CHECKING:
    from types import ModuleType

    import networkx as nx

__all__ = [
    "InvalidTopology",
    "TopologyType",
    "checked_branches",
    "import_networkx",
    "kind_of",
    "shaped",
    "whole_number",
]


class TopologyType(Enum):
    """What shape a topology has."""

    #: Each node is connected to the next: 0 - 1 - 2.
    LINEAR = "linear"
    #: Two lines of half the nodes each, 0 - 1 - 2 and 3 - 4 - 5, and the rungs 0 - 3, 1 - 4, 2 - 5.
    LADDER = "ladder"
    #: Each node is connected to every other.
    MESH = "mesh"
    #: Node 0 is the root. Each node has as many children as there are branches (2 unless said), filled level by level.
    TREE = "tree"
    #: Node 0 is the centre. Each branch is a line that begins at it; unless their number is said, each is one node.
    STAR = "star"
    #: A graph of your own.
    ADHOC = "adhoc"


class InvalidTopology(ExperimentError, ValueError):
    """A topology that cannot be made as asked for, or addresses that do not fit."""


def import_networkx() -> ModuleType:
    """Return networkx. Raises MissingExtra."""
    try:
        import networkx as nx  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise MissingExtra("networkx", "experiments", "topologies") from error
    return nx


def kind_of(kind: TopologyType | str) -> TopologyType:
    """Return the kind of a name. Raises InvalidTopology, which names all."""
    try:
        return kind if isinstance(kind, TopologyType) else TopologyType(str(kind).lower())
    except ValueError:
        known = ", ".join(one.value for one in TopologyType)
        raise InvalidTopology(f"there is no topology {kind!r}; there are {known}") from None


def whole_number(number: object, what: str, least: int) -> int:
    """Return a whole number. Raises InvalidTopology: it is none, or less than `least`."""
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise InvalidTopology(f"{what} is a whole number from {least}, and {number!r} is not")
    return int(number)


def checked_branches(kind: TopologyType, node_count: int, branches: int | None) -> int | None:
    """Return how many branches there will be; None where a kind has none, or as many as it can."""
    if kind not in {TopologyType.TREE, TopologyType.STAR}:
        if branches is not None:
            raise InvalidTopology(f"a {kind.value} topology has no branches: leave out branches={branches!r}")
        return None
    if branches is None:
        return 2 if kind is TopologyType.TREE else None
    whole_number(branches, f"the number of branches of a {kind.value}", 1)
    if kind is TopologyType.STAR and branches > node_count - 1:
        raise InvalidTopology(f"a star of {node_count} nodes has at most {node_count - 1} branches, not {branches}")
    return branches


def shaped(kind: TopologyType, count: int, branches: int | None) -> nx.Graph[int]:
    """Return a graph of a kind, of numbers that suit it. Raises MissingExtra."""
    networkx = import_networkx()
    match kind:
        case TopologyType.LINEAR:
            return networkx.path_graph(count)  # type: ignore[no-any-return]
        case TopologyType.LADDER:
            return networkx.ladder_graph(count // 2)  # type: ignore[no-any-return]
        case TopologyType.MESH:
            return networkx.complete_graph(count)  # type: ignore[no-any-return]
        case TopologyType.TREE:
            return networkx.full_rary_tree(branches, count)  # type: ignore[no-any-return]
        case _:
            return _star(count, count - 1 if branches is None else branches)


def _star(count: int, branches: int) -> nx.Graph[int]:
    networkx = import_networkx()
    graph: nx.Graph[int] = networkx.empty_graph(1)
    at = 1
    for branch in range(branches):
        # As long as one another; where that cannot be, the first ones are longer by one.
        length = (count - 1) // branches + (branch < (count - 1) % branches)
        networkx.add_path(graph, [0, *range(at, at + length)])
        at += length
    return graph
