"""Who waits for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.core.gate import GateStatus, Group, Holds, Reached, TermStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.core.gate import Gate, Term
    from headrace.core.unit import Unit

__all__ = ["Wait", "why"]


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that a unit's action waits for, at the moment of asking."""

    unit: str
    action: str
    #: What is missing, in words.
    needs: str
    #: The unit that has to move, where it is one.
    on: Unit | None = None
    #: What looks wrong: it will not come about unless somebody does something.
    warning: str | None = None
    #: How many waits lie between this one and the unit that was asked about.
    depth: int = 0

    def __str__(self) -> str:
        text = f"{'  ' * self.depth}{self.action} of {self.unit} waits: {self.needs}"
        return f"{text} (warning: {self.warning})" if self.warning else text


def why(unit: Unit, at: float, *, depth: int = 20) -> list[Wait]:
    """Return what the unit waits for at `at` (monotonic seconds), and what those units wait for, `depth` levels deep.

    Empty when nothing is in its way. Each unit's waits are told once, where they are first met.
    """
    waits: list[Wait] = []
    todo = [(unit, 0)]
    seen = {id(unit)}
    while todo:
        waiter, level = todo.pop()
        found = list(_waits_of(waiter, at, level))
        waits += found
        for wait in reversed(found):
            if wait.on is not None and id(wait.on) not in seen and level + 1 < depth:
                seen.add(id(wait.on))
                todo.append((wait.on, level + 1))
    return waits


def _waits_of(unit: Unit, at: float, level: int) -> Iterator[Wait]:
    for gate in (unit.gates or {}).values():
        if gate.status in {GateStatus.ARMED, GateStatus.BROKEN}:
            for term in _unsatisfied(gate):
                on = term.unit if isinstance(term, Reached) else None
                warning = _warning(term)
                yield Wait(str(unit), gate.action, _needs(term, at), on, warning, level)


def _unsatisfied(gate: Gate) -> Iterator[Term]:
    todo = [gate.condition] if gate.condition is not None else []
    while todo:
        term = todo.pop()
        if term.status is TermStatus.SATISFIED:
            continue
        if isinstance(term, Group) and term.status is not TermStatus.RIPENING:
            todo.extend(reversed(term.terms))
        else:
            yield term


def _needs(term: Term, at: float) -> str:
    if term.status is TermStatus.RIPENING:
        return f"{max(0.0, term.due - at):.3g} s more"
    if isinstance(term, Reached):
        states = " or ".join(str(state) for state in sorted(term.states))
        return f"{term.unit}, now {term.unit.state}, to be {states}"
    if isinstance(term, Holds):
        return f"{getattr(term.predicate, '__qualname__', term.predicate)!s} to be true"
    return "its time"


def _warning(term: Term) -> str | None:
    if term.status is TermStatus.BROKEN:
        return f"this can never come about: {term.cause!r}" if term.cause else "this can never come about any more"
    if isinstance(term, Reached) and term.status is TermStatus.WAITING:
        unit = term.unit
        missing = sorted(unit.lifecycle.required_actions(unit.state, term.states).difference(unit.asked))
        if missing:
            return f"nobody has asked for {', '.join(missing)} of {unit}"
    return None
