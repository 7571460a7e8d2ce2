"""Futures that have been settled, and whose callbacks are still to be called."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.dataflow.future import AppFuture

__all__ = ["Callbacks"]


class Callbacks:
    """The callbacks of settled futures, which are the user's, and are called on workers only.

    Args:
        defer: has a function called on a worker.
        wake: has somebody look again, later: a callback was interrupted.
    """

    def __init__(self, defer: Callable[[Callable[[], None]], None], wake: Callable[[], None]) -> None:
        self._defer = defer
        self._wake = wake
        #: Those whose callbacks are still to be called.
        self.futures: deque[AppFuture[Any]] = deque()

    def add(self, future: AppFuture[Any]) -> None:
        """Note a future that has just been settled."""
        self.futures.append(future)

    def call(self) -> None:
        """Call those of one future, here; have those of the others called elsewhere, since one may block for long."""
        with suppress(IndexError):
            future = self.futures.popleft()
            if self.futures:
                self._defer(self.call)
            try:
                future._run_callbacks()  # noqa: SLF001 - a part of the kernel
            except BaseException:
                # An interrupt: those that were not called yet are called by another thread.
                self.futures.append(future)
                self._wake()
                raise
