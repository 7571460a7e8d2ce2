"""Parsl's executors and what they are made of: which are Headrace's, and which are refused by name."""

from __future__ import annotations

import importlib
import os
import warnings
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace.compat import CompatWarning, RefusedError
from headrace.compat.parsl import HighThroughputExecutor, ThreadPoolExecutor, executors, launchers, providers
from headrace.compat.parsl.data import NoOpFileStaging, Staging
from headrace.compat.parsl.launchers import SimpleLauncher
from headrace.compat.parsl.providers import ExecutionProvider, LocalChannel, LocalProvider
from headrace.compute.executors import CallSpec, ProcessPoolExecutor
from headrace.compute.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable

CORES = len(os.sched_getaffinity(0))

HERE = {"ExecutionProvider", "LocalChannel", "LocalProvider"}

REFUSED = [
    *(("parsl.providers", name) for name in providers.__all__ if name not in HERE),
    ("parsl.channels.ssh.ssh", "SSHChannel"),
    *(
        ("parsl.launchers", name)
        for name in launchers.__all__
        if name.endswith("Launcher") and name[0:3] not in "SimSinLau"
    ),
    ("parsl.executors", "WorkQueueExecutor"),
    ("parsl.executors", "MPIExecutor"),
    ("parsl.executors", "FluxExecutor"),
    ("parsl.executors", "GlobusComputeExecutor"),
    ("parsl.executors.taskvine", "TaskVineExecutor"),
    ("parsl.executors.radical", "RadicalPilotExecutor"),
    ("parsl.data_provider.http", "HTTPInTaskStaging"),
    ("parsl.data_provider.ftp", "FTPSeparateTaskStaging"),
    ("parsl.data_provider.globus", "GlobusStaging"),
    ("parsl.data_provider.rsync", "RSyncStaging"),
    ("parsl.data_provider.zip", "ZipFileStaging"),
]


def test_threads_are_headraces_with_the_defaults_of_parsl() -> None:
    executor = ThreadPoolExecutor()

    assert isinstance(executor, headrace.ThreadPoolExecutor)
    assert (executor.label, executor.max_threads) == ("threads", 2)


def test_threads_take_their_options_by_position() -> None:
    executor = ThreadPoolExecutor("few", 3, "prefix", [NoOpFileStaging()])

    assert (executor.label, executor.max_threads) == ("few", 3)


def test_threads_without_a_number_are_as_many_as_there_are_cores() -> None:
    assert ThreadPoolExecutor(max_threads=None).max_threads == headrace.ThreadPoolExecutor().max_threads


def test_processes_are_headraces() -> None:
    executor = HighThroughputExecutor()

    assert isinstance(executor, ProcessPoolExecutor)
    assert executor.label == "HighThroughputExecutor"


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        ({}, CORES),
        ({"max_workers_per_node": 1}, 1),
        ({"max_workers_per_node": CORES + 5}, CORES),
        ({"max_workers": 1}, 1),
        ({"cores_per_worker": CORES}, 1),
        ({"cores_per_worker": CORES * 4}, 1),
        ({"cores_per_worker": 1e-6, "max_workers_per_node": 7}, 7),
        ({"mem_per_worker": 1e9}, 1),
        ({"cores_per_worker": 0.25, "max_workers_per_node": 3, "provider": LocalProvider(max_blocks=2)}, 6),
        ({"max_workers_per_node": 1, "provider": LocalProvider(nodes_per_block=2, max_blocks=3)}, 6),
        ({"max_workers_per_node": 1, "provider": LocalProvider(init_blocks=2, max_blocks=9, parallelism=0)}, 2),
        ({"max_workers_per_node": 1, "provider": LocalProvider(init_blocks=0, max_blocks=0)}, 1),
        ({"cores_per_worker": 0.1, "available_accelerators": 2}, 2),
        ({"max_workers_per_node": 1, "available_accelerators": ["3", "5"]}, 1),
    ],
)
def test_there_are_as_many_workers_as_parsl_would_come_to_have(options: dict[str, Any], workers: int) -> None:
    assert HighThroughputExecutor(**options).max_workers == workers


@pytest.mark.parametrize("options", [{"cores_per_worker": 0}, {"mem_per_worker": -1}])
def test_a_worker_needs_some_of_the_machine(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        HighThroughputExecutor(**options)


def test_a_call_that_asks_for_nothing_gets_one_accelerator_where_there_are_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[CallSpec | None] = []
    monkeypatch.setattr(ProcessPoolExecutor, "execute", lambda *given: seen.append(given[-1]))
    with_two, without = HighThroughputExecutor(available_accelerators=2), HighThroughputExecutor()
    asks = CallSpec(resources=Resources(cores=1))

    with_two.execute(print, (), {}, lambda *_: None)
    with_two.execute(print, (), {}, lambda *_: None, CallSpec(name="b"))
    with_two.execute(print, (), {}, lambda *_: None, asks)
    without.execute(print, (), {}, lambda *_: None)

    gpu = Resources(gpus=1)
    assert seen == [CallSpec(resources=gpu), CallSpec(name="b", resources=gpu), asks, None]


def test_what_concerns_only_the_ways_between_machines_is_told_in_one_warning() -> None:
    with pytest.warns(CompatWarning, match=r"address, worker_port, cpu_affinity;") as caught:
        HighThroughputExecutor(address="127.0.0.1", worker_port=1, cpu_affinity="block", encrypted=False)

    assert len(caught) == 1


def test_a_usual_local_configuration_is_taken_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HighThroughputExecutor(
            label="local",
            worker_debug=True,
            encrypted=True,
            loopback_address="::1",
            provider=LocalProvider(init_blocks=1, max_blocks=1, launcher=SimpleLauncher(), channel=LocalChannel()),
        )


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: LocalProvider(worker_init="module load gcc"), "worker_init='module load gcc'"),
        (lambda: LocalProvider(channel=object()), "channel="),
        (lambda: LocalProvider(launcher=object()), "launcher"),  # type: ignore[arg-type]  # what is tested
        (lambda: HighThroughputExecutor(provider=ExecutionProvider()), "provider"),  # type: ignore[arg-type]  # likewise
        (lambda: HighThroughputExecutor(provider=object()), "provider"),  # type: ignore[arg-type]  # likewise
        (lambda: HighThroughputExecutor(launch_cmd="singularity exec"), "launch_cmd='singularity exec'"),
        (lambda: HighThroughputExecutor(interchange_launch_cmd=["a"]), "interchange_launch_cmd"),
        (lambda: HighThroughputExecutor(storage_access=[Staging()]), "storage_access"),
        (lambda: ThreadPoolExecutor(storage_access=[Staging()]), "storage_access"),
    ],
)
def test_what_would_change_how_tasks_run_is_refused_by_name(make: Any, named: str) -> None:  # noqa: ANN401 - any
    with pytest.raises(RefusedError, match=f"{named}.* is not available in Headrace: .+"):
        make()


@pytest.mark.usefixtures("parsl")
@pytest.mark.parametrize(("module", "name"), REFUSED, ids=[name for _, name in REFUSED])
def test_what_is_not_here_can_be_imported_and_is_refused_by_name_when_it_is_made(module: str, name: str) -> None:
    kind = getattr(importlib.import_module(module), name)

    with pytest.raises(RefusedError, match=f"Parsl's {name} is not available in Headrace: .+"):
        kind("anything", at="all")


def test_a_class_made_of_one_that_is_refused_is_refused_by_its_own_name() -> None:
    class Mine(providers.SlurmProvider):  # type: ignore[misc]  # a class of no known type
        pass

    with pytest.raises(RefusedError, match="Parsl's Mine"):
        Mine()


def test_the_base_classes_of_parsl_know_what_is_made_of_them() -> None:
    assert isinstance(LocalProvider(), ExecutionProvider)
    assert isinstance(HighThroughputExecutor(), executors.BlockProviderExecutor)
    assert not isinstance(ThreadPoolExecutor(), executors.BlockProviderExecutor)


def test_an_executor_on_blocks_of_a_programs_own_is_refused_by_its_name() -> None:
    class OnMyCluster(executors.BlockProviderExecutor):
        def start(self) -> None: ...

        def submit(self, func: Any, resource_specification: dict[str, Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any
            ...

        def shutdown(self) -> None: ...

    with pytest.raises(RefusedError, match="Parsl's OnMyCluster"):
        OnMyCluster()


class Plain(executors.ParslExecutor):
    """The least that Parsl asks of an executor: runs calls here and now."""

    label = "plain"

    def __init__(self) -> None:
        self.events: list[str] = []

    def start(self) -> None:
        self.events.append("start")

    def submit(
        self, func: Callable[..., Any], resource_specification: dict[str, Any], *args: object, **kwargs: object
    ) -> Future[Any]:
        assert resource_specification == {}
        future: Future[Any] = Future()
        future.set_result(func(*args, **kwargs))
        return future

    def shutdown(self) -> None:
        self.events.append("shutdown")


def test_an_executor_that_a_program_brings_is_used_as_parsl_uses_it() -> None:
    own = Plain()
    executor = executors.adopted(own)

    executor.start()
    result = executor.submit(pow, 2, 5).result()
    executor.shutdown()

    assert result == 32
    assert own.events == ["start", "shutdown"]
    assert (executor.label, executor.inner, executor.events) == ("plain", own, own.events)


def test_headraces_own_executors_count_as_parsls() -> None:
    for executor in (ThreadPoolExecutor(), HighThroughputExecutor()):
        assert isinstance(executor, executors.ParslExecutor)
        assert executors.adopted(executor) is executor
