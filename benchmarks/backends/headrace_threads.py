"""Headrace on four threads, as it comes: a journal is kept, and results of cached calls are stored at once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS, Backend, Gate

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]


def open_backend(scratch: Path, *, journal: bool = True, resumed: bool = False) -> Backend:
    """Load a kernel with one pool of threads; its runs are kept below `scratch`.

    Args:
        scratch: where it may write.
        journal: whether the kernel keeps one.
        resumed: whether it goes on with the last run there.
    """
    headrace = importlib.import_module("headrace")
    executor = headrace.ThreadPoolExecutor("threads", max_threads=WORKERS)
    options = {"resume": "last"} if resumed else {}
    kernel = headrace.load(
        headrace.Config(executors=[executor], run_dir=str(scratch / "runinfo"), journal=journal, **options)
    )

    def close() -> None:
        kernel.cleanup()
        headrace.clear()

    def drain() -> None:
        kernel.wait_for_current_tasks()
        if kernel.tasks:  # then whatever was timed did not end, and the figure would be a lie
            raise RuntimeError(f"wait_for_current_tasks returned while {len(kernel.tasks)} tasks had not ended")

    gate = Gate()
    memo_done = importlib.import_module("headrace.dataflow").TaskState.memo_done
    count = headrace.python_app(tasks.count)
    return Backend(
        noop=headrace.python_app(tasks.noop),
        link=headrace.python_app(tasks.increment),
        join=lambda futures: count(inputs=futures),
        drain=drain,
        close=close,
        nap=headrace.python_app(tasks.nap),
        leaf=headrace.python_app(gate.leaf),
        failing_root=headrace.python_app(gate.failing_root),
        open_gate=gate.event.set,
        keep=headrace.python_app(tasks.same, cache=True) if journal else None,
        keep_link=headrace.python_app(tasks.increment, cache=True) if journal else None,
        found_again=lambda: int(kernel.task_state_counts.get(memo_done, 0)),
        look_back=lambda: _look_back(kernel.run_dir.parent / "journal.db") if journal else None,
        write_all=kernel.checkpoint if journal else lambda: None,
    )


def _look_back(place: Path) -> None:
    with importlib.import_module("headrace.journal").JournalReader.open(place) as reader:
        reader.catch_up()
