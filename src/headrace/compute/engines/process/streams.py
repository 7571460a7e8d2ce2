"""The files of a command's streams, opened where it is submitted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Literal

from headrace.compute.engines.base import Inherit, Output, StreamError

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


def open_streams(spec: CommandSpec) -> dict[str, int]:
    """Return the file descriptors of those streams that the spec names. They are the caller's to close.

    A stdout and stderr of one path are one open file, so that neither overwrites the other.

    Raises:
        StreamError: one cannot be opened. None is left open.
    """
    opened: dict[str, int] = {}
    try:
        if spec.stdin is not None:
            opened["stdin"] = _open(spec, "stdin", spec.stdin, os.O_RDONLY)
        for name, output in _outputs(spec):
            if isinstance(output, Inherit):
                opened[name] = _inherit(spec, name)
            elif name == "stderr" and isinstance(spec.stdout, Output) and spec.stdout.path == output.path:
                opened[name] = os.dup(opened["stdout"])
            else:
                opened[name] = _open(spec, name, output.path, _FLAGS[output.mode])
    except BaseException:
        close_all(opened)
        raise
    return opened


def close_all(opened: dict[str, int]) -> None:
    """Close them, and forget them."""
    while opened:
        os.close(opened.popitem()[1])


def _outputs(spec: CommandSpec) -> list[tuple[Literal["stdout", "stderr"], Output | Inherit]]:
    both: list[tuple[Literal["stdout", "stderr"], Output | Inherit | None]] = [
        ("stdout", spec.stdout),
        ("stderr", spec.stderr),
    ]
    return [(name, output) for name, output in both if output is not None]


def _open(spec: CommandSpec, name: str, path: Path, flags: int) -> int:
    try:
        # Not blocking: a named pipe that nobody reads is an error, where it would else be a wait without an end.
        fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
        os.set_blocking(fd, True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StreamError(f"{spec.name}: {name} cannot be opened at {os.fspath(path)!r}: {why}", name, path) from error
    return fd


def _inherit(spec: CommandSpec, name: str) -> int:
    try:
        return os.dup(_NUMBERS[name])
    except OSError as error:
        raise StreamError(
            f"{spec.name}: {name} cannot be inherited: this process has none ({error.strerror})", name
        ) from error
