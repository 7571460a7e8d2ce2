"""Topologies: their shapes, what is noted of them, their addresses, and how they are saved."""

from __future__ import annotations

import ipaddress
import json
import sys
from itertools import pairwise
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.experiments.errors import DescriptionError, MissingExtra
from headrace.experiments.topology import (
    InvalidTopology,
    NoAddresses,
    Topology,
    TopologyType,
    UnknownAnnotation,
    UnknownEdge,
    UnknownNode,
    build,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    kind = draw(st.sampled_from(TopologyType))
    count = draw(st.integers(1, 12))
    if kind is TopologyType.ADHOC:
        graph: nx.Graph[int] = nx.Graph()
        nodes = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True))
        graph.add_nodes_from(nodes)
        pairs = st.tuples(st.sampled_from(nodes), st.sampled_from(nodes)).filter(lambda pair: pair[0] != pair[1])
        graph.add_edges_from(draw(st.lists(pairs, max_size=12)) if len(nodes) > 1 else [])
        return Topology.make(kind, topology=graph)
    if kind is TopologyType.LADDER:
        count *= 2
    branches = draw(st.none() | st.integers(1, 4)) if kind is TopologyType.TREE else None
    if kind is TopologyType.STAR and count > 1:
        branches = draw(st.none() | st.integers(1, count - 1))
    return Topology.make(kind, count, branches=branches)


@st.composite
def furnished(draw: st.DrawFn) -> Topology:
    """One with annotations, roles and addresses, or some of them."""
    topology = draw(topologies())
    nodes, edges = topology.nodes(), topology.edges()
    for nid in draw(st.lists(st.sampled_from(nodes), max_size=3)):
        topology.annotate_node(nid, draw(st.text()), draw(JSON))
        draw(st.sampled_from([topology.set_source, topology.set_target]))(nid)
    for a, b in draw(st.lists(st.sampled_from(edges), max_size=3)) if edges else ():
        topology.annotate_edge(a, b, draw(st.text()), draw(JSON))
    if draw(st.booleans()):
        topology.assign_p2p_ips(version=draw(st.sampled_from([4, 6])))
    if draw(st.booleans()):
        topology.assign_loopback_ips(version=draw(st.sampled_from([4, 6])))
    return topology


@pytest.mark.parametrize(
    ("kind", "count", "branches", "edges"),
    [
        ("linear", 1, None, []),
        ("linear", 3, None, [(0, 1), (1, 2)]),
        ("ladder", 6, None, [(0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5)]),
        ("mesh", 4, None, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
        ("tree", 6, None, [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]),
        ("tree", 5, 3, [(0, 1), (0, 2), (0, 3), (1, 4)]),
        ("star", 4, None, [(0, 1), (0, 2), (0, 3)]),
        ("star", 6, 2, [(0, 1), (0, 4), (1, 2), (2, 3), (4, 5)]),
    ],
)
def test_each_kind_has_its_shape(kind: str, count: int, branches: int | None, edges: list[tuple[int, int]]) -> None:
    topology = Topology.make(kind, count, branches=branches)

    assert (topology.kind.value, topology.nodes(), topology.edges()) == (kind, list(range(count)), edges)


def test_a_graph_of_your_own_keeps_what_it_says_of_nodes_and_edges() -> None:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_node(7, host="a")
    graph.add_edge(7, 3, delay="5ms")

    topology = Topology.make("adhoc", topology=graph)

    assert topology.nodes() == [3, 7]
    assert (topology.node_annotation(7, "host"), topology.edge_annotation(3, 7, "delay")) == ("a", "5ms")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kind": "ring", "node_count": 3}, "no topology 'ring'; there are linear, ladder, mesh, tree, star, adhoc"),
        ({"kind": "linear"}, "needs a node_count"),
        ({"kind": "linear", "node_count": 0}, "whole number from 1, and 0 is not"),
        ({"kind": "mesh", "node_count": 2.0}, "whole number from 1, and 2.0 is not"),
        ({"kind": "mesh", "node_count": True}, "whole number from 1, and True is not"),
        ({"kind": "ladder", "node_count": 5}, "even node_count, as 6, and 5 is odd"),
        ({"kind": "linear", "node_count": 5, "branches": 2}, "has no branches: leave out branches=2"),
        ({"kind": "tree", "node_count": 5, "branches": 0}, "whole number from 1, and 0 is not"),
        ({"kind": "star", "node_count": 5, "branches": 5}, "at most 4 branches, not 5"),
        ({"kind": "star", "node_count": 5, "topology": nx.path_graph(5)}, "a graph of your own is ADHOC"),
        ({"kind": "adhoc", "node_count": 5}, "an undirected networkx.Graph"),
        ({"kind": "adhoc", "topology": nx.DiGraph([(0, 1)])}, "an undirected networkx.Graph"),
        ({"kind": "adhoc", "topology": nx.MultiGraph([(0, 1)])}, "without parallel edges"),
        ({"kind": "adhoc", "topology": nx.Graph()}, "the graph has no nodes"),
        ({"kind": "adhoc", "topology": nx.path_graph(3), "node_count": 4}, "has 3 nodes, not 4"),
        ({"kind": "adhoc", "topology": nx.path_graph(3), "branches": 4}, "leave out branches=4"),
        ({"kind": "adhoc", "topology": nx.Graph([("a", "b")])}, "convert_node_labels_to_integers"),
        ({"kind": "adhoc", "topology": nx.Graph([(1, 1)])}, "node 1 is connected to itself"),
    ],
)
def test_what_cannot_be_made_is_refused_and_the_error_says_why(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidTopology) as refused:
        Topology.make(**arguments)

    assert says in str(refused.value)


def test_without_networkx_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)

    with pytest.raises(MissingExtra, match=r"networkx: pip install 'headrace\[experiments\]'"):
        Topology.make("linear", 3)


@given(furnished())
@settings(max_examples=30, deadline=None)
def test_saved_as_json_and_read_again_a_topology_is_the_same(topology: Topology) -> None:
    again = Topology.from_dict(json.loads(json.dumps(topology.to_dict())))

    assert again == topology
    assert json.dumps(again.to_dict()) == json.dumps(topology.to_dict())


def test_reading_needs_no_networkx(monkeypatch: pytest.MonkeyPatch) -> None:
    described = Topology.make("linear", 2).to_dict()
    monkeypatch.setitem(sys.modules, "networkx", None)

    assert Topology.from_dict(described).edges() == [(0, 1)]


@pytest.mark.parametrize("value", [(1, 2), {1}, {1: "a"}, float("nan"), object(), b"a", [["deep", (1,)]]])
def test_what_json_would_change_is_not_saved_and_the_error_names_it(value: object) -> None:
    topology = Topology.make("linear", 2)
    topology.annotate_edge(1, 0, "odd", value)

    with pytest.raises(DescriptionError, match=r"edge 0-1: odd"):
        topology.to_dict()


def _broken(**changes: object) -> dict[str, Any]:
    topology = Topology.make("linear", 2)
    topology.assign_p2p_ips()
    return {**topology.to_dict(), **changes}


NODE = {"id": 0, "roles": [], "loopback": None, "annotations": {}}
EDGE: dict[str, Any] = {"nodes": [0, 1], "ips": None, "network": None, "annotations": {}}


@pytest.mark.parametrize(
    "described",
    [
        None,
        [],
        {},
        _broken(format=2),
        _broken(kind="ring"),
        _broken(nodes=[], edges=[]),
        _broken(nodes=[NODE, NODE]),
        _broken(nodes=[NODE]),
        _broken(nodes=[{**NODE, "roles": ["king"]}], edges=[]),
        _broken(nodes=[{**NODE, "loopback": "10.0.0"}], edges=[]),
        _broken(edges=[EDGE, EDGE]),
        _broken(edges=[{**EDGE, "nodes": [0, 0]}]),
        _broken(edges=[{**EDGE, "nodes": [0, 2]}]),
        _broken(edges=[{**EDGE, "ips": ["10.0.0.1", "10.0.1.1"], "network": "10.0.0.0/30"}]),
        _broken(edges=[{**EDGE, "ips": ["10.0.0.1", "10.0.0.1"], "network": "10.0.0.0/30"}]),
        _broken(edges=7),
        _broken(branches="2"),
    ],
)
def test_what_is_no_topology_is_not_read(described: dict[str, Any]) -> None:
    with pytest.raises((DescriptionError, InvalidTopology)):
        Topology.from_dict(described)


@given(topologies(), st.sampled_from([4, 6]))
@settings(max_examples=40, deadline=None)
def test_each_edge_gets_a_network_of_its_own_with_both_ends_inside(topology: Topology, version: int) -> None:
    topology.assign_p2p_ips(version=version)

    whole = ipaddress.ip_network({4: "10.0.0.0/8", 6: "fd00::/64"}[version])
    ranges = [(int(whole[0]), int(whole[0]))]
    for a, b in topology.edges():
        info = topology.get_p2p_info(a, b)
        network = ipaddress.ip_network(info.network)
        ranges.append((int(network[0]), int(network[-1])))
        assert network.prefixlen == info.prefix == {4: 30, 6: 126}[version]
        assert [ipaddress.ip_address(info.ip1), ipaddress.ip_address(info.ip2)] == [network[1], network[2]]
    assert all(earlier[1] < later[0] for earlier, later in pairwise(ranges[1:]))
    assert ranges[0][0] <= min(begin for begin, _ in ranges)
    assert max(end for _, end in ranges) <= int(whole[-1])
    assert sorted(ip for nid in topology for ip in topology.node_ips(nid)) == sorted(
        ip for a, b in topology.edges() for ip in topology.get_p2p_info(a, b)[:2]
    )


def test_an_edges_addresses_are_told_in_the_order_in_which_its_nodes_are_named() -> None:
    topology = Topology.make("linear", 2)
    topology.assign_p2p_ips()

    assert topology.get_p2p_info(0, 1) == ("10.0.0.1", "10.0.0.2", 30, "10.0.0.0/30")
    assert topology.get_p2p_info(1, 0) == ("10.0.0.2", "10.0.0.1", 30, "10.0.0.0/30")
    assert topology.get_p2p_info(0, 1).netmask == "255.255.255.252"


def test_a_prefix_of_31_has_two_addresses_and_uses_both() -> None:
    topology = Topology.make("linear", 3)
    topology.assign_p2p_ips("192.168.0.0/30", prefix=31)

    assert topology.node_ips(1) == ["192.168.0.1", "192.168.0.2"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"network": "10.0.0.0/29"}, "10.0.0.0/29 has room for 2 edges, and there are 3"),
        ({"network": "10.0.0.0/31"}, "room for 0 edges"),
        ({"network": "10.0.0.1/24"}, "host bits set"),
        ({"network": "fd00::/64"}, "IPv6, and IPv4 was asked for"),
        ({"version": 5}, "versions 4 and 6 of IP, and no 5"),
        ({"prefix": 32}, "at most 31"),
        ({"prefix": 30.0}, "whole number from 0, and 30.0 is not"),
        ({"network": "172.16.0.0/16"}, "holds 172.16.0.1, the loop-back address of node 0"),
    ],
)
def test_addresses_that_do_not_fit_are_refused_and_nothing_has_changed(arguments: dict[str, Any], says: str) -> None:
    topology = Topology.make("linear", 4)
    topology.assign_p2p_ips("10.9.0.0/16")
    topology.assign_loopback_ips()
    before = topology.to_dict()

    with pytest.raises(InvalidTopology) as refused:
        topology.assign_p2p_ips(**arguments)

    assert says in str(refused.value)
    assert topology.to_dict() == before


def test_loop_backs_are_one_for_each_node_and_belong_to_no_edge() -> None:
    topology = Topology.make("linear", 3)
    topology.assign_p2p_ips("10.0.0.0/24")
    with pytest.raises(InvalidTopology, match=r"10\.0\.0\.0/8 overlaps 10\.0\.0\.0/30, the network of edge 0-1"):
        topology.assign_loopback_ips("10.0.0.0/8")
    with pytest.raises(InvalidTopology, match="room for 1 nodes, and there are 3"):
        topology.assign_loopback_ips("192.168.0.0/31")

    topology.assign_loopback_ips("192.168.0.0/30")

    assert [topology.loopback_ip(nid) for nid in topology] == ["192.168.0.1", "192.168.0.2", "192.168.0.3"]
    assert topology.node_ips(1) == ["192.168.0.2", "10.0.0.2", "10.0.0.5"]


def test_an_edge_may_be_given_addresses_of_your_own() -> None:
    topology = Topology.make("linear", 2)

    topology.set_p2p_info(1, 0, "192.0.2.9", "192.0.2.1", "192.0.2.0/24")

    assert topology.get_p2p_info(0, 1) == ("192.0.2.1", "192.0.2.9", 24, "192.0.2.0/24")
    with pytest.raises(InvalidTopology, match=r"no two addresses in 192\.0\.2\.0/24"):
        topology.set_p2p_info(1, 0, "192.0.2.9", "192.0.3.1", "192.0.2.0/24")


def test_asked_for_addresses_too_early_the_error_says_what_to_call_first() -> None:
    topology = Topology.make("linear", 2)

    with pytest.raises(NoAddresses, match="edge 0-1 has not been given addresses yet: call assign_p2p_ips first"):
        topology.get_p2p_info(0, 1)
    with pytest.raises(NoAddresses, match="node 1 has not been given addresses yet: call assign_loopback_ips first"):
        topology.loopback_ip(1)
    assert topology.node_ips(0) == []


def test_what_is_not_there_is_named_with_what_is() -> None:
    topology = Topology.make("linear", 3)
    topology.annotate_node(0, "guid", 7)

    with pytest.raises(UnknownNode, match="no node 3; what exists: 0, 1, 2"):
        topology.neighbors(3)
    with pytest.raises(UnknownEdge, match=r"no edge 0-2 .*what exists: 0-1, 1-2"):
        topology.edge_annotations(0, 2)
    with pytest.raises(UnknownAnnotation, match=r"node 0 has no annotation gid \(did you mean guid"):
        topology.node_annotation(0, "gid")


def test_an_edge_is_the_same_from_both_ends() -> None:
    topology = Topology.make("linear", 2)
    topology.annotate_edge(1, 0, "delay", "5ms")

    assert topology.edge_annotation(0, 1, "delay") == "5ms"
    topology.del_edge_annotation(0, 1, "delay")
    assert topology.edge_annotations(1, 0) == {}


def test_neighbours_and_leaves() -> None:
    topology = Topology.make("star", 5, branches=2)

    assert topology.neighbors(0) == [1, 3]
    assert topology.leaves() == [2, 4]
    assert (len(topology), list(topology), 4 in topology, 5 in topology) == (5, [0, 1, 2, 3, 4], True, False)


def test_the_same_seed_chooses_the_same_source_and_never_a_target() -> None:
    topology = Topology.make("star", 9)
    assert topology.select_target_zero() == 0
    assert topology.targets() == [0]

    chosen = {Topology.from_dict(topology.to_dict()).select_random_source(seed=5) for _ in range(3)}

    assert len(chosen) == 1
    assert chosen <= set(topology.leaves())
    for nid in topology:
        topology.set_target(nid)
    with pytest.raises(InvalidTopology, match="every node is a target"):
        topology.select_random_source()


def test_networkx_gets_a_graph_of_its_own() -> None:
    topology = Topology.make("ladder", 6)
    topology.annotate_edge(0, 1, "delay", 5)

    graph = topology.to_networkx()
    graph.remove_node(0)

    assert nx.shortest_path(topology.to_networkx(), 0, 5) in ([0, 1, 2, 5], [0, 1, 4, 5], [0, 3, 4, 5])
    assert topology.to_networkx().edges[0, 1] == {"delay": 5}


def test_building_calls_back_for_each_node_and_then_for_each_edge_in_order() -> None:
    called: list[tuple[object, ...]] = []

    build(
        "the experiment", Topology.make("star", 3), lambda *node: called.append(node), lambda *edge: called.append(edge)
    )

    ec = "the experiment"
    assert called == [(ec, 0), (ec, 1), (ec, 2), (ec, 0, 1), (ec, 0, 2)]


def test_what_a_callback_raises_is_raised_and_says_for_which_edge() -> None:
    def refuse(_ec: None, _n1: int, n2: int) -> None:
        if n2 == 2:
            raise KeyError("its own")

    with pytest.raises(KeyError, match="its own") as raised:
        build(None, Topology.make("star", 3), None, refuse)

    assert raised.value.__notes__ == ["raised by the callback for edge 0-2 of the topology"]
