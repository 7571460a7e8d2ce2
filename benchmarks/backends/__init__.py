"""The backends: one module a system and kind of task, each with `open_backend(scratch)`.

That gives a `Backend`; or, of commands, of a run that is looked back on, and of experiments, `Commands`, `History`
and `Experiments`.

A module is imported only in the process that measures it, and names its system by string, so that neither the suite's
tests nor its type checks need any peer installed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BACKENDS", "IMPORTS", "opener"]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a backend comes from: a module of this package, and options for its `open_backend`."""

    module: str
    options: dict[str, Any] = field(default_factory=dict)


_SOURCES: dict[str, dict[str, _Source]] = {
    "threads": {
        "headrace": _Source("headrace_threads"),
        "headrace-nojournal": _Source("headrace_threads", {"journal": False}),
        "futures": _Source("futures_threads"),
        "parsl-nolog": _Source("parsl_threads", {"initialize_logging": False}),
        "parsl": _Source("parsl_threads"),
        "dask": _Source("dask_processes"),
    },
    "journal": {
        "headrace": _Source("headrace_threads"),
        "parsl-nolog": _Source("parsl_threads", {"initialize_logging": False, "durable": True}),
        "parsl": _Source("parsl_threads", {"durable": True}),
    },
    "history": {"headrace": _Source("headrace_history")},
    "experiments": {
        "headrace": _Source("headrace_experiments"),
        "headrace-nojournal": _Source("headrace_experiments", {"journal": False}),
        "nepi": _Source("nepi_experiments"),
        "asynciojobs": _Source("asynciojobs_experiments"),
    },
    "flood": {"headrace": _Source("headrace_flood")},
    "processes": {
        "headrace": _Source("headrace_processes"),
        "futures": _Source("futures_processes"),
        "pebble": _Source("pebble_processes"),
        "parsl-nolog": _Source("parsl_processes", {"bare": True}),
        "parsl": _Source("parsl_processes"),
        "ray": _Source("ray_processes"),
        "dask": _Source("dask_processes"),
    },
    "commands": {
        "headrace": _Source("headrace_commands"),
        "headrace-argv": _Source("headrace_commands", {"shell": False}),
        "futures": _Source("futures_commands"),
        "futures-argv": _Source("futures_commands", {"shell": False}),
        "parsl-nolog": _Source("parsl_commands", {"initialize_logging": False}),
        "parsl": _Source("parsl_commands"),
    },
}

#: Group to the names of the backends it has.
BACKENDS = {group: tuple(sources) for group, sources in _SOURCES.items()}

#: What a program that uses the backend imports: measured by the cell `import`.
IMPORTS = {
    # All its names: by itself, `import headrace` imports little more than a list of them.
    "headrace": "from headrace import *",
    "futures": "import concurrent.futures",
    "parsl-nolog": "import parsl",
    "parsl": "import parsl",
    "dask": "import distributed",
}


def opener(group: str, name: str) -> Callable[..., Any]:
    """Import the module of a backend; what is returned starts it: ``open(scratch, **options)``.

    Whatever the backend writes goes below `scratch`.

    Raises:
        KeyError: the group has no backend of this name.
        ImportError: its system is not installed.
    """
    source = _SOURCES[group][name]
    module = importlib.import_module(f"{__name__}.{source.module}")
    return partial(module.open_backend, **source.options)
