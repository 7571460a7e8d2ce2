"""Time, injected: whatever waits or measures takes a `Clock`, so that tests can own it.

Delays and timeouts are counted on the monotonic clock only. Wall time is for records that people read.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where Headrace reads the time."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, never going backwards."""
        ...

    def wall(self) -> float:
        """Return seconds since the Unix epoch, as the machine believes; it may jump."""
        ...


class SystemClock:
    """The machine's own clocks."""

    # Bound straight to the C functions: the monotonic clock is read several times for each task.
    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
