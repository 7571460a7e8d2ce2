"""Which attempts are under way, as far as an observer has been told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

    from headrace.core import State, Unit
    from headrace.observers.observation import Observation

__all__ = ["Attempts", "Over"]

T = TypeVar("T")


class Over(NamedTuple, Generic[T]):
    """An attempt that is over, though its end was not told."""

    value: T
    unit: Unit
    #: How its unit's life ended by it, and when (monotonic seconds); None if the unit has begun another attempt.
    state: State | None
    at: float | None


class Attempts(Generic[T]):
    """Keeps a value for each attempt of one run that has begun and not ended.

    It is bounded by what is under way, also for an observer that misses moves, as long as it calls `over` whenever it
    is told that it did.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, Hashable], tuple[Unit, int, T]] = {}

    def begin(self, move: Observation, value: T) -> None:
        """Keep `value` for the attempt that this move belongs to."""
        self._open[move.kind, move.unit.id] = (move.unit, move.attempt, value)

    def get(self, move: Observation) -> T | None:
        """Return what is kept for the attempt that this move belongs to."""
        found = self._open.get((move.kind, move.unit.id))
        return found[2] if found is not None and found[1] == move.attempt else None

    def end(self, move: Observation) -> T | None:
        """Take out what is kept for the attempt that ends with this move; None if nothing is."""
        attempt = move.attempt - move.is_anew
        found = self._open.get((move.kind, move.unit.id))
        if found is None or found[1] != attempt:
            return None
        del self._open[move.kind, move.unit.id]
        return found[2]

    def over(self) -> list[Over[T]]:
        """Take out all that are over by what their units say now: their ends were missed, or are told later."""
        found: list[Over[T]] = []
        for key, (unit, attempt, value) in list(self._open.items()):
            # The state first: it is what the attempt that is read after it, or an earlier one, has come to.
            state, ended = unit.state, unit.ended
            if unit.attempt != attempt:
                found.append(Over(value, unit, None, None))
            elif ended:
                found.append(Over(value, unit, state, unit.reached.get(state)))
            else:
                continue
            del self._open[key]
        return found

    def rest(self) -> list[T]:
        """Take out all that is left."""
        values = [value for _, _, value in self._open.values()]
        self._open.clear()
        return values
