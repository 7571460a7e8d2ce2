"""What an experiment consists of, read from its controller."""

from __future__ import annotations

import heapq
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.experiments.attribute import Flags, is_written
from headrace.experiments.condition import Compare
from headrace.experiments.description import (
    ConditionDescription,
    ExperimentDescription,
    GlobalDescription,
    ResourceDescription,
    SetDescription,
)
from headrace.experiments.errors import DescriptionError, InvalidAttribute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.attribute import Attribute
    from headrace.experiments.condition import Condition, Predicate
    from headrace.experiments.resource import ResourceManager
    from headrace.experiments.saved import Saved

__all__ = [
    "describe",
    "describe_connections",
    "describe_frame",
    "describe_globals",
    "describe_resource",
    "in_order",
    "plain_value",
    "sets_done",
]


def describe(
    ec: Saved, predicates: Mapping[str, Predicate] | None = None, *, strict: bool = True
) -> ExperimentDescription:
    """Return what an experiment consists of. It may go on meanwhile.

    Args:
        ec: the experiment.
        predicates: names for the functions that its conditions have as `when`, beside those that it knows.
        strict: whether a function without a name is refused; or else it is called what it is in its program.

    Raises:
        DescriptionError: something of it cannot be written down; the message names the resource and the remedy.
    """
    describer = _Describer(ec, {**ec.predicates, **(predicates or {})}, strict=strict)
    managers = tuple(ec._resources.values())  # noqa: SLF001 - a part of it
    resources = tuple(describer.resource(each) for each in managers)
    return replace(describe_frame(ec), resources=resources, connections=describe_connections(ec))


def describe_resource(ec: Saved, manager: ResourceManager, *, strict: bool = True) -> ResourceDescription:
    """Return what `describe` does of one resource."""
    return _Describer(ec, ec.predicates, strict=strict).resource(manager)


def describe_connections(ec: Saved) -> tuple[tuple[int, int], ...]:
    """Return what `describe` does of the connections."""
    return in_order({each.guid: each.connections for each in tuple(ec._resources.values())})  # noqa: SLF001 - a part of it


def describe_frame(ec: Saved) -> ExperimentDescription:
    """Return what `describe` does, without resources and connections."""
    given = ec._given  # noqa: SLF001 - a part of it
    return ExperimentDescription(
        exp_id=ec.exp_id,
        globals=describe_globals(ec),
        deploy=tuple(ec._deploys) or given.deploy,  # noqa: SLF001 - a part of it
        wait=given.wait,
        runs=given.runs,
    )


def sets_done(ec: Saved, manager: ResourceManager) -> list[int]:
    """Return which have been done of the sets that `describe` tells of, by their numbers there."""
    declared, here = manager._attributes, ec._resources  # noqa: SLF001 - a part of it
    told = [
        number
        for number, (name, _, condition) in enumerate(tuple(manager._sets))  # noqa: SLF001 - a part of it
        if not _is_secret(declared[name]) and _left(condition, here) is not None
    ]
    done = manager._sets_done  # noqa: SLF001 - a part of it
    return [place for place, number in enumerate(told) if number in done]


def plain_value(attribute: Attribute, value: Any) -> Any:  # noqa: ANN401 - of the declared type, and plain
    """Return a value such as a file can hold, from which the attribute's check makes the same again.

    Raises:
        DescriptionError: there is none.
    """
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    try:
        if attribute.check(str(value)) == value:
            return str(value)
    except InvalidAttribute:
        pass
    raise DescriptionError(
        f"the value {attribute.shown(value)} of its attribute {attribute.name} is no text, number or truth value, and "
        "its text does not say which of the allowed ones it is: declare values that files can hold"
    )


def in_order(neighbours: Mapping[int, Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Return connections once each, in an order that gives every resource its own in the order in which it has them.

    Of those that come into question next, the one with the lowest guids is.
    """
    at = dict.fromkeys(neighbours, 0)

    def next_of(guid: int) -> int | None:
        return neighbours[guid][at[guid]] if at[guid] < len(neighbours[guid]) else None

    ready: list[tuple[int, int]] = []

    def look(guid: int) -> None:
        other = next_of(guid)
        if other is not None and other in at and next_of(other) == guid:
            heapq.heappush(ready, (min(guid, other), max(guid, other)))

    for guid in neighbours:
        other = next_of(guid)
        if other is not None and guid < other:
            look(guid)
    found: list[tuple[int, int]] = []
    while ready:
        pair = heapq.heappop(ready)
        found.append(pair)
        for guid in pair:
            at[guid] += 1
        one, other = pair
        look(one)
        look(other)
    # One that was made or taken away meanwhile may hold up others.
    left = {(min(one, each), max(one, each)) for one, others in neighbours.items() for each in others if each in at}
    return (*found, *sorted(left.difference(found)))


def describe_globals(ec: Saved) -> tuple[GlobalDescription, ...]:
    """Return what `describe` does of the values that are set for all resources of a type."""
    found = []
    for (rtype, name), value in tuple(ec._globals.items()):  # noqa: SLF001 - a part of it
        attribute = ec._declared(rtype, name)  # noqa: SLF001 - a part of it
        if not _is_secret(attribute):
            found.append(GlobalDescription(rtype=rtype, attribute=name, value=plain_value(attribute, value)))
    return tuple(found)


def _left(condition: Condition, here: Mapping[int, object]) -> Condition | None:
    """What is left of a condition without those that the experiment has forgotten: nobody could find them."""
    gone = frozenset(guid for guid in condition.group if guid not in here)
    return condition.without(gone) if gone else condition


def _is_secret(attribute: Attribute) -> bool:
    return Flags.Credential in attribute.flags


class _Describer:
    """Describes resources."""

    def __init__(self, ec: Saved, predicates: Mapping[str, Predicate], *, strict: bool) -> None:
        self._here = ec._resources  # noqa: SLF001 - a part of it
        self._predicates = predicates
        self._strict = strict

    def resource(self, manager: ResourceManager) -> ResourceDescription:
        try:
            return self._resource(manager)
        except DescriptionError as error:
            raise DescriptionError(f"resource {manager} cannot be saved: {error}") from error

    def _resource(self, manager: ResourceManager) -> ResourceDescription:
        declared = manager._attributes  # noqa: SLF001 - a part of it
        values, secrets = {}, dict.fromkeys(manager.missing_credentials)
        for name, value in tuple(manager._values.items()):  # noqa: SLF001 - a part of it
            attribute = declared[name]
            if _is_secret(attribute):
                secrets[name] = None
            elif is_written(attribute):
                values[name] = plain_value(attribute, value)
        sets = []
        for name, value, condition in tuple(manager._sets):  # noqa: SLF001 - a part of it
            if _is_secret(declared[name]):
                secrets[name] = None
            elif (left := _left(condition, self._here)) is not None:
                plain = plain_value(declared[name], value)
                sets.append(SetDescription(attribute=name, value=plain, condition=self.condition(left)))
        conditions = [_left(each, self._here) for each in tuple(manager._unit.conditions)]  # noqa: SLF001 - a part of it
        return ResourceDescription(
            guid=manager.guid,
            rtype=manager.rtype,
            name=manager.label,
            attributes=values,
            credentials=tuple(sorted(secrets)),
            traces=tuple(manager.enabled_traces()),
            conditions=tuple(self.condition(each) for each in conditions if each is not None),
            sets=tuple(sets),
        )

    def condition(self, condition: Condition) -> ConditionDescription:
        when = condition.when
        compare = when if isinstance(when, Compare) else None
        named = None if when is None or compare is not None else self._name_of(condition)
        return ConditionDescription(
            action=condition.action,
            group=condition.group,
            state=condition.state,
            delay=condition.delay,
            need=condition.need,
            compare=compare,
            predicate=named,
        )

    def _name_of(self, condition: Condition) -> str:
        for name, function in self._predicates.items():
            if function == condition.when:
                return name
        called = getattr(condition.when, "__qualname__", repr(condition.when))
        if self._strict:
            raise DescriptionError(
                f"its condition {condition} asks {called}, which is code and no description. Use `Compare`; or give "
                f"it a name here and when it is loaded: predicates={{{called.rpartition('.')[2]!r}: …}}"
            )
        return called
