"""Futures that come from elsewhere, as units that tasks can wait for."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Final

from headrace.core import Lifecycle, State, Unit

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["FUTURE", "ForeignFuture", "FutureState"]


class FutureState(State):
    """Where a future from elsewhere is."""

    waiting = "not done yet"
    done = "its result is there"
    failed = "it ended with an exception"
    cancelled = "it was cancelled"


FUTURE: Final = Lifecycle(
    "future",
    initial=FutureState.waiting,
    moves={FutureState.waiting: (FutureState.done, FutureState.failed, FutureState.cancelled)},
    failed=(FutureState.failed, FutureState.cancelled),
)


class ForeignFuture(Unit):
    """A future that is no task of this kernel: another kernel's, another library's, a derived one."""

    __slots__ = ("future",)

    def __init__(self, number: int, future: Future[Any]) -> None:
        super().__init__(("future", number), repr(future), FUTURE)
        self.future = future

    @property
    def outcome(self) -> FutureState:
        """The state that the future is in by itself, whatever this unit has been told yet."""
        if not self.future.done():
            return FutureState.waiting
        if self.future.cancelled():
            return FutureState.cancelled
        return FutureState.failed if self.future.exception() is not None else FutureState.done

    @property
    def error(self) -> BaseException | None:
        """What it failed with."""
        if self.future.cancelled():
            return CancelledError()
        return self.future.exception()

    def __str__(self) -> str:
        try:
            return repr(self.future)
        except Exception:  # noqa: BLE001 - another library's, which may raise anything
            return self.name
