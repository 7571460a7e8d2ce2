"""A task that has not begun can be cancelled; for one that runs, the refusal says why."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

from headrace import Backoff, DependencyError, ExternalExecutor, ThreadPoolExecutor, join_app, python_app

if TYPE_CHECKING:
    from headrace import AppFuture, DataFlowKernel

WAIT = 10


def assert_cancelled(future: AppFuture[Any]) -> None:
    assert future.cancelled()
    assert future.task_status() == "cancelled"
    with pytest.raises(CancelledError):
        future.result(0)


def test_a_task_that_waits_for_a_dependency_is_cancelled(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)

    assert (future.cancel(), future.cancel_refusal) == (True, None)
    assert_cancelled(future)


def test_a_task_that_waits_for_a_place_is_cancelled_and_never_runs(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))
    ran: list[int] = []
    running = kernel.submit(blocker)
    waiting = kernel.submit(ran.append, 1)

    cancelled = waiting.cancel()
    blocker.end.set()
    running.result(WAIT)
    kernel.submit(int).result(WAIT)

    assert (cancelled, ran) == (True, [])
    assert_cancelled(waiting)


def test_a_task_that_waits_for_the_delay_before_a_retry_is_cancelled(make_kernel: Any) -> None:
    kernel = make_kernel(retries=1, backoff=Backoff(initial=3600, maximum=3600))
    failed = threading.Event()

    def fail() -> None:
        raise ValueError

    future = kernel.submit(fail)
    kernel.observe(lambda move: failed.set() if move.attempt else None)
    if not future.task_record.attempt:
        failed.wait(WAIT)

    assert future.cancel()
    assert_cancelled(future)


def test_a_join_app_is_cancelled_while_it_joins_and_what_it_submitted_goes_on(
    kernel: DataFlowKernel, blocker: Any
) -> None:
    submitted: Future[AppFuture[str]] = Future()

    @join_app(data_flow_kernel=kernel)
    def fan_out() -> AppFuture[str]:
        submitted.set_result(kernel.submit(blocker))
        return submitted.result()

    joining = threading.Event()
    kernel.observe(lambda move: joining.set() if move.state.name == "joining" else None)
    future = fan_out()
    joining.wait(WAIT)

    cancelled = future.cancel()
    blocker.end.set()

    assert cancelled
    assert_cancelled(future)
    assert submitted.result(WAIT).result(WAIT) == "ended"


def test_a_task_that_runs_on_threads_is_not_cancelled_and_the_refusal_says_why(
    kernel: DataFlowKernel, blocker: Any
) -> None:
    future = kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    cancelled = future.cancel()
    blocker.end.set()

    assert (cancelled, future.result(WAIT)) == (False, "ended")
    assert future.cancel_refusal == "it is running on executor 'threads', which cannot stop a call that has begun"


def test_a_task_that_has_ended_is_not_cancelled_and_the_refusal_says_why(kernel: DataFlowKernel) -> None:
    future = kernel.submit(int)
    future.result(WAIT)

    assert (future.cancel(), future.cancel_refusal) == (False, "it has ended already: exec_done")


def test_a_task_is_cancelled_twice_as_once(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)

    assert (future.cancel(), future.cancel()) == (True, True)


def test_what_depends_on_a_cancelled_task_ends_as_dep_fail(kernel: DataFlowKernel, never: Future[Any]) -> None:
    root = kernel.submit(id, never)
    between = kernel.submit(id, root)
    last = kernel.submit(id, between)

    root.cancel()

    error = last.exception(WAIT)
    assert isinstance(error, DependencyError)
    assert isinstance(error.root_cause, CancelledError)
    assert [between.task_status(), last.task_status()] == ["dep_fail", "dep_fail"]


def test_what_a_cancelled_task_depends_on_goes_on(kernel: DataFlowKernel, blocker: Any) -> None:
    root = kernel.submit(blocker)
    dependent = kernel.submit(id, root)

    dependent.cancel()
    blocker.end.set()

    assert root.result(WAIT) == "ended"


def test_callbacks_of_a_cancelled_task_are_called(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)
    told: Future[bool] = Future()
    future.add_done_callback(lambda one: told.set_result(one.cancelled()))

    future.cancel()

    assert told.result(WAIT) is True


def test_whoever_waits_for_a_cancelled_task_is_told(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)

    future.cancel()

    assert wait_for([future], WAIT).done == {future}


def test_a_task_queued_in_an_external_executor_is_cancelled_and_never_runs(
    make_kernel: Any, standard_pool: Any, make_blocker: Any
) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool, capacity=100))
    blockers = [make_blocker(), make_blocker()]
    running = [kernel.submit(one) for one in blockers]
    ran: list[int] = []
    queued = kernel.submit(ran.append, 1)
    standard_pool.await_submits(3)

    cancelled = queued.cancel()
    for one in blockers:
        one.end.set()
    wait_for(running, WAIT)
    kernel.submit(int).result(WAIT)

    assert (cancelled, ran) == (True, [])
    assert_cancelled(queued)


def test_a_task_that_runs_in_an_external_executor_is_not_cancelled(
    make_kernel: Any, standard_pool: Any, blocker: Any
) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool))
    future = kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    cancelled = future.cancel()
    blocker.end.set()

    assert (cancelled, future.result(WAIT)) == (False, "ended")


def test_a_task_whose_executor_cancels_it_fails_saying_so(
    make_kernel: Any, standard_pool: Any, make_blocker: Any
) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool, capacity=100), retries=3)
    blockers = [make_blocker(), make_blocker()]
    for one in blockers:
        kernel.submit(one)
    queued = kernel.submit(int)
    standard_pool.await_submits(3)

    standard_pool.shutdown(wait=False, cancel_futures=True)

    with pytest.raises(CancelledError, match="executor 'pool' cancelled task 2"):
        queued.result(WAIT)


def test_a_task_may_cancel_another(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)

    assert kernel.submit(future.cancel).result(WAIT) is True
    assert_cancelled(future)


def test_a_task_may_try_to_cancel_itself_and_is_refused(kernel: DataFlowKernel) -> None:
    own: Future[AppFuture[bool]] = Future()
    future = kernel.submit(lambda: own.result(WAIT).cancel())
    own.set_result(future)

    assert future.result(WAIT) is False


def test_a_callback_may_cancel(kernel: DataFlowKernel, never: Future[Any], blocker: Any) -> None:
    future = kernel.submit(id, never)
    answered: Future[bool] = Future()
    kernel.submit(blocker).add_done_callback(lambda _: answered.set_result(future.cancel()))

    blocker.end.set()

    assert answered.result(WAIT) is True


def test_of_many_who_cancel_and_a_task_that_begins_all_agree(kernel: DataFlowKernel) -> None:
    """Either it is cancelled for all, or it runs and nobody is told that it was cancelled."""
    ran: set[int] = set()
    for number in range(100):
        gate: Future[None] = Future()
        future = kernel.submit(lambda _, number=number: ran.add(number), gate)
        together = threading.Barrier(3)
        answers: list[bool] = []

        def cancel(future: AppFuture[Any] = future, answers: list[bool] = answers, together: Any = together) -> None:
            together.wait(WAIT)
            answers.append(future.cancel())

        threads = [threading.Thread(target=cancel) for _ in range(2)]
        for thread in threads:
            thread.start()
        together.wait(WAIT)
        gate.set_result(None)
        for thread in threads:
            thread.join()
        wait_for([future], WAIT)

        assert future.cancelled() is any(answers)
        assert future.cancelled() is (number not in ran)


def test_a_file_s_future_cancels_the_task_that_writes_it(kernel: DataFlowKernel, never: Future[Any]) -> None:
    @python_app(data_flow_kernel=kernel)
    def write(_: Any, outputs: list[str]) -> None: ...

    future = write(never, outputs=["a.txt"])

    assert future.outputs[0].cancel()
    assert_cancelled(future)
    assert future.outputs[0].cancelled()
