"""A clock that moves only when a test moves it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["VirtualClock"]


class VirtualClock:
    """A `headrace.core.Clock` that stands still until `advance` is called. Safe to use from many threads.

    The two clocks start at odd values, so that code which takes one for the other, or for a duration, is found out.
    """

    def __init__(self, monotonic: float = 4_711.5, wall: float = 1_234_567_890.25) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        """Return the virtual monotonic seconds."""
        return self._monotonic

    def wall(self) -> float:
        """Return the virtual seconds since the Unix epoch."""
        return self._wall

    def advance(self, seconds: float) -> None:
        """Let this much time pass on both clocks, then tell the listeners.

        Raises:
            ValueError: `seconds` is negative: monotonic time does not go back. For wall time see `jump_wall`.
        """
        if not seconds >= 0:
            msg = f"time does not go back: {seconds!r}"
            raise ValueError(msg)
        with self._lock:
            self._monotonic += seconds
            self._wall += seconds
        for listener in tuple(self._listeners):
            listener()

    def advance_to(self, when: float) -> None:
        """Let time pass until `when` (monotonic seconds), exactly; nothing happens if that is not later than now."""
        with self._lock:
            seconds = when - self._monotonic
            if seconds <= 0:
                return
            self._monotonic = when
            self._wall += seconds
        for listener in tuple(self._listeners):
            listener()

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as a time server may; monotonic time does not notice."""
        with self._lock:
            self._wall += seconds

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each advance, on the thread that advanced.

        A `Keeper` sleeps in real time; `clock.on_advance(keeper.wake_now)` makes it look at this clock again.
        """
        self._listeners.append(listener)
