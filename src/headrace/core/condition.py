"""Waiting that an interrupt cannot break."""

from __future__ import annotations

import time
from _thread import RLock
from threading import Lock, get_ident, main_thread
from typing import Generic, TypeVar

__all__ = ["Reply", "SmallCondition", "acquire"]

T = TypeVar("T")

# How long an interrupt may go unnoticed, in seconds; see `acquire`.
_LONGEST_SLEEP = 0.5


def acquire(lock: Lock, timeout: float | None = None) -> bool:
    """Take the lock; False if `timeout` seconds went by first. An interrupt is raised within half a second.

    CPython notes a signal and looks at its note before it sleeps on a lock, not while it falls asleep: a signal in
    between is heard only when something else wakes the thread, which may be never. So the main thread, the only one
    that signals are raised in, never sleeps long at a time.
    """
    if lock.acquire(blocking=False):
        return True
    if get_ident() != main_thread().ident:
        return lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout))
    if timeout is None:
        while not lock.acquire(timeout=_LONGEST_SLEEP):
            pass
        return True
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        if lock.acquire(timeout=min(left, _LONGEST_SLEEP)):
            return True
    return False


class SmallCondition(RLock):  # type: ignore[misc]  # typeshed calls it final; CPython does not
    """A condition for each of a million futures, and for whatever the mailbox must be able to lock.

    `threading.Condition` has its lock, and takes it in a method written in Python: an interrupt between the taking and
    the beginning of the ``with`` block leaves the lock taken for ever. This *is* its lock, so no bytecode lies between.

    Nor does it hold a deque, which is 1.2 kB even while nobody waits, and too large for Python's own allocator: what
    a million of them leave behind is not given back. It has what `concurrent.futures` asks of a condition, and no more.
    """

    __slots__ = ("_sleepers",)

    def __init__(self) -> None:
        self._sleepers: list[Lock] | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock back, wait to be notified, take it again; False if `timeout` seconds went by first."""
        sleeper = Lock()
        sleeper.acquire()
        if self._sleepers is None:
            self._sleepers = []
        self._sleepers.append(sleeper)
        # All levels of it: a signal handler may wait while the thread that it interrupted holds the lock.
        levels = None
        notified = False
        try:
            try:
                levels = self._release_save()  # type: ignore[attr-defined]  # as threading.Condition does
                notified = acquire(sleeper, timeout)
                return notified
            finally:
                self._take_again(levels)
        finally:
            # Whatever cut that short, the caller has the lock.
            self._take_again(levels)
            # Whoever notified just after the time was up has taken the list away.
            if not notified and self._sleepers is not None and sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    def _take_again(self, levels: tuple[int, int] | None) -> None:
        if not self._is_owned():  # type: ignore[attr-defined]  # an interrupt may have come before the release
            # It was taken once, if the interrupt came before that was noted: nobody here takes it more often.
            self._acquire_restore(levels or (1, get_ident()))  # type: ignore[attr-defined]  # as Condition does

    def notify_all(self) -> None:
        """Wake all that wait. The lock must be held."""
        sleepers, self._sleepers = self._sleepers, None
        for sleeper in sleepers or ():
            sleeper.release()


class Reply(Generic[T]):
    """The answer to a message, for the one who waits for it. Giving it never blocks; only the first answer counts."""

    __slots__ = ("_error", "_given", "_latch", "_value")

    def __init__(self) -> None:
        self._latch = Lock()
        self._latch.acquire()
        self._given = False
        self._value: T | None = None
        self._error: BaseException | None = None

    def give(self, value: T) -> None:
        """Answer with a value."""
        if not self._given:
            self._value = value
            self._given = True
            self._latch.release()

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        if not self._given:
            self._error = error
            self._given = True
            self._latch.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the answer; False if `timeout` seconds went by first."""
        given = acquire(self._latch, timeout)
        if given:
            self._latch.release()
        return given

    def get(self) -> T:
        """Wait for the answer; return the value or raise the error. To be called once."""
        acquire(self._latch)
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # given, since there is no error
