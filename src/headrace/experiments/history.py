"""What became of an experiment's resources, as its journal has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.core import SystemClock
from headrace.experiments.recorder import BOOT, boot_id
from headrace.experiments.state import RESOURCE, ResourceState
from headrace.journal import TransitionRecord, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.core import Clock

__all__ = ["Past", "read_pasts"]


@dataclass(slots=True)
class Past:
    """What became of one resource."""

    state: ResourceState = ResourceState.NEW
    attempt: int = 0
    #: When it first came to each state in its present attempt, in order (monotonic seconds); its own is the last.
    arrivals: dict[ResourceState, float] = field(default_factory=dict)
    #: When it last came to each state (wall time).
    walls: dict[ResourceState, float] = field(default_factory=dict)
    #: What its last move was caused by, as text.
    cause: str | None = None

    @property
    def since(self) -> float:
        """When it came to its state."""
        return self.arrivals[self.state]

    @property
    def earlier(self) -> tuple[Any, ...]:
        """The states that it has left in this attempt, each followed by when it came there; as a unit keeps them."""
        return tuple(part for state, at in self.arrivals.items() if state is not self.state for part in (state, at))


def read_pasts(lines: Iterable[object], clock: Clock) -> dict[int, Past]:
    """Return what became of each resource, from all that was recorded of a run, in order.

    Times of this life of the machine are those of its monotonic clock. Of others, and of another clock, only the wall
    times say how long ago something was.
    """
    pasts: dict[int, Past] = {}
    mono, wall = clock.monotonic(), clock.wall()
    here = boot_id() if isinstance(clock, SystemClock) else ""
    same = False
    for line in lines:
        if isinstance(line, UnitRecord):
            if line.kind == "experiment":
                same = bool(here) and line.extra.get(BOOT) == here
        elif isinstance(line, TransitionRecord) and line.kind == RESOURCE.name and isinstance(line.unit, int):
            state = ResourceState.__members__.get(line.state)
            if state is not None:
                at = line.monotonic if same else mono - (wall - line.wall)
                _go_on(pasts.setdefault(line.unit, Past()), line, state, min(at, mono))
    return pasts


def _go_on(past: Past, line: TransitionRecord, state: ResourceState, at: float) -> None:
    if line.attempt != past.attempt or line.previous is None:
        past.attempt = line.attempt
        past.arrivals = {}
    elif state < past.state and state < ResourceState.STARTED:
        # A controller that went on with the run found it there.
        past.arrivals = {each: when for each, when in past.arrivals.items() if each < state}
    # As a unit does: its first arrival there counts, but for the state that it is in.
    first = past.arrivals.pop(state, at)
    past.arrivals[state] = first
    past.state = state
    past.walls[state] = line.wall
    past.cause = line.cause
