"""A host that only takes note of what it is asked for, and experiments on it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, ClassVar, cast

from headrace.experiments import ExperimentController, ResourceFactory
from headrace.experiments.hosts.values import Completed, HostInfo, ProcessState, ProcessStatus
from headrace.experiments.linux import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from headrace.experiments.hosts import Host, Launch, Process

__all__ = ["FakeHost", "FakeNode", "experiment"]


class FakeHost:
    """Says of every command that it went well, unless `refuse` has something else to say."""

    def __init__(self) -> None:
        self.name = "fake"
        self.info = HostInfo("/home/me", "/home/me/.headrace", "me", 1000, "boot", "Linux")
        #: The commands that were run, as words; those of a script each by itself.
        self.commands: list[list[str]] = []
        self.calls: list[tuple[list[str], dict[str, Any]]] = []
        self.launched: list[tuple[Process, Launch]] = []
        self.refuse: Callable[[list[str]], Completed | None] = lambda _: None

    async def run(self, command: str | Sequence[str], **options: Any) -> Completed:  # noqa: ANN401 - as given
        words = ["sh", "-c", command] if isinstance(command, str) else [*command]
        self.calls.append((words, options))
        script = words[2] if words[:2] == ["sh", "-c"] else ""
        tried = [shlex.split(line)[1:] for line in script.splitlines() if line.startswith("try ")]
        for each in tried or [words]:
            self.commands.append(each)
            refused = self.refuse(each)
            if refused is not None:
                return refused
        return Completed(0)

    async def launch(self, process: Process, launch: Launch) -> ProcessStatus:
        self.launched.append((process, launch))
        return ProcessStatus(ProcessState.running)

    async def status(self, process: Process) -> ProcessStatus:  # noqa: ARG002 - as a host has it
        return ProcessStatus(ProcessState.running)


class FakeNode(Node):
    """A node whose host is a fake."""

    _rtype: ClassVar[str] = "linux::Node"

    fake: ClassVar[FakeHost]

    @property
    def host(self) -> Host:
        return cast("Host", self.fake)

    async def reach(self) -> Host:
        return self.host

    async def do_discover(self) -> None:
        pass

    async def do_provision(self) -> None:
        pass

    async def do_release(self) -> None:
        pass


def experiment(folder: Path) -> tuple[ExperimentController, FakeHost]:
    """Return an experiment whose nodes are fakes, all of them one host."""
    host = FakeHost()
    kind = type("Faked", (FakeNode,), {"_rtype": "linux::Node", "fake": host})
    factory = ResourceFactory(plugins=False)
    factory.register_type(kind, replace=True)
    return ExperimentController("fake", folder, factory=factory, journal=False), host
