"""What has happened and one observer has not been told yet."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeAlias

from headrace.observers.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Transition

__all__ = ["BATCH_AT_MOST", "Backlog", "Batch"]

#: One call of an observer is given no more than this, so that it can be left behind between two calls.
BATCH_AT_MOST: Final = 1_000

_new = tuple.__new__

#: Moves; or how many were missed.
Batch: TypeAlias = "list[Observation] | int"


class Backlog:
    """A bounded queue from the middle of a run's work to an observer's thread.

    `put` takes no lock, never blocks, and may be called in a mailbox and in a signal handler; by one thread at a time,
    as a mailbox does. What finds no room is counted, in its place among what did.

    Args:
        limit: at most so many moves wait.
        on_full: called in `put`, once, when something finds no room for the first time. It must not block.
    """

    __slots__ = ("_asleep", "_bell", "_dropped", "_executor", "_items", "_last", "_limit", "_on_full", "_room", "_told")

    def __init__(self, limit: int, on_full: Callable[[], None]) -> None:
        # An executor and then its transition, not a pair of them: a hundred thousand pairs more would have the garbage
        # collector look at everything several times. Or the number of all that were dropped until then.
        self._items: deque[Transition | str | int | None] = deque()
        self._limit = 2 * limit
        # The limit; or less than none from a drop on until its number has been put.
        self._room = 2 * limit
        # The executor that was taken last.
        self._executor: str | None = None
        self._on_full: Callable[[], None] | None = on_full
        # All that were dropped, written by who puts; and those that were told, written by who takes. So no count is
        # ever written by two threads.
        self._dropped = 0
        self._told = 0
        # The move taken last, without its error, which would keep alive whatever its traceback does.
        self._last: tuple[object, ...] = ()
        self._asleep = False
        self._bell: SimpleQueue[None] = SimpleQueue()

    def put(self, transition: Transition, executor: str | None = None) -> None:
        """Tell of a move; `executor` is where the unit is by it.

        Telling the same move twice in a row, as a step of a mailbox that is done again does, tells it once.
        """
        items = self._items
        if len(items) < self._room:
            items.append(executor)
            items.append(transition)
        else:
            self._put_late(transition, executor)
        if self._asleep:
            self.ring()

    def _put_late(self, transition: Transition, executor: str | None) -> None:
        if len(self._items) < self._limit:
            self._items.append(self._dropped)
            self._room = self._limit
            self._items.append(executor)
            self._items.append(transition)
            return
        self._room = -1
        on_full, self._on_full = self._on_full, None
        if on_full is not None:
            on_full()
        # Last: if this is cut short, it is done again.
        self._dropped += 1

    def ring(self) -> None:
        """Wake whoever waits."""
        self._asleep = False
        self._bell.put(None)

    def wait(self, seconds: float | None = None) -> None:
        """Wait for so many seconds or the bell; with None, until something is put or the bell rings."""
        if seconds is None:
            self._asleep = True
            if self._items:
                self._asleep = False
                return
        try:
            self._bell.get(timeout=seconds)
        except Empty:
            return

    def take(self) -> Batch:
        """Take out what comes next: some moves, or the number of those that were missed; 0 when there is nothing."""
        # Read before the queue is found empty: then these came after all that was taken, and before what will be put.
        dropped = self._dropped
        batch: list[Observation] = []
        items = self._items
        last: Transition | None = None
        while items and len(batch) < BATCH_AT_MOST:
            item = items[0]
            if isinstance(item, int):
                if batch:
                    break
                items.popleft()
                if item > self._told:
                    return self._missed(item)
                continue
            items.popleft()
            if not isinstance(item, tuple):
                self._executor = item
            elif item is not last and (last is not None or item[:5] != self._last):
                last = item
                # Half as long as by the class itself, for every move.
                batch.append(_new(Observation, (*item, self._executor)))
        if last is not None:
            self._last = last[:5]
        return batch or self._missed(dropped)

    def left(self) -> int:
        """Return about how many moves were put and have not been taken, those that were dropped included."""
        return (len(self._items) + 1) // 2 + self._dropped - self._told

    def clear(self) -> None:
        """Let go of all that waits."""
        self._items.clear()
        self._last = ()

    def _missed(self, dropped: int) -> int:
        missed = max(0, dropped - self._told)
        self._told = max(self._told, dropped)
        return missed
