"""Join apps: a body that submits more tasks, whose results become its own."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import pytest

from headrace import AppFuture, DependencyError, JoinError, join_app

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 10


def fail(*_: Any) -> None:
    raise ValueError("boo")


def joined(kernel: DataFlowKernel, body: Any) -> AppFuture[Any]:
    """The future of a join app with this body."""
    future: AppFuture[Any] = join_app(data_flow_kernel=kernel)(body)()
    return future


def test_the_result_of_one_future_is_the_app_s(kernel: DataFlowKernel) -> None:
    assert joined(kernel, lambda: kernel.submit(int, "7")).result(WAIT) == 7


@pytest.mark.parametrize("kind", [list, tuple])
def test_the_results_of_several_futures_are_the_app_s_in_a_list(kernel: DataFlowKernel, kind: type) -> None:
    assert joined(kernel, lambda: kind(kernel.submit(int, n) for n in range(3))).result(WAIT) == [0, 1, 2]


def test_of_no_futures_the_result_is_an_empty_list(kernel: DataFlowKernel) -> None:
    assert joined(kernel, list).result(WAIT) == []


def test_one_future_may_be_returned_several_times(kernel: DataFlowKernel) -> None:
    assert joined(kernel, lambda: [kernel.submit(int, "7")] * 3).result(WAIT) == [7, 7, 7]


def test_futures_from_elsewhere_can_be_joined(kernel: DataFlowKernel, make_kernel: Any) -> None:
    plain: Future[int] = Future()
    plain.set_result(1)
    other = make_kernel()

    assert joined(kernel, lambda: [plain, other.submit(int, "2"), kernel.submit(list, "34")[0]]).result(WAIT) == [
        1,
        2,
        "3",
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (7, "7"),
        (None, "None"),
        ([1], "a list that holds 1"),
        ({}, "{}"),
        ("text", "'text'"),
        ([[]], "a list that holds"),
    ],
)
def test_a_body_that_returns_something_else_fails_saying_what(kernel: DataFlowKernel, value: Any, found: str) -> None:
    error = joined(kernel, lambda: value).exception(WAIT)

    assert isinstance(error, TypeError)
    assert f"must return a Future or a list of Futures; it returned {found}" in str(error)


def test_a_body_that_raises_fails_with_its_error(kernel: DataFlowKernel) -> None:
    assert repr(joined(kernel, fail).exception(WAIT)) == "ValueError('boo')"


def test_when_what_it_joins_fails_the_error_tells_the_path_and_the_root_cause(kernel: DataFlowKernel) -> None:
    failed: Future[AppFuture[None]] = Future()

    def body() -> AppFuture[None]:
        failed.set_result(kernel.submit(fail))
        return failed.result()

    error = joined(kernel, body).exception(WAIT)

    assert isinstance(error, JoinError)
    assert error.path == ("task 0 (body)", "task 1 (fail)")
    assert error.root_cause is failed.result().exception()


def test_when_what_it_joins_is_cancelled_it_fails(kernel: DataFlowKernel, never: Future[Any]) -> None:
    inner: Future[AppFuture[Any]] = Future()

    def body() -> AppFuture[Any]:
        inner.set_result(kernel.submit(id, never))
        return inner.result()

    future = joined(kernel, body)
    inner.result(WAIT).cancel()

    error = future.exception(WAIT)
    assert isinstance(error, JoinError)
    assert isinstance(error.root_cause, CancelledError)


def test_what_depends_on_a_join_app_waits_for_what_it_joins(kernel: DataFlowKernel) -> None:
    assert kernel.submit(sum, joined(kernel, lambda: [kernel.submit(int, n) for n in range(5)])).result(WAIT) == 10


def test_while_it_joins_it_holds_no_thread(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel(internal_tasks_max_threads=1)
    joining = threading.Event()
    kernel.observe(lambda move: joining.set() if move.state.name == "joining" else None)
    joined(kernel, lambda: never)
    joining.wait(WAIT)

    assert joined(kernel, lambda: kernel.submit(int, "7")).result(WAIT) == 7


def test_it_takes_no_place_on_an_executor(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(executors=[])

    joined(kernel, lambda: blocker() and [])

    assert blocker.begun.wait(WAIT)


def test_its_states_are_those_of_its_life(kernel: DataFlowKernel) -> None:
    states: list[str] = []
    kernel.observe(lambda move: states.append(move.state.name) if move.unit.name == "body" else None)

    def body() -> AppFuture[int]:
        return kernel.submit(int)

    joined(kernel, body).result(WAIT)

    assert states == ["pending", "launched", "joining", "exec_done"]


def test_the_caller_s_list_may_change_after_the_body_has_returned(kernel: DataFlowKernel, never: Future[Any]) -> None:
    futures: list[Future[Any]] = [kernel.submit(int, "7")]
    gate: Future[int] = Future()
    futures.append(gate)
    joining = threading.Event()
    kernel.observe(lambda move: joining.set() if move.state.name == "joining" else None)
    future = joined(kernel, lambda: futures)
    joining.wait(WAIT)

    futures.append(never)
    gate.set_result(8)

    assert future.result(WAIT) == [7, 8]


class Own:
    """Lets a body have the future of its own call."""

    def __init__(self) -> None:
        self.future: Future[AppFuture[Any]] = Future()

    def submit(self, kernel: DataFlowKernel, body: Any) -> AppFuture[Any]:
        future = joined(kernel, body)
        self.future.set_result(future)
        return future

    def get(self) -> AppFuture[Any]:
        return self.future.result(WAIT)


def test_a_join_app_that_waits_for_itself_fails_saying_so(kernel: DataFlowKernel) -> None:
    own = Own()

    error = own.submit(kernel, own.get).exception(WAIT)

    assert isinstance(error, JoinError)
    assert "a wait that could never end" in str(error)


def test_a_join_app_that_waits_for_itself_among_others_fails(kernel: DataFlowKernel) -> None:
    own = Own()

    error = own.submit(kernel, lambda: [kernel.submit(int), own.get()]).exception(WAIT)

    assert "a wait that could never end" in str(error)


@pytest.mark.parametrize("length", [1, 2, 50])
def test_a_join_app_that_waits_for_itself_through_a_chain_of_tasks_fails(kernel: DataFlowKernel, length: int) -> None:
    own = Own()

    def body() -> AppFuture[Any]:
        link = own.get()
        for _ in range(length):
            link = kernel.submit(id, link)
        return link

    error = own.submit(kernel, body).exception(WAIT)

    assert "a wait that could never end" in str(error)


def test_two_join_apps_that_wait_for_each_other_fail(kernel: DataFlowKernel) -> None:
    one, other = Own(), Own()
    first = one.submit(kernel, other.get)
    second = other.submit(kernel, one.get)

    errors = [first.exception(WAIT), second.exception(WAIT)]

    assert [isinstance(error, JoinError) for error in errors] == [True, True]
    assert "a wait that could never end" in str(errors[0])


def test_what_depends_on_a_join_app_that_waits_for_itself_fails(kernel: DataFlowKernel) -> None:
    own = Own()
    future = own.submit(kernel, own.get)

    assert isinstance(kernel.submit(id, future).exception(WAIT), DependencyError)


def test_a_join_app_that_waits_for_another_which_is_about_to_run_is_no_cycle(kernel: DataFlowKernel) -> None:
    def inner() -> AppFuture[int]:
        return kernel.submit(int, "7")

    assert joined(kernel, lambda: joined(kernel, inner)).result(WAIT) == 7
