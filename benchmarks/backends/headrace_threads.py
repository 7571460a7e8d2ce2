"""Headrace on four threads, as it comes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS, Backend, Gate

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]


def open_backend(scratch: Path) -> Backend:
    """Load a kernel with one pool of threads; its runs are kept below `scratch`."""
    headrace = importlib.import_module("headrace")
    executor = headrace.ThreadPoolExecutor("threads", max_threads=WORKERS)
    kernel = headrace.load(headrace.Config(executors=[executor], run_dir=str(scratch / "runinfo")))

    def drain() -> None:
        kernel.wait_for_current_tasks()
        if kernel.tasks:  # then whatever was timed did not end, and the figure would be a lie
            raise RuntimeError(f"wait_for_current_tasks returned while {len(kernel.tasks)} tasks had not ended")

    gate = Gate()
    count = headrace.python_app(tasks.count)
    return Backend(
        noop=headrace.python_app(tasks.noop),
        link=headrace.python_app(tasks.increment),
        join=lambda futures: count(inputs=futures),
        drain=drain,
        close=kernel.cleanup,
        nap=headrace.python_app(tasks.nap),
        leaf=headrace.python_app(gate.leaf),
        failing_root=headrace.python_app(gate.failing_root),
        open_gate=gate.event.set,
    )
