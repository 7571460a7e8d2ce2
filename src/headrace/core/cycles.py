"""Waits that could never end, found when they are made.

The edges run between (unit, action) pairs: a gate on an action waits for states, and a state that cannot be reached
without some action of its unit waits for that action's gate. "B starts after A has started; A stops after B has
stopped" is thus no cycle, and "A starts after B has stopped; B starts after A has started" is one. Only terms that
nothing can replace count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from headrace.core.gate import GateStatus, Reached, TermStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.core.gate import Gate
    from headrace.core.unit import Unit

__all__ = ["find_cycle"]

_Node: TypeAlias = "tuple[Unit, str]"


def find_cycle(gate: Gate) -> tuple[tuple[object, str], ...] | None:
    """Return the chain of waits that leads from a gate, not armed yet, back to itself; None if there is none.

    Iterative, and each pair is looked at once, so the cost is at most linear in the waits that hang together.
    """
    target = (gate.unit, gate.action)
    # Others on a cycle wait for this unit. Most gates are made before anything does, and need no search.
    if not gate.unit.waiters:
        return (target,) if target in _needs(gate) else None
    came_from: dict[_Node, _Node] = {}
    todo: list[_Node] = [target]
    gates = {target: gate}
    while todo:
        node = todo.pop()
        for needed in _needs(gates.get(node) or _armed_gate(node)):
            if needed == target:
                return _path(node, came_from, target)
            if needed not in came_from:
                came_from[needed] = node
                todo.append(needed)
    return None


def _armed_gate(node: _Node) -> Gate | None:
    unit, action = node
    gate = (unit.gates or {}).get(action)
    return gate if gate is not None and gate.status is GateStatus.ARMED else None


def _needs(gate: Gate | None) -> Iterator[_Node]:
    """Walk the actions that must be done before the gate can open."""
    if gate is None:
        return
    for term in gate.terms(needed_only=True):
        if isinstance(term, Reached) and term.status is TermStatus.WAITING:
            unit = term.unit
            if term.states.isdisjoint(unit.reached):
                for action in sorted(unit.lifecycle.required_actions(unit.state, term.states)):
                    yield unit, action


def _path(node: _Node, came_from: dict[_Node, _Node], target: _Node) -> tuple[tuple[object, str], ...]:
    path = [node]
    while path[-1] != target:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))
