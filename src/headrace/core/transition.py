"""Transitions: the one stream that everything else is told by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from headrace.core.lifecycle import State
    from headrace.core.unit import Unit

__all__ = ["Transition"]


class Transition(NamedTuple):
    """One move of one unit, as it happened."""

    unit: Unit
    #: The attempt that the move belongs to; a move that begins anew belongs to the attempt it begins.
    attempt: int
    #: The state it left; None when the unit has just been added.
    previous: State | None
    state: State
    #: Monotonic seconds.
    at: float
    #: The error that caused the move, where one did.
    cause: BaseException | None
