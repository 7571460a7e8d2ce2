"""The files of a command's streams, opened where it is submitted."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Final, Literal

from headrace.compute.engines.base import Inherit, Output, StreamError
from headrace.compute.nursery.descriptors import standard_streams_reserved

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.compute.engines.base import CommandSpec

__all__ = ["close_all", "open_streams"]

_FLAGS: Final = {
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "w": os.O_WRONLY | os.O_CREAT,  # It is emptied when the command begins.
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}
_NUMBERS: Final = {"stdout": 1, "stderr": 2}


def open_streams(spec: CommandSpec, opened: dict[str, int]) -> None:
    """Add the file descriptors of those streams that the spec names. They are the caller's to close, in any case.

    A stdout and stderr of one path are one open file, so that neither overwrites the other.

    Raises:
        StreamError: one cannot be opened.
    """
    try:
        if all(_has(number) for number in range(3)):
            _open_all(spec, opened)
        else:
            with standard_streams_reserved():
                _open_all(spec, opened)
    except OSError as error:
        raise StreamError(f"{spec.name}: its files cannot be opened: {_why(error)}") from error


def close_all(opened: dict[str, int]) -> None:
    """Close them, and forget them."""
    while opened:
        os.close(opened.popitem()[1])


def _open_all(spec: CommandSpec, opened: dict[str, int]) -> None:
    if spec.stdin is not None:
        _open(spec, opened, "stdin", spec.stdin, os.O_RDONLY)
    for name, output in _outputs(spec):
        if isinstance(output, Inherit):
            opened[name] = _inherit(spec, name)
        elif name == "stderr" and isinstance(spec.stdout, Output) and spec.stdout.path == output.path:
            opened[name] = os.dup(opened["stdout"])
        else:
            _open(spec, opened, name, output.path, _FLAGS[output.mode])


def _outputs(spec: CommandSpec) -> list[tuple[Literal["stdout", "stderr"], Output | Inherit]]:
    both: list[tuple[Literal["stdout", "stderr"], Output | Inherit | None]] = [
        ("stdout", spec.stdout),
        ("stderr", spec.stderr),
    ]
    return [(name, output) for name, output in both if output is not None]


def _open(spec: CommandSpec, opened: dict[str, int], name: str, path: Path, flags: int) -> None:
    try:
        # Not blocking: a named pipe that nobody reads is an error, where it would else be a wait without an end.
        opened[name] = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
        os.set_blocking(opened[name], True)
    except (OSError, ValueError) as error:
        raise StreamError(
            f"{spec.name}: {name} cannot be opened at {os.fspath(path)!r}: {_why(error)}", name, path
        ) from error


def _inherit(spec: CommandSpec, name: Literal["stdout", "stderr"]) -> int:
    # Whoever was started without one has a file of its own under that number by now.
    if getattr(sys, f"__{name}__") is None:
        return os.open(os.devnull, os.O_WRONLY)
    try:
        return os.dup(_NUMBERS[name])
    except OSError as error:
        raise StreamError(f"{spec.name}: {name} cannot be inherited: {_why(error)}", name) from error


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return str(error)
    if error.errno == errno.EMFILE:
        return f"{error.strerror}; raise the limit (ulimit -n), or run less at one time"
    return error.strerror or str(error)


def _has(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
