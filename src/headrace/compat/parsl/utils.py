"""Stands for `parsl.utils` and `parsl.dataflow.rundirs`: those of their functions that programs use."""

from __future__ import annotations

import inspect
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from headrace.compat.parsl.version import VERSION
from headrace.dataflow.rundir import make_run_dir

if TYPE_CHECKING:
    import os

__all__ = [
    "RepresentationMixin",
    "execute_wait",
    "get_all_checkpoints",
    "get_last_checkpoint",
    "get_version",
    "make_rundir",
    "wtime_to_minutes",
]


def get_version() -> str:
    """Return the version of Parsl that is stood in for."""
    return VERSION


def get_all_checkpoints(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """Return the checkpoint directories of the runs in a directory, oldest first: those that Parsl has left there."""
    return [str(found.resolve()) for run in _runs(rundir) if (found := run / "checkpoint").is_dir()]


def get_last_checkpoint(rundir: str | os.PathLike[str] = "runinfo") -> list[str]:
    """Return the last of `get_all_checkpoints`, in a list; an empty list if there is none."""
    return get_all_checkpoints(rundir)[-1:]


def make_rundir(path: str | os.PathLike[str]) -> str:
    """Make the next numbered run directory in `path`; return it."""
    return str(make_run_dir(Path(path)))


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


def _runs(rundir: str | os.PathLike[str]) -> list[Path]:
    place = Path(rundir)
    found = [run for run in place.iterdir() if run.name.isdecimal()] if place.is_dir() else []
    return sorted(found, key=lambda run: int(run.name))
