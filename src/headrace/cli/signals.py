"""What interrupts do to a run: the first one ends it in order, the second at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

__all__ = ["Interrupts", "code_of"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# How long the second interrupt waits for what the program has printed to leave the process.
_FLUSH_TIMEOUT = 0.3


class Interrupts:
    """A context manager in which SIGINT and SIGTERM end things: the first in order, the second at once.

    The first one raises KeyboardInterrupt in the main thread; the second one ends the process. Before and after it
    signals do what they did; so they do in children that are forked within it. A signal that the process was started to
    ignore stays ignored.

    Args:
        on_first: told of the first signal before KeyboardInterrupt is raised; within a signal handler.
        before_exit: called before the second one ends the process; within a signal handler.
    """

    def __init__(self, on_first: Callable[[signal.Signals], None], before_exit: Callable[[], None]) -> None:
        #: The first signal that came.
        self.received: signal.Signals | None = None
        self._on_first = on_first
        self._before_exit = before_exit
        self._previous: dict[signal.Signals, Any] = {}
        self._flushing = False
        self._forking = threading.local()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                previous = signal.getsignal(number)
                if previous is not signal.SIG_IGN and previous is not None:
                    self._previous[number] = previous
                    signal.signal(number, self._handle)
            os.register_at_fork(before=self._hold, after_in_parent=self._let_go, after_in_child=self._become_child)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        previous, self._previous = self._previous, {}
        for number, handler in previous.items():
            # One that the program has put in the place of ours is the program's.
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)

    # A signal that comes for a child before its handlers are what they should be must not be lost: it is held over the
    # fork.

    def _hold(self) -> None:
        if self._previous:
            self._forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def _let_go(self) -> None:
        mask = vars(self._forking).pop("mask", None)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _become_child(self) -> None:
        self._restore()
        self._let_go()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal calls it
        if self.received is None:
            self.received = signal.Signals(number)
            self._on_first(self.received)
            raise KeyboardInterrupt
        if not self._flushing:
            self._flushing = True
            with suppress(Exception):
                self._before_exit()
            _flush_within(_FLUSH_TIMEOUT)
        os._exit(code_of(signal.Signals(number)))


def code_of(number: signal.Signals) -> int:
    """Return the exit code of a process that a signal has ended, as shells have it."""
    return 128 + number


def _flush_within(seconds: float) -> None:
    """Flush stdout, unless its reader does not read: then that waits for ever, and nobody may wait for it here."""

    def flush() -> None:
        with suppress(Exception):
            sys.stdout.flush()

    flusher = threading.Thread(target=flush, daemon=True)
    flusher.start()
    flusher.join(seconds)
