"""`nepi.util.netgraph` and `nepi.util.plotter`, under the names and with the answers that programs for NEPI know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import pytest

from headrace.compat.nepi.ec import ExperimentController
from headrace.compat.nepi.netgraph import NetGraph, TopologyType
from headrace.compat.nepi.plotter import ECPlotter, PFormats
from headrace.experiments import ResourceFactory, ResourceManager
from headrace.experiments.topology import InvalidTopology, NoAddresses

if TYPE_CHECKING:
    from pathlib import Path


class Host(ResourceManager):
    """Stands for anything."""

    _rtype = "own::Host"


def test_an_edges_addresses_come_with_netmask_network_and_prefix() -> None:
    graph = NetGraph(topo_type=TopologyType.LINEAR, node_count=3, assign_ips=True)

    assert graph.get_p2p_info(1, 2) == ("10.0.0.5", "10.0.0.6", "255.255.255.252", "10.0.0.4", 30)
    assert graph.edge_net_annotation(2, 1) == {
        1: "10.0.0.5",
        2: "10.0.0.6",
        "mask": "255.255.255.252",
        "network": "10.0.0.4",
        "prefix": 30,
    }
    assert graph.node_ip_annotations(1) == ["10.0.0.2", "10.0.0.5"]


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ({}, "10.0.0.1"),
        ({"network": "10.0.0.0", "prefix": 8}, "10.0.0.1"),
        ({"network": "192.168.7.9", "prefix": 16}, "192.168.0.1"),
        ({"network": "192.168.0.0/16"}, "192.168.0.1"),
        ({"prefix": 24}, "10.0.0.1"),
        ({"version": 6}, "fd00::1"),
        ({"network": "2001:db8::", "prefix": 32, "version": 6}, "2001:db8::1"),
    ],
)
def test_the_network_and_the_length_of_its_prefix_may_be_given_apart(arguments: dict[str, Any], first: str) -> None:
    graph = NetGraph(topo_type="star", node_count=4)

    graph.assign_p2p_ips(**arguments)

    assert graph.get_p2p_info(0, 1)[0] == first


def test_a_network_that_is_none_is_refused_with_how_to_write_it() -> None:
    graph = NetGraph(topo_type="star", node_count=4)

    with pytest.raises(InvalidTopology, match=r"give a network such as 10\.0\.0\.0"):
        graph.assign_p2p_ips("10.0.0", 8)
    with pytest.raises(InvalidTopology, match="room for 2 edges, and there are 3"):
        graph.assign_p2p_ips(prefix=29)
    with pytest.raises(NoAddresses, match="call assign_p2p_ips first"):
        graph.get_p2p_info(0, 1)


def test_an_empty_graph_grows_and_keeps_what_is_noted() -> None:
    graph = NetGraph()
    graph.add_node(0)
    graph.annotate_node(0, "name", "a")
    graph.add_edge(1, 0)
    graph.annotate_edge(0, 1, "delay", "5ms")
    graph.annotate_edge_net(0, 1, "10.9.0.1", "10.9.0.2", "255.255.255.252", "10.9.0.0", 30)
    graph.set_source(1)
    graph.add_edge(1, 2)
    graph.annotate_node_ip(2, "192.0.2.1")

    assert (graph.topo_type, graph.order, graph.edges()) == (TopologyType.ADHOC, 3, [(0, 1), (1, 2)])
    assert (graph.node_annotation(0, "name"), graph.edge_annotation(1, 0, "delay")) == ("a", "5ms")
    assert (graph.get_p2p_info(1, 0)[0], graph.node_ip_annotations(2)) == ("10.9.0.2", ["192.0.2.1"])
    assert (graph.is_source(1), graph.is_target(1)) == (True, False)
    for ends in ((1, 1), (0, -1), (0, "1")):
        with pytest.raises(InvalidTopology):
            graph.add_edge(*ends)


def test_a_graph_of_networkx_may_be_given() -> None:
    graph = NetGraph(topology=nx.cycle_graph(4), assign_ips=True)

    assert nx.is_isomorphic(graph.topology, nx.cycle_graph(4))
    assert (graph.topo_type, len(graph.node_ip_annotations(0))) == (TopologyType.ADHOC, 2)


def test_sources_and_targets_are_given_or_chosen() -> None:
    given = NetGraph(topo_type="mesh", node_count=4, sources_targets={"sources": [1, 2], "targets": [3]})
    leaf = NetGraph(topo_type="tree", node_count=7, assign_st=True, leaf_source=True)
    corner = NetGraph(topo_type="ladder", node_count=8, assign_st=True)

    assert (given.sources(), given.targets()) == ([1, 2], [3])
    assert leaf.targets() == [0]
    assert set(leaf.sources()) < {3, 4, 5, 6}
    assert set(corner.sources()) < {3, 4}
    with pytest.raises(InvalidTopology, match="no node is left"):
        NetGraph(topo_type="linear", node_count=1, assign_st=True)


def test_a_controller_is_made_with_a_topology_and_plotted(tmp_path: Path) -> None:
    guids: dict[int, int] = {}
    factory = ResourceFactory(shipped=False, plugins=False)
    factory.register_type(Host)

    ec = ExperimentController(
        "drawn",
        str(tmp_path),
        add_node_callback=lambda ec, nid: guids.update({nid: ec.register_resource("own::Host")}),
        add_edge_callback=lambda ec, one, other: ec.register_connection(guids[one], guids[other]),
        topo_type=TopologyType.STAR,
        node_count=4,
        sources_targets={"sources": [1], "targets": [0]},
        factory=factory,
        journal=False,
    )
    try:
        path = ECPlotter().plot(ec, str(tmp_path / "plots"), format=PFormats.DOT)
        text = (tmp_path / "plots" / f"drawn_{ec.run_id}.dot").read_text(encoding="utf-8")
    finally:
        ec.shutdown()

    assert path == str(tmp_path / "plots" / f"drawn_{ec.run_id}.dot")
    assert ec.netgraph is not None
    assert ec.netgraph.sources() == [1]
    assert text.count(" -- ") == 3
    assert 'label="1 own::Host" fillcolor="#e6e6e6" tooltip="NEW"' in text
