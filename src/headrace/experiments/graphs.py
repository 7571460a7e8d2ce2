"""An experiment as graphs to look at: who is connected to whom, and who waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.experiments.description import ExperimentDescription
from headrace.experiments.graph import Graph, GraphEdge, GraphNode
from headrace.experiments.timespan import format_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.description import ConditionDescription, ResourceDescription

__all__ = ["conditions_graph", "connections_graph"]


def connections_graph(
    source: ExperimentController | ExperimentDescription, states: Mapping[int, str] | None = None
) -> Graph:
    """Return the resources and their connections.

    Args:
        source: the experiment, or its description.
        states: where each resource is, by guid; as the controller says unless given. A description says nothing of it.
    """
    description, known = _read(source, states)
    edges = (GraphEdge(str(one), str(other)) for one, other in description.connections)
    return Graph(tuple(_nodes(description, known)), tuple(edges))


def conditions_graph(
    source: ExperimentController | ExperimentDescription, states: Mapping[int, str] | None = None
) -> Graph:
    """Return the resources, with an arrow from each that is waited for to each that waits, which says for what.

    The arguments are those of `connections_graph`.
    """
    description, known = _read(source, states)
    edges = (edge for one in description.resources for edge in _edges(one))
    return Graph(tuple(_nodes(description, known)), tuple(edges))


def _read(
    source: ExperimentController | ExperimentDescription, states: Mapping[int, str] | None
) -> tuple[ExperimentDescription, Mapping[int, str]]:
    if isinstance(source, ExperimentDescription):
        return source, states or {}
    description = source.description
    if states is None:
        here = set(source.resources)
        states = {one.guid: str(source.state(one.guid)) for one in description.resources if one.guid in here}
    return description, states


def _nodes(description: ExperimentDescription, states: Mapping[int, str]) -> Iterator[GraphNode]:
    for one in description.resources:
        name = f"{one.name} ({one.guid})" if one.name else str(one.guid)
        yield GraphNode(str(one.guid), f"{name}\n{one.rtype}", state=states.get(one.guid, ""))


def _edges(one: ResourceDescription) -> Iterator[GraphEdge]:
    acts = [(each.action.value, each) for each in one.conditions]
    acts += [(f"{each.attribute} = {each.value!r}", each.condition) for each in one.sets]
    for act, condition in acts:
        for member in condition.group:
            yield GraphEdge(str(member), str(one.guid), f"{act}: {_needed(condition)}", directed=True)


def _needed(condition: ConditionDescription) -> str:
    what = str(condition.state) if condition.state is not None else str(condition.compare or condition.predicate)
    many = len(condition.group)
    of = f"{condition.need} of {many} " if condition.need != "all" and many > 1 else ""
    after = f" + {format_span(condition.delay)}" if condition.delay else ""
    return f"{of}{what}{after}"
