"""How a future becomes done, and who is told."""

from __future__ import annotations

import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.unit.core.cutting import Cut, CutAt

from headrace.dataflow import future as module
from headrace.dataflow.future import AppFuture, UnusedLock
from headrace.dataflow.task import CallOptions, Task

if TYPE_CHECKING:
    from headrace.dataflow.flow import Flow

WAIT = 10


@pytest.fixture
def unused() -> UnusedLock:
    return UnusedLock()


def new_future() -> AppFuture[Any]:
    return AppFuture(Task(0, int, (), {}, CallOptions(name="int"), cast("Flow", None)))


class Waiter:
    """What the standard library leaves with a future to be told."""

    def __init__(self) -> None:
        self.finished_futures: list[object] = []

    def add_result(self, future: object) -> None:
        self.finished_futures.append(future)

    add_exception = add_cancelled = add_result


def test_where_nobody_waits_the_kernel_s_lock_is_enough(unused: UnusedLock) -> None:
    future = new_future()

    future._settle(unused, 7, None)

    assert future._lock is unused
    assert (future.done(), future.cancelled(), future.exception()) == (True, False, None)


def test_who_takes_the_locks_of_several_that_are_done_gets_one_of_each(unused: UnusedLock) -> None:
    """In the order of the futures: were it the same for all, two who do so could wait for each other."""
    futures = [new_future() for _ in range(2)]
    for future in futures:
        future._settle(unused, 7, None)

    locks = [future._condition for future in futures]

    assert len({id(lock) for lock in [*locks, unused]}) == 3
    assert [future._condition for future in futures] == locks


def test_its_own_lock_stays_where_somebody_waits(unused: UnusedLock) -> None:
    future = new_future()
    own: Any = future._condition

    future._settle(unused, 7, None)

    assert cast("Any", future)._condition is own


def test_a_cancelled_one_raises_that(unused: UnusedLock) -> None:
    future = new_future()

    future._settle(unused, None, concurrent.futures.CancelledError(), cancelled=True)

    assert (future.done(), future.cancelled()) == (True, True)
    with pytest.raises(concurrent.futures.CancelledError):
        future.exception()


def test_the_first_outcome_counts(unused: UnusedLock) -> None:
    future = new_future()

    future._settle(unused, 7, None)
    future._settle(unused, None, ValueError("late"))

    assert future._result == 7
    assert future.exception() is None


def test_nobody_is_told_twice_when_it_is_done_again(unused: UnusedLock) -> None:
    future, waiter = new_future(), Waiter()
    with future._condition:
        future._waiters.append(cast("Any", waiter))

    future._settle(unused, 7, None)
    future._settle(unused, 7, None)

    assert waiter.finished_futures == [future]


@pytest.mark.parametrize("somebody", [False, True], ids=["nobody waits", "somebody waits"])
def test_cut_short_anywhere_and_done_again_everybody_is_told_once(unused: UnusedLock, somebody: bool) -> None:  # noqa: FBT001
    number = 0
    happened = True
    while happened:
        future, waiter = new_future(), Waiter()
        if somebody:
            with future._condition:
                future._waiters.append(cast("Any", waiter))
        cut = CutAt(number, module, events=("line",))
        try:
            with cut:
                future._settle(unused, 7, None)
        except Cut:
            future._settle(unused, 7, None)
        happened = cut.happened
        number += 1

        assert future._result == 7
        assert waiter.finished_futures == ([future] if somebody else [])
    assert number > 5


def test_many_threads_that_begin_to_wait_meanwhile_are_all_woken(unused: UnusedLock) -> None:
    woken = 0
    for _ in range(200):
        future = new_future()
        together = threading.Barrier(3)
        results: list[int] = []

        def wait(future: AppFuture[Any] = future, together: Any = together, results: Any = results) -> None:  # noqa: ANN401
            together.wait(WAIT)
            results.append(len(concurrent.futures.wait([future], WAIT).done))

        threads = [threading.Thread(target=wait) for _ in range(2)]
        for thread in threads:
            thread.start()
        together.wait(WAIT)
        future._settle(unused, 7, None)
        for thread in threads:
            thread.join(WAIT)
        woken += sum(results)

    assert woken == 400
