"""Topologies: networks of a usual shape, with addresses, from which experiments are built."""

from __future__ import annotations

import ipaddress
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from headrace.experiments.addresses import (
    NoAddresses,
    P2PInfo,
    edge_networks,
    loopbacks_network,
    network_of,
    p2p_info,
)
from headrace.experiments.errors import DescriptionError, UnknownName
from headrace.experiments.shapes import (
    InvalidTopology,
    TopologyType,
    checked_branches,
    import_networkx,
    kind_of,
    shaped,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import networkx as nx

__all__ = [
    "InvalidTopology",
    "NoAddresses",
    "P2PInfo",
    "Topology",
    "TopologyType",
    "UnknownAnnotation",
    "UnknownEdge",
    "UnknownNode",
    "build",
]

_EC = TypeVar("_EC")

_FORMAT: Final = 1
_SOURCE, _TARGET = "source", "target"


class UnknownNode(UnknownName):
    """The topology has no node of this id."""

    _what = "node"


class UnknownEdge(UnknownName):
    """The topology does not connect these two nodes."""

    _what = "edge"


class UnknownAnnotation(UnknownName):
    """A node or an edge has not been annotated with this."""

    _what = "annotation"


@dataclass(slots=True)
class _Node:
    roles: set[str] = field(default_factory=set)
    loopback: str | None = None
    annotations: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Edge:
    p2p: P2PInfo | None = None
    annotations: dict[str, Any] = field(default_factory=dict)


class Topology:
    """Nodes, the edges between them, and what has been noted of either.

    Its shape is fixed; annotations, addresses and roles may be given at any time. Nodes are told by numbers. Everything
    goes through nodes and edges in one order, always the same: nodes by number, edges by their smaller end, then the
    other. An edge may be named by its ends in either order. Made by `make` or `from_dict`.

    Attributes:
        kind: what shape it has.
        branches: how many it was made with, for a tree or a star; else None.
    """

    def __init__(
        self, kind: TopologyType, nodes: Iterator[int], edges: Iterator[tuple[int, int]], *, branches: int | None = None
    ) -> None:
        self.kind = kind
        self.branches = branches
        self._nodes = {nid: _Node() for nid in sorted(nodes)}
        self._edges = {edge: _Edge() for edge in sorted((min(edge), max(edge)) for edge in edges)}

    @classmethod
    def make(
        cls,
        kind: TopologyType | str,
        node_count: int | None = None,
        *,
        branches: int | None = None,
        topology: nx.Graph[int] | None = None,
    ) -> Self:
        """Make a topology of a kind.

        Args:
            kind: a `TopologyType`, or its name.
            node_count: how many nodes; for all kinds but ADHOC, and an even number for a ladder.
            branches: how many branches: of each node of a tree (2 unless given), or of a star.
            topology: for ADHOC, an undirected graph whose nodes are whole numbers from 0. What it says of its nodes
                and edges becomes their annotations.

        Raises:
            InvalidTopology: the kind is unknown, or what it needs is missing, wrong, or of another kind.
            MissingExtra: networkx is not installed.
        """
        kind = kind_of(kind)
        if kind is TopologyType.ADHOC:
            return cls._adhoc(topology, node_count=node_count, branches=branches)
        if topology is not None:
            raise InvalidTopology(f"a {kind.value} topology is made of a node_count; a graph of your own is ADHOC")
        if node_count is None:
            raise InvalidTopology(f"a {kind.value} topology needs a node_count")
        count = whole_number(node_count, f"the node_count of a {kind.value} topology", 1)
        if kind is TopologyType.LADDER and count % 2:
            raise InvalidTopology(f"a ladder has an even node_count, as {count + 1}, and {count} is odd")
        branches = checked_branches(kind, count, branches)
        graph = shaped(kind, count, branches)
        return cls(kind, iter(graph.nodes), iter(graph.edges), branches=branches)

    @classmethod
    def _adhoc(cls, graph: nx.Graph[int] | None, *, node_count: int | None, branches: int | None) -> Self:
        if not isinstance(graph, import_networkx().Graph) or graph.is_directed() or graph.is_multigraph():
            raise InvalidTopology(
                f"an adhoc topology needs topology= an undirected networkx.Graph without parallel edges, not {graph!r}"
            )
        if branches is not None:
            raise InvalidTopology(f"an adhoc topology has the branches of its graph: leave out branches={branches!r}")
        if node_count not in {None, len(graph)}:
            raise InvalidTopology(f"the graph has {len(graph)} nodes, not {node_count!r}: leave out the node_count")
        if not graph:
            raise InvalidTopology("the graph has no nodes: a topology has one at least")
        for nid in graph.nodes:
            if not isinstance(nid, int) or isinstance(nid, bool) or nid < 0:
                raise InvalidTopology(
                    f"the graph's node {nid!r} is no whole number from 0; to number them:"
                    " networkx.convert_node_labels_to_integers(graph)"
                )
        _refuse_loops(graph.edges)
        made = cls(TopologyType.ADHOC, iter(graph.nodes), iter(graph.edges))
        for nid, facts in graph.nodes.items():
            made._nodes[nid].annotations.update(facts)
        for (a, b), facts in graph.edges.items():
            made._edges[min(a, b), max(a, b)].annotations.update(facts)
        return made

    # --- what is there ---------------------------------------------------------------------------------------------

    def nodes(self) -> list[int]:
        """Return all nodes, by number."""
        return list(self._nodes)

    def edges(self) -> list[tuple[int, int]]:
        """Return all edges, each as its two nodes, the smaller first."""
        return list(self._edges)

    def neighbors(self, nid: int) -> list[int]:
        """Return the nodes that one is connected to, by number.

        Raises:
            UnknownNode: there is none of that id. All methods that take a node raise it.
        """
        self._node(nid)
        return sorted(a + b - nid for a, b in self._edges if nid in {a, b})

    def leaves(self) -> list[int]:
        """Return the nodes with one neighbour, by number."""
        degrees = dict.fromkeys(self._nodes, 0)
        for edge in self._edges:
            for nid in edge:
                degrees[nid] += 1
        return [nid for nid, degree in degrees.items() if degree == 1]

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[int]:
        return iter(self.nodes())

    def __contains__(self, nid: object) -> bool:
        return nid in self._nodes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Topology):
            return NotImplemented
        return self._facts() == other._facts()

    # It changes, so it has no hash.
    __hash__ = None  # type: ignore[assignment]  # which is how Python says so

    def __repr__(self) -> str:
        return f"<Topology {self.kind.value}: {len(self._nodes)} nodes, {len(self._edges)} edges>"

    def _facts(self) -> tuple[object, ...]:
        return self.kind, self.branches, self._nodes, self._edges

    def to_networkx(self) -> nx.Graph[int]:
        """Return a graph of its own with the same nodes, edges and annotations, for what networkx can work out.

        Raises:
            MissingExtra: networkx is not installed.
        """
        graph: nx.Graph[int] = import_networkx().Graph()
        for nid, node in self._nodes.items():
            graph.add_node(nid)
            graph.nodes[nid].update(node.annotations)
        for (a, b), edge in self._edges.items():
            graph.add_edge(a, b)
            graph.edges[a, b].update(edge.annotations)
        return graph

    # --- annotations -----------------------------------------------------------------------------------------------

    def annotate_node(self, nid: int, name: str, value: Any) -> None:  # noqa: ANN401 - the user's own facts
        """Note something of a node, over what was noted by that name. To be saved it must be of plain JSON."""
        self._node(nid).annotations[name] = value

    def node_annotation(self, nid: int, name: str) -> Any:  # noqa: ANN401 - the user's own facts
        """Return what was noted of a node.

        Raises:
            UnknownAnnotation: nothing was, by that name.
        """
        return _noted(self._node(nid).annotations, name, f"node {nid}")

    def node_annotations(self, nid: int) -> dict[str, Any]:
        """Return all that was noted of a node, by name."""
        return dict(self._node(nid).annotations)

    def del_node_annotation(self, nid: int, name: str) -> None:
        """Forget what was noted of a node by that name, if anything."""
        self._node(nid).annotations.pop(name, None)

    def annotate_edge(self, n1: int, n2: int, name: str, value: Any) -> None:  # noqa: ANN401 - the user's own facts
        """Note something of an edge, over what was noted by that name. To be saved it must be of plain JSON.

        Raises:
            UnknownEdge: these two are not connected. All methods that take an edge raise it.
        """
        self._edge(n1, n2).annotations[name] = value

    def edge_annotation(self, n1: int, n2: int, name: str) -> Any:  # noqa: ANN401 - the user's own facts
        """Return what was noted of an edge.

        Raises:
            UnknownAnnotation: nothing was, by that name.
        """
        return _noted(self._edge(n1, n2).annotations, name, f"edge {_between(n1, n2)}")

    def edge_annotations(self, n1: int, n2: int) -> dict[str, Any]:
        """Return all that was noted of an edge, by name."""
        return dict(self._edge(n1, n2).annotations)

    def del_edge_annotation(self, n1: int, n2: int, name: str) -> None:
        """Forget what was noted of an edge by that name, if anything."""
        self._edge(n1, n2).annotations.pop(name, None)

    # --- addresses -------------------------------------------------------------------------------------------------

    def assign_p2p_ips(self, network: str | None = None, prefix: int | None = None, version: int = 4) -> None:
        """Give each edge a network of its own, and each of its ends an address there.

        Edges get them in order, from the beginning of `network`. What they had before is forgotten.

        Args:
            network: where the edges' networks are taken from; 10.0.0.0/8 unless given, or fd00::/64 for IPv6.
            prefix: how long an edge's prefix is; 30 unless given, or 126 for IPv6.
            version: of IP: 4 or 6.

        Raises:
            InvalidTopology: it is no network of that version, the edges do not fit (the message says how many do), or
                it overlaps the loop-back addresses. Nothing has changed then.
        """
        whole = network_of(network, version)
        given = edge_networks(whole, prefix, len(self._edges))
        for nid, node in self._nodes.items():
            if node.loopback is not None and ipaddress.ip_address(node.loopback) in whole:
                raise InvalidTopology(f"{whole} holds {node.loopback}, the loop-back address of node {nid}")
        for edge, p2p in zip(self._edges.values(), given, strict=True):
            edge.p2p = p2p

    def set_p2p_info(self, n1: int, n2: int, ip1: str, ip2: str, network: str) -> None:
        """Give an edge addresses of your own choice, `ip1` to the node named first, in a network as "10.0.0.0/30".

        Raises:
            InvalidTopology: they are no two addresses in it. Whether other edges have them too is not looked at.
        """
        p2p = p2p_info(ip1, ip2, network)
        self._edge(n1, n2).p2p = p2p if n1 < n2 else p2p.turned()

    def assign_loopback_ips(self, network: str | None = None, version: int = 4) -> None:
        """Give each node an address of its own that belongs to none of its edges.

        Nodes get them in order, from the second address of `network` on: the first is the network's own. What they had
        before is forgotten.

        Args:
            network: where they are taken from; 172.16.0.0/12 unless given, or fd00:0:0:1::/64 for IPv6.
            version: of IP: 4 or 6.

        Raises:
            InvalidTopology: it is no network of that version, the nodes do not fit (the message says how many do), or
                it overlaps the edges' networks. Nothing has changed then.
        """
        whole = loopbacks_network(network, version)
        room = whole.num_addresses - 1
        if len(self._nodes) > room:
            raise InvalidTopology(
                f"{whole} has room for {room} nodes, and there are {len(self._nodes)}: give a larger network"
            )
        for (a, b), edge in self._edges.items():
            if edge.p2p is not None and whole.overlaps(ipaddress.ip_network(edge.p2p.network)):
                raise InvalidTopology(f"{whole} overlaps {edge.p2p.network}, the network of edge {_between(a, b)}")
        for place, node in enumerate(self._nodes.values(), 1):
            node.loopback = str(whole.network_address + place)

    def get_p2p_info(self, n1: int, n2: int) -> P2PInfo:
        """Return the addresses of an edge's ends, in the order in which they are named, and its network.

        Raises:
            NoAddresses: it has none yet.
        """
        p2p = self._edge(n1, n2).p2p
        if p2p is None:
            raise NoAddresses(f"edge {_between(n1, n2)}", "assign_p2p_ips")
        return p2p if n1 < n2 else p2p.turned()

    def loopback_ip(self, nid: int) -> str:
        """Return a node's loop-back address.

        Raises:
            NoAddresses: it has none yet.
        """
        loopback = self._node(nid).loopback
        if loopback is None:
            raise NoAddresses(f"node {nid}", "assign_loopback_ips")
        return loopback

    def node_ips(self, nid: int) -> list[str]:
        """Return all addresses of a node: its loop-back, if it has one, then those on its edges, in their order."""
        node = self._node(nid)
        ends = [(p2p.ip1 if nid == a else p2p.ip2) for (a, b), p2p in self._addressed() if nid in {a, b}]
        return ([] if node.loopback is None else [node.loopback]) + ends

    def _addressed(self) -> Iterator[tuple[tuple[int, int], P2PInfo]]:
        return ((ends, edge.p2p) for ends, edge in self._edges.items() if edge.p2p is not None)

    # --- roles -----------------------------------------------------------------------------------------------------

    def set_source(self, nid: int) -> None:
        """Make a node a source."""
        self._node(nid).roles.add(_SOURCE)

    def set_target(self, nid: int) -> None:
        """Make a node a target."""
        self._node(nid).roles.add(_TARGET)

    def sources(self) -> list[int]:
        """Return all sources, by number."""
        return [nid for nid, node in self._nodes.items() if _SOURCE in node.roles]

    def targets(self) -> list[int]:
        """Return all targets, by number."""
        return [nid for nid, node in self._nodes.items() if _TARGET in node.roles]

    def node_roles(self, nid: int) -> list[str]:
        """Return the roles of a node: "source", "target", both or none, in this order."""
        return sorted(self._node(nid).roles)

    def select_target_zero(self) -> int:
        """Make the first node, which is 0 in all shapes but your own, a target, and return it."""
        nid = next(iter(self._nodes))
        self.set_target(nid)
        return nid

    def select_random_source(self, seed: float | str | None = None) -> int:
        """Make a node that is no target a source, and return it.

        It is one of the leaves, if any is no target, else one of all. The same seed chooses the same one, always.

        Raises:
            InvalidTopology: all nodes are targets.
        """
        free = [nid for nid, node in self._nodes.items() if _TARGET not in node.roles]
        if not free:
            raise InvalidTopology("every node is a target, so that none is left to be a source")
        ends = set(self.leaves())
        among = [nid for nid in free if nid in ends] or free
        nid = random.Random(seed).choice(among)  # noqa: S311 - it chooses a node, and guards nothing
        self.set_source(nid)
        return nid

    # --- saving ----------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON, from which `from_dict` makes an equal one.

        Raises:
            DescriptionError: an annotation is not plain JSON, so that it would come back as something else; the message
                names it. A tuple is none: it would be a list.
        """
        return {
            "format": _FORMAT,
            "kind": self.kind.value,
            "branches": self.branches,
            "nodes": [
                {
                    "id": nid,
                    "roles": sorted(node.roles),
                    "loopback": node.loopback,
                    "annotations": _plain(node.annotations, f"node {nid}"),
                }
                for nid, node in self._nodes.items()
            ],
            "edges": [
                {
                    "nodes": [a, b],
                    "ips": None if edge.p2p is None else [edge.p2p.ip1, edge.p2p.ip2],
                    "network": None if edge.p2p is None else edge.p2p.network,
                    "annotations": _plain(edge.annotations, f"edge {_between(a, b)}"),
                }
                for (a, b), edge in self._edges.items()
            ],
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Self:
        """Make the topology that `to_dict` described. Needs no networkx.

        Raises:
            DescriptionError: it is no such description; the message says where.
        """
        if not hasattr(described, "get") or described.get("format") != _FORMAT:
            raise DescriptionError(f"this is no description of a topology of format {_FORMAT}: {described!r:.80}")
        try:
            return cls._read(described)
        except DescriptionError:
            raise
        except Exception as error:  # whatever is wrong with what somebody wrote, it is theirs to mend
            raise DescriptionError(f"the topology cannot be read: {type(error).__name__}: {error}") from error

    @classmethod
    def _read(cls, described: Mapping[str, Any]) -> Self:
        nids = [whole_number(node["id"], "a node's id", 0) for node in described["nodes"]]
        ends = [(whole_number(a, "an edge's end", 0), whole_number(b, "an edge's end", 0)) for a, b in _ends(described)]
        _refuse_loops(ends)
        branches = described["branches"]
        if branches is not None:
            whole_number(branches, "branches", 1)
        made = cls(kind_of(described["kind"]), iter(nids), iter(ends), branches=branches)
        if len(made._nodes) < len(nids) or len(made._edges) < len(ends) or not nids:
            raise DescriptionError("the topology has no nodes, or the same node or edge twice")
        for nid, node in zip(nids, described["nodes"], strict=True):
            roles, loopback = set(node["roles"]), node["loopback"]
            if not roles <= {_SOURCE, _TARGET}:
                raise DescriptionError(f"node {nid} has the roles {sorted(roles)}: there are source and target")
            address = None if loopback is None else str(ipaddress.ip_address(loopback))
            made._nodes[nid] = _Node(roles, address, _plain(node["annotations"], f"node {nid}"))
        for (a, b), edge in zip(ends, described["edges"], strict=True):
            made._node(a), made._node(b)
            found = _Edge(_read_p2p(edge), _plain(edge["annotations"], f"edge {_between(a, b)}"))
            if a > b and found.p2p is not None:
                found.p2p = found.p2p.turned()
            made._edges[min(a, b), max(a, b)] = found
        return made

    # --- looking up ------------------------------------------------------------------------------------------------

    def _node(self, nid: int) -> _Node:
        try:
            return self._nodes[nid]
        except (KeyError, TypeError):
            raise UnknownNode(nid, self._nodes, f"the {self.kind.value} topology") from None

    def _edge(self, n1: int, n2: int) -> _Edge:
        self._node(n1), self._node(n2)
        found = self._edges.get((min(n1, n2), max(n1, n2)))
        if found is None:
            known = [_between(a, b) for a, b in self._edges]
            raise UnknownEdge(_between(n1, n2), known, f"the {self.kind.value} topology")
        return found


def build(
    ec: _EC,
    topology: Topology,
    add_node_callback: Callable[[_EC, int], object] | None = None,
    add_edge_callback: Callable[[_EC, int, int], object] | None = None,
) -> None:
    """Build an experiment from a topology: call back for each node, then for each edge, in the topology's order.

    The callbacks register what stands for a node or an edge. To find a node's resource again when its edges come, note
    its guid with `annotate_node`. What a callback raises is raised, with a note that says for which node or edge.
    """
    for nid in topology.nodes() if add_node_callback is not None else ():
        _called(f"node {nid}", add_node_callback, ec, nid)
    for n1, n2 in topology.edges() if add_edge_callback is not None else ():
        _called(f"edge {_between(n1, n2)}", add_edge_callback, ec, n1, n2)


def _called(what: str, callback: Callable[..., object] | None, *arguments: object) -> None:
    try:
        if callback is not None:
            callback(*arguments)
    except Exception as error:
        error.add_note(f"raised by the callback for {what} of the topology")
        raise


def _refuse_loops(edges: Any) -> None:  # noqa: ANN401 - pairs, of whichever sequence
    for a, b in edges:
        if a == b:
            raise InvalidTopology(f"node {a} is connected to itself, which no network is: remove this edge")


def _noted(annotations: Mapping[str, Any], name: str, place: str) -> Any:  # noqa: ANN401 - the user's own facts
    if name not in annotations:
        raise UnknownAnnotation(name, annotations, place)
    return annotations[name]


def _between(n1: int, n2: int) -> str:
    return f"{n1}-{n2}"


def _ends(described: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    return ((a, b) for a, b in (edge["nodes"] for edge in described["edges"]))


def _read_p2p(edge: Mapping[str, Any]) -> P2PInfo | None:
    if edge["ips"] is None and edge["network"] is None:
        return None
    ip1, ip2 = edge["ips"]
    return p2p_info(ip1, ip2, edge["network"])


def _plain(value: Any, place: str) -> Any:  # noqa: ANN401 - any plain JSON
    """Copy what JSON can hold exactly. Subclasses are none of it: they would come back as their base."""
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain(one, f"{place}: {key}") for key, one in value.items()}
    if type(value) is list:
        return [_plain(one, place) for one in value]
    finite = type(value) is not float or value - value == 0
    if value is None or (type(value) in {str, int, float, bool} and finite):
        return value
    raise DescriptionError(f"{place}: {value!r:.80} is not plain JSON, so it cannot be saved")
