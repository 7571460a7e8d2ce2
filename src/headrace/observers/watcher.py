"""One observer of one run, on a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from headrace.core.thread import Thread
from headrace.observers.backlog import BATCH_AT_MOST, Backlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.observers.observer import Observer
    from headrace.observers.run_info import RunInfo

__all__ = ["Watcher"]

logger = logging.getLogger(__name__)

#: After a call, wait so many seconds for more to gather: each call costs the run two switches between threads.
_GATHER: Final = 0.05


class Watcher:
    """Calls one observer on a thread of its own, which ends after `close`, or once the observer has raised.

    Args:
        observer: whom to call.
        run: what it watches.
        limit: how many moves may wait for it.
        detach: called when it wants no more to be `put`; more than once, from any thread.
    """

    def __init__(self, observer: Observer, run: RunInfo, limit: int, detach: Callable[[Watcher], None]) -> None:
        self.observer = observer
        self._run = run
        self._limit = limit
        self._detach = partial(detach, self)
        self._backlog = Backlog(limit, self._tell_of_missing)
        self._closing = False
        self._left_behind = False
        #: Takes a transition and where the unit is by it. An append: no lock, no waiting.
        self.put = self._backlog.put
        name = f"observes-{type(observer).__name__}"
        self._thread = Thread(target=self._work, name=name)

    def start(self) -> None:
        """Start the thread, which first tells that the run has begun.

        Raises:
            RuntimeError: no thread can be started.
        """
        self._thread.start()

    def close(self) -> None:
        """Have the observer told what is left, and that the run has ended. Does not wait for that. Can be repeated."""
        self._detach()
        self._closing = True
        self._backlog.ring()

    def join(self, deadline: float) -> bool:
        """Wait until `close` has done its work, or it is `deadline` (monotonic); then leave the observer behind.

        Returns whether it has ended; True, without waiting, when called by the observer itself or never started.
        """
        if self._thread is threading.current_thread() or self._thread.ident is None:
            return True
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive():
            return True
        if not self._left_behind:
            self._left_behind = True
            logger.warning(
                "observer %r of run %s had not taken all in when the time was up, and is left behind; moves that it "
                "was not told of: %d",
                self.observer,
                self._run.id,
                self._backlog.left(),
            )
            self._backlog.clear()
        return False

    def _work(self) -> None:
        if not self._call("started", self.observer.started):
            return
        tell_more = True
        while tell_more and not self._left_behind:
            # Looked at before the backlog is: what was put before `close` is told.
            closing = self._closing
            tell_more = self._tell_next() if self._backlog.left() else not closing and self._await_more()
        self._backlog.clear()
        if not self._left_behind:
            self._call("ended", self.observer.ended)

    def _tell_next(self) -> bool:
        batch = self._backlog.take()
        if isinstance(batch, int):
            return not batch or self._call("missed", self.observer.missed, batch)
        went_well = self._call("transitions", self.observer.transitions, batch)
        if went_well and not self._closing and len(batch) < BATCH_AT_MOST:
            self._backlog.wait(_GATHER)
        return went_well

    def _await_more(self) -> bool:
        self._backlog.wait()
        return True

    def _call(self, what: str, method: Callable[..., None], *args: object) -> bool:
        """Call the observer; False if it raised, which is logged, and is the last it was told."""
        try:
            method(self._run, *args)
        except BaseException:
            self._detach()
            logger.exception(
                "observer %r raised in %s() and is told no more of run %s", self.observer, what, self._run.id
            )
            return False
        return True

    def _tell_of_missing(self) -> None:
        # This is the middle of the run's work, where nobody may wait for a log; nor does the observer's own thread have
        # the time just now. If no thread can be started, the observer is still told.
        name = f"{self._thread.name}-too-slowly"
        with suppress(RuntimeError):
            Thread(target=self._warn_of_missing, name=name).start()

    def _warn_of_missing(self) -> None:
        logger.warning(
            "observer %r is too slow for run %s: %d moves wait for it, and it misses what comes until it has caught "
            "up; the run is not held up",
            self.observer,
            self._run.id,
            self._limit,
        )
