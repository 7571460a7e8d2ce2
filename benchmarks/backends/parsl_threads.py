"""Parsl on four threads, as it comes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS, Backend, Gate

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]


def open_backend(
    scratch: Path, *, initialize_logging: bool = True, durable: bool = False, resumed: bool = False
) -> Backend:
    """Load a kernel with one pool of threads; its runs and its log are kept below `scratch`.

    Args:
        scratch: where it may write.
        initialize_logging: whether it writes its log.
        durable: whether results of cached calls are stored when each task ends.
        resumed: whether it goes on with earlier runs there: with `durable` it does so by itself.
    """
    del resumed
    parsl = importlib.import_module("parsl")
    executors = importlib.import_module("parsl.executors")
    memoizers = importlib.import_module("parsl.dataflow.memoization")
    options = {"memoizer": memoizers.BasicMemoizer(checkpoint_mode="task_exit")} if durable else {}
    config = importlib.import_module("parsl.config").Config(
        executors=[executors.ThreadPoolExecutor(label="threads", max_threads=WORKERS)],
        run_dir=str(scratch / "runinfo"),
        initialize_logging=initialize_logging,
        **options,
    )
    kernel = parsl.load(config)
    gate = Gate()
    count = parsl.python_app(tasks.count)

    # Parsl reads an app's __name__ and signature: plain functions, no bound methods.
    def leaf() -> None:
        gate.leaf()

    def failing_root() -> None:
        gate.failing_root()

    def close() -> None:
        kernel.cleanup()
        parsl.clear()

    memo_done = importlib.import_module("parsl.dataflow.states").States.memo_done
    return Backend(
        noop=parsl.python_app(tasks.noop),
        link=parsl.python_app(tasks.increment),
        join=lambda futures: count(inputs=futures),
        drain=kernel.wait_for_current_tasks,
        close=close,
        nap=parsl.python_app(tasks.nap),
        leaf=parsl.python_app(leaf),
        failing_root=parsl.python_app(failing_root),
        open_gate=gate.event.set,
        keep=parsl.python_app(tasks.same, cache=True) if durable else None,
        keep_link=parsl.python_app(tasks.increment, cache=True) if durable else None,
        found_again=lambda: int(kernel.task_state_counts[memo_done]),
    )
