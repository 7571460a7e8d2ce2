"""The standard library's pool of four threads: what any engine on threads pays at least.

It knows no dependencies, so `link` and `join` are what a careful user would write with done-callbacks.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS, Backend, Gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["open_backend"]

T = TypeVar("T")


def open_backend(scratch: Path) -> Backend:
    """Start the pool; nothing is written to `scratch`."""
    del scratch
    pool = ThreadPoolExecutor(WORKERS)
    gate = Gate()
    return Backend(
        noop=lambda: pool.submit(tasks.noop),
        link=lambda before: _link(pool, before),
        join=lambda futures: _join(pool, futures),
        drain=lambda: _drain(pool),
        close=pool.shutdown,
        nap=lambda: pool.submit(tasks.nap),
        leaf=lambda: pool.submit(gate.leaf),
        open_gate=gate.event.set,
    )


def _drain(pool: ThreadPoolExecutor) -> None:
    """Wait until every thread has met at a barrier: the queue is first in, first out, so all before has ended."""
    barrier = threading.Barrier(WORKERS)
    wait([pool.submit(barrier.wait) for _ in range(WORKERS)])


def _link(pool: ThreadPoolExecutor, before: int | Future[int]) -> Future[int]:
    if not isinstance(before, Future):
        return pool.submit(tasks.increment, before)
    promise: Future[int] = Future()
    before.add_done_callback(lambda done: _forward(pool, promise, tasks.increment, done.result()))
    return promise


def _join(pool: ThreadPoolExecutor, futures: list[Future[Any]]) -> Future[int]:
    promise: Future[int] = Future()
    lock = threading.Lock()
    missing = len(futures)

    def one_done(_: Future[Any]) -> None:
        nonlocal missing
        with lock:
            missing -= 1
            last = missing == 0
        if last:
            _forward(pool, promise, tasks.count, [future.result() for future in futures])

    for future in futures:
        future.add_done_callback(one_done)
    return promise


def _forward(pool: ThreadPoolExecutor, promise: Future[int], body: Callable[[T], int], argument: T) -> None:
    """Run `body` on the pool and hand what it gives to `promise`."""
    pool.submit(body, argument).add_done_callback(lambda done: promise.set_result(done.result()))
