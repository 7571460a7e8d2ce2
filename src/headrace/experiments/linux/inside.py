"""A host as it is seen from within one of its network namespaces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from headrace.experiments.hosts import Completed, Host, HostInfo, Launch, Process, ProcessStatus

__all__ = ["InNetNS"]


class InNetNS:
    """A `Host` whose commands run in a network namespace, as root. Its files are those of the host around it.

    Args:
        host: the host around it; it is neither connected nor closed here.
        namespace: its name.
    """

    def __init__(self, host: Host, namespace: str) -> None:
        self._host = host
        self._namespace = namespace

    @property
    def name(self) -> str:
        """What messages call it: the namespace, and the host around it."""
        return f"{self._namespace} on {self._host.name}"

    @property
    def info(self) -> HostInfo:
        """What the host around it said of itself."""
        return self._host.info

    def __str__(self) -> str:
        return self.name

    async def connect(self) -> HostInfo:
        """Connect the host around it."""
        return await self._host.connect()

    async def close(self) -> None:
        """Do nothing: the connection is that of the host around it."""

    async def run(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | str | None = None,
        sudo: bool = False,  # noqa: ARG002 - it takes root's rights to enter a namespace, in any case
        timeout: float = 60.0,  # noqa: ASYNC109 - the command is ended with it
        limit: int = 1 << 20,
    ) -> Completed:
        """Run a command in the namespace, and wait for its end. See `Host.run`."""
        return await self._host.run(
            self._within(command), env=env, cwd=cwd, stdin=stdin, sudo=True, timeout=timeout, limit=limit
        )

    async def launch(self, process: Process, launch: Launch) -> ProcessStatus:
        """Start a command in the namespace that outlives this program. See `Host.launch`."""
        return await self._host.launch(_as_root(process), replace(launch, command=self._within(launch.command)))

    async def status(self, process: Process) -> ProcessStatus:
        """Return how a process does. See `Host.status`."""
        return await self._host.status(_as_root(process))

    async def ended(self, process: Process) -> ProcessStatus:
        """Wait until a process does not run any more. See `Host.ended`."""
        return await self._host.ended(_as_root(process))

    async def stop(self, process: Process, grace: float = 5.0) -> ProcessStatus:
        """End a process, and all that it has started. See `Host.stop`."""
        return await self._host.stop(_as_root(process), grace)

    async def adopt(self, facts: Mapping[str, Any]) -> Process:
        """Find a process again by its facts. See `Host.adopt`."""
        return _as_root(await self._host.adopt(facts))

    async def put(self, local: Path, remote: str) -> bool:
        """Copy a file or a folder to the host. See `Host.put`."""
        return await self._host.put(local, remote)

    async def get(self, remote: str, local: Path) -> None:
        """Copy a file or a folder from the host. See `Host.get`."""
        await self._host.get(remote, local)

    async def read(self, remote: str, offset: int = 0, size: int = -1) -> bytes:
        """Return a part of a file. See `Host.read`."""
        return await self._host.read(remote, offset, size)

    async def size(self, remote: str) -> int:
        """Return the size of a file in bytes. See `Host.size`."""
        return await self._host.size(remote)

    async def write_text(self, remote: str, text: str, mode: int = 0o644) -> None:
        """Write a file, as a whole. See `Host.write_text`."""
        await self._host.write_text(remote, text, mode)

    async def make_directory(self, *remote: str) -> None:
        """Make folders. See `Host.make_directory`."""
        await self._host.make_directory(*remote)

    async def remove_tree(self, remote: str) -> None:
        """Remove a file or a folder with all that it holds. See `Host.remove_tree`."""
        await self._host.remove_tree(remote)

    def _within(self, command: str | Sequence[str]) -> tuple[str, ...]:
        words = ("sh", "-c", command) if isinstance(command, str) else tuple(command)
        return ("ip", "netns", "exec", self._namespace, *words)


def _as_root(process: Process) -> Process:
    return replace(process, sudo=True)
