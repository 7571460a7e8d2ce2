"""Stands for `parsl.utils` and `parsl.dataflow.rundirs`: those of their functions that programs use."""

from __future__ import annotations

import inspect
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from headrace.compat.parsl.version import VERSION
from headrace.dataflow import get_all_checkpoints, get_last_checkpoint
from headrace.dataflow.rundir import make_run_dir

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = [
    "RepresentationMixin",
    "execute_wait",
    "get_all_checkpoints",
    "get_last_checkpoint",
    "get_version",
    "make_rundir",
    "time_limited_open",
    "wait_for_file",
    "wtime_to_minutes",
]

# Between two looks at what nothing announces.
_INTERVAL: Final = 0.01


def get_version() -> str:
    """Return the version of Parsl that is stood in for."""
    return VERSION


def make_rundir(path: str | os.PathLike[str]) -> str:
    """Make the next numbered run directory in `path`; return it."""
    return str(make_run_dir(Path(path)))


@contextmanager
def wait_for_file(path: str | os.PathLike[str], seconds: float = 10) -> Iterator[None]:
    """Wait before the block until there is such a file, for so many seconds at most."""
    deadline = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(_INTERVAL)
    yield


@contextmanager
def time_limited_open(path: str | os.PathLike[str], mode: str, seconds: float = 1) -> Iterator[IO[Any]]:
    """Open a file for the block when it is there, which may take so many seconds at most.

    Raises:
        FileNotFoundError: it is not there by then.
    """
    with wait_for_file(path, seconds), Path(path).open(mode) as file:
        yield file


def wtime_to_minutes(time_string: str) -> int:
    """Return the whole minutes of a time as HH:MM:SS.

    Raises:
        ValueError: it is none.
    """
    hours, minutes, _ = time_string.split(":")
    return int(hours) * 60 + int(minutes)


def execute_wait(cmd: str, walltime: int | None = None) -> tuple[int, str, str]:
    """Run a command line with the shell; return its exit code and what it wrote to stdout and stderr.

    Raises:
        subprocess.TimeoutExpired: it took longer than `walltime` seconds; it has been killed.
    """
    done = subprocess.run(cmd, shell=True, check=False, capture_output=True, text=True, timeout=walltime)  # noqa: S602 - what it is for
    return done.returncode, done.stdout, done.stderr


class RepresentationMixin:
    """Gives a class a repr that names its constructor's arguments, each kept in an attribute of the same name."""

    #: A longer one takes a line for each argument.
    __max_width__: ClassVar[int] = 80
    #: Whether an argument without such an attribute is an AttributeError.
    _validate_repr: ClassVar[bool] = False

    def __repr__(self) -> str:
        parts = [
            f"{name}={getattr(self, name) if self._validate_repr else getattr(self, name, '<unrecorded>')!r}"
            for name in inspect.signature(type(self)).parameters
        ]
        line = f"{type(self).__name__}({', '.join(parts)})"
        if len(line) <= self.__max_width__:
            return line
        return f"{type(self).__name__}(\n    " + ",\n    ".join(parts) + "\n)"
