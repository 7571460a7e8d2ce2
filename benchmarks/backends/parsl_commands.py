"""Parsl's `bash_app` on four threads."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.backends import command_lines
from benchmarks.backends.base import WORKERS, Commands

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

_parsl: Any = importlib.import_module("parsl")
_config: Any = importlib.import_module("parsl.config")
_executors: Any = importlib.import_module("parsl.executors")


def open_backend(scratch: Path, *, initialize_logging: bool = True) -> Commands:
    """Load a kernel with one pool of threads; its runs and its log are kept below `scratch`."""
    executor = _executors.ThreadPoolExecutor(label="threads", max_threads=WORKERS)
    kernel = _parsl.load(
        _config.Config(executors=[executor], run_dir=str(scratch / "runinfo"), initialize_logging=initialize_logging)
    )
    output = _parsl.bash_app(command_lines.output)
    return Commands(
        true=_parsl.bash_app(command_lines.true),
        output=lambda size, path: output(size, stdout=path),
        bare=command_lines.bare(),
        close=kernel.cleanup,
    )
