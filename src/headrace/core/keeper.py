"""The one helper thread of a kernel: it keeps the timers, and takes over what a thread was interrupted in."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core.clock import Clock

__all__ = ["Keeper"]


logger = logging.getLogger(__name__)


class Keeper:
    """Calls `wake` at the times it was asked for, on a daemon thread that starts when first needed.

    `wake` must not block, or later wakes come late.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None], name: str) -> None:
        self._clock = clock
        self._wake = wake
        self._name = name
        # Its lock is re-entrant: a signal handler may ask for a wake while this very thread is asking for one.
        self._changed = threading.Condition()
        self._next: float | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def wake_at(self, when: float) -> None:
        """Have `wake` called at `when` (monotonic seconds), or earlier; at once if that has passed."""
        with self._changed:
            if self._closed:
                return
            if self._next is None or when < self._next:
                self._next = when
            if self._thread is None:
                # Started before it is kept: an interrupt between the two costs an idle thread, not all wakes.
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            self._changed.notify()

    def wake_now(self) -> None:
        """Have `wake` called as soon as the thread runs."""
        self.wake_at(float("-inf"))

    def close(self) -> None:
        """End the thread, dropping what has not come due, and wait for it unless called from it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while self._wait():
            try:
                self._wake()
            except BaseException:
                logger.exception("%s: a wake raised", self._name)

    def _wait(self) -> bool:
        """Wait for the next time that was asked for; False when closed."""
        with self._changed:
            while not self._closed:
                timeout = None if self._next is None else self._next - self._clock.monotonic()
                if timeout is not None and timeout <= 0:
                    self._next = None
                    return True
                self._changed.wait(min(timeout, threading.TIMEOUT_MAX) if timeout is not None else None)
            return False
