"""Gates: when all of these have reached those states, plus this delay, do that.

A gate guards one action of one unit. Its condition is a small tree of terms:

- `Reached`: a unit has reached one of some states. It latches: satisfied at once if the unit has already been there
  in its present attempt, else on first arrival, and for good. It *breaks* when none of its states can be reached any
  more from where the unit is.
- `Holds`: a predicate over some units is true *now*. It is level-triggered, evaluated again whenever one of those units
  moves or changes, and never breaks unless the predicate raises.
- `After`: some time has passed since the gate was armed.
- `AllOf`, `AnyOf`, `AtLeast`: so many of these terms are satisfied.

Every term may carry a delay, counted from the moment at which it was met. Groups count, so that satisfying one term of
a gate costs the same however many it has.

A term belongs to one place in one gate: make new ones for another gate.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from headrace.core.lifecycle import State
    from headrace.core.unit import Unit

__all__ = [
    "After",
    "AllOf",
    "AnyOf",
    "AtLeast",
    "Gate",
    "GateStatus",
    "Group",
    "Holds",
    "Reached",
    "Term",
    "TermStatus",
]


class TermStatus(Enum):
    """Where a term is. The value says what that means."""

    WAITING = "not met yet"
    RIPENING = "met; its delay is running"
    SATISFIED = "met, and its delay is over"
    BROKEN = "cannot be met any more"


class GateStatus(Enum):
    """Where a gate is. The value says what that means."""

    NEW = "not armed yet"
    ARMED = "waiting for its condition"
    OPEN = "its condition was met, and its action was asked for, once"
    BROKEN = "its condition cannot be met any more"
    DROPPED = "taken away, or its unit has ended; it will never open"


class Term:
    """One node of a gate's condition."""

    __slots__ = ("cause", "delay", "due", "owner", "status")

    def __init__(self, delay: float = 0.0) -> None:
        if not delay >= 0:  # nor is NaN
            msg = f"a delay must not be negative: {delay!r}"
            raise ValueError(msg)
        #: Seconds between being met and being satisfied.
        self.delay = delay
        self.status = TermStatus.WAITING
        self.owner: Group | Gate | None = None
        #: When the running delay ends (monotonic seconds).
        self.due = 0.0
        #: Why it broke, where an exception says it.
        self.cause: BaseException | None = None

    def reset(self) -> None:
        """Forget what can be worked out from other terms. A leaf's own status is a fact and stays."""


class Reached(Term):
    """`unit` has reached one of `states` in its present attempt."""

    __slots__ = ("states", "unit")

    def __init__(self, unit: Unit, states: Iterable[State], delay: float = 0.0) -> None:
        super().__init__(delay)
        self.unit = unit
        self.states = frozenset(states)
        if not self.states:
            msg = f"a wait for {unit} names no state"
            raise ValueError(msg)


class Holds(Term):
    """`predicate()` is true.

    It is called inside the scheduler, so it must be quick, must not block, and must depend on nothing but `watch`: the
    units whose moves and changes it is evaluated again for, until they end. With a delay it must have stayed true for
    that long; where another gate has watched it until this one is armed, `since` says from when on it was true there.
    """

    __slots__ = ("predicate", "since", "watch")

    def __init__(
        self, predicate: Callable[[], bool], watch: Iterable[Unit], delay: float = 0.0, *, since: float | None = None
    ) -> None:
        super().__init__(delay)
        self.predicate = predicate
        self.watch = tuple(watch)
        #: From when on it has been true (monotonic seconds); None if it was not when it was last evaluated.
        self.since = since


class After(Term):
    """`delay` seconds have passed since the gate was armed."""

    __slots__ = ()


class Group(Term):
    """At least `need` of `terms` are satisfied."""

    __slots__ = ("armed", "broken", "need", "satisfied", "terms")

    def __init__(self, need: int, terms: Iterable[Term], delay: float = 0.0) -> None:
        super().__init__(delay)
        self.terms = tuple(terms)
        if not 0 <= need <= len(self.terms):
            msg = f"{need} of {len(self.terms)} terms can never be satisfied"
            raise ValueError(msg)
        self.need = need
        #: Whether all of its terms have been looked at; until then the count says nothing.
        self.armed = False
        self.satisfied = 0
        self.broken = 0
        for term in self.terms:
            if term.owner is not None:
                msg = "a term belongs to one gate: make a new one for each"
                raise ValueError(msg)
            term.owner = self

    @property
    def needs_each(self) -> bool:
        """Whether every single term is needed."""
        return self.need == len(self.terms)

    def reset(self) -> None:
        """Forget what can be worked out again, here and below."""
        # One that needs none of its terms was met when it was armed, which is a fact.
        if self.need:
            self.status = TermStatus.WAITING
        self.armed = False
        self.satisfied = self.broken = 0
        for term in self.terms:
            term.reset()


class AllOf(Group):
    """Every one of `terms`; of none, at once."""

    __slots__ = ()

    def __init__(self, terms: Iterable[Term], delay: float = 0.0) -> None:
        terms = tuple(terms)
        super().__init__(len(terms), terms, delay)


class AnyOf(Group):
    """At least one of `terms`. Of none it could never be met, which is a ValueError."""

    __slots__ = ()

    def __init__(self, terms: Iterable[Term], delay: float = 0.0) -> None:
        super().__init__(1, terms, delay)


class AtLeast(Group):
    """At least `need` of `terms`."""

    __slots__ = ()


class Gate:
    """Guards `action` of `unit` until `condition` is satisfied; with none, it opens as soon as it is armed."""

    __slots__ = ("action", "condition", "status", "unit")

    def __init__(self, unit: Unit, action: str, condition: Term | None = None) -> None:
        self.unit = unit
        self.action = action
        self.condition = condition
        self.status = GateStatus.NEW
        if condition is not None:
            if condition.owner is not None:
                msg = "a term belongs to one gate: make a new one for each"
                raise ValueError(msg)
            condition.owner = self

    def terms(self, *, needed_only: bool = False) -> Iterator[Term]:
        """Walk the condition's leaves; `needed_only` leaves out those that an alternative could replace."""
        todo = [self.condition] if self.condition is not None else []
        while todo:
            term = todo.pop()
            if not isinstance(term, Group):
                yield term
            elif term.needs_each or not needed_only:
                todo.extend(reversed(term.terms))

    def broken_terms(self) -> list[Term]:
        """Return the leaves that broke it, in the order given; not those that an alternative made good."""
        found: list[Term] = []
        todo = [self.condition] if self.condition is not None else []
        while todo:
            term = todo.pop()
            if term.status is TermStatus.BROKEN:
                if isinstance(term, Group):
                    todo.extend(reversed(term.terms))
                else:
                    found.append(term)
        return found

    def __repr__(self) -> str:
        return f"<gate on {self.action} of {self.unit}: {self.status.name}>"
