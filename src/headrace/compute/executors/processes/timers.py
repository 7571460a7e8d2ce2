"""When calls have to be stopped."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.compute.executors.processes.calls import Call

__all__ = ["Timers"]

# So many are kept at least before those of calls that have ended are sought and dropped.
_MIN_TIMERS = 64


class Timers:
    """The deadlines of calls that run. Those of calls that have ended stay until they come up, or are too many."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call]] = []
        self._limit = _MIN_TIMERS

    def set(self, when: float, call: Call) -> None:
        """Have the call come up at that time, unless it has ended by then."""
        if len(self._heap) > self._limit:
            self._heap = [timer for timer in self._heap if timer[2].is_running]
            heapq.heapify(self._heap)
            self._limit = max(_MIN_TIMERS, 2 * len(self._heap))
        heapq.heappush(self._heap, (when, call.number, call))

    @property
    def earliest(self) -> float | None:
        """The time at which the next call comes up; None if none will."""
        heap = self._heap
        while heap and not heap[0][2].is_running:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> list[Call]:
        """Return the calls that come up until now, once."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            call = heapq.heappop(self._heap)[2]
            if call.is_running:
                found.append(call)
        return found
