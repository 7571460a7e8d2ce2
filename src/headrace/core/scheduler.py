"""The scheduler: takes events, returns instructions, does nothing else.

No I/O, no clock, no thread, no lock. The shell around it (`Mailbox`) sees to it that one thread at a time hands it
events, and obeys the instructions in order. It is deterministic: the same events give the same instructions.

Prior art: the worker state machine of dask.distributed, from which the shape ``handle(event) -> instructions`` is
taken. Unlike there, what waits for what is not part of a state but of gates, so the same machine runs tasks and any
other kind of unit.
"""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from headrace.core.cycles import find_cycle
from headrace.core.errors import DuplicateGate, DuplicateUnit, GateCycle, InvalidTransition, UnitEnded
from headrace.core.events import Add, Broken, Changed, Guard, Move, Perform, Tick, Unguard, WakeAt
from headrace.core.gate import After, Gate, GateStatus, Group, Holds, Reached, Term, TermStatus
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
_NEW = GateStatus.NEW
_ARMED = GateStatus.ARMED
_OPEN = GateStatus.OPEN
_DROPPED = GateStatus.DROPPED

# Makes a named tuple of a tuple, in a third of the time that calling its class takes.
_tuple = tuple.__new__

_NEVER = float("inf")

# With fewer timers than this, those whose terms have moved on are not worth clearing away.
_FEW_TIMERS = 1_000


class Scheduler:
    """Moves units through their lives and opens gates. See `handle`."""

    def __init__(self) -> None:
        #: The units whose life is not over, by id.
        self.units: dict[Hashable, Unit] = {}
        self._living: dict[State, int] = {}
        self._ended: dict[State, int] = {}
        #: Whether transitions are wanted among the instructions; they cost time, so only while somebody listens.
        self.observed = False
        self._out: list[Instruction] = []
        self._timers: list[tuple[float, int, Term]] = []
        self._timer_numbers = count()
        self._many_timers = _FEW_TIMERS
        # The earliest tick that was asked for and has not come.
        self._wake = _NEVER
        # Notes for `recover`: a new attempt whose facts are being written, and what `_ended` will say once the unit
        # that ended last is counted there.
        self._beginning: tuple[Unit, int, State, float] | None = None
        self._ending: tuple[Hashable, State, int] | None = None
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
        # Copied in one step each, since another thread may be counting a state for the first time.
        counts = Counter(dict(self._ended))
        for state, number in dict(self._living).items():
            if number:
                counts[state] += number
        return counts

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event; return what is to be done because of it, in order.

        Raises:
            InvalidTransition: the unit's lifecycle does not allow this `Move`.
            DuplicateUnit: `Add` of an id that is alive.
            UnitEnded: `Guard` of a unit whose life is over.
            DuplicateGate: a second gate for one action.
            GateCycle: the gate of a `Guard` would wait for itself.
            ValueError: a unit that was never added, a gate that was used before, or one of another unit.

        Nothing has changed when one of these is raised. After any other exception (an interrupt in the middle) call
        `recover`, then hand in the event again unless its main effect is there: the unit of an `Add` was added, the
        gate of a `Guard` is not NEW, the unit of a `Move` is in that state.
        """
        self._out = []
        self._handlers[type(event)](event)
        return self._out

    def current(self, instruction: Perform | Broken) -> bool:
        """Tell whether an instruction still stands; a stale one must be dropped, not obeyed.

        It is stale when its unit has begun a new attempt or has ended, or its gate has been taken away, since it was
        given.
        """
        unit, attempt, action, gate = instruction
        if gate is None:
            return attempt == unit.attempt and unit.state not in unit.lifecycle.final
        gates = unit.gates
        return (
            gates is not None and gates.get(action) is gate and attempt == unit.attempt and gate.status is not _DROPPED
        )

    def recover(self, at: float) -> list[Instruction]:
        """Make everything derived anew from the facts, after `handle` was interrupted in the middle.

        The facts are each unit's state, attempt and arrivals, its gates, and the status of each leaf of their
        conditions. Counters, waiting lists and timers are worked out again from them. Returns the transition of a move
        that was made but not told (unless the caller has emptied the list that `handle` last returned, it may be told
        again), and the instruction of every gate that is open or broken now; some of them have been given before, so
        whoever obeys them must find that the thing is done already.
        """
        if self._beginning is not None:
            self._begin_anew(*self._beginning)
            self._beginning = None
        if self._ending is not None and self._ending[0] not in self.units:
            _, state, number = self._ending
            self._ended[state] = number
        self._out = [told for told in self._out if isinstance(told, Transition) and self._happened(told)]
        self._timers = []
        self._wake = _NEVER
        for unit in list(self.units.values()):
            unit.waiters = unit.watchers = None
            if unit.ended:
                self._end(unit)
        self._living = dict(Counter(unit.state for unit in self.units.values()))
        for unit in self.units.values():
            for gate in (unit.gates or {}).values():
                self._recover_gate(gate, at)
        return self._out

    def _recover_gate(self, gate: Gate, at: float) -> None:
        if gate.status is _OPEN:
            self._open(gate)
        elif gate.status is not _DROPPED:
            if gate.condition is not None:
                gate.condition.reset()
            self._arm(gate, at)

    def _happened(self, transition: Transition) -> bool:
        unit = transition.unit
        here = unit.attempt == transition.attempt and unit.state is transition.state
        return here and (transition.previous is not None or self.units.get(unit.id) is unit)

    # --- events -------------------------------------------------------------------------------------------------------

    def _add(self, event: Add) -> None:
        unit, at, gates = event
        if unit.id in self.units:
            raise DuplicateUnit(unit)
        if unit.state in unit.lifecycle.final:
            raise UnitEnded(unit)
        if gates:
            by_action = {gate.action: gate for gate in gates}
            for gate in gates:
                if gate.status is not _NEW or gate.unit is not unit:
                    raise _used(gate, unit)
                if by_action[gate.action] is not gate:
                    raise DuplicateGate(gate)
            unit.gates = by_action
        unit.since = at
        if self.observed:
            self._out.append(_tuple(Transition, (unit, unit.attempt, None, unit.state, at, None)))
        # From here on the unit is there: `recover` finds whatever an interrupt left undone below.
        self.units[unit.id] = unit
        living, state = self._living, unit.state
        living[state] = living.get(state, 0) + 1
        for gate in gates:
            self._arm(gate, at)

    def _guard(self, event: Guard) -> None:
        gate = event.gate
        unit = gate.unit
        if unit.ended:
            raise UnitEnded(unit)
        if unit.since is None:
            raise _never_added(unit)
        if gate.status is not _NEW:
            raise _used(gate, unit)
        gates = unit.gates or {}
        if gate.action in gates and gates[gate.action].status in {_ARMED, GateStatus.BROKEN}:
            raise DuplicateGate(gates[gate.action])
        path = find_cycle(gate)
        if path is not None:
            raise GateCycle(path)
        unit.gates = {**gates, gate.action: gate}
        self._arm(gate, event.at)

    def _unguard(self, event: Unguard) -> None:
        if self._timers and self._timers[0][0] <= event.at:
            self._run_timers(event.at)
        gates = event.unit.gates
        gate = gates.get(event.action) if gates else None
        if gates and gate is not None:
            _drop(gate)
            del gates[event.action]

    def _move(self, event: Move) -> None:
        unit, attempt, state, at, cause = event
        if attempt != unit.attempt:
            return
        previous = unit.state
        lifecycle = unit.lifecycle
        if state not in lifecycle.following[previous] or unit.since is None:
            raise _never_added(unit) if unit.since is None else InvalidTransition(unit, previous, state)
        # A tick may be late: what has ripened before this happened comes first.
        if self._timers and self._timers[0][0] <= at:
            self._run_timers(at)
        anew = lifecycle.anew and (previous, state) in lifecycle.anew
        if anew:
            attempt += 1
        # Told first: `recover` keeps it if the move was made, and drops it if not.
        if self.observed:
            self._out.append(_tuple(Transition, (unit, attempt, previous, state, at, cause)))
        if anew:
            self._beginning = (unit, attempt, state, at)
            self._begin_anew(unit, attempt, state, at)
            self._beginning = None
        else:
            unit.arrive(state, at)
        living = self._living
        living[previous] -= 1
        living[state] = living.get(state, 0) + 1
        came_true = self._look_again(unit) if unit.watchers else ()
        if unit.waiters:
            self._tell_waiters(unit, at)
        for term in came_true:
            self._hold(term, at)
        if state in lifecycle.final:
            self._end(unit)

    def _changed(self, event: Changed) -> None:
        if self._timers and self._timers[0][0] <= event.at:
            self._run_timers(event.at)
        if event.unit.watchers:
            for term in self._look_again(event.unit):
                self._hold(term, event.at)

    def _tick(self, event: Tick) -> None:
        self._run_timers(event.at)
        self._wake = _NEVER
        if self._timers:
            self._ask_to_wake(self._timers[0][0])

    # --- a unit's life ------------------------------------------------------------------------------------------------

    def _tell_waiters(self, unit: Unit, at: float) -> None:
        """Satisfy the terms whose states the unit has just reached, break those it can reach no more."""
        waiters = cast("dict[frozenset[State], list[Reached]]", unit.waiters)
        reachable = unit.lifecycle.reachable[unit.state]
        for states in [key for key in waiters if unit.state in key or key.isdisjoint(reachable)]:
            met = unit.state in states
            # They may be gone: a gate that one of them opened takes its other terms out.
            for term in waiters.pop(states, ()):
                if term.status is _WAITING:
                    if met:
                        self._meet(term, at, at)
                    else:
                        self._break(term)

    def _look_again(self, unit: Unit) -> list[Holds]:
        """Take back, of the predicates that watch the unit, those that are true no more; return those that came true.

        They are met when all that the event takes away is gone: no gate opens on a mixture of before and after.
        """
        watchers = tuple(cast("dict[Holds, None]", unit.watchers))
        return [term for term in watchers if _gate_of(term).status is _ARMED and self._comes_true(term)]

    @staticmethod
    def _begin_anew(unit: Unit, attempt: int, state: State, at: float) -> None:
        """A new attempt begins: gates that have opened are done with, those still armed stay. Can be done again."""
        for action, gate in list((unit.gates or {}).items()):
            if gate.status is not _ARMED:
                _drop(gate)
                cast("dict[str, Gate]", unit.gates).pop(action)
        unit.earlier = ()
        unit.since = at
        unit.attempt = attempt
        unit.state = state

    def _end(self, unit: Unit) -> None:
        if unit.gates:
            for gate in unit.gates.values():
                _drop(gate)
        unit.gates = unit.waiters = unit.watchers = None
        state = unit.state
        number = self._ended.get(state, 0) + 1
        self._ending = (unit.id, state, number)
        del self.units[unit.id]
        if not self.units:
            # A dict that was large keeps its table, 40 bytes for each of a million units, until this.
            self.units.clear()
        self._ended[state] = number
        # `recover` comes here before it has counted the living again.
        self._living[state] = self._living.get(state, 0) - 1

    # --- time ---------------------------------------------------------------------------------------------------------

    def _run_timers(self, now: float) -> None:
        """Satisfy what has ripened by now, in the order and at the exact moments at which it did, late as it is."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            due, _, term = heapq.heappop(timers)
            if _running(due, term):
                self._satisfy(term, due, due)

    def _set_timer(self, term: Term) -> None:
        timers = self._timers
        # A timer is not taken out when its term moves on or its gate is dropped. So that they do not pile up:
        if len(timers) >= self._many_timers:
            timers[:] = [timer for timer in timers if _running(timer[0], timer[2])]
            heapq.heapify(timers)
            self._many_timers = max(_FEW_TIMERS, 2 * len(timers))
        heapq.heappush(timers, (term.due, next(self._timer_numbers), term))
        self._ask_to_wake(term.due)

    def _ask_to_wake(self, due: float) -> None:
        if due < self._wake:
            self._wake = due
            self._out.append(WakeAt(due))

    # --- a gate's condition -------------------------------------------------------------------------------------------

    def _arm(self, gate: Gate, at: float) -> None:
        gate.status = _ARMED
        if gate.condition is None:
            self._open(gate)
        else:
            self._arm_term(gate.condition, at)

    def _arm_term(self, term: Term, at: float) -> None:
        if isinstance(term, Group):
            self._arm_group(term, at)
            return
        if isinstance(term, Holds):
            self._arm_holds(term)
        # After an interrupt a term may be further than waiting.
        if term.status is not _WAITING:
            self._go_on(term, at)
        elif isinstance(term, Reached):
            self._arm_reached(term, at)
        elif isinstance(term, After):
            self._meet(term, at, at)
        if isinstance(term, Holds) and self._comes_true(term):
            self._hold(term, at)

    def _go_on(self, term: Term, at: float) -> None:
        if term.status is _SATISFIED:
            self._satisfy(term, term.due, at)
        elif term.status is _RIPENING:
            self._set_timer(term)
        else:
            self._break(term)

    def _arm_group(self, group: Group, at: float) -> None:
        for child in group.terms:
            self._arm_term(child, at)
        group.armed = True
        if group.status is _WAITING:
            if group.satisfied >= group.need:
                self._meet(group, _met_at(group, at), at)
        elif not group.need:
            self._go_on(group, at)

    @staticmethod
    def _arm_holds(term: Holds) -> None:
        for unit in term.watch:
            if unit.watchers is None:
                unit.watchers = {}
            unit.watchers[term] = None

    def _arm_reached(self, term: Reached, at: float) -> None:
        unit = term.unit
        arrivals = unit.arrivals(term.states)
        if arrivals:
            self._meet(term, min(arrivals), at)
        elif term.states.isdisjoint(unit.lifecycle.reachable[unit.state]):
            self._break(term)
        else:
            waiters = unit.waiters
            if waiters is None:
                waiters = unit.waiters = {}
            waiters.setdefault(term.states, {})[term] = None

    def _comes_true(self, term: Holds) -> bool:
        if term.status is _BROKEN:
            return False
        try:
            holds = bool(term.predicate())
        except Exception as error:  # noqa: BLE001 - whatever a predicate raises is the cause that its gate's owner is told
            term.cause = error
            self._break(term)
            return False
        if not holds:
            term.since = None
            if term.status is not _WAITING:
                self._retract(term)
        return holds and term.status is _WAITING

    def _hold(self, term: Holds, at: float) -> None:
        """It is true; another gate may have seen that earlier."""
        if term.since is None:
            term.since = at
        self._meet(term, term.since, at)

    def _meet(self, term: Term, when: float, at: float) -> None:
        """The term's condition came true at `when`, and it is `at` now."""
        due = when + term.delay
        if due > at:
            term.due = due
            term.status = _RIPENING
            self._set_timer(term)
        else:
            self._satisfy(term, due, at)

    def _satisfy(self, term: Term, when: float, at: float) -> None:
        """`when` is the exact moment; it lies before `at` if the gate was armed after that."""
        term.due = when
        term.status = _SATISFIED
        owner = term.owner
        if isinstance(owner, Group):
            owner.satisfied += 1
            if owner.armed and owner.satisfied == owner.need and owner.status is _WAITING:
                self._meet(owner, _met_at(owner, at) if owner.need > 1 else when, at)
        elif owner is not None and owner.status is _ARMED:
            self._open(owner)

    def _open(self, gate: Gate) -> None:
        # The instruction first: an interrupt between the two then repeats it, as `recover` may, and loses nothing.
        self._out.append(Perform(gate.unit, gate.unit.attempt, gate.action, gate))
        gate.status = _OPEN
        # Nothing is left to take out of a condition that is a single arrival, as most are.
        if gate.condition is not None and not isinstance(gate.condition, Reached):
            _withdraw(gate)

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
            if owner.status is not _BROKEN and len(owner.terms) - owner.broken < owner.need:
                self._break(owner)
            elif owner.satisfied < owner.need and owner.status in {_RIPENING, _SATISFIED}:
                self._retract(owner)
        elif owner is not None and owner.status is _ARMED:
            owner.status = GateStatus.BROKEN
            self._out.append(Broken(owner.unit, owner.unit.attempt, owner.action, owner))


def _running(due: float, term: Term) -> bool:
    return term.status is _RIPENING and term.due == due and _gate_of(term).status is _ARMED


def _met_at(group: Group, at: float) -> float:
    """When as many of the group's terms as it needs were satisfied; if it needs none, now."""
    if not group.need:
        return at
    return sorted(term.due for term in group.terms if term.status is _SATISFIED)[group.need - 1]


def _drop(gate: Gate) -> None:
    waiting = gate.status is not _OPEN
    gate.status = _DROPPED
    if waiting:
        _withdraw(gate)


def _withdraw(gate: Gate) -> None:
    """Take the gate's terms out of the waiting lists of other units, which may outlive it by far."""
    for term in gate.terms():
        if isinstance(term, Reached):
            if term.status is _WAITING and (waiters := term.unit.waiters) and (terms := waiters.get(term.states)):
                terms.pop(term, None)
                if not terms:
                    del waiters[term.states]
        elif isinstance(term, Holds):
            for unit in term.watch:
                if unit.watchers:
                    unit.watchers.pop(term, None)


def _never_added(unit: Unit) -> ValueError:
    return ValueError(f"{unit} was never added")


def _used(gate: Gate, unit: Unit) -> ValueError:
    if gate.unit is not unit:
        return ValueError(f"{gate!r} is not a gate of {unit}")
    return ValueError(f"{gate!r} was used before: make a new one")


def _gate_of(term: Term) -> Gate:
    owner = term.owner
    while isinstance(owner, Term):
        owner = owner.owner
    return cast("Gate", owner)
