"""Headrace's commands on four threads, as it comes: `bash_app`, or `command_app`, which needs no shell."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.backends import command_lines
from benchmarks.backends.base import WORKERS, Commands

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

_headrace: Any = importlib.import_module("headrace")


def open_backend(scratch: Path, *, shell: bool = True) -> Commands:
    """Load a kernel with one pool of threads; its runs are kept below `scratch`."""
    executor = _headrace.ThreadPoolExecutor("threads", max_threads=WORKERS)
    kernel = _headrace.load(_headrace.Config(executors=[executor], run_dir=str(scratch / "runinfo")))
    if shell:
        true, output = map(_headrace.bash_app, (command_lines.true, command_lines.output))
    else:
        true, output = map(_headrace.command_app, (command_lines.true_argv, command_lines.output_argv))
    return Commands(
        true=true,
        output=lambda size, path: output(size, stdout=path),
        bare=command_lines.bare(shell=shell),
        close=kernel.cleanup,
    )
