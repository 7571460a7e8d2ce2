"""Those who want to be told of every move."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Scheduler, Transition

__all__ = ["Observers"]

logger = logging.getLogger(__name__)


class Observers:
    """The callbacks that are told of each transition of one scheduler's units, in order, in the middle of its work.

    One that raises is logged and told no more: an observer can harm nothing but itself.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._callbacks: tuple[Callable[[Transition], None], ...] = ()
        self._changing = threading.RLock()

    def add(self, callback: Callable[[Transition], None]) -> Callable[[], None]:
        """Tell `callback` from now on; return what ends that, which may be called more than once."""
        with self._changing:
            self._callbacks = (*self._callbacks, callback)
            self._scheduler.observed = True
        return partial(self._drop, callback)

    def tell(self, transition: Transition) -> None:
        """Tell all of them."""
        for callback in self._callbacks:
            try:
                callback(transition)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                    raise
                logger.exception("observer %r raised and is told no more", callback)
                self._drop(callback)

    def _drop(self, callback: Callable[[Transition], None]) -> None:
        with self._changing:
            self._callbacks = tuple(one for one in self._callbacks if one is not callback)
            self._scheduler.observed = bool(self._callbacks)
