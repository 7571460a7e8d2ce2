"""Which threads are workers: threads that run tasks, and so must never wait until other tasks have made room."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["become_worker", "worker_of", "working"]


class _Thread(threading.local):
    #: On the class, since to look for an attribute that is not there takes five times as long.
    executor: object = None


_thread = _Thread()


def become_worker(executor: object) -> None:
    """Mark the calling thread as a worker of `executor`, for good."""
    _thread.executor = executor


@contextmanager
def working(executor: object) -> Iterator[None]:
    """Mark the calling thread as a worker of `executor` for as long as the block lasts."""
    before = worker_of()
    _thread.executor = executor
    try:
        yield
    finally:
        _thread.executor = before


def worker_of() -> object:
    """Return the executor that the calling thread is a worker of; None if it is none."""
    return _thread.executor
