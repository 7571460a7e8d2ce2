"""Units: whatever has a life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Hashable

    from headrace.core.gate import Gate, Holds, Reached
    from headrace.core.lifecycle import Lifecycle, State

__all__ = ["Unit"]


class Unit:
    """One thing that moves through a lifecycle. Faces subclass it with what their units carry.

    Only the `Scheduler` changes these attributes; everybody may read them.
    """

    # No container for each unit: a million may be alive, and the garbage collector goes through all that it is told of.
    __slots__ = ("attempt", "earlier", "gates", "id", "lifecycle", "name", "since", "state", "waiters", "watchers")

    def __init__(self, id: Hashable, name: str, lifecycle: Lifecycle) -> None:  # noqa: A002 - the field's own word
        #: Unique among the living units of one scheduler.
        self.id = id
        #: What people call it; need not be unique.
        self.name = name
        self.lifecycle = lifecycle
        self.state: State = lifecycle.initial
        #: How many times its life began anew; instructions for an earlier attempt are stale.
        self.attempt = 0
        #: When it arrived in its state (monotonic seconds); None if it was never added. See `reached`.
        self.since: float | None = None
        #: The states that it has left in this attempt, each followed by when it first arrived there.
        self.earlier: tuple[Any, ...] = ()
        #: The gates on its actions, by action.
        self.gates: dict[str, Gate] | None = None
        #: Terms waiting for this unit, grouped by the states that satisfy them, so that a move looks at groups only.
        #: Dicts serve as ordered sets: a gate that is dropped takes its terms out at once.
        self.waiters: dict[frozenset[State], dict[Reached, None]] | None = None
        #: Predicate terms to be evaluated again when anything about this unit changes.
        self.watchers: dict[Holds, None] | None = None

    @property
    def reached(self) -> dict[State, float]:
        """When it first arrived (monotonic seconds) in each state it reached in this attempt; empty if never added."""
        if self.since is None:
            return {}
        reached = dict(zip(self.earlier[::2], self.earlier[1::2], strict=True))
        reached.setdefault(self.state, self.since)
        return reached

    def arrive(self, state: State, at: float) -> None:
        """Go on to a state of the same attempt. Can be done again."""
        previous = self.state
        earlier = self.earlier
        # States are compared by identity where that will do: the `==` of an enum that can be ordered is slow.
        if not earlier:
            if self.since is not None:
                # First, and over all that follows: `reached` tells the same if an interrupt falls between these lines.
                self.earlier = (previous, self.since)
        elif earlier[-2] is not previous and previous not in earlier[:-2:2]:
            self.earlier = (*earlier, previous, self.since)
        self.since = at
        self.state = state

    def arrivals(self, states: Container[State]) -> list[float]:
        """Return when it first arrived in those of the states that it reached in this attempt."""
        if not self.earlier:
            return [] if self.since is None or self.state not in states else [self.since]
        return [at for state, at in self.reached.items() if state in states]

    @property
    def asked(self) -> Collection[str]:
        """The actions that somebody has asked for: once their gates open, or without one."""
        return self.gates.keys() if self.gates else ()

    @property
    def ended(self) -> bool:
        """Whether its life is over."""
        return self.state in self.lifecycle.final

    def __str__(self) -> str:
        return f"{self.lifecycle.name} {self.id} ({self.name})"

    def __repr__(self) -> str:
        return f"<{self} {self.state}>"
