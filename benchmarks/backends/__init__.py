"""The backends: one module a system, each with `open_backend(scratch) -> Backend`.

A module is imported only in the process that measures it, and names its system by string, so that neither the suite's
tests nor its type checks need any peer installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.backends.base import Backend

__all__ = ["IMPORTS", "open_backend"]

_MODULES = {
    "headrace": "benchmarks.backends.headrace_threads",
    "futures": "benchmarks.backends.futures_threads",
    "parsl-nolog": "benchmarks.backends.parsl_threads_nolog",
    "parsl": "benchmarks.backends.parsl_threads",
    "dask": "benchmarks.backends.dask_processes",
}

#: What a program that uses the backend imports: measured by the cell `import`.
IMPORTS = {
    "headrace": "headrace",
    "futures": "concurrent.futures",
    "parsl-nolog": "parsl",
    "parsl": "parsl",
    "dask": "distributed",
}


def open_backend(name: str, scratch: Path) -> Backend:
    """Start the backend called `name`, ready for tasks; whatever it writes goes below `scratch`.

    Raises:
        KeyError: no backend has this name.
        ImportError: its system is not installed.
    """
    opened: Backend = importlib.import_module(_MODULES[name]).open_backend(scratch)
    return opened
