"""Whatever the graph, whatever fails and whoever cancels: what must hold, holds."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from concurrent.futures import CancelledError, Future
from concurrent.futures import ThreadPoolExecutor as StandardPool
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace import (
    AppFuture,
    Backoff,
    Config,
    DataFlowKernel,
    DependencyError,
    ExternalExecutor,
    JoinError,
    ThreadPoolExecutor,
    join_app,
    python_app,
)

pytestmark = pytest.mark.slow

WAIT = 20


@dataclass(frozen=True)
class Node:
    """One task of a graph."""

    #: The nodes before it that it depends on, each as an argument, in `inputs`, or as a part of its result.
    needs: tuple[tuple[int, str], ...]
    #: How often it fails before it succeeds, how many retries it has, whether there is a delay before them.
    failures: int
    retries: int
    delayed: bool
    executors: tuple[str, ...] | str
    #: How many tasks it submits and joins; None: it is no join app.
    joins: int | None
    priority: int
    #: Cancelled right after it was submitted.
    cancelled: bool


@dataclass
class Seen:
    """What has been seen of the tasks as they ran."""

    attempts: Counter[int] = field(default_factory=Counter)
    #: Nodes that ran although what they depend on had not ended well, or with other values than it gave.
    wrong: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


#: What an app may say about where it runs.
EXECUTORS: list[tuple[str, ...] | str] = ["all", ("one",), ("many",), ("outside",), ("one", "outside")]


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    size = draw(st.integers(1, 25))
    nodes = []
    for number in range(size):
        earlier = st.tuples(st.integers(0, number - 1), st.sampled_from(["argument", "inputs", "part"]))
        nodes.append(
            Node(
                needs=tuple(draw(st.lists(earlier, max_size=4))) if number else (),
                failures=draw(st.sampled_from([0, 0, 0, 1, 2, 99])),
                retries=draw(st.sampled_from([0, 1, 2])),
                delayed=draw(st.booleans()),
                executors=draw(st.sampled_from(EXECUTORS)),
                joins=draw(st.sampled_from([None, None, None, 0, 1, 3])),
                priority=draw(st.integers(-1, 1)),
                cancelled=draw(st.sampled_from([False] * 9 + [True])),
            )
        )
    return nodes


def value_of(number: int) -> list[int]:
    return [number * number]


def submit(
    kernel: DataFlowKernel, number: int, node: Node, futures: list[AppFuture[Any]], seen: Seen
) -> AppFuture[Any]:
    arguments = [(need, futures[need][0] if how == "part" else futures[need], how) for need, how in node.needs]
    positional = [future for _, future, how in arguments if how != "inputs"]
    inputs = [future for _, future, how in arguments if how == "inputs"]
    expected = [value_of(need)[0] if how == "part" else value_of(need) for need, how in node.needs if how != "inputs"]
    expected_inputs = [value_of(need) for need, how in node.needs if how == "inputs"]

    def run(*args: Any, inputs: Any) -> Any:
        with seen.lock:
            seen.attempts[number] += 1
            attempt = seen.attempts[number]
            if list(args) != expected or inputs != expected_inputs:
                seen.wrong.append(number)
        if attempt <= node.failures:
            raise ValueError(number)
        if node.joins is None:
            return value_of(number)
        return kernel.submit(list, value_of(number), executors=["one"]) if node.joins == 0 else joined(node.joins)

    def joined(width: int) -> Any:
        parts = [kernel.submit(int) for _ in range(width)]
        return kernel.submit(lambda **_: value_of(number), inputs=parts)

    options: Any = {
        "data_flow_kernel": kernel,
        "retries": node.retries,
        "backoff": Backoff(initial=0.0005, maximum=0.001) if node.delayed else None,
        "priority": node.priority,
    }
    app = join_app(**options) if node.joins is not None else python_app(executors=node.executors, **options)
    future: AppFuture[Any] = app(run)(*positional, inputs=inputs)
    if node.cancelled:
        future.cancel()
    return future


@settings(max_examples=60)
@given(graphs(), st.sampled_from([None, 1, 4]), st.booleans())
def test_every_graph_ends_as_it_should(nodes: list[Node], max_in_flight: int | None, early: bool) -> None:  # noqa: FBT001
    threads = set(threading.enumerate())
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder, StandardPool(2) as pool:
        executors = [ThreadPoolExecutor("one", 1), ThreadPoolExecutor("many", 3), ExternalExecutor("outside", pool)]
        kernel = DataFlowKernel(
            Config(executors=executors, run_dir=folder, max_in_flight=max_in_flight, cleanup_timeout=WAIT)
        )
        futures: list[AppFuture[Any]] = []
        for number, node in enumerate(nodes):
            futures.append(submit(kernel, number, node, futures, seen))
        if not early:
            kernel.wait_for_current_tasks()
        kernel.cleanup()
        assert [future for future in futures if not future.done()] == []
        assert set(threading.enumerate()) - threads <= set(pool._threads)

    counts = kernel.task_state_counts
    assert kernel.tasks == {}
    assert all(
        number == 0 or state.name in {"exec_done", "failed", "dep_fail", "cancelled"}
        for state, number in counts.items()
    )
    assert seen.wrong == []
    for number, (node, future) in enumerate(zip(nodes, futures, strict=True)):
        check(number, node, future, futures, seen, early=early)


def check(
    number: int, node: Node, future: AppFuture[Any], futures: list[AppFuture[Any]], seen: Seen, *, early: bool
) -> None:
    needs_well = all(succeeded(futures[need]) for need, _ in node.needs)
    attempts = seen.attempts[number]
    assert attempts <= node.retries + 1
    assert attempts == 0 or needs_well
    status = future.task_status()
    if status == "exec_done":
        assert future.result(0) == value_of(number)
        assert attempts == node.failures + 1
    elif status == "failed":
        error = future.exception(0)
        assert isinstance(error, ValueError | JoinError) or early
        assert early or isinstance(error, JoinError) or attempts == node.retries + 1 <= node.failures
    elif status == "dep_fail":
        assert isinstance(future.exception(0), DependencyError)
        assert (attempts, needs_well) == (0, False)
    else:
        assert status == "cancelled"
        assert node.cancelled or early
        with pytest.raises(CancelledError):
            future.result(0)


def succeeded(future: Future[Any]) -> bool:
    return not future.cancelled() and future.exception(0) is None


@settings(max_examples=20)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 4))
def test_the_counters_always_add_up(dependencies: list[int], threads: int) -> None:
    """Looked at after each single move, from within it."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = DataFlowKernel(Config(executors=[ThreadPoolExecutor("threads", threads)], run_dir=folder))
        added: list[int] = []
        wrong: list[Any] = []

        def look(move: Any) -> None:
            added.extend([move.unit.id] if move.previous is None else [])
            counts = kernel.task_state_counts
            # What one step brings about is told after it: so there may be more by now than has been told.
            if sum(counts.values()) < len(added) or min(counts.values()) < 0:
                wrong.append(counts)

        kernel.observe(look)
        futures: list[Any] = [kernel.submit(int)]
        for number in dependencies:
            futures.append(kernel.submit(lambda *_: None, *futures[-number - 1 :]))
        wait_for(futures, WAIT)
        kernel.cleanup()

    assert wrong == []
    assert {state.name: n for state, n in kernel.task_state_counts.items() if n} == {"exec_done": len(futures)}
