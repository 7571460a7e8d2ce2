"""Units: whatever has a life."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from headrace.core.gate import Gate, Holds, Reached
    from headrace.core.lifecycle import Lifecycle, State

__all__ = ["Unit"]


class Unit:
    """One thing that moves through a lifecycle. Faces subclass it with what their units carry.

    Only the `Scheduler` changes these attributes; everybody may read them.
    """

    __slots__ = ("attempt", "gates", "id", "lifecycle", "name", "reached", "state", "waiters", "watchers")

    def __init__(self, id: Hashable, name: str, lifecycle: Lifecycle) -> None:  # noqa: A002 - the field's own word
        #: Unique among the living units of one scheduler.
        self.id = id
        #: What people call it; need not be unique.
        self.name = name
        self.lifecycle = lifecycle
        self.state: State = lifecycle.initial
        #: How many times its life began anew; instructions for an earlier attempt are stale.
        self.attempt = 0
        #: When it first arrived (monotonic seconds) in each state it reached in this attempt.
        self.reached: dict[State, float] = {}
        #: The gates on its actions, by action.
        self.gates: dict[str, Gate] | None = None
        #: Terms waiting for this unit, grouped by the states that satisfy them, so that a move looks at groups only.
        #: Dicts serve as ordered sets: a gate that is dropped takes its terms out at once.
        self.waiters: dict[frozenset[State], dict[Reached, None]] | None = None
        #: Predicate terms to be evaluated again when anything about this unit changes.
        self.watchers: dict[Holds, None] | None = None

    @property
    def ended(self) -> bool:
        """Whether its life is over."""
        return self.state in self.lifecycle.final

    def __str__(self) -> str:
        return f"{self.lifecycle.name} {self.id} ({self.name})"

    def __repr__(self) -> str:
        return f"<{self} {self.state}>"
