"""Traces that are files on a host."""

from __future__ import annotations

import io
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.experiments.errors import ExperimentError, TraceError
from headrace.experiments.hosts.errors import FileNotThere, HostError
from headrace.experiments.hosts.local import LocalHost
from headrace.experiments.resource import ResourceManager
from headrace.experiments.trace import TraceAttr, copy_trace, read_trace

if TYPE_CHECKING:
    from headrace.experiments.hosts import Host

__all__ = ["HostTraces"]

#: The bytes of the longest character in UTF-8, after the first.
_FOLLOWING = 3


class HostTraces(ResourceManager):
    """A resource whose traces are files in `process_directory` on `host`; a file here, in `directory`, comes first.

    On this machine, without SSH, they are read where they are.
    """

    @property
    def host(self) -> Host:
        """Where the files are."""
        raise NotImplementedError

    @property
    def process_directory(self) -> str:
        """The folder on the host where they are."""
        raise NotImplementedError

    def do_trace(self, name: str) -> Path:
        """Return where a trace's file is: on this machine, unless it is on a host over SSH and was not copied here."""
        local = self.directory / name
        if local.exists():
            return local
        try:
            return Path(self.process_directory, name)
        except ExperimentError:  # No host is connected.
            return local

    def trace(self, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0) -> Any:  # noqa: ANN401 - text, a path or a number, or a coroutine that returns it
        """Return what was recorded. See `ResourceManager.trace`."""
        if self._is_here(name) or attr is TraceAttr.PATH:
            return read_trace(self.do_trace(name), attr, block, offset)
        if block < 1 or offset < 0:
            raise ValueError(
                f"a block has 1 byte or more, and the first is number 0: not {block} bytes, number {offset}"
            )
        return self._read_there(name, attr, block, offset)

    def fetch_trace(self, name: str, target: Path) -> Any:  # noqa: ANN401 - None, or a coroutine
        """Copy what was recorded. See `ResourceManager.fetch_trace`."""
        if self._is_here(name):
            copy_trace(self.do_trace(name), target)
            return None
        return self._fetch_from_there(name, target)

    async def keep_traces(self) -> None:
        """Copy those that are recorded from another machine to this one, as far as they are there."""
        for name in self.enabled_traces():
            if not self._is_here(name):
                try:
                    await self._fetch_from_there(name, self.directory / name)
                except TraceError as error:
                    if not isinstance(error.__cause__, FileNotThere):
                        raise

    def _is_here(self, name: str) -> bool:
        """Tell whether the trace's file is one of this machine, or is nowhere."""
        if (self.directory / name).exists():
            return True
        try:
            return isinstance(self.host, LocalHost)
        except ExperimentError:
            return True

    async def _read_there(self, name: str, attr: TraceAttr, block: int, offset: int) -> str | int:
        path = posixpath.join(self.process_directory, name)
        try:
            if attr is TraceAttr.SIZE:
                return await self.host.size(path)
            if attr is TraceAttr.ALL:
                return (await self.host.read(path)).decode(errors="replace")
            start = block * offset
            content = await self.host.read(path, start, block + _FOLLOWING)
        except HostError as error:
            raise self._problem(name, error) from error
        return _block(content, block, first=start == 0)

    async def _fetch_from_there(self, name: str, target: Path) -> None:
        try:
            await self.host.get(posixpath.join(self.process_directory, name), target)
        except HostError as error:
            raise self._problem(name, error) from error

    def _problem(self, name: str, error: HostError) -> TraceError:
        if isinstance(error, FileNotThere):
            return TraceError(f"{self}: trace {name}: nothing has been recorded so far: {error}")
        return TraceError(f"{self}: trace {name} cannot be read: {error}")


def _block(content: bytes, block: int, *, first: bool) -> str:
    """Return a block of a text: a character across its end belongs to it, one across its beginning does not."""
    begin = 0 if first else _boundary(content, 0)
    return content[begin : _boundary(content, block)].decode(errors="replace")


def _boundary(content: bytes, at: int) -> int:
    """Return where the first character at or after a place begins."""
    stream = io.BytesIO(content[at : at + _FOLLOWING])
    skipped = 0
    while (byte := stream.read(1)) and byte[0] & 0b1100_0000 == 0b1000_0000:  # noqa: PLR2004 - UTF-8's own mark
        skipped += 1
    return at + skipped
