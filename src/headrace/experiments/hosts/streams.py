"""The streams of commands, in bounded memory."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

__all__ = ["Kept", "Readable", "Writable", "feed", "keep"]

_CHUNK = 1 << 16


class Readable(Protocol):
    """Where a command's output comes from."""

    async def read(self, n: int = -1, /) -> bytes:
        """Return the next bytes, no more than `n`; none at the end."""
        ...


class Writable(Protocol):
    """Where a command's input goes to."""

    def write(self, data: bytes, /) -> None:
        """Take bytes."""
        ...

    async def drain(self) -> None:
        """Wait until more may be written."""
        ...

    def write_eof(self) -> None:
        """End the input."""
        ...


class Kept:
    """The beginning of an output, no more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._content = bytearray()
        #: Whether there was more.
        self.truncated = False

    @property
    def content(self) -> bytes:
        """What was kept."""
        return bytes(self._content)

    def add(self, data: bytes) -> None:
        """Keep what there is room for."""
        room = self._limit - len(self._content)
        self._content += data[:room]
        self.truncated |= len(data) > room


async def keep(stream: Readable | None, kept: Kept) -> None:
    """Read a stream to its end."""
    while stream is not None and (data := await stream.read(_CHUNK)):
        kept.add(data)


async def feed(stream: Writable | None, data: bytes | None) -> None:
    """Write a command's input, as far as it reads it, and end it."""
    if stream is None:
        return
    # A command need not read what it is given.
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data or b""), _CHUNK):
            stream.write((data or b"")[start : start + _CHUNK])
            await stream.drain()
    with suppress(OSError):
        stream.write_eof()
