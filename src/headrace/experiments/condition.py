"""Conditions: what an action of a resource waits for."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from headrace.core import AllOf, AnyOf, AtLeast, GateStatus, Holds, Reached
from headrace.experiments.errors import InvalidCondition
from headrace.experiments.state import ResourceAction, ResourceState, satisfying
from headrace.experiments.timespan import format_span

if TYPE_CHECKING:
    from headrace.core import Gate, Term
    from headrace.experiments.units import ResourceUnit

__all__ = ["Compare", "Condition", "Need", "Predicate", "held_since"]

#: How many of a group's members are needed.
Need = Literal["all", "any"] | int

#: Is given the resources of the group, in order; must be quick, must not block, and depend on nothing but them.
Predicate = Callable[..., bool]

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Compare:
    """A predicate that can be saved: an attribute of each resource of the group compares so with a value.

    An attribute without a value compares with nothing: then it does not hold.

    Raises:
        InvalidCondition: `op` is none of ``== != < <= > >=``.
    """

    attribute: str
    op: str
    value: Any

    def __post_init__(self) -> None:
        if self.op not in _OPERATORS:
            raise InvalidCondition(f"{self.op!r} is no comparison; there are {', '.join(_OPERATORS)}")

    def __call__(self, *resources: Any) -> bool:  # noqa: ANN401 - resources; their class is defined above this
        """Tell whether it holds for all of them."""
        values = [resource.get(self.attribute) for resource in resources]
        return all(value is not None and _OPERATORS[self.op](value, self.value) for value in values)

    def __str__(self) -> str:
        return f"{self.attribute} {self.op} {self.value!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`action` waits until `need` of `group` have reached `state`, or `when` holds for them, then `delay` seconds."""

    action: ResourceAction
    #: Guids.
    group: tuple[int, ...]
    #: The state that is to be reached, or passed; None if `when` says what is waited for.
    state: ResourceState | None
    #: Seconds, counted from the moment at which it was met, on the monotonic clock.
    delay: float = 0.0
    need: Need = "all"
    when: Predicate | None = field(default=None)

    def __post_init__(self) -> None:
        if (self.state is None) == (self.when is None):
            raise InvalidCondition(f"a condition on {self.action} needs either a state or `when`")
        if not self.group:
            raise InvalidCondition(f"a condition on {self.action} names no resource to wait for")
        many = len(self.group)
        if not (self.need in ("all", "any") or (type(self.need) is int and 1 <= self.need <= many)):
            raise InvalidCondition(f"need must be 'all', 'any', or a number from 1 to {many}, not {self.need!r}")
        if self.when is not None and self.need != "all":
            raise InvalidCondition(f"`when` is given all of the group at once: need={self.need!r} says nothing there")
        if self.when is not None and not callable(self.when):
            raise InvalidCondition(f"when must be callable, not {self.when!r}")

    def term(self, units: dict[int, ResourceUnit], since: float | None = None) -> Term:
        """Return what the core waits for; `units` are those of the group, at least; `since` is as `held_since` says."""
        members = [units[guid] for guid in self.group]
        if self.state is None:
            return Holds(_Check(self, members), members, self.delay, since=since)
        state = self.state
        if len(members) == 1:
            return Reached(members[0], satisfying(state, critical=_critical(members[0])), self.delay)
        terms = [Reached(one, satisfying(state, critical=_critical(one))) for one in members]
        if self.need == "all":
            return AllOf(terms, self.delay)
        if self.need == "any":
            return AnyOf(terms, self.delay)
        return AtLeast(self.need, terms, self.delay)

    def without(self, guids: frozenset[int]) -> Condition | None:
        """Return it without these members of its group; None if none would be left."""
        group = tuple(guid for guid in self.group if guid not in guids)
        if not group or group == self.group:
            return self if group else None
        need = min(self.need, len(group)) if isinstance(self.need, int) else self.need
        return replace(self, group=group, need=need)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.group))
        how = "" if len(self.group) == 1 or self.need == "all" else f"{self.need} of "
        what = f"{how}{names} {self.state}" if self.when is None else f"{_named(self.when)} of {names}"
        return f"{self.action} when {what}" + (f" + {format_span(self.delay)}" if self.delay else "")


class _Check:
    """Calls a condition's predicate with the resources."""

    def __init__(self, condition: Condition, members: list[ResourceUnit]) -> None:
        self.condition = condition
        self._members = members
        # What `why` shows.
        self.__qualname__ = f"{_named(condition.when)} of {', '.join(map(str, members))}"

    def __call__(self) -> bool:
        when = self.condition.when
        return when is not None and when(*(each.manager for each in self._members))


def held_since(gate: Gate | None, condition: Condition) -> float | None:
    """Return from when on a condition's `when` has been true, as far as a gate that is still closed has seen."""
    if gate is None or condition.when is None or gate.status is not GateStatus.ARMED:
        return None
    for term in gate.terms():
        if isinstance(term, Holds) and isinstance(term.predicate, _Check) and term.predicate.condition is condition:
            return term.since
    return None


def _named(predicate: object) -> str:
    return str(predicate) if isinstance(predicate, Compare) else getattr(predicate, "__qualname__", repr(predicate))


def _critical(unit: ResourceUnit) -> bool:
    return bool(unit.manager.get("critical"))
