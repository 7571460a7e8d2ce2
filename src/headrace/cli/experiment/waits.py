"""What the resources of a run wait for, by what was kept of it: answered from outside its controller."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headrace.cli.text import duration
from headrace.experiments.state import ResourceState, satisfying

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from headrace.cli.experiment.record import Record, Resource
    from headrace.experiments.description import ConditionDescription

__all__ = ["Waited", "waits_of", "who_waits"]

_R = ResourceState
_MOST: Final = 5000
_DEEPEST: Final = 10


@dataclass(frozen=True, slots=True)
class Waited:
    """One thing that an action of a resource waits for."""

    #: Whose action it is.
    resource: Resource
    action: str
    #: What is missing, in words.
    needs: str
    #: The resource that has to move, where it is one.
    on: Resource | None = None
    #: How many waits lie between this one and the resource that was asked about.
    depth: int = 0

    def __str__(self) -> str:
        return f"{'  ' * min(self.depth, _DEEPEST)}{self.action} of {self.resource} waits: {self.needs}"


def waits_of(record: Record, one: Resource, now: float, *, depth: int = sys.maxsize) -> list[Waited]:
    """Return what a resource waits for at `now` (monotonic seconds), and what that waits for, `depth` levels deep.

    Each resource's waits are told once, where they are first met. Of very many, only some thousands are told.
    """
    waits: list[Waited] = []
    todo = [(one, 0)]
    seen = {one.guid}
    while todo and len(waits) < _MOST:
        waiter, level = todo.pop()
        found = list(_own_waits(record, waiter, now, level))
        waits += found
        for each in reversed(found):
            if each.on is not None and each.on.guid not in seen and level + 1 < depth:
                seen.add(each.on.guid)
                todo.append((each.on, level + 1))
    return waits


def who_waits(record: Record, one: Resource, now: float) -> list[Waited]:
    """Return the waits of others for a resource."""
    waits = (each for other in record.resources.values() for each in _own_waits(record, other, now, 0))
    return [each for each in waits if each.on is one]


def _own_waits(record: Record, one: Resource, now: float, depth: int) -> Iterator[Waited]:
    state = one.state
    if state >= _R.FAILED:
        return
    if state < _R.STARTED and one.guid not in record.deployed:
        yield Waited(one, "DEPLOY", "nobody has asked for it to be deployed", None, depth)
        return
    action = "DEPLOY" if state < _R.READY else "START" if state is _R.READY else "STOP"
    for other in _before(record, one):
        yield Waited(one, action, _to_be(other, _R.READY), other, depth)
    for does, condition in _conditions(record, one, action):
        yield from _unmet(record, one, does, condition, now, depth)


def _conditions(record: Record, one: Resource, action: str) -> Iterator[tuple[str, ConditionDescription]]:
    """Give the conditions on what is to be done to it, with what that is."""
    described = one.described
    if described is None:
        return
    if one.state not in {_R.STOPPED, _R.FINISHED}:
        yield from ((action, each) for each in described.conditions if each.action.value == action)
    done = (record.kept.get("sets_done") or {}).get(str(one.guid), ())
    yield from ((f"SET {each.attribute}", each.condition) for n, each in enumerate(described.sets) if n not in done)


def _before(record: Record, one: Resource) -> Iterable[Resource]:
    """Return those that must be READY before it is deployed, or started."""
    if one.state < _R.READY:
        first = (record.resources[guid] for guid in one.after if guid in record.resources)
        return [other for other in first if _arrival(other, _R.READY) is None]
    return list(_barrier(record, one)) if one.state is _R.READY else ()


def _barrier(record: Record, one: Resource) -> Iterator[Resource]:
    """Give those that keep it from starting, since it was deployed with them."""
    groups = {each.group for each in record.description.deploy if one.guid in each.guids and each.wait_all_ready}
    members = (guid for each in record.description.deploy if each.group in groups for guid in each.guids)
    for guid in dict.fromkeys(members):
        other = record.resources.get(guid)
        if other is not None and other.state < _R.READY:
            yield other


def _unmet(  # noqa: PLR0917 - what a wait consists of
    record: Record, one: Resource, action: str, condition: ConditionDescription, now: float, depth: int
) -> Iterator[Waited]:
    group = [record.resources[guid] for guid in condition.group if guid in record.resources]
    if condition.state is None:
        names = ", ".join(map(str, group))
        what = condition.compare if condition.compare is not None else condition.predicate
        yield Waited(one, action, f"{what} of {names}; whether that holds is known to the controller only", None, depth)
        return
    state = condition.state
    moments = sorted(moment for other in group if (moment := _arrival(other, state)) is not None)
    needed = len(group) if condition.need == "all" else 1 if condition.need == "any" else int(condition.need)
    if len(moments) >= needed:
        left = moments[needed - 1] + condition.delay - now if needed else 0.0
        if left > 0:
            yield Waited(one, action, f"{duration(left)} more", None, depth)
        return
    of = "" if condition.need == "all" else f", {needed} of {len(group)} are enough"
    for other in group:
        if _arrival(other, state) is None:
            yield Waited(one, action, f"{_to_be(other, state)}{of}", other, depth)


def _arrival(one: Resource, state: ResourceState) -> float | None:
    """Return when it had been at least in a state, as those who wait for it take it; None if it has not."""
    states = satisfying(state, critical=one.critical)
    return min((one.past.arrivals[each] for each in states if each in one.past.arrivals), default=None)


def _to_be(one: Resource, state: ResourceState) -> str:
    never = one.state >= _R.FAILED and state < _R.FAILED
    return f"{one}, now {one.state}, to be {state}{', which it will never be' if never else ''}"
