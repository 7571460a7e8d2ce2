"""Headrace's own thread pool."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import CancelledError, Executor, wait
from typing import TYPE_CHECKING, Any

import pytest

from headrace import ThreadPoolExecutor
from headrace.compute.executors import LabelledExecutor
from headrace.compute.executors.base import DirectExecutor
from headrace.compute.executors.workers import worker_of

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT = 10


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Four threads; none of them is left at the end."""
    before = set(threading.enumerate())
    one = ThreadPoolExecutor("pool", 4)
    one.start()
    yield one
    one.shutdown()
    assert set(threading.enumerate()) <= before


def test_it_is_a_labelled_executor_that_tells_of_ends_directly(pool: ThreadPoolExecutor) -> None:
    assert isinstance(pool, Executor)
    assert isinstance(pool, LabelledExecutor)
    assert isinstance(pool, DirectExecutor)


def test_a_call_s_value_is_its_future_s_result(pool: ThreadPoolExecutor) -> None:
    assert pool.submit(divmod, 17, 5).result(WAIT) == (3, 2)


def test_keyword_arguments_of_any_name_reach_the_call(pool: ThreadPoolExecutor) -> None:
    names = {"fn": 1, "self": 2, "args": 3, "label": 4}

    assert names == pool.submit(dict, **names).result(WAIT)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_a_call_raises_is_its_future_s_exception(pool: ThreadPoolExecutor, kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind

    assert isinstance(pool.submit(fail).exception(WAIT), kind)


def test_a_thread_survives_whatever_its_calls_raise() -> None:
    pool = ThreadPoolExecutor("pool", 1)
    pool.start()

    def fail() -> None:
        raise SystemExit

    pool.submit(fail).exception(WAIT)

    assert pool.submit(int).result(WAIT) == 0
    pool.shutdown()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_survives_whatever_those_who_are_told_of_the_end_raise() -> None:
    pool = ThreadPoolExecutor("pool", 1)
    pool.start()

    def ended(value: Any, error: BaseException | None) -> None:
        raise SystemExit

    pool.execute(int, (), {}, ended)
    begun = threading.Event()
    pool.execute(begun.set, (), {}, lambda _value, _error: None)

    began = begun.wait(1)
    pool.shutdown()
    assert began


def test_execute_tells_of_the_value_or_of_the_error(pool: ThreadPoolExecutor) -> None:
    told: list[tuple[Any, str | None]] = []
    both = threading.Barrier(3)

    def ended(value: Any, error: BaseException | None) -> None:
        told.append((value, repr(error) if error else None))
        both.wait()

    pool.execute(int, ("7",), {}, ended)
    pool.execute(int, ("x",), {}, ended)
    both.wait(WAIT)

    assert (7, None) in told
    assert [error for value, error in told if value is None and error and error.startswith("ValueError")]


def test_it_says_where_it_is_told_of_the_end_that_the_thread_is_a_worker(pool: ThreadPoolExecutor) -> None:
    assert pool.submit(worker_of).result(WAIT) is pool


def test_no_thread_starts_before_there_is_work(pool: ThreadPoolExecutor) -> None:
    before = threading.active_count()

    pool.start()

    assert threading.active_count() == before


def test_it_starts_no_more_threads_than_it_may(pool: ThreadPoolExecutor) -> None:
    wait([pool.submit(threading.get_ident) for _ in range(1_000)])

    assert len({pool.submit(threading.get_ident).result(WAIT) for _ in range(100)}) <= 4


def test_so_many_calls_as_it_has_threads_run_at_once(pool: ThreadPoolExecutor) -> None:
    together = threading.Barrier(4)

    assert sorted(future.result(WAIT) for future in [pool.submit(together.wait, WAIT) for _ in range(4)]) == [
        0,
        1,
        2,
        3,
    ]


def test_a_waiting_thread_is_used_before_another_is_started(pool: ThreadPoolExecutor) -> None:
    """With one call at a time, each told of only when its thread has had time to wait again, one thread does all."""
    for _ in range(20):
        pool.submit(int).result(WAIT)
        while not pool._idle:
            pass

    assert len(pool._threads) == 1


def test_every_call_begins_while_there_are_fewer_calls_than_threads() -> None:
    """A thread finds no work, and before it says that it is idle, work comes and a second thread is started for it."""
    pool = ThreadPoolExecutor("pool", 4)
    pool.start()
    about_to_wait, may_wait, second_begun, end = (threading.Event() for _ in range(4))

    class SlowToSay(deque[None]):
        def append(self, token: None) -> None:
            if not about_to_wait.is_set():
                about_to_wait.set()
                may_wait.wait(WAIT)
            super().append(token)

    pool._idle = SlowToSay()
    pool.submit(int).result(WAIT)
    about_to_wait.wait(WAIT)
    start_threads = pool._start_threads

    def start_threads_late() -> None:
        if threading.current_thread() is threading.main_thread():
            may_wait.set()
            second_begun.wait(WAIT)
        start_threads()

    pool._start_threads = start_threads_late  # type: ignore[method-assign]  # to hold the second thread back

    def run(begun: threading.Event) -> None:
        begun.set()
        end.wait(WAIT)

    pool.submit(run, second_begun)
    pool._start_threads = start_threads  # type: ignore[method-assign]
    third, fourth = threading.Event(), threading.Event()
    pool.submit(run, third)
    third_began = third.wait(WAIT)
    pool.submit(run, fourth)
    fourth_began = fourth.wait(1)
    end.set()
    pool.shutdown()

    assert (third_began, fourth_began) == (True, True)


def test_before_it_is_started_it_takes_no_work() -> None:
    with pytest.raises(RuntimeError, match="'pool' is not running"):
        ThreadPoolExecutor("pool").submit(int)


def test_after_shutdown_it_takes_no_work(pool: ThreadPoolExecutor) -> None:
    pool.shutdown()

    with pytest.raises(RuntimeError, match="'pool' is not running"):
        pool.submit(int)


def test_after_shutdown_it_can_be_started_again(pool: ThreadPoolExecutor) -> None:
    pool.submit(int).result(WAIT)
    pool.shutdown()
    pool.start()

    assert pool.submit(int).result(WAIT) == 0


def test_shutdown_may_be_called_twice(pool: ThreadPoolExecutor) -> None:
    pool.shutdown()
    pool.shutdown()


def test_shutdown_lets_the_work_at_hand_end(pool: ThreadPoolExecutor) -> None:
    futures = [pool.submit(int) for _ in range(100)]

    pool.shutdown()

    assert all(future.done() for future in futures)


def test_shutdown_can_cancel_what_has_not_begun() -> None:
    pool = ThreadPoolExecutor("pool", 1)
    pool.start()
    begun, end = threading.Event(), threading.Event()

    def run() -> None:
        begun.set()
        end.wait(WAIT)

    running, waiting = pool.submit(run), pool.submit(int)
    begun.wait(WAIT)
    pool.shutdown(wait=False, cancel_futures=True)
    end.set()

    assert running.result(WAIT) is None
    with pytest.raises(CancelledError):
        waiting.result(WAIT)


def test_a_call_that_has_not_begun_can_be_cancelled() -> None:
    pool = ThreadPoolExecutor("pool", 1)
    pool.start()
    end = threading.Event()
    pool.submit(end.wait, WAIT)
    called: list[int] = []
    waiting = pool.submit(called.append, 1)

    cancelled = waiting.cancel()
    end.set()
    pool.shutdown()

    assert (cancelled, called) == (True, [])


def test_its_capacity_is_its_number_of_threads(pool: ThreadPoolExecutor) -> None:
    assert pool.capacity == 4


def test_its_threads_are_named_after_it(pool: ThreadPoolExecutor) -> None:
    assert pool.submit(lambda: threading.current_thread().name).result(WAIT).startswith("pool_")


@pytest.mark.parametrize("threads", [0, -1, 1.5, "4"])
def test_a_number_of_threads_that_makes_no_sense_is_refused(threads: Any) -> None:
    with pytest.raises(ValueError, match="'pool': max_threads must be a whole number of at least 1"):
        ThreadPoolExecutor("pool", threads)


@pytest.mark.parametrize("label", ["", None, 3])
def test_a_label_that_is_none_is_refused(label: Any) -> None:
    with pytest.raises(ValueError, match="label must be a non-empty string"):
        ThreadPoolExecutor(label)
