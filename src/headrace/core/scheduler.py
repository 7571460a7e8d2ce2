"""The scheduler: takes events, returns instructions, does nothing else.

No I/O, no clock, no thread, no lock. The shell around it (`Mailbox`) sees to it that one thread at a time hands it events, and obeys
the instructions in order. It is deterministic: the same events give the same instructions.

Prior art: the worker state machine of dask.distributed, from which the shape ``handle(event) -> instructions`` is taken. Unlike
there, what waits for what is not part of a state but of gates, so the same machine runs tasks and any other kind of unit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from headrace.core.cycles import find_cycle
from headrace.core.errors import DuplicateGate, DuplicateUnit, GateCycle, InvalidTransition, UnitEnded
from headrace.core.events import Add, Broken, Changed, Guard, Move, Moved, Perform, Tick, Unguard, WakeAt
from headrace.core.gate import Gate, GateStatus, Group, Holds, Reached, Term, TermStatus
from headrace.core.transition import Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from headrace.core.events import Event, Instruction
    from headrace.core.lifecycle import State
    from headrace.core.unit import Unit

__all__ = ["Scheduler"]

# Bound once: Enum's attribute lookup is slow, and these are read for every task.
_WAITING = TermStatus.WAITING
_RIPENING = TermStatus.RIPENING
_SATISFIED = TermStatus.SATISFIED
_BROKEN = TermStatus.BROKEN
_ARMED = GateStatus.ARMED


class Scheduler:
    """Moves units through their lives and opens gates. See `handle`."""

    def __init__(self) -> None:
        #: The units whose life is not over, by id.
        self.units: dict[Hashable, Unit] = {}
        self._living: Counter[State] = Counter()
        self._ended: Counter[State] = Counter()
        #: Whether `Moved` instructions are wanted; they cost time, so only while somebody listens.
        self.observed = False
        self._out: list[Instruction] = []
        self._timers: list[tuple[float, int, Term]] = []
        self._timer_numbers = count()
        self._handlers: dict[type, Callable[[Any], None]] = {
            Add: self._add,
            Guard: self._guard,
            Unguard: self._unguard,
            Move: self._move,
            Changed: self._changed,
            Tick: self._tick,
        }

    @property
    def counts(self) -> Counter[State]:
        """How many units are in each state now. Those that have ended stay counted."""
        return +self._living + self._ended

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event; return what is to be done because of it, in order.

        Raises:
            InvalidTransition: the unit's lifecycle does not allow this `Move`.
            DuplicateUnit: `Add` of an id that is alive.
            UnitEnded: `Guard` of a unit whose life is over.
            DuplicateGate: a second gate for one action.
            GateCycle: the gate of a `Guard` would wait for itself.

        Nothing has changed when one of these is raised. After any other exception (an interrupt in the middle) call `recover`,
        then hand in the event again.
        """
        self._out = []
        self._handlers[type(event)](event)
        return self._out

    def current(self, instruction: Perform | Broken) -> bool:
        """Tell whether an instruction still stands; a stale one must be dropped, not obeyed.

        It is stale when its unit has begun a new attempt or has ended, or its gate has been taken away, since it was given.
        """
        unit = instruction.unit
        gates = unit.gates
        return (
            gates is not None
            and gates.get(instruction.action) is instruction.gate
            and instruction.attempt == unit.attempt
            and instruction.gate.status is not GateStatus.DROPPED
        )

    def recover(self, at: float) -> list[Instruction]:
        """Make everything derived anew from the facts, after `handle` was interrupted in the middle.

        The facts are each unit's state, attempt and arrivals, and its gates. Counters, waiting lists and timers are worked out again
        from them. Returns the instruction of every gate that is open or broken now; some of them have been given before, so
        whoever obeys them must find that the thing is done already.
        """
        self._out = []
        self._timers = []
        for unit in list(self.units.values()):
            unit.waiters = unit.watchers = None
            if unit.ended:
                self._end(unit)
        self._living = Counter(unit.state for unit in self.units.values())
        for unit in self.units.values():
            for gate in (unit.gates or {}).values():
                self._recover_gate(gate, at)
        return self._out

    def _recover_gate(self, gate: Gate, at: float) -> None:
        if gate.status is GateStatus.OPEN:
            self._open(gate)
        elif gate.status is not GateStatus.DROPPED:
            if gate.condition is not None:
                gate.condition.reset()
            self._arm(gate, at)

    # --- events -------------------------------------------------------------------------------------------------------

    def _add(self, event: Add) -> None:
        unit, at, gates = event
        if unit.id in self.units:
            raise DuplicateUnit(unit)
        unit.reached[unit.state] = at
        if gates:
            unit.gates = {gate.action: gate for gate in gates}
        # From here on the unit is there: `recover` finds whatever an interrupt left undone below.
        self.units[unit.id] = unit
        self._living[unit.state] += 1
        if self.observed:
            self._out.append(Moved(Transition(unit, unit.attempt, None, unit.state, at, None)))
        for gate in gates:
            self._arm(gate, at)

    def _guard(self, event: Guard) -> None:
        gate = event.gate
        unit = gate.unit
        if unit.ended:
            raise UnitEnded(unit)
        gates = unit.gates or {}
        if gate.action in gates and gates[gate.action].status in {_ARMED, GateStatus.BROKEN}:
            raise DuplicateGate(gates[gate.action])
        path = find_cycle(gate)
        if path is not None:
            raise GateCycle(path)
        unit.gates = {**gates, gate.action: gate}
        self._arm(gate, event.at)

    def _unguard(self, event: Unguard) -> None:
        if event.unit.gates:
            gate = event.unit.gates.pop(event.action, None)
            if gate is not None:
                gate.status = GateStatus.DROPPED

    def _move(self, event: Move) -> None:
        unit, attempt, state, at, cause = event
        if attempt != unit.attempt:
            return
        previous = unit.state
        lifecycle = unit.lifecycle
        if state not in lifecycle.following[previous]:
            raise InvalidTransition(unit, previous, state)
        if lifecycle.anew and (previous, state) in lifecycle.anew:
            unit.attempt = attempt + 1
            unit.reached = {}
            self._drop_spent_gates(unit)
        unit.reached.setdefault(state, at)
        unit.state = state
        living = self._living
        living[previous] -= 1
        living[state] += 1
        if self.observed:
            self._out.append(Moved(Transition(unit, unit.attempt, previous, state, at, cause)))
        if unit.waiters:
            self._tell_waiters(unit, at)
        if unit.watchers:
            self._evaluate_watchers(unit, at)
        if state in lifecycle.final:
            self._end(unit)

    def _changed(self, event: Changed) -> None:
        if event.unit.watchers:
            self._evaluate_watchers(event.unit, event.at)

    def _tick(self, event: Tick) -> None:
        timers = self._timers
        while timers and timers[0][0] <= event.at:
            due, _, term = heapq.heappop(timers)
            # A timer is never taken out of the heap: one whose term has moved on is skipped here instead.
            if term.status is _RIPENING and term.due == due:
                self._satisfy(term, due, event.at)
        if timers:
            self._out.append(WakeAt(timers[0][0]))

    # --- a unit's life ------------------------------------------------------------------------------------------------

    def _tell_waiters(self, unit: Unit, at: float) -> None:
        """Satisfy the terms whose states the unit has just reached, break those it can reach no more."""
        waiters = cast("dict[frozenset[State], list[Reached]]", unit.waiters)
        reachable = unit.lifecycle.reachable[unit.state]
        for states in [key for key in waiters if unit.state in key or key.isdisjoint(reachable)]:
            met = unit.state in states
            for term in waiters.pop(states):
                if term.status is _WAITING:
                    if met:
                        self._meet(term, at, at)
                    else:
                        self._break(term)

    def _evaluate_watchers(self, unit: Unit, at: float) -> None:
        watchers = cast("list[Holds]", unit.watchers)
        unit.watchers = [term for term in watchers if term.status is not _BROKEN and _gate_of(term).status is _ARMED]
        for term in tuple(unit.watchers):
            self._evaluate(term, at)

    def _drop_spent_gates(self, unit: Unit) -> None:
        """A new attempt begins: gates that have opened are done with, those still armed stay."""
        for action, gate in list((unit.gates or {}).items()):
            if gate.status is not _ARMED:
                gate.status = GateStatus.DROPPED
                cast("dict[str, Gate]", unit.gates).pop(action)

    def _end(self, unit: Unit) -> None:
        for gate in (unit.gates or {}).values():
            gate.status = GateStatus.DROPPED
        unit.gates = unit.waiters = unit.watchers = None
        if self.units.pop(unit.id, None) is not None:
            self._living[unit.state] -= 1
            self._ended[unit.state] += 1

    # --- a gate's condition -------------------------------------------------------------------------------------------

    def _arm(self, gate: Gate, at: float) -> None:
        gate.status = _ARMED
        if gate.condition is None:
            self._open(gate)
        else:
            self._arm_term(gate.condition, at)

    def _arm_term(self, term: Term, at: float) -> None:
        if term.status is _SATISFIED:
            self._satisfy(term, term.due, at)
        elif isinstance(term, Reached):
            self._arm_reached(term, at)
        elif isinstance(term, Group):
            for child in term.terms:
                self._arm_term(child, at)
            # A group of terms was met or broken by its last child, if at all; only an empty one has nobody to do it.
            if not term.terms:
                self._meet(term, at, at)
        elif isinstance(term, Holds):
            for unit in term.watch:
                unit.watchers = [*(unit.watchers or ()), term]
            self._evaluate(term, at)
        else:
            self._meet(term, at, at)

    def _arm_reached(self, term: Reached, at: float) -> None:
        unit = term.unit
        arrivals = [unit.reached[state] for state in term.states if state in unit.reached]
        if arrivals:
            self._meet(term, min(arrivals), at)
        elif term.states.isdisjoint(unit.lifecycle.reachable[unit.state]):
            self._break(term)
        else:
            waiters = unit.waiters
            if waiters is None:
                waiters = unit.waiters = {}
            waiters.setdefault(term.states, []).append(term)

    def _evaluate(self, term: Holds, at: float) -> None:
        try:
            holds = bool(term.predicate())
        except Exception as error:  # noqa: BLE001 - whatever a user's predicate raises is the cause that its gate's owner is told
            term.cause = error
            self._break(term)
            return
        if holds and term.status is _WAITING:
            self._meet(term, at, at)
        elif not holds and term.status in {_RIPENING, _SATISFIED}:
            self._retract(term)

    def _meet(self, term: Term, when: float, at: float) -> None:
        """The term's condition came true at `when`, and it is `at` now."""
        due = when + term.delay
        if due > at:
            term.status = _RIPENING
            term.due = due
            earliest = self._timers[0][0] if self._timers else None
            heapq.heappush(self._timers, (due, next(self._timer_numbers), term))
            if earliest is None or due < earliest:
                self._out.append(WakeAt(due))
        else:
            self._satisfy(term, due, at)

    def _satisfy(self, term: Term, when: float, at: float) -> None:
        """`when` is the exact moment, which may lie a little before `at`: a late tick must not lengthen the next delay."""
        term.status = _SATISFIED
        term.due = when
        owner = term.owner
        if isinstance(owner, Group):
            owner.satisfied += 1
            if owner.satisfied == owner.need and owner.status is _WAITING:
                self._meet(owner, _latest(owner, when), at)
        elif owner is not None and owner.status is _ARMED:
            self._open(owner)

    def _open(self, gate: Gate) -> None:
        # The instruction first: an interrupt between the two then repeats it, which `recover` allows, and never loses it.
        self._out.append(Perform(gate.unit, gate.unit.attempt, gate.action, gate))
        gate.status = GateStatus.OPEN

    def _retract(self, term: Term) -> None:
        """A level-triggered term is not true any more, and so perhaps are the groups above it."""
        was = term.status
        term.status = _WAITING
        owner = term.owner
        if was is _SATISFIED and isinstance(owner, Group):
            owner.satisfied -= 1
            if owner.satisfied < owner.need and owner.status in {_RIPENING, _SATISFIED}:
                self._retract(owner)

    def _break(self, term: Term) -> None:
        was = term.status
        term.status = _BROKEN
        owner = term.owner
        if isinstance(owner, Group):
            owner.broken += 1
            owner.satisfied -= was is _SATISFIED
            if len(owner.terms) - owner.broken < owner.need and owner.status is not _BROKEN:
                self._break(owner)
        elif owner is not None and owner.status is _ARMED:
            owner.status = GateStatus.BROKEN
            self._out.append(Broken(owner.unit, owner.unit.attempt, owner.action, owner))


def _latest(group: Group, when: float) -> float:
    """When the last of the group's satisfied terms was satisfied; for an alternative, when this one was."""
    return max(term.due for term in group.terms if term.status is _SATISFIED) if group.need > 1 else when


def _gate_of(term: Term) -> Gate:
    owner = term.owner
    while isinstance(owner, Term):
        owner = owner.owner
    return cast("Gate", owner)
