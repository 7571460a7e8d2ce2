"""However deep a graph, nothing recurses: it ends, well or not."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything
# ruff: noqa: S301 - pickles made here

from __future__ import annotations

import os
import pickle
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

from headrace import AppFuture, DependencyError, join_app, python_app

if TYPE_CHECKING:
    from headrace import DataFlowKernel

pytestmark = pytest.mark.slow

WAIT = 50
#: 100 000 in `make real`, which takes ten seconds.
LINKS = 100_000 if os.environ.get("HEADRACE_THOROUGH") else 10_000
MANY = 20_000 if os.environ.get("HEADRACE_THOROUGH") else 5_000


def count(x: int) -> int:
    return x + 1


def fail(_: object) -> None:
    raise ValueError("boo")


def chain(kernel: DataFlowKernel, future: Future[Any], links: int) -> list[AppFuture[Any]]:
    futures = []
    for _ in range(links):
        future = kernel.submit(count, future)
        futures.append(future)
    return futures


def test_a_long_chain_behind_a_failure_all_fail_with_that_root_cause(kernel: DataFlowKernel) -> None:
    """One test for all of it: building the chain takes the time."""
    gate: Future[int] = Future()
    root = kernel.submit(fail, gate)
    futures = chain(kernel, root, LINKS)

    gate.set_result(0)
    wait_for([root], WAIT)
    done, not_done = wait_for(futures, WAIT)

    assert (len(done), len(not_done)) == (LINKS, 0)
    errors = [future.exception() for future in futures]
    assert all(type(error) is DependencyError and error.root_cause is root.exception() for error in errors)
    assert {future.task_status() for future in futures} == {"dep_fail"}
    last = errors[-1]
    assert isinstance(last, DependencyError)
    again = pickle.loads(pickle.dumps(last))
    assert (len(again.path), again.path[-1], str(again)) == (LINKS + 1, "task 0 (fail)", str(last))
    assert kernel.tasks == {}


def test_a_long_chain_released_at_its_beginning_gives_the_right_value(kernel: DataFlowKernel) -> None:
    gate: Future[int] = Future()
    futures = chain(kernel, gate, MANY)

    gate.set_result(0)

    assert futures[-1].result(WAIT) == MANY


def test_a_long_chain_cancelled_at_its_beginning_all_fail(kernel: DataFlowKernel) -> None:
    gate: Future[int] = Future()
    futures = chain(kernel, gate, MANY)

    futures[0].cancel()
    wait_for(futures, WAIT)

    assert {future.task_status() for future in futures[1:]} == {"dep_fail"}


def test_many_dependents_of_one_failure_all_fail(kernel: DataFlowKernel) -> None:
    gate: Future[int] = Future()
    root = kernel.submit(fail, gate)
    futures = [kernel.submit(count, root) for _ in range(MANY)]

    gate.set_result(0)
    wait_for(futures, WAIT)

    assert {future.task_status() for future in futures} == {"dep_fail"}


def test_a_task_may_have_10_000_dependencies(kernel: DataFlowKernel) -> None:
    gate: Future[int] = Future()
    leaves = [kernel.submit(count, gate) for _ in range(10_000)]
    total = kernel.submit(lambda **given: sum(given["inputs"]), inputs=leaves)

    gate.set_result(0)

    assert total.result(WAIT) == 10_000


@pytest.mark.parametrize(("last", "expected"), [(int, 0), (lambda: fail(None), None)])
def test_join_apps_nested_10_000_deep_end(kernel: DataFlowKernel, last: Any, expected: Any) -> None:
    @join_app(data_flow_kernel=kernel)
    def nest(depth: int) -> AppFuture[Any]:
        return nest(depth - 1) if depth else python_app(data_flow_kernel=kernel)(last)()

    future = nest(10_000)

    if expected is None:
        error = future.exception(WAIT)
        assert repr(getattr(error, "root_cause", None)) == "ValueError('boo')"
    else:
        assert expected == future.result(WAIT)


def test_callbacks_that_submit_each_other_10_000_deep_end(kernel: DataFlowKernel) -> None:
    end: Future[int] = Future()

    def go_on(future: Future[int]) -> None:
        number = future.result()
        if number == 10_000:
            end.set_result(number)
        else:
            kernel.submit(count, number).add_done_callback(go_on)

    kernel.submit(count, 0).add_done_callback(go_on)

    assert end.result(WAIT) == 10_000
