"""Dask's distributed scheduler with two worker processes, driven by `client.submit` one task at a time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from benchmarks.backends import tasks
from benchmarks.backends.base import Backend

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]


def open_backend(scratch: Path) -> Backend:
    """Start a local cluster of two single-threaded workers, without its dashboard."""
    distributed = importlib.import_module("distributed")
    client = distributed.Client(
        n_workers=2,
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
    )
