"""Threads whose start an interrupt cannot break."""

from __future__ import annotations

import _thread
import threading
from typing import TYPE_CHECKING

from headrace.core.condition import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Thread"]


class Thread(threading.Thread):
    """A daemon thread; one that any number of starts start once.

    `threading.Thread.start` is no single step. An exception that a signal handler raises in the middle of it leaves a
    thread of which nobody can tell whether it runs; started again, it runs twice, or dies in its first lines. Only the
    main thread hears signals, so what it starts is started by another thread, which nothing interrupts.
    """

    def __init__(self, *, target: Callable[..., object], name: str, args: tuple[object, ...] = ()) -> None:
        super().__init__(target=target, name=name, args=args, daemon=True)
        self._once = threading.Lock()

    def start(self) -> None:
        """Begin, and return when it has begun; nothing if it has. After an interrupt of this, call it again to know.

        Raises:
            RuntimeError: no thread can be started now; it may be tried again.
        """
        if threading.get_ident() != threading.main_thread().ident:
            self._start_once()
            return
        begun: Reply[None] = Reply()
        _thread.start_new_thread(self._start_for, (begun,))
        begun.get()

    def _start_for(self, begun: Reply[None]) -> None:
        try:
            self._start_once()
        except BaseException as error:  # noqa: BLE001 - it is raised by the one who waits
            begun.fail(error)
        else:
            begun.give(None)

    def _start_once(self) -> None:
        with self._once:
            if self.ident is None:
                super().start()
