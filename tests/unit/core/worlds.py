"""Random worlds of lamps: a plan of what happens, replayed as often as wanted, and an oracle of what should."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from hypothesis import strategies as st
from tests.unit.core.lamp import LAMP, Lamp, S, lamp

from headrace.core import After as AfterTerm
from headrace.core import AllOf, Broken, Gate, Holds, Move, Perform, Reached
from headrace.core.gate import Group
from headrace.testing import Driver, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import State, Term

__all__ = ["Arrived", "Oracle", "Plan", "Watts", "World", "plans"]

UNITS = 4
ACTIONS = ("SCREW", "LIGHT", "QUENCH", "DIM", "SPIN")
#: At so many watts every predicate raises.
FATAL = 9


# --- plans: plain data -----------------------------------------------------------------------------------------------


class Arrived(NamedTuple):
    """Wait for a lamp to reach one of some states."""

    unit: int
    states: frozenset[State]
    delay: int


class Watts(NamedTuple):
    """Wait for a lamp's watts to be odd, or even."""

    unit: int
    odd: bool
    delay: int


class After(NamedTuple):
    """Wait for time to pass."""

    delay: int


class Some(NamedTuple):
    """Wait for at least so many of these."""

    need: int
    conditions: tuple[Condition, ...]
    delay: int


Condition: TypeAlias = "Arrived | Watts | After | Some"


class Op(NamedTuple):
    """One thing that happens: `do` to lamp `unit`."""

    do: str
    unit: int = 0
    #: A state for a move, an action for a gate, watts, or seconds, as a number to be taken modulo what there is.
    what: int = 0
    condition: Condition | None = None


@dataclass(frozen=True)
class Plan:
    """All that happens in a world, in order."""

    ops: tuple[Op, ...]
    late: int = 0


_DELAYS = st.sampled_from([0, 0, 0, 1, 2, 3, 5])
_STATES = st.frozensets(st.sampled_from(list(S)), min_size=1, max_size=3)
_LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Arrived, st.integers(0, UNITS - 1), _STATES, _DELAYS),
    st.builds(Arrived, st.integers(0, UNITS - 1), _STATES, _DELAYS),
    st.builds(Watts, st.integers(0, UNITS - 1), st.booleans(), _DELAYS),
    st.builds(After, _DELAYS),
)


def _groups(children: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    def some(conditions: list[Condition], need: int, delay: int) -> Some:
        return Some(min(need, len(conditions)), tuple(conditions), delay)

    return st.builds(some, st.lists(children, max_size=4), st.integers(0, 4), _DELAYS)


_CONDITIONS = st.recursive(_LEAVES, _groups, max_leaves=7)
_NUMBERS = st.integers(0, 9)
_UNITS = st.integers(0, UNITS - 1)
_OPS = st.one_of(
    st.builds(Op, st.just("move"), _UNITS, _NUMBERS),
    st.builds(Op, st.just("move"), _UNITS, _NUMBERS),
    st.builds(Op, st.just("advance"), st.just(0), st.integers(0, 5)),
    st.builds(Op, st.just("gate"), _UNITS, _NUMBERS, _CONDITIONS),
    st.builds(Op, st.just("gate"), _UNITS, _NUMBERS, _CONDITIONS),
    st.builds(Op, st.just("watts"), _UNITS, st.sampled_from([0, 1, 2, 3, 4, 5, 9])),
    st.builds(Op, st.sampled_from(["unguard", "stale", "twice"]), _UNITS, _NUMBERS),
)


def plans(*, late: bool = True) -> st.SearchStrategy[Plan]:
    """Random plans; ticks may be some seconds late."""
    return st.builds(
        Plan, st.lists(_OPS, min_size=3, max_size=30).map(tuple), st.sampled_from([0, 0, 1, 4]) if late else st.just(0)
    )


# --- what happened, as an oracle needs it -----------------------------------------------------------------------------

#: A moment: seconds, then the number of the event (a timer that is due comes before the events of its second), then the
#: part of the event (what it takes away comes before what it brings).
Key: TypeAlias = "tuple[float, int, int]"
NEVER: Key = (math.inf, 0, 0)


class Arrival(NamedTuple):
    """One entry of a lamp's history."""

    key: Key
    attempt: int
    state: State


class Record(NamedTuple):
    """A gate of the plan, when it was armed and when taken away."""

    gate: Gate
    condition: Condition | None
    armed: Key


@dataclass
class World:
    """A plan being carried out.

    It looks at the lamps' lifecycles and at what was asked for only as much as a face would; the histories it keeps are
    the oracle's.
    """

    plan: Plan
    #: Called in place of `Driver.tell`; may be cut short and repeated.
    tell: Callable[[Driver, object], None] | None = None
    after_each: Callable[[World], None] | None = None
    driver: Driver = field(init=False)
    units: list[Lamp] = field(init=False)
    moves: list[list[Arrival]] = field(init=False)
    watts: list[list[tuple[Key, int]]] = field(init=False)
    records: list[Record] = field(default_factory=list)
    dropped: dict[Gate, Key] = field(default_factory=dict)
    events: int = 0

    def __post_init__(self) -> None:
        self.driver = Driver(clock=VirtualClock(0.0), late=self.plan.late)
        self.driver.scheduler.observed = True
        self.units = [lamp(str(number)) for number in range(UNITS)]
        self.moves = [[] for _ in self.units]
        self.watts = [[((0.0, -1, 0), 0)] for _ in self.units]

    def run(self) -> World:
        """Carry the plan out, then let all delays end."""
        for number, unit in enumerate(self.units):
            self.driver.add(unit)
            self.moves[number].append(Arrival(self._key(1), 0, unit.state))
        for op in self.plan.ops:
            self._do(op)
            if self.after_each is not None:
                self.after_each(self)
        self.driver.advance(1_000)
        return self

    def _key(self, part: int) -> Key:
        return (self.driver.clock.monotonic(), self.events, part)

    def _do(self, op: Op) -> None:
        self.events += 1
        unit = self.units[op.unit]
        getattr(self, f"_{op.do}")(op, unit)

    def _move(self, op: Op, unit: Lamp) -> None:
        following = sorted(LAMP.following[unit.state])
        # Seldom to the end, else nothing much happens.
        choices = [state for state in following if state not in {S.GONE, S.BURNT}] * 3 + following
        if not choices:
            return
        state = choices[op.what % len(choices)]
        gates = dict(unit.gates or {})
        anew = (unit.state, state) in LAMP.anew
        self.driver.move(unit, state)
        self.moves[op.unit].append(Arrival(self._key(1), unit.attempt, state))
        for gate in gates.values():
            if unit.gates is None or (anew and gate not in unit.gates.values()):
                self.dropped.setdefault(gate, self._key(3))

    def _stale(self, op: Op, unit: Lamp) -> None:
        states = list(S)
        self.driver.move(unit, states[op.what % len(states)], attempt=unit.attempt - 1)

    def _twice(self, _op: Op, unit: Lamp) -> None:
        """A report that was given already: refused, or dropped because it began another attempt."""
        now = self.driver.clock.monotonic()
        try:
            self.driver.tell(Move(unit, unit.attempt, unit.state, now))
        except ValueError:
            raise
        except Exception as error:
            if type(error).__name__ != "InvalidTransition":
                raise

    def _watts(self, op: Op, unit: Lamp) -> None:
        if unit.ended:
            return
        unit.watts = op.what
        self.watts[op.unit].append((self._key(0), op.what))
        self.driver.changed(unit)

    def _advance(self, op: Op, _unit: Lamp) -> None:
        self.driver.advance(op.what)

    def _unguard(self, op: Op, unit: Lamp) -> None:
        action = ACTIONS[op.what % len(ACTIONS)]
        gate = (unit.gates or {}).get(action)
        self.driver.unguard(unit, action)
        if gate is not None:
            self.dropped.setdefault(gate, self._key(0))

    def _gate(self, op: Op, unit: Lamp) -> None:
        if unit.ended:
            return
        action = f"{ACTIONS[op.what % len(ACTIONS)]}"
        old = (unit.gates or {}).get(action)
        if old is not None:
            self.driver.unguard(unit, action)
            self.dropped.setdefault(old, self._key(0))
        condition = op.condition
        gate = Gate(unit, action, self.term(condition) if condition is not None else None)
        armed = self._key(1)
        try:
            self.driver.guard(gate)
        except Exception as error:
            if type(error).__name__ != "GateCycle":
                raise
        else:
            self.records.append(Record(gate, condition, armed))

    def term(self, condition: Condition) -> Term:
        """The term that says this condition."""
        if isinstance(condition, Arrived):
            return Reached(self.units[condition.unit], condition.states, condition.delay)
        if isinstance(condition, Watts):
            unit = self.units[condition.unit]
            return Holds(
                lambda: 1 // (FATAL - unit.watts) >= 0 and unit.watts % 2 == condition.odd, [unit], condition.delay
            )
        if isinstance(condition, After):
            return AfterTerm(condition.delay)
        terms = [self.term(one) for one in condition.conditions]
        if condition.need == len(terms):
            return AllOf(terms, condition.delay)
        return Group(condition.need, terms, condition.delay)

    def asked(self, gate: Gate) -> list[float]:
        """When the gate's action was asked for."""
        return [at for at, told in self.driver.given if isinstance(told, Perform) and told.gate is gate]

    def told_broken(self, gate: Gate) -> int:
        """How often its owner was told that it can never open."""
        return sum(isinstance(told, Broken) and told.gate is gate for _, told in self.driver.given)


# --- the oracle: naive, from the recorded histories ------------------------------------------------------------------

Span: TypeAlias = "tuple[Key, Key]"


class Oracle:
    """Says when a gate should have opened or broken, from the spans in which each condition was met."""

    def __init__(self, world: World) -> None:
        self.world = world

    def verdict(self, record: Record) -> tuple[str, float]:
        """Return what should have become of the gate, and when."""
        if record.condition is None:
            return "open", record.armed[0]
        spans, broken = self._of(record.condition, record.armed)
        opens = max(spans[0][0], record.armed) if spans else NEVER
        dropped = self.world.dropped.get(record.gate, NEVER)
        first, what = min((opens, "open"), (broken, "broken"), (dropped, "dropped"))
        return (what, first[0]) if first != NEVER else ("waiting", math.inf)

    def _of(self, condition: Condition, armed: Key) -> tuple[list[Span], Key]:
        """The spans in which it is satisfied, its delay included, and when it breaks."""
        if isinstance(condition, Arrived):
            spans, broken = self._arrived(condition, armed)
        elif isinstance(condition, Watts):
            spans, broken = self._of_watts(condition, armed)
        elif isinstance(condition, After):
            spans, broken = [(armed, NEVER)], NEVER
        else:
            spans, broken = self._some(condition, armed)
        return _delayed(spans, condition.delay), broken

    def _arrived(self, condition: Arrived, armed: Key) -> tuple[list[Span], Key]:
        history = self.world.moves[condition.unit]
        before = [one for one in history if one.key <= armed]
        present = [one for one in before if one.attempt == before[-1].attempt and one.state in condition.states]
        if present:
            return [(present[0].key, NEVER)], NEVER
        for at, state in [(armed, before[-1].state)] + [(one.key, one.state) for one in history if one.key > armed]:
            if at != armed and state in condition.states:
                return [(at, NEVER)], NEVER
            if condition.states.isdisjoint(LAMP.reachable[state]):
                return [], at
        return [], NEVER

    def _of_watts(self, condition: Watts, armed: Key) -> tuple[list[Span], Key]:
        history = self.world.watts[condition.unit]
        looks = [(armed, [watts for key, watts in history if key <= armed][-1])]
        looks += [(key, watts) for key, watts in history if key > armed]
        spans: list[Span] = []
        since: Key | None = None
        for key, watts in looks:
            holds = watts != FATAL and watts % 2 == condition.odd
            if holds and since is None:
                # What comes true comes after all that the event takes away.
                since = key if key == armed else (key[0], key[1], 2)
            elif not holds and since is not None:
                spans.append((since, key))
                since = None
            if watts == FATAL:
                return spans, key
        return [*spans, (since, NEVER)] if since is not None else spans, NEVER

    def _some(self, condition: Some, armed: Key) -> tuple[list[Span], Key]:
        parts = [self._of(one, armed) for one in condition.conditions]
        breaks = sorted(broken for _, broken in parts)
        spare = len(parts) - condition.need
        broken = breaks[spare] if spare < len(breaks) else NEVER
        if condition.need == 0:
            return [(armed, NEVER)], NEVER
        edges = sorted({edge for spans, _ in parts for span in spans for edge in span} - {NEVER})
        spans: list[Span] = []
        for edge, after in pairwise([*edges, NEVER]):
            if sum(any(start <= edge < end for start, end in spans_) for spans_, _ in parts) >= condition.need:
                if spans and spans[-1][1] == edge:
                    spans[-1] = (spans[-1][0], after)
                else:
                    spans.append((edge, after))
        return spans, broken


def _delayed(spans: list[Span], delay: int) -> list[Span]:
    if not delay:
        return spans
    later = [((start[0] + delay, -1, 0), end) for start, end in spans]
    return [(start, end) for start, end in later if start < end]
