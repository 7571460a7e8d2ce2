"""An experiment as graphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.experiments import Compare
from headrace.experiments.graph import GraphEdge
from headrace.experiments.graphs import conditions_graph, connections_graph

if TYPE_CHECKING:
    from tests.unit.experiments.lab import Lab


def test_the_connections_of_an_experiment_with_where_its_resources_are(lab: Lab) -> None:
    first, second = lab.add(number=2)
    lab.ec.register_connection(second, first)
    lab.run(first)

    graph = connections_graph(lab.ec)

    assert [(node.id, node.label, node.state) for node in graph.nodes] == [
        ("1", "1\nPlain", "STARTED"),
        ("2", "2\nPlain", "NEW"),
    ]
    assert [{edge.a, edge.b} for edge in graph.edges] == [{"1", "2"}]


def test_an_arrow_goes_from_what_is_waited_for_to_what_waits_and_says_for_what(lab: Lab) -> None:
    first, second, third = lab.add(number=3)
    lab.ec.register_condition(third, "START", [first, second], "STARTED", "2s", need="any")
    lab.ec.register_condition(third, "STOP", first, when=Compare("critical", "==", True))

    assert conditions_graph(lab.ec).edges == (
        GraphEdge("1", "3", "START: any of 2 STARTED + 2s", directed=True),
        GraphEdge("2", "3", "START: any of 2 STARTED + 2s", directed=True),
        GraphEdge("1", "3", "STOP: critical == True", directed=True),
    )


def test_what_is_set_under_a_condition_is_an_arrow_as_well(lab: Lab) -> None:
    first, second = lab.add(number=2)
    lab.ec.set_with_conditions("critical", "false", second, first, "STARTED")

    assert [edge.label for edge in conditions_graph(lab.ec.description).edges] == ["critical = False: STARTED"]


def test_a_description_alone_says_nothing_of_states(lab: Lab) -> None:
    lab.add()

    assert [node.state for node in connections_graph(lab.ec.description).nodes] == [""]
