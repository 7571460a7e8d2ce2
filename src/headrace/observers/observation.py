"""What observers are told: transitions, and where the units were by them."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from headrace.core import State, Unit

__all__ = ["Observation", "cause_text"]

_CAUSE_AT_MOST = 20_000


class Observation(NamedTuple):
    """One move of one unit: a `headrace.core.Transition`, and where the unit was by it.

    The fields say how it was at the move. The unit itself has gone on meanwhile.
    """

    unit: Unit
    #: The attempt that the move belongs to; a move that begins anew belongs to the attempt it begins.
    attempt: int
    #: The state it left; None when the unit has just been added.
    previous: State | None
    state: State
    #: Monotonic seconds; `RunInfo.wall_time` makes a time of day of them.
    at: float
    #: The error that caused the move, where one did.
    cause: BaseException | None
    #: What runs it or ran it last, as its face calls that; None for nothing yet, or where the face has no such thing.
    executor: str | None

    @property
    def kind(self) -> str:
        """The name of the unit's lifecycle: ``"task"`` for tasks."""
        return self.unit.lifecycle.name

    @property
    def is_anew(self) -> bool:
        """Whether a new attempt begins with it, and the one before has ended."""
        return (self.previous, self.state) in self.unit.lifecycle.anew

    @property
    def ends_attempt(self) -> bool:
        """Whether an attempt ends with it: the unit's life is over, or begins anew."""
        return self.state in self.unit.lifecycle.final or self.is_anew

    @property
    def begins_work(self) -> bool:
        """Whether work on the attempt begins with it: the unit leaves its first state, and not for its last."""
        lifecycle = self.unit.lifecycle
        leaves = self.previous is lifecycle.initial or self.is_anew
        return leaves and self.state is not lifecycle.initial and self.state not in lifecycle.final


def cause_text(cause: BaseException) -> str:
    """Return an error in words, without its traceback, whatever its own methods do."""
    try:
        text = "".join(traceback.format_exception_only(cause)).strip()
    except BaseException as raised:  # noqa: BLE001 - the error's own code runs here, and may raise anything
        text = f"{type(cause).__qualname__} (to format it raised {type(raised).__qualname__})"
    return text[:_CAUSE_AT_MOST].encode("utf-8", "backslashreplace").decode("utf-8")
