"""One thread that waits for many things, and does what they call for."""

from __future__ import annotations

import heapq
import logging
import os
import selectors
import threading
import time
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

from headrace.compute.nursery.descriptors import standard_streams_reserved
from headrace.core.condition import SmallCondition
from headrace.core.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Reactor"]

logger = logging.getLogger(__name__)


class Reactor:
    """Does deeds on a thread of its own: those that are posted, due, or called for by a file descriptor.

    `post` and `start` may be called from any thread, also from a signal handler. The rest is for deeds.

    Args:
        name: of the thread. It is a daemon: it keeps no interpreter from ending.
        broken: told of an exception that a deed let through. The thread goes on.
    """

    def __init__(self, name: str, broken: Callable[[BaseException], None]) -> None:
        self._broken = broken
        self._inbox: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        with standard_streams_reserved():
            self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._stopped = False
        self._ended = False
        self._lock = SmallCondition()
        self._thread = Thread(target=self._run, name=name)

    def start(self) -> None:
        """Begin. Nothing if it has begun.

        Raises:
            RuntimeError: no thread can be started now; it may be tried again.
        """
        with self._lock:
            self._thread.start()

    def post(self, deed: Callable[..., None], *args: object) -> bool:
        """Have a deed done, after those that were posted before. Return False if it has ended, and nothing is done."""
        with self._lock:
            if self._ended:
                return False
            self._inbox.append((deed, args))
            os.eventfd_write(self._bell, 1)
        return True

    def join(self, timeout: float) -> bool:
        """Wait until it has ended, at most so many seconds; return whether it has. On its own thread: do not wait."""
        if self._thread.ident is not None and not self.here():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def here(self) -> bool:
        """Tell whether this is its thread."""
        return threading.current_thread() is self._thread

    def listen(self, fd: int, deed: Callable[[], None]) -> None:
        """Do a deed whenever a file descriptor is readable."""
        self._selector.register(fd, selectors.EVENT_READ, deed)

    def ignore(self, fd: int) -> None:
        """Listen to it no more. To be called before it is closed."""
        self._selector.unregister(fd)

    def after(self, seconds: float, deed: Callable[..., None], *args: object) -> None:
        """Do a deed in so many seconds."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), deed, args))

    def stop(self) -> None:
        """End after this deed, and those that were posted before it has ended; these must not need the rest."""
        self._stopped = True

    def _run(self) -> None:
        self._selector.register(self._bell, selectors.EVENT_READ, self._hear_bell)
        while not self._stopped:
            for key, _ in self._selector.select(self._patience()):
                # An earlier deed of this round may have closed it.
                if key.fd in self._selector.get_map():
                    self._do(key.data, ())
            while self._timers and self._timers[0][0] <= time.monotonic():
                _, _, deed, args = heapq.heappop(self._timers)
                self._do(deed, args)
            while self._inbox and not self._stopped:
                self._do(*self._inbox.popleft())
        with self._lock:
            self._ended = True
            self._selector.close()
            os.close(self._bell)
        while self._inbox:  # Those who posted them were told that they would be done.
            self._do(*self._inbox.popleft())

    def _patience(self) -> float | None:
        if self._inbox:
            return 0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _hear_bell(self) -> None:
        os.eventfd_read(self._bell)

    def _do(self, deed: Callable[..., None], args: tuple[Any, ...]) -> None:
        try:
            deed(*args)
        except Exception as error:
            logger.exception("a defect of the process engine")
            self._broken(error)
