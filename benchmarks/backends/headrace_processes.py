"""Headrace on worker processes, as it comes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.backends import tasks
from benchmarks.backends.base import PROCESSES, Backend

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

# Here, not in `open_backend`: importing is no part of starting.
_headrace: Any = importlib.import_module("headrace")
_Pool: Any = _headrace.ProcessPoolExecutor


def open_backend(scratch: Path, *, workers: int = PROCESSES) -> Backend:
    """Load a kernel with one pool of processes; its runs are kept below `scratch`."""
    executor = _Pool("processes", max_workers=workers)
    kernel = _headrace.load(_headrace.Config(executors=[executor], run_dir=str(scratch / "runinfo")))
    count = _headrace.python_app(tasks.count)
    return Backend(
        noop=_headrace.python_app(tasks.noop),
        link=_headrace.python_app(tasks.increment),
        join=lambda futures: count(inputs=futures),
        drain=kernel.wait_for_current_tasks,
        close=kernel.cleanup,
        die=_headrace.python_app(tasks.die),
    )
