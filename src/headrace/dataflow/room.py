"""A bound on the tasks in flight, which pushes back on whoever submits."""

from __future__ import annotations

from headrace.core.condition import SmallCondition

__all__ = ["Room"]


class Room:
    """So many may be inside at a time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # A set, not a count, so that coming in and leaving can be repeated.
        self._inside: set[object] = set()
        self._closed = False
        self._changed = SmallCondition()

    def enter(self, who: object, *, may_wait: bool) -> None:
        """Come in; wait for room first if `may_wait`, else come in even if there is none."""
        with self._changed:
            while may_wait and len(self._inside) >= self._limit and not self._closed:
                self._changed.wait()
            self._inside.add(who)

    def leave(self, who: object) -> None:
        """Make room for one more."""
        with self._changed:
            self._inside.discard(who)
            # All: the one that would be woken may lie under a signal handler that waits for room too.
            self._changed.notify_all()

    def close(self) -> None:
        """Let everybody in from now on; those who wait, too."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
