"""`import parsl` gives Headrace's own objects, under one import hook."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest

import headrace
from headrace import compat
from headrace.compat.faces import FACES
from headrace.compat.finder import AliasFinder
from headrace.compute import executors
from headrace.dataflow import TaskState

SAME = [
    ("parsl", "python_app", headrace.python_app),
    ("parsl", "bash_app", headrace.bash_app),
    ("parsl", "join_app", headrace.join_app),
    ("parsl", "File", headrace.File),
    ("parsl", "AUTO_LOGNAME", headrace.AUTO_LOGNAME),
    ("parsl", "dfk", headrace.dfk),
    ("parsl", "clear", headrace.clear),
    ("parsl", "wait_for_current_tasks", headrace.wait_for_current_tasks),
    ("parsl.app.app", "python_app", headrace.python_app),
    ("parsl.app.errors", "AppException", headrace.AppException),
    ("parsl.app.errors", "BashExitFailure", headrace.BashExitFailure),
    ("parsl.app.errors", "MissingOutputs", headrace.MissingOutputs),
    ("parsl.app.futures", "DataFuture", headrace.DataFuture),
    ("parsl.data_provider.files", "File", headrace.File),
    ("parsl.dataflow.dependency_resolvers", "DEEP_DEPENDENCY_RESOLVER", headrace.DEEP_DEPENDENCY_RESOLVER),
    ("parsl.dataflow.errors", "DependencyError", headrace.DependencyError),
    ("parsl.dataflow.errors", "JoinError", headrace.JoinError),
    ("parsl.dataflow.futures", "AppFuture", headrace.AppFuture),
    ("parsl.dataflow.states", "States", TaskState),
    ("parsl.errors", "ConfigurationError", headrace.ConfigurationError),
    ("parsl.errors", "NoDataFlowKernelError", headrace.NoDataFlowKernelError),
    ("parsl.errors", "ParslError", headrace.HeadraceError),
    ("parsl.executors.high_throughput.errors", "WorkerLost", executors.WorkerLost),
    ("parsl.serialize.errors", "SerializationError", executors.SerializationError),
]

pytestmark = pytest.mark.usefixtures("parsl")


@pytest.mark.parametrize(("module", "name", "ours"), SAME, ids=[f"{module}.{name}" for module, name, _ in SAME])
def test_a_name_with_a_counterpart_is_that_very_object(module: str, name: str, ours: Any) -> None:  # noqa: ANN401 - any
    assert getattr(importlib.import_module(module), name) is ours


@pytest.mark.parametrize("name", sorted({**FACES["parsl"].modules, **FACES["parsl"].on_demand}))
def test_each_module_of_the_table_can_be_imported_and_is_the_module_it_stands_for(name: str) -> None:
    imported = importlib.import_module(name)

    assert imported is importlib.import_module(FACES["parsl"].real(name) or "")


def test_the_package_stands_for_itself() -> None:
    assert importlib.import_module("parsl") is importlib.import_module("headrace.compat.parsl")


def test_modules_are_attributes_once_the_package_is_imported() -> None:
    """Programs import the package only, and write ``parsl.app.errors.AppException``."""
    package: Any = importlib.import_module("parsl")

    assert package.app.errors.AppException is headrace.AppException
    assert package.executors.threads.ThreadPoolExecutor is package.ThreadPoolExecutor
    assert package.data_provider.files.File is headrace.File


def test_a_module_keeps_its_own_spec() -> None:
    module = importlib.import_module("parsl.config")

    assert module.__spec__ is not None
    assert module.__spec__.name == module.__name__ == "headrace.compat.parsl.config"


def test_a_star_import_gives_what_parsls_gives() -> None:
    names: dict[str, Any] = {}

    exec("from parsl import *", names)  # noqa: S102 - what is tested

    assert set(names) - {"__builtins__"} == {
        "AUTO_LOGNAME",
        "Config",
        "DataFlowKernel",
        "File",
        "HighThroughputExecutor",
        "MonitoringHub",
        "RadicalPilotExecutor",
        "ThreadPoolExecutor",
        "WorkQueueExecutor",
        "bash_app",
        "join_app",
        "python_app",
        "set_file_logger",
        "set_stream_logger",
    }


def test_installing_again_does_nothing() -> None:
    package = importlib.import_module("parsl")

    compat.install("parsl")

    assert compat.installed() == ("parsl",)
    assert sum(isinstance(finder, AliasFinder) for finder in sys.meta_path) == 1
    assert importlib.import_module("parsl") is package


def test_the_hook_stands_before_all_others() -> None:
    """An installed Parsl is not found."""
    assert isinstance(sys.meta_path[0], AliasFinder)


def test_an_unknown_module_is_refused_with_the_names_of_those_beside_it() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"'parsl\.app\.ap'.*parsl\.app\.app, parsl\.app\.bash") as caught:
        importlib.import_module("parsl.app.ap")

    assert caught.value.name == "parsl.app.ap"


def test_other_packages_are_left_alone() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'parslow'$"):
        importlib.import_module("parslow")


def test_the_hook_says_what_a_worker_must_import() -> None:
    (finder,) = (finder for finder in sys.meta_path if isinstance(finder, AliasFinder))

    assert finder.headrace_preload == ("headrace.compat.parsl",)


def test_uninstalled_the_name_is_free_again() -> None:
    importlib.import_module("parsl.app.errors")

    compat.uninstall("parsl")

    assert compat.installed() == ()
    assert not [name for name in sys.modules if name.partition(".")[0] == "parsl"]
    assert not [finder for finder in sys.meta_path if isinstance(finder, AliasFinder)]


def test_uninstalling_what_is_not_installed_does_nothing() -> None:
    compat.uninstall("parsl")
    compat.uninstall("parsl")

    assert compat.installed() == ()


def test_a_face_that_nobody_knows_is_refused() -> None:
    with pytest.raises(compat.UnknownFaceError, match="no stand-in for 'luigi'; there is one for: parsl"):
        compat.install("luigi")


@pytest.mark.usefixtures("clean")
def test_a_real_parsl_that_is_imported_already_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    compat.uninstall("parsl")
    real = ModuleType("parsl")
    real.__file__ = "/site-packages/parsl/__init__.py"
    monkeypatch.setitem(sys.modules, "parsl", real)

    with pytest.raises(compat.AlreadyImportedError, match=r"/site-packages/parsl/__init__\.py.*before anything"):
        compat.install("parsl")

    assert compat.installed() == ()
