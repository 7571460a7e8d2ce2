"""What a scheduler is told (events) and what it asks for in return (instructions).

Both are plain values. Every event carries the monotonic time at which it happened, so that the scheduler needs no clock
and the same events always give the same instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from headrace.core.transition import Transition

if TYPE_CHECKING:
    from headrace.core.gate import Gate
    from headrace.core.lifecycle import State
    from headrace.core.unit import Unit

__all__ = [
    "Add",
    "Broken",
    "Changed",
    "Event",
    "Guard",
    "Instruction",
    "Move",
    "Perform",
    "Tick",
    "Unguard",
    "WakeAt",
]


class Add(NamedTuple):
    """A new unit, with the gates on its actions. No unit may name it before, so no cycle can close."""

    unit: Unit
    at: float
    gates: tuple[Gate, ...] = ()


class Guard(NamedTuple):
    """A gate for a unit that is already there. Refused, with nothing changed, if it would wait for itself."""

    gate: Gate
    at: float


class Unguard(NamedTuple):
    """Take the gate on `action` away, whatever it was waiting for; what it guarded is not asked for any more."""

    unit: Unit
    action: str
    at: float


class Move(NamedTuple):
    """A unit has arrived in `state`. Reports of an attempt that is no longer the present one are dropped."""

    unit: Unit
    attempt: int
    state: State
    at: float
    cause: BaseException | None = None


class Changed(NamedTuple):
    """Something that predicates look at has changed on a unit, though its state has not."""

    unit: Unit
    at: float


class Tick(NamedTuple):
    """Time has passed: sent at, or any time after, the moment that a `WakeAt` asked for."""

    at: float


Event: TypeAlias = Add | Guard | Unguard | Move | Changed | Tick


class Perform(NamedTuple):
    """Do `action` to `unit`: its gate has opened. Or, given by `Mailbox.ask`: it waits for nothing, and has no gate."""

    unit: Unit
    attempt: int
    action: str
    gate: Gate | None = None


class Broken(NamedTuple):
    """The gate on `action` can never open. Its broken terms say why (`Gate.broken_terms`)."""

    unit: Unit
    attempt: int
    action: str
    gate: Gate


class WakeAt(NamedTuple):
    """Send a `Tick` at this monotonic time. An earlier request is not taken back by a later one."""

    at: float


#: A `Transition` among them means: tell the observers. It is given only while the scheduler is `observed`.
Instruction: TypeAlias = Perform | Broken | WakeAt | Transition
