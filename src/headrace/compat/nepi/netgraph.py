"""Stands for `nepi.util.netgraph`."""

from __future__ import annotations

import ipaddress
import random
from typing import TYPE_CHECKING, Any

from headrace.experiments.topology import InvalidTopology, Topology, TopologyType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import networkx as nx

__all__ = ["NetGraph", "TopologyType"]

#: What NEPI keeps in a node's annotations: addresses beside those of its edges.
_IPS = "ips"


class NetGraph:
    """A topology, by the keywords that NEPI's is made by, and with its older names.

    Args:
        topo_type: which shape.
        topology: a graph of networkx', or a `Topology`, instead.
        node_count: how many nodes. Without it, and without `topology`, it is empty, for `add_node` and `add_edge`.
        branches: of each node of a tree, or of a star.
        assign_ips: whether every edge gets a network of its own.
        assign_st: whether a target and a random source are chosen.
        sources_targets: the lists "sources" and "targets" of nodes, instead.
        leaf_source: whether the random source is a leaf.
        network: the edges' networks are of it.
        prefix: the length of its prefix, where `network` does not say it.
        version: of the addresses: 4 or 6.
    """

    def __init__(
        self,
        *,
        topo_type: TopologyType | str = TopologyType.ADHOC,
        topology: nx.Graph[int] | Topology | None = None,
        node_count: int | None = None,
        branches: int | None = None,
        assign_ips: bool = False,
        assign_st: bool = False,
        sources_targets: Mapping[str, Iterable[int]] | None = None,
        leaf_source: bool = False,
        network: str | None = None,
        prefix: int | None = None,
        version: int = 4,
    ) -> None:
        #: The topology itself.
        self.plain = _made(topo_type, topology, node_count, branches)
        self.topo_type = self.plain.kind
        if assign_ips:
            self.assign_p2p_ips(network, prefix, version)
        if sources_targets:
            for nid in sources_targets.get("sources", ()):
                self.plain.set_source(nid)
            for nid in sources_targets.get("targets", ()):
                self.plain.set_target(nid)
        elif assign_st:
            self.plain.select_target_zero()
            self.select_random_source(is_leaf=leaf_source)

    @property
    def topology(self) -> nx.Graph[int]:
        """The graph, as networkx'. It is a copy: what is changed there is not changed here."""
        return self.plain.to_networkx()

    @property
    def order(self) -> int:
        """How many nodes there are."""
        return len(self.plain)

    def nodes(self) -> list[int]:
        """Return the nodes."""
        return self.plain.nodes()

    def edges(self) -> list[tuple[int, int]]:
        """Return the edges."""
        return self.plain.edges()

    def add_node(self, nid: int) -> None:
        """Have one more node, if it is not there."""
        self._enlarge([nid], [])

    def add_edge(self, nid1: int, nid2: int) -> None:
        """Connect two nodes, which are made if they are not there."""
        self._enlarge([nid1, nid2], [(nid1, nid2)])

    def _enlarge(self, nodes: list[int], edges: list[tuple[int, int]]) -> None:
        old = self.plain
        for nid in nodes:
            if not isinstance(nid, int) or isinstance(nid, bool) or nid < 0:
                raise InvalidTopology(f"a node is told by a whole number from 0, and {nid!r} is none")
        if any(one == other for one, other in edges):
            raise InvalidTopology(f"node {nodes[0]} cannot be connected to itself")
        known = {*old.edges(), *((min(edge), max(edge)) for edge in edges)}
        new = Topology(old.kind, iter({*old.nodes(), *nodes}), iter(known), branches=old.branches)
        new._nodes.update(old._nodes)  # noqa: SLF001 - all that is noted of them
        new._edges.update(old._edges)  # noqa: SLF001 - likewise
        self.plain = new

    def assign_p2p_ips(self, network: str | None = None, prefix: int | None = None, version: int = 4) -> None:
        """Give every edge a network of its own, out of one network: 10.0.0.0 with a prefix of 8, unless said."""
        if network is None and version == 4 and prefix is not None:  # noqa: PLR2004 - of IP
            network = "10.0.0.0"
        if network is not None and "/" not in network:
            try:
                whole = ipaddress.ip_network(f"{network}/{prefix if prefix is not None else 8}", strict=False)
            except ValueError as error:
                raise InvalidTopology(
                    f"{error}: give a network such as 10.0.0.0, and the length of its prefix"
                ) from error
            network = str(whole)
        self.plain.assign_p2p_ips(network, version=version)

    def annotate_node_ip(self, nid: int, ip: str) -> None:
        """Note one more address of a node."""
        found = self.plain.node_annotations(nid).get(_IPS, [])
        self.plain.annotate_node(nid, _IPS, [*found, ip])

    def node_ip_annotations(self, nid: int) -> list[str]:
        """Return the addresses of a node."""
        return [*self.plain.node_ips(nid), *self.plain.node_annotations(nid).get(_IPS, [])]

    def annotate_edge_net(  # noqa: PLR0917 - NEPI's order
        self, nid1: int, nid2: int, ip1: str, ip2: str, mask: str, network: str, prefixlen: int
    ) -> None:
        """Note the addresses of an edge."""
        del mask  # which says the same as the prefix
        self.plain.set_p2p_info(nid1, nid2, ip1, ip2, f"{network.partition('/')[0]}/{prefixlen}")

    def edge_net_annotation(self, nid1: int, nid2: int) -> dict[int | str, Any]:
        """Return what an edge's network is: each end's address, the netmask, the network's address, its prefix."""
        ip1, ip2, mask, network, prefix = self.get_p2p_info(nid1, nid2)
        return {nid1: ip1, nid2: ip2, "mask": mask, "network": network, "prefix": prefix}

    def get_p2p_info(self, nid1: int, nid2: int) -> tuple[str, str, str, str, int]:
        """Return an edge's two addresses, the netmask, the network's address, and the length of its prefix."""
        info = self.plain.get_p2p_info(nid1, nid2)
        return info.ip1, info.ip2, info.netmask, info.network.partition("/")[0], info.prefix

    def is_source(self, nid: int) -> bool:
        """Tell whether a node was chosen as a source."""
        return "source" in self.plain.node_roles(nid)

    def is_target(self, nid: int) -> bool:
        """Tell whether a node was chosen as a target."""
        return "target" in self.plain.node_roles(nid)

    def select_random_source(self, *, is_leaf: bool = False) -> None:
        """Make a node that has no role yet a source: one of the ladder's far corners, or any, or any leaf."""
        free = [nid for nid in self.plain if not self.plain.node_roles(nid)]
        if self.plain.kind is TopologyType.LADDER:
            free = [nid for nid in free if nid in {self.order // 2 - 1, self.order // 2}]
        elif is_leaf:
            leaves = set(self.plain.leaves())
            free = [nid for nid in free if nid in leaves]
        if not free:
            raise InvalidTopology("no node is left to be a source")
        self.plain.set_source(random.choice(free))  # noqa: S311 - it chooses a node, and guards nothing

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the topology's own methods, under the same names
        if name == "plain":
            raise AttributeError(name)
        return getattr(self.plain, name)


def _made(
    kind: TopologyType | str, topology: nx.Graph[int] | Topology | None, node_count: int | None, branches: int | None
) -> Topology:
    if isinstance(topology, Topology):
        return topology
    if topology:
        return Topology.make(TopologyType.ADHOC, topology=topology)
    if node_count:
        return Topology.make(kind, node_count, branches=branches)
    return Topology(TopologyType.ADHOC, iter(()), iter(()))
