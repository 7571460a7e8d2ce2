"""Stands for `nepi.util.parallel`."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ParallelRun"]

_THREADS = 64


class ParallelRun:
    """Calls functions on threads, and gives their results in the order in which they were put.

    Args:
        maxthreads: how many threads at most.
        maxqueue: taken, and without effect: nothing that was put is refused.
        results: whether results are kept.
    """

    def __init__(self, maxthreads: int | None = None, maxqueue: int | None = None, results: bool = True) -> None:  # noqa: FBT001, FBT002 - NEPI's
        del maxqueue
        self.maxthreads = maxthreads or _THREADS
        self._keep = results
        self._pool = ThreadPoolExecutor(self.maxthreads, thread_name_prefix="nepi-parallel")
        self._futures: deque[Future[Any]] = deque()

    def start(self) -> None:
        """Do nothing: threads start as they are needed."""

    def put(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:  # noqa: A002, ANN401 - NEPI's
        """Have a function called."""
        self._futures.append(self._pool.submit(callable, *args, **kwargs))

    put_nowait = put

    def sync(self) -> None:
        """Wait until all that was put has returned; raise the first exception of those."""
        for future in tuple(self._futures):
            future.result()

    def join(self) -> None:
        """Do as `sync`, and end the threads."""
        try:
            self.sync()
        finally:
            self._pool.shutdown()

    def empty(self) -> None:
        """Drop what has not begun."""
        for future in tuple(self._futures):
            future.cancel()

    def destroy(self) -> None:
        """Drop what has not begun, and end the threads."""
        self.empty()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __iter__(self) -> Iterator[Any]:
        while self._keep and self._futures:
            yield self._futures.popleft().result()
