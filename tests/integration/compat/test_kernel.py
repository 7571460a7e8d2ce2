"""What Parsl's kernel has besides Headrace's."""

from __future__ import annotations

import concurrent.futures
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace import File
from headrace.compat import RefusedError
from headrace.compat.parsl import Config, DataFlowKernel, executors, load
from headrace.compat.parsl.concurrent import ParslPoolExecutor
from headrace.compat.parsl.errors import InvalidResourceSpecification
from headrace.compat.parsl.kernel import DataFlowKernelLoader
from headrace.compat.parsl.memoization import BasicMemoizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[DataFlowKernel]:
    with load(Config(run_dir=str(tmp_path / "runs"), exit_mode="wait")) as kernel:
        yield kernel


def test_it_is_a_kernel_of_headrace_and_the_current_one(kernel: DataFlowKernel) -> None:
    assert isinstance(kernel, headrace.DataFlowKernel)
    assert headrace.dfk() is kernel is DataFlowKernelLoader.dfk()


def test_the_loader_loads_and_clears(tmp_path: Path) -> None:
    kernel = DataFlowKernelLoader.load(Config(run_dir=str(tmp_path)))
    DataFlowKernelLoader.clear()

    with pytest.raises(headrace.NoDataFlowKernelError):
        DataFlowKernelLoader.dfk()
    kernel.cleanup()


def test_its_run_directory_is_text(kernel: DataFlowKernel, tmp_path: Path) -> None:
    assert kernel.run_dir == str(tmp_path / "runs" / "000")
    assert Path(kernel.run_dir + "/headrace.log").exists()


def test_without_a_config_it_has_the_defaults_of_parsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with load() as kernel:
        assert isinstance(kernel.config, Config)


def test_the_form_of_the_first_years_takes_executors_and_leaves_them_running(tmp_path: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        kernel = DataFlowKernel(executors=[pool], rundir=str(tmp_path), retries=1, lazyErrors=False)
        result = kernel.submit(pow, 2, 3, executors=["0"], fn_hash="x", cache=False).result()
        kernel.cleanup()

        assert result == 8
        assert pool.submit(abs, -1).result() == 1
    with pytest.raises(ValueError, match="takes no more tasks"):
        kernel.submit(abs, 1)


def test_what_that_form_asks_for_and_is_not_here_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"DataFlowKernel\(data_manager"):
        DataFlowKernel(data_manager=1)


def test_a_config_of_headrace_is_taken_too(tmp_path: Path) -> None:
    config = headrace.Config(run_dir=tmp_path)

    with load(config) as kernel:
        assert kernel.config is config


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {"app_args": (2, 5), "app_kwargs": {"mod": 7}}),
        (((2, 5),), {"executors": "all", "cache": False, "ignore_for_cache": None, "app_kwargs": {"mod": 7}}),
        ((2, 5), {"mod": 7}),
    ],
    ids=["today's", "today's, by position", "that of the first years"],
)
def test_calls_are_submitted_in_either_form(
    kernel: DataFlowKernel, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    assert kernel.submit(pow, *args, **kwargs).result() == 4


def test_a_join_is_submitted_in_todays_form(kernel: DataFlowKernel) -> None:
    def body(n: int) -> list[Future[int]]:
        return [kernel.submit(pow, i, 2) for i in range(n)]

    assert kernel.submit(body, app_args=(3,), app_kwargs={}, join=True).result() == [0, 1, 4]


def test_an_unknown_option_of_submit_is_named(kernel: DataFlowKernel) -> None:
    with pytest.raises(TypeError, match="joyn"):
        kernel.submit(pow, app_args=(), app_kwargs={}, joyn=True)


def test_equal_calls_of_a_cached_app_share_results_and_failures(kernel: DataFlowKernel, tmp_path: Path) -> None:
    ran = str(tmp_path / "ran")

    @headrace.python_app(cache=True)
    def invert(x: int) -> float:
        with Path(ran).open("a", encoding="utf-8") as file:
            file.write(f"{x} ")
        return 1 / x

    results = [invert(x).result() for x in (2, 4, 2)]
    errors = [type(invert(0).exception()) for _ in range(2)]

    assert (results, errors) == ([0.5, 0.25, 0.5], [ZeroDivisionError] * 2)
    assert Path(ran).read_text(encoding="utf-8") == "2 4 0 "


@pytest.mark.parametrize("options", [{"app_cache": False}, {"memoizer": BasicMemoizer(memoize=False)}])
def test_caching_can_be_switched_off_in_the_config(tmp_path: Path, options: dict[str, Any]) -> None:
    ran: list[int] = []
    app = headrace.python_app(cache=True)(ran.append)

    with load(Config(run_dir=str(tmp_path), **options)):
        for _ in range(2):
            app(1).result()

    assert ran == [1, 1]


@pytest.mark.parametrize("specification", [{"cpus": 1}, {"cores": 1, "memory": 100}])
def test_resources_that_nobody_knows_or_has_are_an_error_of_parsls_name(
    kernel: DataFlowKernel, specification: dict[str, Any]
) -> None:
    app = headrace.python_app(lambda parsl_resource_specification: parsl_resource_specification)

    with pytest.raises(InvalidResourceSpecification) as caught:
        app(parsl_resource_specification=specification)

    assert caught.value.invalid_keys == set(specification)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"x": File("https://example.org/a.csv")},
        {"x": 1, "inputs": [File("ftp://example.org/a.csv")]},
        {"x": 1, "outputs": [File("globus://endpoint/a.csv")]},
    ],
)
def test_a_file_that_parsl_would_stage_is_refused_at_the_call(kernel: DataFlowKernel, kwargs: dict[str, Any]) -> None:
    app = headrace.python_app(lambda x, inputs=(), outputs=(): (x, inputs, outputs))

    with pytest.raises(RefusedError, match=r"staging of \w+://\w+(\.org)?/a\.csv is not available in Headrace: .+"):
        app(**kwargs)


def test_a_remote_file_that_is_not_to_be_staged_is_an_argument_like_others(kernel: DataFlowKernel) -> None:
    app = headrace.python_app(lambda x, _parsl_staging_inhibit: str(x))

    assert app(File("https://example.org/a"), _parsl_staging_inhibit=True).result() == "https://example.org/a"


def test_records_have_the_keys_of_parsl(kernel: DataFlowKernel) -> None:
    gate: Future[int] = Future()
    future = headrace.python_app(abs)(gate)
    record = future.task_record

    assert (record["id"], record["func_name"], record["status"].name) == (future.tid, "abs", "pending")
    assert record["app_fu"] is future
    assert (record["depends"], record["fail_count"], record["fail_history"]) == ([gate], 0, [])
    gate.set_result(-1)
    assert future.result() == 1
    assert future.task_status() == "exec_done"


class Inline(executors.ParslExecutor):
    """An executor as a program written for Parsl brings it."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.running = False

    def start(self) -> None:
        self.running = True

    def submit(
        self, func: Callable[..., Any], resource_specification: dict[str, Any], *args: object, **kwargs: object
    ) -> Future[Any]:
        assert resource_specification == {}
        future: Future[Any] = Future()
        try:
            future.set_result(func(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future's
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        self.running = False


def test_executors_that_a_program_brings_run_tasks(tmp_path: Path) -> None:
    first, second = Inline("first"), Inline("second")

    with load(Config(executors=[first], run_dir=str(tmp_path))) as kernel:
        kernel.add_executors([second])  # type: ignore[list-item]  # Parsl's own kind
        results = [headrace.python_app(executors=[label])(abs)(-1).result() for label in ("first", "second")]
        running = first.running, second.running

    assert results == [1, 1]
    assert running == (True, True)
    assert (first.running, second.running) == (False, False)
    assert first.run_dir == second.run_dir == kernel.run_dir


def test_a_pool_over_a_kernel_submits_and_maps_and_leaves_the_kernel_alone(kernel: DataFlowKernel) -> None:
    with ParslPoolExecutor(dfk=kernel) as pool:
        chained = pool.submit(abs, pool.submit(abs, -2))
        squares = list(pool.map(pow, [1, 2, 3], [2, 2, 2], timeout=50))
        apps = pool.app_count

    assert chained.result() == 2
    assert squares == [1, 4, 9]
    assert apps == 2
    assert not kernel.cleanup_called
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(abs, 1)


def test_a_pool_with_a_config_has_a_kernel_of_its_own(tmp_path: Path) -> None:
    with ParslPoolExecutor(Config(run_dir=str(tmp_path))) as pool:
        kernel = headrace.dfk()
        future = pool.submit(abs, -1)

    assert future.result() == 1
    assert kernel.cleanup_called


def test_a_pool_needs_one_of_the_two(kernel: DataFlowKernel) -> None:
    for config, given in ((None, None), (Config(), kernel)):
        with pytest.raises(ValueError, match="either config= or dfk="):
            ParslPoolExecutor(config=config, dfk=given)
