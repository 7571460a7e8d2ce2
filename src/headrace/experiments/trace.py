"""Traces: what a resource records while it lives, as a file that can be asked for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO

from headrace.experiments.errors import TraceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Trace", "TraceAttr", "copy_trace", "read_trace"]


class TraceAttr(Enum):
    """What of a trace is asked for."""

    #: All of its content.
    ALL = "all"
    #: One block of its content.
    STREAM = "stream"
    #: Where its file is.
    PATH = "path"
    #: How many bytes it has.
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Trace:
    """What a class of resources can record. One declaration is shared by all its instances.

    Attributes:
        name: what it is asked for by, and the name of its file.
        help: what it holds, for people.
        enabled: whether it is recorded by default.

    Raises:
        ValueError: the name is none that a file can have.
    """

    name: str
    help: str
    enabled: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name in {"", ".", ".."} or not {"/", "\0"}.isdisjoint(self.name):
            raise ValueError(f"a trace's name is the name of its file, without folders: {self.name!r} is none")


def read_trace(path: Path, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0) -> str | Path | int:
    """Return what is asked of a trace whose file is on this machine.

    Args:
        path: the file.
        attr: ALL: its text; STREAM: one block of it; PATH: `path`, whether it exists yet or not; SIZE: its bytes.
        block: for STREAM: how many bytes a block has.
        offset: for STREAM: which block, counted from 0; beyond the end there is "".

    What is no UTF-8 reads as U+FFFD; the file has it as it was. A character that lies across the end of a block belongs
    to that block, so that the blocks one after the other are the whole text.

    Raises:
        TraceError: there is no file, so far, or it cannot be read.
        ValueError: `block` is less than 1, or `offset` less than 0.
    """
    if block < 1 or offset < 0:
        raise ValueError(f"a block has 1 byte or more, and the first is number 0: not {block} bytes, number {offset}")
    try:
        attr = TraceAttr(attr)
    except ValueError:
        known = ", ".join(each.name for each in TraceAttr)
        raise TraceError(f"a trace cannot be read as {attr!r}; there are {known}") from None
    if attr is TraceAttr.PATH:
        return path
    try:
        if attr is TraceAttr.SIZE:
            return path.stat().st_size
        with path.open("rb") as file:
            return (file.read() if attr is TraceAttr.ALL else _block(file, block, offset)).decode(errors="replace")
    except FileNotFoundError as error:
        raise TraceError(f"nothing has been recorded so far: there is no {path}") from error
    except OSError as error:
        raise TraceError(f"the trace {path} cannot be read: {error.strerror or error}") from error


def copy_trace(path: Path, target: Path) -> None:
    """Copy a trace whose file is on this machine, byte for byte; `target` is whole on return, and never half there.

    Raises:
        TraceError: there is no file, so far, or it cannot be read.
        OSError: `target` cannot be written.
    """
    try:
        source = path.open("rb")
    except FileNotFoundError as error:
        raise TraceError(f"nothing has been recorded so far: there is no {path}") from error
    except OSError as error:
        raise TraceError(f"the trace {path} cannot be read: {error.strerror or error}") from error
    new = target.with_name(f".{target.name}.new")
    with source, new.open("wb") as file:
        shutil.copyfileobj(source, file)
    new.replace(target)


# Of the longest character in UTF-8, the bytes after the first.
_FOLLOWING = 3


def _block(file: BinaryIO, block: int, offset: int) -> bytes:
    start = block * offset
    file.seek(start)
    content = file.read(block + _FOLLOWING)
    begin = _boundary(content, 0) if start else 0
    return content[begin : _boundary(content, block)]


def _boundary(content: bytes, at: int) -> int:
    """Return where the first character at or after a place begins."""
    first = (i for i, byte in enumerate(content[at : at + _FOLLOWING]) if not _follows(byte))
    return at + next(first, _FOLLOWING)


def _follows(byte: int) -> bool:
    """Tell whether a byte is none of a character's first."""
    return byte & 0b1100_0000 == 0b1000_0000  # noqa: PLR2004 - UTF-8's own mark
