"""`ExternalExecutor` gives any executor a label and a size, and changes nothing else."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

import pytest

from headrace import ExternalExecutor
from headrace.compute.executors import LabelledExecutor
from headrace.compute.executors.workers import worker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Recorder(concurrent.futures.Executor):
    """Runs calls at once, and remembers how it was shut down."""

    def __init__(self) -> None:
        self.shutdowns: list[tuple[bool, bool]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - stdlib's
        self.shutdowns.append((wait, cancel_futures))


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(3) as one:
        yield one


def test_it_is_a_labelled_executor(pool: concurrent.futures.Executor) -> None:
    assert isinstance(ExternalExecutor("mine", pool), LabelledExecutor)


def test_calls_run_on_the_executor_it_was_given(pool: concurrent.futures.Executor) -> None:
    assert ExternalExecutor("mine", pool).submit(divmod, 17, 5).result() == (3, 2)


def test_keyword_arguments_of_any_name_reach_the_call(pool: concurrent.futures.Executor) -> None:
    names = {"fn": 1, "args": 3, "label": 4, "kwargs": 5}

    assert names == ExternalExecutor("mine", pool).submit(dict, **names).result()


def test_while_a_call_runs_its_thread_is_a_worker(pool: concurrent.futures.ThreadPoolExecutor) -> None:
    assert ExternalExecutor("mine", pool).submit(worker_of).result() is not None


def test_when_a_call_has_ended_its_thread_is_no_worker_any_more() -> None:
    executor = ExternalExecutor("mine", Recorder())

    executor.submit(int)

    assert worker_of() is None


def test_it_hands_over_twice_as_many_tasks_as_there_are_workers(pool: concurrent.futures.Executor) -> None:
    assert ExternalExecutor("mine", pool).capacity == 6


def test_it_hands_over_any_number_where_the_executor_does_not_tell_its_size() -> None:
    assert ExternalExecutor("mine", Recorder()).capacity is None


def test_it_hands_over_as_many_tasks_as_was_said(pool: concurrent.futures.Executor) -> None:
    assert ExternalExecutor("mine", pool, capacity=1).capacity == 1


def test_unless_it_is_managed_it_is_left_running() -> None:
    recorder = Recorder()

    ExternalExecutor("mine", recorder).shutdown()

    assert recorder.shutdowns == []


def test_if_it_is_managed_it_is_shut_down() -> None:
    recorder = Recorder()

    ExternalExecutor("mine", recorder, managed=True).shutdown(wait=False, cancel_futures=True)

    assert recorder.shutdowns == [(False, True)]


@pytest.mark.parametrize("label", ["", None, 3])
def test_a_label_that_is_none_is_refused(pool: concurrent.futures.Executor, label: Any) -> None:
    with pytest.raises(ValueError, match="label must be a non-empty string"):
        ExternalExecutor(label, pool)


def test_what_is_no_executor_is_refused() -> None:
    nothing: Any = object()

    with pytest.raises(TypeError, match=r"'mine' must be a concurrent.futures.Executor, not object"):
        ExternalExecutor("mine", nothing)


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_that_makes_no_sense_is_refused(pool: concurrent.futures.Executor, capacity: int) -> None:
    with pytest.raises(ValueError, match="'mine': capacity must be at least 1"):
        ExternalExecutor("mine", pool, capacity=capacity)
