"""Stands for `nepi.util.guid`."""

from __future__ import annotations

from itertools import count
from threading import Lock

__all__ = ["GuidGenerator"]


class GuidGenerator:
    """Gives numbers that it has not given before, from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._next = count(1)

    def generate(self, guid: int | None = None) -> int:
        """Return a number: the one that is asked for, and then the next ones are higher; or the next one."""
        with self._lock:
            if guid is None:
                return next(self._next)
            following = next(self._next)
            self._next = count(max(following, guid + 1))
            return guid

    # NEPI's name in its older version.
    next = generate
