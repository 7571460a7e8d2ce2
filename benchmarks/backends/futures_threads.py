"""The standard library's pool of four threads: what any engine on threads pays at least.

It knows no dependencies, so `link` and `join` are those of `callbacks`.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from benchmarks.backends import callbacks, tasks
from benchmarks.backends.base import WORKERS, Backend, Gate

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]


def open_backend(scratch: Path) -> Backend:
    """Start the pool; nothing is written to `scratch`."""
    del scratch
    pool = ThreadPoolExecutor(WORKERS)
    gate = Gate()
    return Backend(
        noop=lambda: pool.submit(tasks.noop),
        link=lambda before: callbacks.link(pool.submit, before),
        join=lambda futures: callbacks.join(pool.submit, futures),
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
