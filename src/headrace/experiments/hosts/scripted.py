"""A host by way of its POSIX shell: what all hosts have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.experiments.hosts import shell
from headrace.experiments.hosts.errors import CommandFailed, HostClosed, Unsuitable
from headrace.experiments.hosts.values import HostInfo, tail

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.experiments.hosts.values import Completed, Process, ProcessStatus

__all__ = ["SCRIPT", "Found", "ScriptedHost"]

#: The text that has a shell read another one from its input.
SCRIPT = "exec sh -s"
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A file or folder of a host, by its path relative to what was looked at: "" is that itself."""

    path: str
    folder: bool
    mode: int


class ScriptedHost(ABC):
    """A host, given a way to run a shell's text and to move the content of single files.

    Args:
        name: what messages call it.
        base: the folder below which everything is put; relative to the user's home folder.
        timeout: seconds within which the host answers a small request.
    """

    def __init__(self, name: str, base: str | None, timeout: float) -> None:
        self._name = name
        self._wanted_base = ".headrace" if base is None else base.removeprefix("~/")
        self._timeout = timeout
        self._info: HostInfo | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._name

    @property
    def info(self) -> HostInfo:
        """What it said of itself. See `Host.info`."""
        if self._info is None:
            raise HostClosed(self._name, "it has not been connected; connect() comes first")
        return self._info

    def __str__(self) -> str:
        return self._name

    # --- ways, to be given --------------------------------------------------------------------------------------------

    @abstractmethod
    async def _execute(
        self,
        text: str,
        stdin: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the command is ended with it
        limit: int,
        *,
        repeatable: bool = False,
    ) -> Completed:
        """Have a shell execute a text; do it again after a lost connection if that is safe."""

    @abstractmethod
    async def _await_end(self, process: Process) -> ProcessStatus:
        """Wait until a process does not run any more."""

    @abstractmethod
    async def _send(self, local: Path, remote: str) -> None:
        """Copy the content of a file to a new file that only the user may read."""

    @abstractmethod
    async def _fetch(self, remote: str, local: Path) -> None:
        """Copy the content of a file to a new file here."""

    @abstractmethod
    async def _list(self, remote: str) -> list[Found]:
        """Return what is at a path, and below it if it is a folder, outer folders first.

        Symbolic links to files count as files; those to folders are left out.
        """

    @abstractmethod
    async def _read(self, remote: str, offset: int, size: int) -> bytes:
        """Return a part of a file."""

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _script(self, text: str, *, sudo: bool = False, repeatable: bool = True, more: float = 0.0) -> Completed:
        """Have a shell read a text from its input. It may be read again if the connection is lost meanwhile."""
        command = "exec sudo -n -- sh -s" if sudo else SCRIPT
        return await self._execute(command, shell.encoded(text), self._timeout + more, _LIMIT, repeatable=repeatable)

    async def connect(self) -> HostInfo:
        """Find out whether the host will do, and make the base folder. See `Host.connect`."""
        if self._info is None:
            done = await self._script(shell.call("files.sh", "probe", self._wanted_base))
            lines = done.stdout.decode(errors="surrogateescape").splitlines()
            try:
                done.check(self._name, "finding out what the host is")
                home, base, user, uid, boot, system = lines
                self._info = HostInfo(home, base, user, int(uid), boot, system)
            except (CommandFailed, ValueError) as error:
                said = tail(done.stderr) or tail(done.stdout) or "nothing"
                raise Unsuitable(self._name, f"it will not do as a host: it said {said}") from error
        return self._info
