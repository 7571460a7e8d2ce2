"""A time limit for a call on a thread, as far as there can be one."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING, Any

from headrace.compute.executors import Portable, WalltimeExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WithWalltime"]


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
        alarm = _Alarm()
        timer = threading.Timer(self._walltime, alarm.ring)
        timer.daemon = True
        try:
            timer.start()
            try:
                return self._func(*args, **kwargs)
            finally:
                alarm.off()
        except _TimeIsUp:
            alarm.off()
            raise WalltimeExceeded(self._name, self._walltime) from None
        finally:
            timer.cancel()


class _Alarm:
    """Raises `_TimeIsUp` in the thread that made it, once at most, and never after `off` has returned."""

    def __init__(self) -> None:
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._lock = threading.Lock()
        self._over = False

    def ring(self) -> None:
        with self._lock:
            if not self._over:
                self._over = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, ctypes.py_object(_TimeIsUp))

    def off(self) -> None:
        self._over = True
        with self._lock:
            # It may have rung, and not have been heard yet.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(self._thread, None)
