"""The standard library's pool of processes, as it comes. Its workers are forks on Linux before Python 3.14."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from benchmarks.backends import callbacks, tasks
from benchmarks.backends.base import PROCESSES, Backend

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]


def open_backend(scratch: Path, *, workers: int = PROCESSES) -> Backend:
    """Start the pool; nothing is written to `scratch`. The death of a worker would break it for good: no `die`."""
    del scratch
    pool = ProcessPoolExecutor(workers)
    return Backend(
        noop=lambda: pool.submit(tasks.noop),
        link=lambda before: callbacks.link(pool.submit, before),
        join=lambda futures: callbacks.join(pool.submit, futures),
        drain=lambda: None,
        close=pool.shutdown,
    )
