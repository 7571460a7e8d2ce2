"""A Dask cluster the user owns, brought to a kernel as a plain `concurrent.futures.Executor`."""

from __future__ import annotations

import os
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import dask
import pytest
from distributed import Client, Event, LocalCluster, fire_and_forget

import headrace
from headrace import AppFuture, Config, DependencyError, ExternalExecutor, ThreadPoolExecutor, join_app, python_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30


def executor(client: Client) -> ExternalExecutor:
    """Dask takes equal calls for one and runs them once, unless told that they are not pure."""
    return ExternalExecutor("dask", client.get_executor(pure=False))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A cluster of one worker process that is given one task at a time: a second one queues at the scheduler."""
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": 1.0}),
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def wait_for_unfinished(client: Client, count: int) -> None:
    """Return once the scheduler knows of so many unfinished tasks; messages reach it when they will.

    Dask offers no event for this, so each look is a round trip.
    """

    def unfinished(dask_scheduler: Any) -> int:  # noqa: ANN401 - dask calls it by this name, with what has no types
        return sum(task.state in {"waiting", "queued", "processing"} for task in dask_scheduler.tasks.values())

    deadline = time.monotonic() + PATIENCE
    while (seen := client.run_on_scheduler(unfinished)) != count:
        assert time.monotonic() < deadline, f"the scheduler has {seen} unfinished tasks, not {count}"


@pytest.fixture
def kernel(client: Client, tmp_path: Path) -> Iterator[headrace.DataFlowKernel]:
    """A kernel whose apps run on the cluster unless they ask for `here`."""
    executors = [executor(client), ThreadPoolExecutor("here", max_threads=1)]
    with headrace.load(Config(executors=executors, run_dir=str(tmp_path / "runs"), exit_mode="cleanup")) as kernel:
        yield kernel


@python_app(executors=["dask"])
def process_id() -> int:
    return os.getpid()


@python_app(executors=["here"])
def process_id_here() -> int:
    return os.getpid()


@python_app(executors=["dask"])
def add(left: int, right: int) -> int:
    return left + right


@python_app(executors=["dask"])
def total(inputs: list[int]) -> int:
    return sum(inputs)


@python_app(executors=["dask"])
def refuse(number: int) -> int:
    message = f"{number} will not do"
    raise ValueError(message)


def occupy(name: str) -> str:
    """Occupies the worker until the event of this name is set."""
    Event(f"{name} started").set()
    return "released" if Event(name).wait(timeout=PATIENCE) else "out of patience"


hold = python_app(executors=["dask"])(occupy)


@python_app(executors=["dask"])
def leave_a_trace(path: str) -> None:
    with open(path, "x"):  # noqa: PTH123 - the worker needs no more than this
        pass


@join_app
def fan_out(width: int) -> AppFuture[int]:
    return total(inputs=[add(number, 1) for number in range(width)])


@pytest.mark.usefixtures("kernel")
def test_an_app_runs_where_it_asked_to() -> None:
    assert process_id().result(PATIENCE) != os.getpid()
    assert process_id_here().result(PATIENCE) == os.getpid()


@pytest.mark.usefixtures("kernel")
def test_results_of_the_cluster_feed_tasks_on_the_cluster() -> None:
    chain = add(0, 1)
    for _ in range(20):
        chain = add(chain, 1)

    assert chain.result(PATIENCE) == 21
    assert total(inputs=[add(number, number) for number in range(10)]).result(PATIENCE) == 90


@pytest.mark.usefixtures("kernel")
def test_a_join_app_fans_out_over_the_cluster() -> None:
    assert fan_out(10).result(PATIENCE) == 55


@pytest.mark.usefixtures("kernel")
def test_a_failure_on_the_cluster_arrives_as_itself_and_fails_what_depends_on_it() -> None:
    failed = refuse(3)
    dependent = add(failed, 1)

    with pytest.raises(ValueError, match="3 will not do"):
        failed.result(PATIENCE)
    with pytest.raises(DependencyError) as caught:
        dependent.result(PATIENCE)
    assert isinstance(caught.value.root_cause, ValueError)


def test_a_task_that_queues_on_the_cluster_can_be_cancelled(client: Client, tmp_path: Path) -> None:
    """It never runs, what depends on it fails for that reason, and what ran before it ends as it would have."""
    trace = tmp_path / "trace"
    config = Config(executors=[executor(client)], run_dir=str(tmp_path / "runs"))
    with headrace.load(config):
        holding = hold("cancel")
        assert Event("cancel started", client=client).wait(timeout=PATIENCE)
        queued = leave_a_trace(str(trace))
        dependent = add(queued, 1)
        wait_for_unfinished(client, 2)

        assert queued.cancel()
        wait_for_unfinished(client, 1)
        Event("cancel", client=client).set()

        assert holding.result(PATIENCE) == "released"
        with pytest.raises(CancelledError):
            queued.result(PATIENCE)
        with pytest.raises(DependencyError) as caught:
            dependent.result(PATIENCE)
        assert isinstance(caught.value.root_cause, CancelledError)
        # Had the cancelled task been left in the queue, it would have run before this one.
        assert process_id().result(PATIENCE) != os.getpid()
    assert not trace.exists()


def test_cleanup_leaves_the_users_cluster_alone(client: Client, tmp_path: Path) -> None:
    """Neither the pool nor the cluster nor what others run there ends with the kernel."""
    pool = client.get_executor(pure=False)
    others = client.submit(occupy, "cleanup")
    fire_and_forget(others)
    assert Event("cleanup started", client=client).wait(timeout=PATIENCE)
    config = Config(executors=[ExternalExecutor("dask", pool)], run_dir=str(tmp_path / "runs"), exit_mode="cleanup")
    with headrace.load(config):
        pass

    Event("cleanup", client=client).set()

    assert others.result(timeout=PATIENCE) == "released"
    assert pool.submit(pow, 2, 10).result(PATIENCE) == 1024
    assert client.status == "running"
