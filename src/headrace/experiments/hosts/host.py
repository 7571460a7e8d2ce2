"""What a host is, whatever way it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from headrace.experiments.hosts.values import Completed, HostInfo, Launch, Process, ProcessStatus

__all__ = ["Host"]


@runtime_checkable
class Host(Protocol):
    """A machine with Linux on which commands run and files lie.

    Everything is asynchronous and belongs to the loop on which the host was first used. Every request ends in bounded
    time, those apart that are made to wait for something. Paths of the host are absolute.

    A host whose connection is lost is connected again by the next request, or by whoever waits for an end. What cannot
    be reached raises `HostUnreachable`: that says nothing about what runs there.
    """

    @property
    def name(self) -> str:
        """What messages call it, as "user@name:22"."""
        ...

    @property
    def info(self) -> HostInfo:
        """What it said of itself.

        Raises:
            HostClosed: it has not been connected.
        """
        ...

    async def connect(self) -> HostInfo:
        """Connect, find out whether the host will do, make the base folder. May be repeated.

        Raises:
            HostUnreachable: no connection could be made in time.
            HostError: it was reached and will not do; each kind has its class.
        """
        ...

    async def close(self) -> None:
        """Give up the connection. Launched processes go on; commands that `run` waits for are ended."""
        ...

    async def run(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | str | None = None,
        sudo: bool = False,
        timeout: float = 60.0,  # noqa: ASYNC109 - the command is ended with it
        limit: int = 1 << 20,
    ) -> Completed:
        """Run a command and wait for its end.

        Args:
            command: text for the host's POSIX shell, or a program and its arguments.
            env: variables beyond those that the user has there.
            cwd: where it runs; None means the user's home folder.
            stdin: what it reads; None means nothing.
            sudo: run it as root, by ``sudo -n``; as root nothing is changed.
            timeout: seconds after which it is told to end.
            limit: how many bytes of each output are kept; the rest is read and dropped.

        Raises:
            CommandTimedOut: it took too long.
            SudoRefused: sudo would ask for a password.
            ConnectionLost: the connection has ended meanwhile; whether the command did its work is unknown.
        """
        ...

    async def launch(self, process: Process, launch: Launch) -> ProcessStatus:
        """Start a command that outlives this connection and this program. May be repeated: it is started once.

        Raises:
            LaunchFailed: it could not be started.
            SudoRefused: sudo would ask for a password.
            HostUnreachable: whether it was started is unknown; `adopt`, `status` or another `launch` will tell.
        """
        ...

    async def status(self, process: Process) -> ProcessStatus:
        """Return how a process does, verified by process id, start time and boot.

        Raises:
            HostUnreachable: that is not known.
        """
        ...

    async def ended(self, process: Process) -> ProcessStatus:
        """Wait, by an event, until a process does not run any more; return how it ended.

        However long the host cannot be reached meanwhile: it is connected again and again.

        Raises:
            HostError: the host cannot be used any more, for another reason than being unreachable.
        """
        ...

    async def stop(self, process: Process, grace: float = 5.0) -> ProcessStatus:
        """End a process, and all that it has started: TERM, and KILL after `grace` seconds. May be repeated.

        One that has not been started never will be. What has left its process group is found by its session, and by
        a mark in its environment; nothing is found by its name.

        Raises:
            StopFailed: something of it does not end.
        """
        ...

    async def adopt(self, facts: Mapping[str, Any]) -> Process:
        """Find a process again by its `Process.facts`, in whatever program.

        Raises:
            ProcessUnknown: there is none.
            ValueError: these are no facts.
        """
        ...

    async def put(self, local: Path, remote: str) -> bool:
        """Copy a file or a folder to the host. Return whether anything had to be sent.

        A file appears there as a whole, with its permissions, and with what it was sent; one that has the same content
        is not sent. What the folder there has beyond is left.

        Raises:
            FileProblem: something cannot be read or written.
        """
        ...

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file or a folder from the host. A file appears here as a whole.

        Raises:
            FileNotThere: there is none.
        """
        ...

    async def read(self, remote: str, offset: int = 0, size: int = -1) -> bytes:
        """Return a part of a file; nothing beyond its end. A negative size means all of it.

        Raises:
            FileNotThere: there is none.
        """
        ...

    async def size(self, remote: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            FileNotThere: there is none.
        """
        ...

    async def write_text(self, remote: str, text: str, mode: int = 0o644) -> None:
        """Write a file, as a whole. Its folder is made."""
        ...

    async def make_directory(self, *remote: str) -> None:
        """Make folders, and those that they are in, unless they are there."""
        ...

    async def remove_tree(self, remote: str) -> None:
        """Remove a file or a folder with all that it holds, if it is there. Symbolic links are not followed.

        Raises:
            OutsideBase: it is not below the base folder.
        """
        ...
