"""Any executor of `concurrent.futures` runs apps: here the standard library's own threads and processes."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import concurrent.futures
import importlib
import multiprocessing
import os
import sys
import textwrap
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

import pytest

from headrace import BashExitFailure, DependencyError, ExternalExecutor, HeadraceError, ThreadPoolExecutor, python_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT = 30

#: A workflow's module, as a user writes one: its names belong to the apps, not to the functions.
WORKFLOW = """
    import os
    from headrace import python_app, bash_app

    @python_app
    def process_id():
        return os.getpid()

    @python_app(executors=["processes"])
    def add(x, y=0, inputs=()):
        return x + y + sum(inputs)

    @python_app
    def fail(message):
        raise ValueError(message)

    @python_app
    def die():
        os._exit(1)

    @python_app
    def leave():
        raise SystemExit(3)

    @python_app
    def unpicklable():
        return lambda: None

    @bash_app
    def compare(x, y, stdout=None):
        return f"echo {x} and {y}; test {x} = {y}"
"""


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module above, which other processes can import too."""
    (tmp_path / "a_workflow.py").write_text(textwrap.dedent(WORKFLOW))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("a_workflow")
    del sys.modules["a_workflow"]


@pytest.fixture
def processes(make_kernel: Any) -> Iterator[concurrent.futures.Executor]:
    """Two processes of the standard library's, started afresh, so that they know nothing of this one."""
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool
    # It helps `spawn`, and else outlives the pool.
    multiprocessing.resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # has no public name


@pytest.fixture
def kernel(make_kernel: Any, processes: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The current kernel, with these processes."""
    one = make_kernel(ExternalExecutor("processes", processes), ThreadPoolExecutor("threads", 1))
    monkeypatch.setattr("headrace.dataflow.current._holder.kernel", one)
    return one


@pytest.mark.slow
def test_apps_of_a_module_run_in_processes(kernel: Any, apps: Any) -> None:
    """One test for all: it takes half a second to start a process."""
    add = apps.add
    assert add(1, y=add(2, 3), inputs=[add(4), 5]).result(WAIT) == 15
    assert python_app(executors=["processes"])(os.getpid)().result(WAIT) != os.getpid()
    assert kernel.submit(divmod, 17, 5, executors=["processes"]).result(WAIT) == (3, 2)


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_told_here(make_kernel: Any, processes: Any, apps: Any, tmp_path: Path) -> None:
    kernel = make_kernel(ExternalExecutor("processes", processes))

    def submit(app: Any, *args: Any, **kwargs: Any) -> Any:
        return kernel.call(app._run, args, kwargs, app.options)

    failed = submit(apps.fail, "boo")
    dependent = submit(apps.add, failed)
    local = kernel.submit(lambda: None)
    assert repr(failed.exception(WAIT)) == "ValueError('boo')"
    assert isinstance(dependent.exception(WAIT), DependencyError)
    assert dependent.exception().root_cause is failed.exception()
    assert "pickle" in str(local.exception(WAIT))
    assert "pickle" in str(submit(apps.unpicklable).exception(WAIT))
    assert isinstance(submit(apps.leave).exception(WAIT), HeadraceError)
    assert submit(apps.compare, 5, 5, stdout=str(tmp_path / "out")).result(WAIT) == 0
    assert (tmp_path / "out").read_text() == "5 and 5\n"
    assert isinstance(submit(apps.compare, 5, 6).exception(WAIT), BashExitFailure)
    assert isinstance(submit(apps.die).exception(WAIT), BrokenProcessPool)
    assert isinstance(submit(apps.add, 1).exception(WAIT), BrokenProcessPool)


def test_an_external_pool_of_threads_runs_anything(make_kernel: Any, standard_pool: Any) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool))

    futures = [kernel.submit(lambda x: x + 1, kernel.submit(int, number)) for number in range(100)]

    assert [future.result(WAIT) for future in futures] == list(range(1, 101))


def test_the_standard_library_s_own_pool_with_a_label_is_taken_as_it_is(make_kernel: Any, standard_pool: Any) -> None:
    standard_pool.label = "pool"

    assert make_kernel(standard_pool).submit(int, "7", executors=["pool"]).result(WAIT) == 7


def test_cleanup_leaves_an_executor_running_that_is_not_managed(make_kernel: Any, standard_pool: Any) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool))
    kernel.submit(int).result(WAIT)

    kernel.cleanup()

    assert standard_pool.submit(int).result(WAIT) == 0


def test_cleanup_ends_an_executor_that_is_managed(make_kernel: Any, standard_pool: Any) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool, managed=True))
    kernel.submit(int).result(WAIT)

    kernel.cleanup()

    with pytest.raises(RuntimeError, match="shutdown"):
        standard_pool.submit(int)


def test_two_external_executors_may_share_one_pool(make_kernel: Any, standard_pool: Any) -> None:
    kernel = make_kernel(ExternalExecutor("a", standard_pool), ExternalExecutor("b", standard_pool))

    assert [kernel.submit(int, executors=[label]).result(WAIT) for label in "ab"] == [0, 0]


def test_no_more_tasks_are_handed_over_than_was_said(make_kernel: Any, standard_pool: Any, make_blocker: Any) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool, capacity=1))
    blocker = make_blocker()
    kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    assert kernel.submit(int).task_status() == "pending"
