"""`SmallCondition` does for futures what the standard library's condition does."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest

from headrace.core.condition import Reply, SmallCondition, acquire
from headrace.dataflow.future import AppFuture
from headrace.dataflow.task import CallOptions, Task

if TYPE_CHECKING:
    from headrace.dataflow.flow import Flow

WAIT = 10


def sleeping(condition: SmallCondition, outcome: list[bool], timeout: float | None = WAIT) -> threading.Thread:
    """A thread that waits; it does when this returns."""

    def sleep() -> None:
        with condition:
            ready.set()
            outcome.append(condition.wait(timeout))

    ready = threading.Event()
    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    ready.wait(WAIT)
    with condition:  # It was given back only by the wait.
        pass
    return thread


def test_all_that_wait_are_woken() -> None:
    condition = SmallCondition()
    outcome: list[bool] = []
    threads = [sleeping(condition, outcome) for _ in range(5)]

    with condition:
        condition.notify_all()
    for thread in threads:
        thread.join(WAIT)

    assert outcome == [True] * 5


def test_who_waits_in_vain_is_told_so() -> None:
    condition = SmallCondition()

    with condition:
        assert condition.wait(0.001) is False


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_is_no_wait(timeout: float) -> None:
    condition = SmallCondition()

    with condition:
        assert condition.wait(timeout) is False


def test_one_may_wait_for_ever() -> None:
    condition = SmallCondition()
    outcome: list[bool] = []
    thread = sleeping(condition, outcome, timeout=None)

    with condition:
        condition.notify_all()
    thread.join(WAIT)

    assert outcome == [True]


def test_who_has_given_up_waiting_is_forgotten() -> None:
    condition = SmallCondition()

    with condition:
        condition.wait(0)
        condition.wait(0)

    assert not condition._sleepers


def test_waking_nobody_is_no_error() -> None:
    condition = SmallCondition()

    with condition:
        condition.notify_all()


def test_after_one_round_of_waiting_there_may_be_another() -> None:
    condition = SmallCondition()
    outcome: list[bool] = []
    for _ in range(2):
        thread = sleeping(condition, outcome)
        with condition:
            condition.notify_all()
        thread.join(WAIT)

    assert outcome == [True, True]


class WokenWhileTakingAgain(SmallCondition):  # type: ignore[misc]  # typeshed calls an RLock final
    """In which somebody notifies after the time ran out, and before the lock is taken again."""

    def _acquire_restore(self, state: object) -> None:
        self.notify_all()
        super()._acquire_restore(state)  # type: ignore[misc]  # the standard library's own protocol


def test_being_woken_just_after_the_time_ran_out_is_no_error() -> None:
    condition = WokenWhileTakingAgain()

    with condition:
        condition.wait(0)


def test_the_lock_can_be_taken_again_by_the_thread_that_has_it() -> None:
    condition = SmallCondition()

    condition.acquire()
    with condition:
        condition.release()


def test_a_future_of_ours_lacks_nothing_that_the_standard_library_s_has() -> None:
    future = AppFuture[Any](Task(0, int, (), {}, CallOptions(name="int"), cast("Flow", None)))

    missing = [name for name in vars(Future()) if not hasattr(future, name)]

    assert missing == []


def test_many_who_wait_for_one_future_get_its_result() -> None:
    future = AppFuture[int](Task(0, int, (), {}, CallOptions(name="int"), cast("Flow", None)))
    results: list[int] = []
    together = threading.Barrier(9)

    def wait() -> None:
        together.wait(WAIT)
        results.append(future.result(WAIT))

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    together.wait(WAIT)
    future.set_result(7)
    for thread in threads:
        thread.join(WAIT)

    assert results == [7] * 8


def test_the_first_reply_counts() -> None:
    reply: Reply[int] = Reply()

    reply.give(1)
    reply.give(2)
    reply.fail(ValueError())

    assert reply.get() == 1


def test_a_reply_may_be_an_error() -> None:
    reply: Reply[int] = Reply()

    reply.fail(ValueError("no"))

    with pytest.raises(ValueError, match="no"):
        reply.get()


def test_whoever_asks_for_a_reply_waits_for_it() -> None:
    reply: Reply[str] = Reply()
    answerer = threading.Thread(target=reply.give, args=("there",))

    answerer.start()

    assert reply.get() == "there"
    answerer.join()


@pytest.mark.parametrize("method", ["__enter__", "__exit__", "acquire", "release"])
def test_no_bytecode_lies_between_the_lock_and_its_block(method: str) -> None:
    """An interrupt in a method written in Python could leave the lock taken for ever."""
    assert getattr(SmallCondition, method) is getattr(type(threading.RLock()), method)


class RecordingLock:
    """Is taken at the fourth try, and remembers how long each try would have slept."""

    def __init__(self) -> None:
        self.tries: list[float] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as a lock has it
        self.tries.append(timeout if blocking else 0.0)
        return len(self.tries) == 4


def test_the_main_thread_sleeps_half_a_second_at_a_time_lest_it_miss_an_interrupt() -> None:
    lock = RecordingLock()

    taken = acquire(cast("threading.Lock", lock), None)

    assert (taken, lock.tries) == (True, [0.0, 0.5, 0.5, 0.5])


def test_other_threads_hear_no_signals_and_sleep_as_long_as_it_takes() -> None:
    lock = RecordingLock()
    thread = threading.Thread(target=acquire, args=(lock, 7.0))
    thread.start()
    thread.join()

    assert lock.tries == [0.0, 7.0]
