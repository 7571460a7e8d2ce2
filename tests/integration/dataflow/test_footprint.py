"""How much there is of a task that waits for a place: the garbage collector goes through all of it again and again."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

from headrace import ThreadPoolExecutor, python_app

if TYPE_CHECKING:
    from headrace import DataFlowKernel

N = 2_000


def nothing() -> None:
    pass


def objects_for_each(kernel: DataFlowKernel) -> float:
    """How many objects more the garbage collector knows for each of many tasks that have been submitted."""
    gc.collect()
    before = len(gc.get_objects())
    app = python_app(data_flow_kernel=kernel)(nothing)
    for _ in range(N):
        app()
    assert len(kernel.tasks) > N
    gc.collect()
    return (len(gc.get_objects()) - before) / N


def test_a_task_that_depends_on_nothing_is_two_objects_its_future_and_itself(make_kernel: Any) -> None:  # noqa: ANN401
    kernel = make_kernel(ThreadPoolExecutor("one", 1), journal=False)
    end = threading.Event()
    kernel.submit(end.wait, 10)

    each = objects_for_each(kernel)
    end.set()

    assert 1.9 < each < 2.2
