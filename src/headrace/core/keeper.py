"""The one helper thread of a kernel: it keeps the timers, and takes over what a thread was interrupted in."""

from __future__ import annotations

import logging
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headrace.core.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core.clock import Clock

__all__ = ["Keeper"]

logger = logging.getLogger(__name__)


class Keeper:
    """Calls `wake` at the earliest of the times it was asked for, on a daemon thread that starts when first needed.

    The later ones are forgotten then: `wake` asks again for what is still to come. It must not block.
    """

    def __init__(self, clock: Clock, wake: Callable[[], None], name: str) -> None:
        self._clock = clock
        self._wake = wake
        self._name = name
        # The times asked for; None to end. A signal handler may ask while this very thread is asking: this queue is
        # made for that, `threading.Condition` is not, even over a re-entrant lock.
        self._requests: SimpleQueue[float | None] = SimpleQueue()
        self._lock = threading.RLock()
        self._closed = False
        self._starting = False
        # One; a second only after an interrupt in the very moment in which the first was being started.
        self._threads: list[Thread] = []

    def wake_at(self, when: float) -> None:
        """Have `wake` called at `when` (monotonic seconds), or earlier; at once if that has passed."""
        with self._lock:
            if self._closed:
                return
            self._requests.put(when)
            # Not by a signal handler that asks while this very thread is starting it.
            if not self._threads and not self._starting:
                self._start()

    def wake_now(self) -> None:
        """Have `wake` called as soon as the thread runs."""
        self.wake_at(float("-inf"))

    def close(self) -> None:
        """End the thread, dropping what has not come due, and wait for it unless called from it."""
        with self._lock:
            self._closed = True
            self._requests.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _start(self) -> None:
        try:
            self._starting = True
            # Started before it is kept: an interrupt between the two costs an idle thread, not all wakes.
            thread = Thread(target=self._run, name=self._name)
            thread.start()
            self._threads.append(thread)
        finally:
            self._starting = False

    def _run(self) -> None:
        while self._wait():
            try:
                self._wake()
            except BaseException:
                logger.exception("%s: a wake raised", self._name)

    def _wait(self) -> bool:
        """Wait for the earliest time that was asked for since the last wake; False when closed."""
        earliest = float("inf")
        while not self._closed:
            seconds = earliest - self._clock.monotonic()
            try:
                asked = self._requests.get(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))
            except Empty:
                if seconds <= 0:
                    return True
                continue
            if asked is not None:
                earliest = min(earliest, asked)
        # For the other thread, should there be one.
        self._requests.put(None)
        return False
