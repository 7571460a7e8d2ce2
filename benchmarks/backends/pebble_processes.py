"""pebble's pool of processes, as it comes. Its workers are forks on Linux before Python 3.14."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.backends import callbacks, tasks
from benchmarks.backends.base import PROCESSES, Backend

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

__all__ = ["open_backend"]

_pebble: Any = importlib.import_module("pebble")


def open_backend(scratch: Path, *, workers: int = PROCESSES) -> Backend:
    """Start the pool; nothing is written to `scratch`."""
    del scratch
    pool = _pebble.ProcessPool(max_workers=workers)

    def submit(*call: Any) -> Future[Any]:  # noqa: ANN401 - a function and its arguments
        future: Future[Any] = pool.schedule(call[0], args=call[1:])
        return future

    def close() -> None:
        pool.close()
        pool.join()

    return Backend(
        noop=lambda: pool.schedule(tasks.noop),
        link=lambda before: callbacks.link(submit, before),
        join=lambda futures: callbacks.join(submit, futures),
        drain=lambda: None,
        close=close,
        die=lambda mark: submit(tasks.die, mark),
    )
