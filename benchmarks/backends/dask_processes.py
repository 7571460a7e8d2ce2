"""Dask's distributed scheduler with worker processes of one thread, driven by `client.submit` one task at a time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.backends import tasks
from benchmarks.backends.base import PROCESSES, Backend

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

_dask: Any = importlib.import_module("dask")
_distributed: Any = importlib.import_module("distributed")


def open_backend(scratch: Path, *, workers: int = PROCESSES) -> Backend:
    """Start a local cluster of single-threaded workers, without its dashboard.

    A task whose worker dies fails, as everywhere else in the suite; Dask would try it on three more workers.
    """
    _dask.config.set({"distributed.scheduler.allowed-failures": 0})
    client = _distributed.Client(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(scratch),
        silence_logs=50,
    )
    return Backend(
        noop=lambda: client.submit(tasks.noop, pure=False),
        link=lambda before: client.submit(tasks.increment, before, pure=False),
        join=lambda futures: client.submit(tasks.count, futures, pure=False),
        drain=lambda: None,
        close=client.shutdown,
        gather=client.gather,
        die=lambda mark: client.submit(tasks.die, mark, pure=False),
    )
