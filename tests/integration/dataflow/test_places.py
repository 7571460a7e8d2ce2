"""Which task runs where and when: priorities, executors, the bound on tasks in flight."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

from headrace import (
    AppFuture,
    ConfigurationError,
    DuplicateLabelError,
    ExternalExecutor,
    KernelClosedError,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    UnknownExecutorError,
    join_app,
    python_app,
)

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 10


def own_label() -> str:
    return threading.current_thread().name.rpartition("_")[0]


def test_of_the_tasks_that_wait_for_a_place_the_highest_priority_goes_first(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))
    order: list[int] = []
    kernel.submit(blocker)
    futures = [
        python_app(data_flow_kernel=kernel, priority=priority)(order.append)(priority) for priority in (1, 5, 0, 5, -3)
    ]

    blocker.end.set()
    wait_for(futures, WAIT)

    assert order == [5, 5, 1, 0, -3]


def test_of_tasks_with_one_priority_the_first_goes_first(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))
    order: list[int] = []
    kernel.submit(blocker)
    futures = [kernel.submit(order.append, number) for number in range(100)]

    blocker.end.set()
    wait_for(futures, WAIT)

    assert order == list(range(100))


def test_a_priority_counts_from_when_a_task_is_ready(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))
    order: list[str] = []
    gate: Future[None] = Future()
    kernel.submit(blocker)
    urgent = python_app(data_flow_kernel=kernel, priority=9)(lambda _: order.append("urgent"))(gate)
    others = [kernel.submit(order.append, "other") for _ in range(3)]
    gate.set_result(None)

    blocker.end.set()
    wait_for([urgent, *others], WAIT)

    assert order == ["urgent", "other", "other", "other"]


def test_a_task_goes_to_the_executor_that_its_app_names(make_kernel: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("cpu", 2), ThreadPoolExecutor("gpu", 2))

    labels = [kernel.submit(own_label, executors=["gpu"]).result(WAIT) for _ in range(20)]

    assert set(labels) == {"gpu"}


def test_a_task_s_record_tells_the_executor_that_runs_it(make_kernel: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("cpu", 2), ThreadPoolExecutor("gpu", 2))
    future = kernel.submit(int, executors=["gpu"])
    future.result(WAIT)

    assert future.task_record.executor == "gpu"


def test_tasks_are_spread_over_the_executors_by_their_load(make_kernel: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("small", 1), ThreadPoolExecutor("large", 3))
    together = threading.Barrier(4)

    def app() -> str:
        together.wait(WAIT)
        return own_label()

    labels = [future.result(WAIT) for future in [kernel.submit(app) for _ in range(4)]]

    assert Counter(labels) == {"small": 1, "large": 3}


def test_a_busy_executor_leaves_the_work_to_an_idle_one(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("busy", 1), ThreadPoolExecutor("idle", 1))
    kernel.submit(blocker, executors=["busy"])

    assert {kernel.submit(own_label).result(WAIT) for _ in range(20)} == {"idle"}


def test_an_executor_added_later_takes_what_waits(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("busy", 1))
    kernel.submit(blocker)
    waiting = kernel.submit(own_label)

    kernel.add_executors([ThreadPoolExecutor("new", 1)])

    assert waiting.result(WAIT) == "new"


def test_tasks_wait_while_a_kernel_has_no_executor(make_kernel: Any) -> None:
    kernel = make_kernel(executors=[])
    waiting = kernel.submit(own_label)

    kernel.add_executors([ThreadPoolExecutor("new", 1)])

    assert waiting.result(WAIT) == "new"


def test_an_executor_added_later_can_be_asked_for(kernel: DataFlowKernel) -> None:
    with pytest.raises(UnknownExecutorError):
        kernel.submit(own_label, executors=["new"])

    kernel.add_executors([ThreadPoolExecutor("new", 1)])

    assert kernel.submit(own_label, executors=["new"]).result(WAIT) == "new"


def test_executors_are_listed_by_label(kernel: DataFlowKernel) -> None:
    kernel.add_executors([ThreadPoolExecutor("new", 1)])

    assert list(kernel.executors) == ["threads", "new"]


def test_two_executors_with_one_label_are_refused(make_kernel: Any) -> None:
    with pytest.raises(DuplicateLabelError, match=r"two executors are labelled 'a'.*give each its own label"):
        make_kernel(ThreadPoolExecutor("a", 1), ThreadPoolExecutor("a", 2))


def test_one_executor_twice_is_refused(make_kernel: Any) -> None:
    executor = ThreadPoolExecutor("a", 1)

    with pytest.raises(ConfigurationError, match="'a'"):
        make_kernel(executor, executor)


def test_an_executor_with_a_label_that_is_taken_cannot_be_added(kernel: DataFlowKernel) -> None:
    with pytest.raises(DuplicateLabelError, match="'threads'"):
        kernel.add_executors([ThreadPoolExecutor("threads", 1)])
    assert kernel.submit(int).result(WAIT) == 0


def test_what_is_no_executor_cannot_be_added(kernel: DataFlowKernel) -> None:
    nothing: Any = 42

    with pytest.raises(ConfigurationError, match=r"must be a concurrent.futures.Executor with a label, not 42"):
        kernel.add_executors([nothing])


def test_nothing_can_be_added_after_cleanup(kernel: DataFlowKernel) -> None:
    kernel.cleanup()

    with pytest.raises(KernelClosedError):
        kernel.add_executors([ThreadPoolExecutor("new", 1)])


def test_an_executor_works_for_one_kernel_at_a_time(make_kernel: Any) -> None:
    executor = ThreadPoolExecutor("mine", 1)
    first = make_kernel(executor)

    with pytest.raises(
        ConfigurationError, match=r"executor 'mine' works for <DataFlowKernel .*give each kernel its own"
    ):
        make_kernel(executor)
    assert first.submit(own_label).result(WAIT) == "mine"


def test_an_executor_can_work_for_another_kernel_after_the_first_is_cleaned_up(make_kernel: Any) -> None:
    executor = ThreadPoolExecutor("mine", 1)
    make_kernel(executor).cleanup()

    assert make_kernel(executor).submit(own_label).result(WAIT) == "mine"


def test_beyond_the_bound_a_submitter_waits_until_a_task_has_ended(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(max_in_flight=2)
    kernel.submit(blocker)
    kernel.submit(blocker)
    submitted: Future[AppFuture[int]] = Future()
    submitter = threading.Thread(target=lambda: submitted.set_result(kernel.submit(int)))
    submitter.start()
    blocker.begun.wait(WAIT)
    before = submitted.done()

    blocker.end.set()
    submitter.join(WAIT)

    assert (before, submitted.result(WAIT).result(WAIT)) == (False, 0)


def test_there_are_never_more_tasks_in_flight_than_the_bound(make_kernel: Any) -> None:
    kernel = make_kernel(max_in_flight=3)
    in_flight, most = 0, 0

    def count(move: Any) -> None:
        nonlocal in_flight, most
        in_flight += (move.previous is None) - (move.state.name == "exec_done")
        most = max(most, in_flight)

    kernel.observe(count)
    wait_for([kernel.submit(int) for _ in range(200)], WAIT)

    assert most <= 3


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "dep_fail"])
def test_a_task_makes_room_however_it_ends(make_kernel: Any, outcome: str) -> None:
    kernel = make_kernel(max_in_flight=1)

    def fail() -> None:
        raise ValueError

    failed: Future[None] = Future()
    failed.set_exception(ValueError())
    for _ in range(5):
        if outcome == "failed":
            kernel.submit(fail)
        elif outcome == "cancelled":
            kernel.submit(id, Future()).cancel()
        else:
            kernel.submit(id, failed)

    assert kernel.submit(int).result(WAIT) == 0


def test_a_task_may_submit_beyond_the_bound(make_kernel: Any) -> None:
    """Else it would wait for room that only its own end can make."""
    kernel = make_kernel(max_in_flight=1)

    assert kernel.submit(lambda: kernel.submit(int, "7").result(WAIT)).result(WAIT) == 7


def test_a_join_app_may_submit_beyond_the_bound(make_kernel: Any) -> None:
    kernel = make_kernel(max_in_flight=1)

    @join_app(data_flow_kernel=kernel)
    def fan_out() -> list[AppFuture[int]]:
        return [kernel.submit(int, number) for number in range(10)]

    assert fan_out().result(WAIT) == list(range(10))


def test_a_callback_may_submit_beyond_the_bound(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(max_in_flight=1)
    submitted: Future[list[AppFuture[int]]] = Future()
    kernel.submit(blocker).add_done_callback(
        lambda _: submitted.set_result([kernel.submit(int, number) for number in range(10)])
    )

    blocker.end.set()

    assert [future.result(WAIT) for future in submitted.result(WAIT)] == list(range(10))


def test_cleanup_lets_a_waiting_submitter_go(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(max_in_flight=1)
    kernel.submit(blocker)
    blocker.begun.wait(WAIT)
    outcome: Future[Any] = Future()

    def submit() -> None:
        try:
            outcome.set_result(kernel.submit(int))
        except KernelClosedError as error:
            outcome.set_result(error)

    submitter = threading.Thread(target=submit)
    submitter.start()
    cleaner = threading.Thread(target=kernel.cleanup)
    cleaner.start()
    answer = outcome.result(WAIT)
    blocker.end.set()
    submitter.join(WAIT)
    cleaner.join(WAIT)

    assert isinstance(answer, KernelClosedError) or answer.cancelled()


def test_an_interrupt_while_a_task_is_taken_in_costs_no_room(make_kernel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = make_kernel(max_in_flight=1)
    take_in = kernel._flow._mailbox.take_in
    interrupts = iter([True])

    def interrupted_once(*args: Any) -> None:
        if next(interrupts, False):
            raise KeyboardInterrupt
        take_in(*args)

    monkeypatch.setattr(kernel._flow._mailbox, "take_in", interrupted_once)
    with pytest.raises(KeyboardInterrupt):
        kernel.submit(int)
    monkeypatch.undo()
    results: Future[int] = Future()
    submitter = threading.Thread(target=lambda: results.set_result(kernel.submit(int, "7").result(WAIT)), daemon=True)
    submitter.start()
    submitter.join(2)

    assert results.done()


def test_an_executor_whose_submit_blocks_stops_nothing_else(make_kernel: Any, standard_pool: Any, blocker: Any) -> None:
    class Bounded(ExternalExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            blocker()
            return super().submit(fn, *args, **kwargs)

    kernel = make_kernel(Bounded("bounded", standard_pool), ThreadPoolExecutor("threads", 1))
    stuck = kernel.submit(int, "7", executors=["bounded"])
    blocker.begun.wait(WAIT)

    assert kernel.submit(int, "8", executors=["threads"]).result(WAIT) == 8
    blocker.end.set()
    assert stuck.result(WAIT) == 7


def test_a_task_that_waits_behind_a_blocked_submit_can_be_cancelled(
    make_kernel: Any, standard_pool: Any, blocker: Any
) -> None:
    class Bounded(ExternalExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            blocker()
            return super().submit(fn, *args, **kwargs)

    kernel = make_kernel(Bounded("bounded", standard_pool))
    kernel.submit(int)
    blocker.begun.wait(WAIT)
    ran: list[int] = []
    behind = kernel.submit(ran.append, 1)

    assert behind.cancel()
    blocker.end.set()
    kernel.submit(int).result(WAIT)
    assert ran == []
    with pytest.raises(CancelledError):
        behind.result(0)


def test_when_a_task_that_places_were_kept_for_is_cancelled_others_get_them(make_kernel: Any, tmp_path: Any) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=2, cores=2))

    @python_app(data_flow_kernel=kernel, cores=1)
    def until_told(place: str) -> None:
        import time  # noqa: PLC0415 - in the worker
        from pathlib import Path  # noqa: PLC0415 - in the worker

        while not Path(place).exists():
            time.sleep(0.01)

    @python_app(data_flow_kernel=kernel, cores=2)
    def wide() -> None: ...

    @python_app(data_flow_kernel=kernel, cores=1)
    def small(n: int) -> int:
        return n

    long, waiting = until_told(str(tmp_path / "go")), wide()
    smalls = [small(n) for n in range(60)]
    deadline = time.monotonic() + WAIT
    while not kernel._flow._dispatcher.slots[0].kept_for:
        assert time.monotonic() < deadline
        time.sleep(0.005)

    waiting.cancel()

    assert [future.result(WAIT) for future in smalls] == list(range(60))
    (tmp_path / "go").touch()
    assert long.result(WAIT) is None
