"""What Parsl 2026.10.26 was seen to do wrong, done right: each test is one probe of its behaviour, run here.

Those probes that concern memoization, checkpoints, processes and time limits come with those features.
"""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything
# ruff: noqa: S301 - pickles made here

from __future__ import annotations

import asyncio
import pickle
import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace import (
    DEEP_DEPENDENCY_RESOLVER,
    AppAbortedError,
    AppFuture,
    Backoff,
    Config,
    DataFlowKernel,
    DependencyError,
    ThreadPoolExecutor,
    join_app,
    python_app,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT = 50


@pytest.fixture
def load() -> Iterator[Callable[..., DataFlowKernel]]:
    """Load kernels with these options, one after another."""

    def load(**options: Any) -> DataFlowKernel:
        return headrace.load(Config(**options))

    yield load
    headrace.dfk().cleanup()


@python_app
def count(x: int = 0, inputs: Any = ()) -> int:
    return x + len(inputs)


@python_app
def fail() -> int:
    raise ValueError("the first failure")


@pytest.mark.parametrize("length", [400, 3_000])
@pytest.mark.parametrize("how", ["inputs", "argument"])
@pytest.mark.parametrize("released", ["before", "after"])
def test_a_failed_dependency_is_never_dropped(load: Any, length: int, how: str, released: str) -> None:
    """There, link 248 of such a chain ran without its argument, or hung."""
    load()
    gate: Future[int] = Future()
    ran: list[int] = []

    @python_app
    def root(_: Any) -> int:
        raise ValueError("the first failure")

    @python_app
    def link(previous: Any = None, inputs: Any = ()) -> int:
        ran.append(1)
        return len(inputs)

    if released == "before":
        gate.set_result(0)
    future: AppFuture[int] = root(gate)
    futures = []
    for _ in range(length):
        future = link(inputs=[future]) if how == "inputs" else link(future)
        futures.append(future)
    if released == "after":
        gate.set_result(0)

    assert wait_for(futures, WAIT).not_done == set()
    assert {type(one.exception()) for one in futures} == {DependencyError}
    assert ran == []


@pytest.mark.parametrize("length", [50, 200, 400, 3_000])
def test_the_error_of_a_long_failing_chain_pickles(load: Any, length: int) -> None:
    """There, RecursionError from a length of 200 on."""
    load()
    future = fail()
    for _ in range(length):
        future = count(future)

    error = pickle.loads(pickle.dumps(future.exception(WAIT)))

    assert len(error.path) == length + 1
    assert repr(error.root_cause) == "ValueError('the first failure')"


@pytest.mark.parametrize("depth", [50, 250, 1_000])
def test_nested_join_apps_end(load: Any, depth: int) -> None:
    """There, a hang from a depth of 250 on."""
    load()

    @join_app
    def nest(depth: int) -> AppFuture[int]:
        return nest(depth - 1) if depth else count(7)

    assert nest(depth).result(WAIT) == 7


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_app_that_raises_system_exit_fails_and_its_thread_goes_on(load: Any, kind: type[BaseException]) -> None:
    """There, its future never completed."""
    load(executors=[ThreadPoolExecutor("one", 1)])

    @python_app
    def leave() -> None:
        raise kind

    assert isinstance(leave().exception(WAIT), AppAbortedError)
    assert count(1).result(WAIT) == 1


def test_a_pending_task_can_be_cancelled(load: Any) -> None:
    """There, NotImplementedError."""
    load()
    future = count(Future())

    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(0)


def test_a_future_that_is_pending_at_cleanup_ends(load: Any) -> None:
    """There, it hung."""
    kernel = load(exit_mode="cleanup")
    with kernel:
        future = count(Future())

    assert future.done()
    load()


@pytest.mark.parametrize("name", ["inputs", "outputs"])
def test_the_caller_s_lists_are_not_changed(load: Any, name: str) -> None:
    """There, elements of `outputs` were replaced by copies."""
    load()

    @python_app
    def app(inputs: Any = (), outputs: Any = ()) -> None: ...

    given: list[Any] = [headrace.File("a.txt"), headrace.File("b.txt")]
    elements = list(given)
    app(**{name: given}).result(WAIT)

    assert [id(one) for one in given] == [id(one) for one in elements]


def test_a_future_in_a_list_or_dict_is_resolved_when_asked_for(load: Any) -> None:
    load(dependency_resolver=DEEP_DEPENDENCY_RESOLVER)

    @python_app
    def echo(value: Any) -> Any:
        return value

    assert echo([count(1), {"key": count(2)}]).result(WAIT) == [1, {"key": 2}]


def test_tasks_are_balanced_over_executors(load: Any) -> None:
    """There, the executor was drawn by lot. Here each pair of tasks needs both executors at once."""
    load(executors=[ThreadPoolExecutor("a", 1), ThreadPoolExecutor("b", 1)])
    pairs = threading.Barrier(2)

    @python_app
    def meet() -> str:
        pairs.wait(WAIT)
        return threading.current_thread().name

    names = [future.result(WAIT) for future in [meet() for _ in range(20)]]

    assert sorted(map(names.count, set(names))) == [10, 10]


def test_a_retry_handler_sees_the_whole_history(load: Any) -> None:
    """There, one failure only, each time."""
    seen: list[int] = []

    def handler(error: BaseException, task: Any) -> float:
        seen.append(len(task["fail_history"]))
        return 1

    load(retries=3, retry_handler=handler)
    fail().exception(WAIT)

    assert seen == [1, 2, 3, 4]


def test_retries_can_be_delayed(load: Any) -> None:
    """There, five retries within a millisecond."""
    kernel = load(retries=2, backoff=Backoff(initial=0.002, jitter=0))
    moves: list[float] = []
    kernel.observe(lambda move: moves.append(move.at))

    fail().exception(WAIT)

    assert moves[-1] - moves[0] >= 0.002 + 0.004


def test_a_future_of_one_kernel_is_a_dependency_in_another(load: Any) -> None:
    load()
    with DataFlowKernel(Config()) as other:
        assert count(other.submit(int, "1")).result(WAIT) == 1


def test_submitting_from_many_threads_gives_each_its_result(load: Any) -> None:
    load()
    results: list[int] = []

    def submit(number: int) -> None:
        results.extend(future.result(WAIT) for future in [count(number * 500 + each) for each in range(500)])

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)

    assert sorted(results) == list(range(4_000))


def test_a_future_can_be_awaited(load: Any) -> None:
    """There, TypeError."""
    load()

    async def main() -> int:
        return await count(7)

    assert asyncio.run(main()) == 7


def test_asking_for_an_attribute_starts_no_task(load: Any) -> None:
    """There, each `hasattr` submitted one."""
    kernel = load()
    future = count(7)

    assert hasattr(future, "real")
    assert not hasattr(future, "_repr_html_")
    future.result(WAIT)
    assert kernel.task_count == 1


def test_a_completion_that_raises_in_a_callback_completes_all_the_same(load: Any, caplog: Any) -> None:
    """There, whatever was raised in the path of completion left the future pending for ever."""
    load()
    gate: Future[int] = Future()
    future = count(gate)
    dependent = count(future)

    def callback(_: object) -> None:
        raise MemoryError

    future.add_done_callback(callback)
    gate.set_result(7)

    assert (future.result(WAIT), dependent.result(WAIT)) == (7, 7)
