"""What must be true of a scheduler between any two events."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from headrace.core import GateStatus, Holds, Reached, TermStatus
from headrace.core.gate import Group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.core import Gate, Scheduler, Term, Unit

__all__ = ["broken_invariants"]


def broken_invariants(scheduler: Scheduler) -> list[str]:
    """Return what is wrong with a scheduler's books, each in a sentence; nothing if they are in order.

    Counters agree with a recount, living units are those whose life is not over, every waiting term of an armed gate is
    on the list of the unit it waits for, and those lists hold nothing else of that kind.
    """
    units = list(scheduler.units.values())
    return [*_counts(scheduler, units), *(fault for unit in units for fault in _of_unit(unit))]


def _counts(scheduler: Scheduler, units: list[Unit]) -> Iterator[str]:
    counts = scheduler.counts
    for state, number in Counter(unit.state for unit in units).items():
        if counts[state] != number:
            yield f"{counts[state]} units are counted in {state}, where {number} are"


def _of_unit(unit: Unit) -> Iterator[str]:
    if unit.ended:
        yield f"{unit} has ended and is still among the living"
    if unit.state not in unit.reached:
        yield f"{unit} is {unit.state} and has never arrived there"
    for action, gate in (unit.gates or {}).items():
        if gate.unit is not unit or gate.action != action:
            yield f"{gate} is kept as that on {action} of {unit}"
        yield from _of_gate(gate)
    for states, terms in (unit.waiters or {}).items():
        for term in terms:
            of = _gate_of(term)
            if of is None or of.status not in {GateStatus.ARMED, GateStatus.BROKEN}:
                yield f"{unit} keeps a term of {of}, which waits no more"
            if term.states != states or term.unit is not unit:
                yield f"{unit} keeps a term of {of} under the wrong states"


def _of_gate(gate: Gate) -> Iterator[str]:
    if gate.status in {GateStatus.NEW, GateStatus.DROPPED}:
        yield f"{gate} is on a living unit"
    if gate.status is not GateStatus.ARMED or gate.condition is None:
        return
    for term in _walk(gate.condition):
        if isinstance(term, Group):
            yield from _of_group(term, gate)
        elif isinstance(term, Reached):
            yield from _of_reached(term, gate)
        elif isinstance(term, Holds) and term.status is not TermStatus.BROKEN:
            for unit in term.watch:
                if term not in (unit.watchers or ()) and not unit.ended:
                    yield f"{gate} watches {unit}, which does not know"


def _of_reached(term: Reached, gate: Gate) -> Iterator[str]:
    if term.status is TermStatus.WAITING:
        if term not in ((term.unit.waiters or {}).get(term.states) or ()):
            yield f"{gate} waits for {term.unit}, which does not know"
        if not term.states.isdisjoint(term.unit.reached):
            yield f"{gate} waits for {term.unit}, which has been there"


def _of_group(group: Group, gate: Gate) -> Iterator[str]:
    satisfied = sum(term.status is TermStatus.SATISFIED for term in group.terms)
    broken = sum(term.status is TermStatus.BROKEN for term in group.terms)
    if (satisfied, broken) != (group.satisfied, group.broken):
        yield f"a group of {gate} counts {group.satisfied, group.broken} satisfied, broken; it has {satisfied, broken}"
    if group.status in {TermStatus.SATISFIED, TermStatus.RIPENING} and satisfied < group.need:
        yield f"a group of {gate} is {group.status.name} with {satisfied} of {group.need}"
    if group.status is TermStatus.WAITING and satisfied >= group.need:
        yield f"a group of {gate} is WAITING with {satisfied} of {group.need}"


def _walk(term: Term) -> Iterator[Term]:
    yield term
    if isinstance(term, Group):
        for child in term.terms:
            yield from _walk(child)


def _gate_of(term: Term) -> Gate | None:
    owner = term.owner
    while isinstance(owner, Group):
        owner = owner.owner
    return owner
