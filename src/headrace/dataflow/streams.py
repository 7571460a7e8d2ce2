"""What a call's `stdout`, `stderr` and `outputs` mean."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

from headrace.data import File
from headrace.dataflow.errors import BadStdStreamFile
from headrace.dataflow.future import AppFuture, DataFuture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.dataflow.task import Task

__all__ = ["AUTO_LOGNAME", "AutoLogname", "AutoPath", "Stream", "file_of_stream", "name_outputs", "name_streams"]

# So many tasks' logs go to one directory: file systems and people get slow with more.
_LOGS_PER_DIRECTORY = 10_000

_DEFAULT_MODE = "a"

_PAIR = 2
_MODES = {"a", "a+", "w", "w+", "x", "x+"}


class AutoLogname(Enum):
    """The type of `AUTO_LOGNAME`."""

    AUTO_LOGNAME = "a file of the task's own under the run directory"


#: Given as `stdout` or `stderr`: a file of the task's own, ``RUN_DIR/task_logs/NNNN/task_ID_APP[_LABEL].stdout``.
AUTO_LOGNAME: Final[Literal[AutoLogname.AUTO_LOGNAME]] = AutoLogname.AUTO_LOGNAME


class AutoPath(str):
    """A path that AUTO_LOGNAME stood for."""

    __slots__ = ()


#: What `stdout` and `stderr` may be: a path, a path with the mode to open it in, a local `File`, AUTO_LOGNAME, or None.
Stream = str | os.PathLike[str] | tuple[str | os.PathLike[str], str] | AutoLogname | None


def name_streams(
    task: Task, future: AppFuture[Any], run_dir: Path, autopath: Callable[[Task, str], Stream] | None = None
) -> dict[str, Any]:
    """Return the task's keyword arguments with AUTO_LOGNAME as a path; tell the future where its streams go."""
    kwargs = task.kwargs
    if "stdout" not in kwargs and "stderr" not in kwargs:
        return kwargs
    named = dict(kwargs)
    for stream in ("stdout", "stderr"):
        if named.get(stream) is AUTO_LOGNAME:
            if autopath is not None:
                chosen = autopath(task, stream)
                named[stream] = AutoPath(chosen) if isinstance(chosen, str) else chosen
                continue
            label = f"_{kwargs['label']}" if kwargs.get("label") else ""
            directory = run_dir / "task_logs" / f"{task.id // _LOGS_PER_DIRECTORY:04}"
            named[stream] = AutoPath(directory / f"task_{task.id}_{task.name}{label}.{stream}")
    shown = (named.get(stream) for stream in ("stdout", "stderr"))
    out, err = (DataFuture(future, one) if isinstance(one, File) else one for one in shown)
    future._streams = (out, err)  # noqa: SLF001 - a part of the kernel
    return named


def name_outputs(task: Task, future: AppFuture[Any]) -> None:
    """Give the future a `DataFuture` for each of the files that the call declares as `outputs`.

    Raises:
        TypeError: one of them is neither a `File` nor a path.
    """
    outputs = task.kwargs.get("outputs")
    if not outputs:
        return
    if not isinstance(outputs, list | tuple):
        raise TypeError(f"{task}: outputs must be a list of Files or paths, not {outputs!r}")
    for output in outputs:
        if not isinstance(output, str | os.PathLike):
            msg = f"{task}: outputs must be Files or paths, not {output!r}"
            raise TypeError(msg)
    future._outputs = [  # noqa: SLF001 - a part of the kernel
        DataFuture(future, output if isinstance(output, File) else File(output)) for output in outputs
    ]


def file_of_stream(name: str, stream: Stream) -> tuple[str, str] | None:
    """Return the file that `stdout` or `stderr` (`name`) of a call means, and the mode to open it in; None for None.

    Raises:
        BadStdStreamFile: it is not one of the forms of `Stream`.
    """
    if stream is None:
        return None
    path, mode = stream if isinstance(stream, tuple) and len(stream) == _PAIR else (stream, _DEFAULT_MODE)
    if not isinstance(path, str | os.PathLike) or mode not in _MODES:
        msg = f"{name} must be a path, a (path, mode) pair with mode 'a', 'w' or 'x', or AUTO_LOGNAME, not {stream!r}"
        raise BadStdStreamFile(msg)
    try:
        return os.fspath(path), mode[0]
    except ValueError as error:
        raise BadStdStreamFile(f"{name} cannot be written to {path!r}: {error}") from error
