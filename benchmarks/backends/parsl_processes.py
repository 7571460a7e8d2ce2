"""Parsl's HighThroughputExecutor on this machine: its interchange, one manager, worker processes."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from benchmarks.backends import tasks
from benchmarks.backends.base import PROCESSES, Backend

__all__ = ["open_backend"]

_parsl: Any = importlib.import_module("parsl")
_config: Any = importlib.import_module("parsl.config")
_executors: Any = importlib.import_module("parsl.executors")
_providers: Any = importlib.import_module("parsl.providers")


def open_backend(scratch: Path, *, workers: int = PROCESSES, bare: bool = False) -> Backend:
    """Load a kernel with that executor as it comes; `bare` turns its log and its encryption off.

    Its runs and its log are kept below `scratch`.
    """
    # Parsl finds its own scripts by PATH, as in an activated environment; its workers find this package by PYTHONPATH.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    provider = _providers.LocalProvider(worker_init=f"export PYTHONPATH={shlex.quote(str(Path.cwd()))}")
    options = {"encrypted": False} if bare else {}
    executor = _executors.HighThroughputExecutor(
        label="processes", max_workers_per_node=workers, provider=provider, **options
    )
    kernel = _parsl.load(
        _config.Config(executors=[executor], run_dir=str(scratch / "runinfo"), initialize_logging=not bare)
    )
    count = _parsl.python_app(tasks.count)
    return Backend(
        noop=_parsl.python_app(tasks.noop),
        link=_parsl.python_app(tasks.increment),
        join=lambda futures: count(inputs=futures),
        drain=kernel.wait_for_current_tasks,
        close=kernel.cleanup,
        die=_parsl.python_app(tasks.die),
    )
