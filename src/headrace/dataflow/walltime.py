"""A time limit for a call on a thread, as far as there can be one."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any

from headrace.compute.executors import Portable, WalltimeExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WithWalltime"]


# Python looks for what is to be raised at each turn of a loop.
_LONG_ENOUGH_TO_HEAR = 1000


class _TimeIsUp(BaseException):
    """Raised in the thread. No `Exception`, so that the call does not take it for one of its own."""


class WithWalltime:
    """Calls `func`, and raises `WalltimeExceeded` in it when its time is up.

    It is raised between two bytecodes, so a call that waits in native code (``time.sleep``, a read) first returns from
    there. Only a process can be ended at any moment.

    Args:
        func: the function.
        walltime: seconds, more than 0.
        name: what the call is called in the error.
    """

    def __init__(self, func: Callable[..., Any], walltime: float, name: str) -> None:
        self._func = Portable(func)
        self._walltime = walltime
        self._name = name
        self.__name__ = getattr(func, "__name__", type(func).__name__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any function's
        """Return what the function returns, or raise what it raises.

        Raises:
            WalltimeExceeded: it took longer.
        """
        value = None
        alarm = _Alarm()
        timer = threading.Timer(min(self._walltime, threading.TIMEOUT_MAX), alarm.ring)
        timer.daemon = True
        try:
            timer.start()
            try:
                value = self._func(*args, **kwargs)
            finally:
                in_time = alarm.off()
        except _TimeIsUp:
            in_time = False
        finally:
            timer.cancel()
        if not in_time:
            raise WalltimeExceeded(self._name, self._walltime) from None
        return value


class _Alarm:
    """Raises `_TimeIsUp` in the thread that made it, once at most, and never after `off` has returned or raised."""

    def __init__(self) -> None:
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._lock = threading.Lock()
        self._over = self._rung = False

    def ring(self) -> None:
        with self._lock:
            if not self._over:
                self._rung = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, ctypes.py_object(_TimeIsUp))

    def off(self) -> bool:
        """Keep it from ringing; return False if it has rung.

        If it has rung and was not heard yet, it is heard here: `_TimeIsUp` is raised. It must not be taken back
        instead: to set no exception leaves CPython 3.11 looking for one at every turn, for ever, and a trace function
        hangs then.
        """
        with self._lock:
            self._over = True
        if self._rung:
            for _ in range(_LONG_ENOUGH_TO_HEAR):
                pass
        return not self._rung
