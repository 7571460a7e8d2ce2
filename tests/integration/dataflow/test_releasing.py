"""What a task needed is let go when it has ended."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import gc
import traceback
import weakref
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

from headrace import ThreadPoolExecutor, join_app

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 10


class Thing:
    """Something large."""


def make(*_: Any) -> Thing:
    return Thing()


def fail(*_: Any) -> None:
    raise ValueError("boo")


def gone(reference: weakref.ref[Any], kernel: DataFlowKernel) -> bool:
    # A thread lets go of its last call when it goes to wait for the next: one that comes after that call has ended.
    for slot in kernel.executors.values():
        if isinstance(slot, ThreadPoolExecutor):
            wait_for([kernel.submit(int, executors=[slot.label]) for _ in range(8)])
    kernel.cleanup()
    gc.collect()
    return reference() is None


def test_a_task_s_arguments_are_let_go_when_it_has_succeeded(kernel: DataFlowKernel) -> None:
    thing = Thing()
    future = kernel.submit(lambda *_, **__: 1, thing, key=thing, inputs=[thing])
    future.result(WAIT)
    reference = weakref.ref(thing)
    del thing

    assert gone(reference, kernel)


def test_a_task_s_arguments_are_let_go_when_it_has_failed_but_for_the_traceback(kernel: DataFlowKernel) -> None:
    thing = Thing()
    future = kernel.submit(fail, thing)
    error = future.exception(WAIT)
    assert error is not None
    traceback.clear_frames(error.__traceback__)
    reference = weakref.ref(thing)
    del thing

    assert gone(reference, kernel)


def test_a_task_s_arguments_are_let_go_when_a_dependency_has_failed(kernel: DataFlowKernel) -> None:
    thing = Thing()
    future = kernel.submit(make, thing, kernel.submit(fail))
    future.exception(WAIT)
    reference = weakref.ref(thing)
    del thing

    assert gone(reference, kernel)


def test_a_task_s_arguments_are_let_go_when_it_was_cancelled(kernel: DataFlowKernel, never: Future[Any]) -> None:
    thing = Thing()
    future = kernel.submit(make, thing, never)
    future.cancel()
    reference = weakref.ref(thing)
    del thing

    gc.collect()
    assert reference() is None


def test_a_cancelled_task_that_waited_for_a_place_lets_its_arguments_go_though_its_turn_has_not_come(
    make_kernel: Any, blocker: Any
) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))
    kernel.submit(blocker)
    thing = Thing()
    future = kernel.submit(make, thing)
    future.cancel()
    reference = weakref.ref(thing)
    del thing

    gc.collect()
    assert reference() is None


def test_a_join_app_lets_what_it_joined_go(kernel: DataFlowKernel) -> None:
    references: list[weakref.ref[Any]] = []

    @join_app(data_flow_kernel=kernel)
    def body() -> Any:
        inner = kernel.submit(int)
        references.append(weakref.ref(inner))
        return inner

    future = body()
    future.result(WAIT)

    assert gone(references[0], kernel)


def test_the_newest_future_of_a_chain_keeps_no_ancestor_s_result_alive(kernel: DataFlowKernel) -> None:
    references: list[weakref.ref[Thing]] = []

    def link(*_: Any) -> Thing:
        thing = Thing()
        references.append(weakref.ref(thing))
        return thing

    gate: Future[None] = Future()
    future: Any = gate
    for _ in range(50):
        future = kernel.submit(link, future)
    gate.set_result(None)
    future.result(WAIT)

    kernel.cleanup()
    gc.collect()
    assert [reference() is not None for reference in references] == [False] * 49 + [True]


def test_a_chain_lets_each_result_go_as_it_goes_on(kernel: DataFlowKernel, blocker: Any) -> None:
    """While the last link still runs, all but the results that it was given are gone."""
    references: list[weakref.ref[Thing]] = []

    def link(*_: Any) -> Thing:
        thing = Thing()
        references.append(weakref.ref(thing))
        return thing

    future: Any = None
    for _ in range(50):
        future = kernel.submit(link, future)
    last = kernel.submit(lambda *_: blocker(), future)
    del future
    blocker.begun.wait(WAIT)
    wait_for([kernel.submit(int) for _ in range(20)], WAIT)

    gc.collect()
    alive = sum(reference() is not None for reference in references)
    blocker.end.set()
    last.result(WAIT)

    assert alive <= 4  # The last link's argument, and what idle threads have not let go of yet.


@pytest.mark.parametrize("app", [make, fail])
def test_the_record_of_a_task_that_has_ended_is_dropped(kernel: DataFlowKernel, app: Any) -> None:
    reference = weakref.ref(kernel.submit(app).task_record)

    assert gone(reference, kernel)


def test_the_records_of_unfinished_tasks_are_kept_by_number(kernel: DataFlowKernel, never: Future[Any]) -> None:
    kernel.submit(int).result(WAIT)
    future = kernel.submit(id, never)

    assert kernel.tasks == {1: future.task_record}


def test_a_foreign_future_is_let_go_when_what_waited_for_it_has_ended(kernel: DataFlowKernel) -> None:
    foreign: Future[Any] = Future()
    future = kernel.submit(make, foreign)
    foreign.set_result(Thing())
    future.result(WAIT)
    reference = weakref.ref(foreign)
    del foreign

    assert gone(reference, kernel)


def test_a_kernel_that_was_cleaned_up_is_let_go_with_its_futures(make_kernel: Any, tmp_path: Any) -> None:
    from headrace import Config, DataFlowKernel  # noqa: PLC0415 - not through the fixture, which keeps its kernels

    kernel = DataFlowKernel(Config(run_dir=tmp_path))
    kernel.submit(int).result(WAIT)
    kernel.cleanup()
    reference = weakref.ref(kernel)
    del kernel

    gc.collect()
    assert reference() is None
