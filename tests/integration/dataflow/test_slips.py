"""What users get wrong is told at once, or at least told."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import pickle
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import headrace
from headrace import ConfigurationError, DataFlowKernel, ExternalExecutor, bash_app, join_app, python_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

WAIT = 10


async def coroutine() -> None: ...


def generator() -> Iterator[int]:
    yield 1


async def asynchronous_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("func", [coroutine, generator, asynchronous_generator])
def test_a_function_that_a_call_does_not_run_is_refused(kernel: DataFlowKernel, func: Any) -> None:
    with pytest.raises(ConfigurationError, match="nothing would run"):
        python_app(func)
    with pytest.raises(ConfigurationError, match="nothing would run"):
        kernel.submit(func)


def test_an_app_of_an_app_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is an app already"):
        python_app(python_app(len))


def test_what_is_no_function_is_refused_at_the_call(kernel: DataFlowKernel) -> None:
    wrong: Any = 3

    with pytest.raises(ConfigurationError, match="not of 3"):
        kernel.submit(wrong)


def test_all_within_a_list_of_labels_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"must be 'all' or a list"):
        python_app(executors=["all"])(len)


def test_outputs_must_be_a_list(kernel: DataFlowKernel) -> None:
    @bash_app(data_flow_kernel=kernel)
    def touch(outputs: Any) -> str:
        return "true"

    with pytest.raises(TypeError, match=r"outputs must be a list of Files or paths, not 'y\.txt'"):
        touch(outputs="y.txt")


def test_a_failure_says_that_futures_in_a_list_were_not_waited_for(kernel: DataFlowKernel) -> None:
    error = kernel.submit(sum, [kernel.submit(int)]).exception(WAIT)

    assert isinstance(error, TypeError)
    assert "pass it as inputs=[...]" in error.__notes__[0]


def test_a_future_cannot_be_pickled(kernel: DataFlowKernel) -> None:
    with pytest.raises(TypeError, match="cannot be sent to another process"):
        pickle.dumps(kernel.submit(int))


def test_calling_a_misspelt_method_of_a_future_names_the_right_one(kernel: DataFlowKernel) -> None:
    future = kernel.submit(int)

    with pytest.raises(TypeError, match=r"did you mean result\(\)\?"):
        future.results()


def test_waiting_within_a_task_is_warned_of_once(kernel: DataFlowKernel, caplog: pytest.LogCaptureFixture) -> None:
    def outer() -> int:
        return sum(kernel.submit(waits_itself).result(WAIT) for _ in range(2))

    def waits_itself() -> int:
        return 1

    assert kernel.submit(outer).result(WAIT) == 2
    assert sum("use a join_app" in record.message for record in caplog.records) <= 1


def test_why_names_the_place_that_a_ready_task_waits_for(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(headrace.ThreadPoolExecutor("one", 1))
    kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    second = kernel.submit(int)

    assert [wait.needs for wait in kernel.why(second)] == ["a place on any executor"]
    blocker.end.set()


def test_why_names_the_place_that_a_dependency_waits_for(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(headrace.ThreadPoolExecutor("one", 1))
    kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    second = kernel.submit(int)
    third = kernel.submit(id, second)

    assert [(wait.depth, wait.needs) for wait in kernel.why(third)][1:] == [(1, "a place on any executor")]
    blocker.end.set()


def test_a_join_app_whose_body_has_not_begun_can_be_cancelled(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel(internal_tasks_max_threads=1)
    ran: list[int] = []

    @join_app(data_flow_kernel=kernel)
    def first() -> list[Future[Any]]:
        blocker()
        return []

    @join_app(data_flow_kernel=kernel)
    def second() -> list[Future[Any]]:
        ran.append(1)
        return []

    holding = first()
    blocker.begun.wait(WAIT)
    waiting = second()

    assert waiting.cancel()
    blocker.end.set()
    assert holding.result(WAIT) == []
    assert ran == []


class BadRepr(BaseException):
    """Whose text cannot be had."""

    def __repr__(self) -> NoReturn:
        raise SystemExit


@dataclass(frozen=True)
class Frozen(Exception):
    """To which nothing can be assigned."""

    why: str


def test_an_exception_whose_repr_raises_ends_its_task_all_the_same(kernel: DataFlowKernel) -> None:
    def fail() -> NoReturn:
        raise BadRepr

    assert isinstance(kernel.submit(fail).exception(WAIT), headrace.AppAbortedError)


def test_a_retry_handler_that_raises_a_frozen_exception_ends_the_task(make_kernel: Any) -> None:
    def handler(*_: object) -> NoReturn:
        raise Frozen("no")

    kernel = make_kernel(retries=1, retry_handler=handler)

    assert isinstance(kernel.submit(int, "x").exception(WAIT), Frozen)


class Hostile(Future[Any]):
    """A library's future that raises when it is asked."""

    def exception(self, timeout: float | None = None) -> NoReturn:  # noqa: ARG002 - the standard library's signature
        raise OSError("gone")


class Gone(ThreadPoolExecutor):
    """An executor of that library's."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Hostile()
        future.set_result(1)
        return future


def test_a_future_that_raises_when_it_is_asked_fails_its_task(make_kernel: Any) -> None:
    kernel = make_kernel(ExternalExecutor("gone", Gone(1)))

    assert isinstance(kernel.submit(int).exception(WAIT), OSError)


def test_whoever_waits_for_a_part_that_is_cancelled_is_told(kernel: DataFlowKernel, never: Future[Any]) -> None:
    part = kernel.submit(id, never)[0]

    part.cancel()

    assert wait_for([part], WAIT, FIRST_COMPLETED).done == {part}


def test_a_callback_given_to_a_done_future_calls_no_others(kernel: DataFlowKernel, tmp_path: Path) -> None:
    """Those of others may block, and are called where they were going to be."""
    future = kernel.submit(int)
    future.result(WAIT)
    called: list[int] = []
    future.__dict__["_callbacks"] = [lambda _: called.append(1)]

    future.add_done_callback(lambda _: called.append(2))

    assert called == [2]
