"""What Parsl promises of its executor on processes, by Parsl's names, and what is better here."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headrace.compat.parsl import AUTO_LOGNAME, Config, HighThroughputExecutor, bash_app, join_app, load, python_app
from headrace.compat.parsl.errors import AppTimeout, BashExitFailure, ManagerLost, SerializationError, WorkerLost
from headrace.compat.parsl.tasks import States

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.compat.parsl import DataFlowKernel

pytestmark = pytest.mark.slow

#: Longer than any test may take: what sleeps for so long must be ended.
FOR_EVER = 600


@pytest.fixture
def htex(tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Loads a kernel with one such executor."""
    kernels: list[DataFlowKernel] = []

    def make(retries: int = 0, **options: Any) -> DataFlowKernel:  # noqa: ANN401 - the executor's
        options = {"max_workers_per_node": 1, **options}
        config = Config([HighThroughputExecutor(**options)], retries=retries, run_dir=str(tmp_path / "runs"))
        kernels.append(load(config))
        return kernels[-1]

    yield make
    for kernel in kernels:
        kernel.cleanup()


def test_a_worker_that_dies_costs_its_own_task_only(htex: Callable[..., DataFlowKernel]) -> None:
    htex()

    @python_app
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @python_app
    def pid() -> int:
        return os.getpid()

    first, lost, after = pid(), die(), pid()

    assert isinstance(lost.exception(), WorkerLost)
    assert WorkerLost is ManagerLost
    assert first.result() != after.result()


def test_a_lost_worker_is_a_failure_that_is_tried_again(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex(retries=1)
    mark = tmp_path / "been here"

    @python_app
    def die_once() -> str:
        if not mark.exists():
            mark.touch()
            os._exit(1)
        return "well"

    assert die_once().result() == "well"


def test_a_walltime_ends_a_call_that_blocks(htex: Callable[..., DataFlowKernel]) -> None:
    htex()

    @python_app
    def sleep(walltime: float) -> None:
        time.sleep(FOR_EVER)

    assert isinstance(sleep(walltime=0.1).exception(), AppTimeout)


def test_a_walltime_ends_a_command(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex()
    survived = tmp_path / "survived"

    @bash_app
    def sleep(walltime: float = 0.1) -> str:
        return f"sleep {FOR_EVER}; touch {survived}"

    assert isinstance(sleep().exception(), AppTimeout)
    assert not survived.exists()


def test_commands_run_in_workers(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex()

    err = tmp_path / "err"

    @bash_app
    def both(code: int, label: str = "", stdout: object = AUTO_LOGNAME, stderr: object = (str(err), "w")) -> str:
        return f"echo out; echo err >&2; exit {code}"

    good, bad = both(0, label="good"), both(5)

    assert good.result() == 0
    assert Path(good.stdout).name == f"task_{good.tid}_both_good.stdout"
    assert Path(good.stdout).read_text(encoding="utf-8") == "out\n"
    error = bad.exception()
    assert isinstance(error, BashExitFailure)
    assert (error.app_name, error.exitcode) == ("both", 5)
    assert err.read_text(encoding="utf-8") == "err\n"


def test_python_apps_may_have_their_streams_in_files_too(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex()

    @python_app
    def say(stdout: str) -> None:
        print("said")  # noqa: T201 - what is tested

    say(stdout=str(tmp_path / "out")).result()

    assert (tmp_path / "out").read_text(encoding="utf-8") == "said\n"


def test_lambdas_and_closures_are_sent(htex: Callable[..., DataFlowKernel]) -> None:
    htex()
    factor = 3

    assert python_app(lambda f, x: f(x))(lambda x: x * factor, 2).result() == 6


def test_what_cannot_be_sent_is_its_tasks_error(htex: Callable[..., DataFlowKernel]) -> None:
    htex()
    app = python_app(lambda x: x)

    refused, good = app(threading.Lock()), app(1)

    assert isinstance(refused.exception(), SerializationError)
    assert good.result() == 1


def test_each_worker_has_an_accelerator_of_its_own(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex(available_accelerators=["3", "5"], max_workers_per_node=2, cores_per_worker=0.1)

    @python_app
    def visible(mine: Path, other: Path) -> str:
        mine.touch()
        while not other.exists():
            time.sleep(0.01)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    one, other = tmp_path / "one", tmp_path / "other"

    both = [visible(one, other), visible(other, one)]

    assert {future.result() for future in both} == {"3", "5"}


def test_the_lower_priority_goes_first(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex()
    gate, order = tmp_path / "gate", tmp_path / "order"

    @python_app
    def wait() -> None:
        while not gate.exists():
            time.sleep(0.01)

    @python_app
    def note(name: str, parsl_resource_specification: dict[str, int]) -> None:
        with order.open("a", encoding="utf-8") as file:
            file.write(name)

    # One runs, and one is with the worker already.
    first = [wait(), wait()]
    later = [note(str(n), parsl_resource_specification={"priority": n}) for n in (5, 1, 3)]
    gate.touch()
    for one in (*first, *later):
        one.result()

    assert order.read_text(encoding="utf-8") == "135"


def test_joins_and_dependencies_go_through_workers(htex: Callable[..., DataFlowKernel]) -> None:
    kernel = htex()

    @python_app
    def add(*numbers: int, inputs: tuple[int, ...] | list[int] = ()) -> int:
        return sum(numbers) + sum(inputs)

    @join_app
    def tree(n: int) -> Any:  # noqa: ANN401 - a future
        return add(n) if n < 2 else add(inputs=[tree(n - 1), tree(n - 2)])

    assert tree(6).result() == 8
    assert kernel.task_state_counts[States.exec_done] == kernel.task_count


def test_a_running_call_can_be_cancelled(htex: Callable[..., DataFlowKernel], tmp_path: Path) -> None:
    htex()
    begun = tmp_path / "begun"

    @python_app
    def sleep() -> None:
        begun.touch()
        time.sleep(FOR_EVER)

    future = sleep()
    deadline = time.monotonic() + 30
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert future.cancel()
    assert future.cancelled()
    assert python_app(abs)(-1).result() == 1
