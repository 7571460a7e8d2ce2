"""Dependencies for pools that know none: what a careful user would write with done-callbacks.

The functions take the pool's `submit`: a function and its arguments in, a `concurrent.futures.Future` out.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from benchmarks.backends import tasks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Submit", "join", "link"]

T = TypeVar("T")

Submit: TypeAlias = "Callable[..., Future[Any]]"


def link(submit: Submit, before: int | Future[int]) -> Future[int]:
    """Run `tasks.increment` on a number, or on the result of a future once it is there."""
    if not isinstance(before, Future):
        return submit(tasks.increment, before)
    promise: Future[int] = Future()
    before.add_done_callback(lambda done: _forward(submit, promise, tasks.increment, done.result()))
    return promise


def join(submit: Submit, futures: list[Future[Any]]) -> Future[int]:
    """Run `tasks.count` on the results of `futures` once all are there."""
    promise: Future[int] = Future()
    lock = threading.Lock()
    missing = len(futures)

    def one_done(_: Future[Any]) -> None:
        nonlocal missing
        with lock:
            missing -= 1
            last = missing == 0
        if last:
            _forward(submit, promise, tasks.count, [future.result() for future in futures])

    for future in futures:
        future.add_done_callback(one_done)
    return promise


def _forward(submit: Submit, promise: Future[int], body: Callable[[T], int], argument: T) -> None:
    """Run `body` and hand what it gives to `promise`."""
    submit(body, argument).add_done_callback(lambda done: promise.set_result(done.result()))
