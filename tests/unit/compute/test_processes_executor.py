"""A pool refuses at once what it could never give; none of these starts a process."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from headrace.compute.executors import ProcessPoolExecutor
from headrace.compute.executors.processes.crew import preloads
from headrace.compute.resources import InsufficientResourcesError, memory_here

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def test_unless_said_it_has_what_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    cores = len(os.sched_getaffinity(0))

    pool = ProcessPoolExecutor()

    assert (pool.label, pool.max_workers, pool.capacity) == ("processes", cores, 2 * cores)
    assert (pool.resources.cores, pool.resources.memory, pool.resources.gpus) == (cores, memory_here(), 2)


def test_more_workers_than_cores_can_all_be_busy() -> None:
    assert ProcessPoolExecutor(max_workers=500).resources.cores == 500


@pytest.mark.parametrize("name", ["max_workers", "cores"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_a_number_that_makes_no_sense_is_refused(name: str, value: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(
        ValueError, match=f"executor 'pool': {name} must be a whole number of at least 1, not {value!r}"
    ):
        ProcessPoolExecutor("pool", **{name: value})


@pytest.mark.parametrize("label", ["", None, 3])
def test_a_label_that_is_none_is_refused(label: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(ValueError, match="label must be a non-empty string"):
        ProcessPoolExecutor(label)


def test_gpus_where_there_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    with pytest.raises(InsufficientResourcesError, match="executor 'pool': gpus=1; the GPUs that are here: none"):
        ProcessPoolExecutor("pool", gpus=1)


def test_gpus_may_be_a_number_or_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    assert ProcessPoolExecutor(gpus=1).resources.gpus == 1
    assert ProcessPoolExecutor(gpus=0).resources.gpus == 0
    assert ProcessPoolExecutor(gpus=["GPU-a", "GPU-b", "GPU-c"]).resources.gpus == 3


@pytest.mark.parametrize("gpus", [-1, "0", True, [0], [""], ["0,1"]])
def test_gpus_that_make_no_sense_are_refused(gpus: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(ValueError, match="executor 'pool': gpus must be how many, or a list of their names"):
        ProcessPoolExecutor("pool", gpus=gpus)


def test_a_gpu_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="gpus names one twice"):
        ProcessPoolExecutor("pool", gpus=["0", "0"])


def test_more_memory_than_the_machine_has_is_refused() -> None:
    with pytest.raises(
        InsufficientResourcesError, match=r"executor 'pool': memory='1000TiB' is \d+ bytes; this machine"
    ):
        ProcessPoolExecutor("pool", memory="1000TiB")


@pytest.mark.parametrize("memory", [0, -1, "much", 1.5])
def test_memory_that_makes_no_sense_is_refused(memory: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(ValueError, match="executor 'pool': memory must be"):
        ProcessPoolExecutor("pool", memory=memory)


@pytest.mark.parametrize("preload", ["numpy", [1], [""]])
def test_a_preload_that_makes_no_sense_is_refused(preload: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(ValueError, match="executor 'pool': preload must be a list of names of modules"):
        ProcessPoolExecutor("pool", preload=preload)


@pytest.mark.parametrize("missing", ["cloudpickle", "tblib"])
def test_without_the_packages_that_it_needs_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    find = importlib.util.find_spec

    def find_other(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == missing else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_other)

    with pytest.raises(ImportError, match=rf"needs the package {missing}: pip install 'headrace\[processes\]'"):
        ProcessPoolExecutor("pool")


def test_where_there_is_no_linux_it_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(ImportError, match="executor 'pool': processes need Linux; use threads"):
        ProcessPoolExecutor("pool")


def test_modules_to_import_beforehand_come_from_hooks_options_and_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hook:
        headrace_preload = ("hooked", "twice")

        def find_spec(self, *_: object) -> None:
            """Find nothing."""

    ours = [finder for finder in sys.meta_path if not hasattr(finder, "headrace_preload")]
    monkeypatch.setattr(sys, "meta_path", [*ours, Hook()])
    monkeypatch.setenv("HEADRACE_PRELOAD", "named , twice,")

    assert preloads(["asked"]) == ["hooked", "twice", "asked", "named"]
