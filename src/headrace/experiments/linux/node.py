"""Hosts: this machine, or others over SSH."""

from __future__ import annotations

import asyncio
import getpass
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError
from headrace.experiments.hosts.errors import HostError
from headrace.experiments.hosts.pool import Hosts
from headrace.experiments.hosts.settings import SshSettings
from headrace.experiments.hosts.values import Process
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.macros import filled
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from headrace.experiments.hosts import Host
    from headrace.experiments.hosts.local import LocalHost
    from headrace.experiments.hosts.ssh import SshHost

__all__ = ["Node"]

_HERE = {"", "localhost"}


def _text(name: str, help_text: str) -> Attribute:
    return Attribute(name, help_text, flags=Flags.Design)


def _switch(name: str, help_text: str, *, default: bool) -> Attribute:
    return Attribute(name, help_text, type=Types.Bool, flags=Flags.Design, default=default)


class Node(Machine):
    """A host: this machine if it has no hostname, or ``localhost``; otherwise another one, over SSH.

    All resources of an experiment that are on one host share one connection to it.
    """

    _rtype: ClassVar[str] = "linux::Node"
    _help: ClassVar[str] = "A host with Linux: this machine, or another one over SSH"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        _text("hostname", "Its name or address; none, or localhost, means this machine, without SSH"),
        _text("username", "Who logs in there; by default who runs this, or whom ~/.ssh/config names"),
        Attribute(
            "port",
            "Where its SSH server listens; 22 by default",
            type=Types.Integer,
            flags=Flags.Design,
            range=(1, 65535),
        ),
        _text(
            "home", "The folder below which everything is put; relative to the home folder there. .headrace by default"
        ),
        _text("identity", "A file with a private key; by default those of the agent and in ~/.ssh"),
        Attribute("password", "Tried if no key is taken", flags=Flags.Credential),
        _switch("strictHostKeyChecking", "Whether the host must show a key that is known", default=True),
        _text("knownHosts", "A file with known host keys; by default ~/.ssh/known_hosts and the system's"),
        _text("gateway", "A host through which it is reached"),
        _text("gatewayUser", "Who logs in there; by default the same as here"),
        Attribute(
            "gatewayPort", "Where its SSH server listens", type=Types.Integer, flags=Flags.Design, range=(1, 65535)
        ),
        Attribute(
            "sessions",
            "How many sessions are open on the connection at once; OpenSSH's own limit is 10",
            type=Types.Integer,
            flags=Flags.Design,
            default=8,
            range=(4, None),
        ),
        Attribute(
            "patience",
            "For how many seconds a host that does not answer is tried again before that is a failure",
            type=Types.Double,
            flags=Flags.Design,
            default=60.0,
            range=(0, None),
        ),
        _switch(
            "cleanHome", "Remove what experiments have put there, all of them, before this one begins", default=False
        ),
        _switch("cleanExperiment", "Remove what earlier runs of this experiment have put there", default=False),
        _switch(
            "cleanProcesses", "End what applications of earlier runs of this experiment have left there", default=False
        ),
        _text("tearDown", "A command that is run there before the host is given back"),
    )

    _found: LocalHost | SshHost | None = None
    _reaching: asyncio.Lock | None = None

    @property
    def host(self) -> Host:
        """The host, connected. See `Machine.host`."""
        if self._found is None:
            raise ExperimentError(f"{self}: it is not connected; deploy it first")
        return self._found

    async def reach(self) -> Host:
        """Return the host, connected now if it is not. See `Machine.reach`."""
        if self._reaching is None:
            self._reaching = asyncio.Lock()
        async with self._reaching:
            if self._found is None:
                self._found = await self._hosts().acquire(self._settings(), self.get("home"))
        return self._found

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot be connected to another host."""
        if isinstance(self.ec.get_resource(guid), Node):
            return "two hosts are not connected to each other, but through what links them"
        return True

    # --- its life -----------------------------------------------------------------------------------------------------

    async def do_discover(self) -> None:
        """Connect to it."""
        host = await self.reach()
        self.info(f"{host.name} is {host.info.system}, and {host.info.user} there")

    async def do_provision(self) -> None:
        """Clean what is to be cleaned, and make the folders."""
        host = await self.reach()
        if self.get("cleanProcesses"):
            await self._end_left_over(host)
        if self.get("cleanHome"):
            await host.remove_tree(self.usr_dir)
            await host.remove_tree(posixpath.join(self.base_dir, "exp"))
        elif self.get("cleanExperiment"):
            await host.remove_tree(self.exp_dir)
        await host.make_directory(*self.folders().values())

    async def do_release(self) -> None:
        """Run `tearDown`, and give up the connection, if nobody else has it."""
        host, self._found = self._found, None
        if host is None:
            return
        try:
            command = self.get("tearDown")
            if command:
                folders = self._folders_on(host)
                done = await host.run(filled(command, folders), cwd=host.info.base, timeout=self.release_patience)
                done.check(host.name, "tearDown")
        finally:
            await self._hosts().release(host)

    def do_recover(self) -> ResourceState:
        """Connect to it again."""
        try:
            self._stage.loop.run(self.reach())
        except HostError as error:
            raise ExperimentError(f"{self}: whether it is as it was left is not known: {error}") from error
        return max(self.state, ResourceState.READY)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _hosts(self) -> Hosts:
        loop = self.loop
        return self.ec.shared("linux hosts", lambda: Hosts(loop))

    def _settings(self) -> SshSettings | None:
        hostname = self.get("hostname") or ""
        if hostname in _HERE and self.get("port") is None:
            user = self.get("username")
            if user and user != getpass.getuser():
                raise ExperimentError(
                    f"{self}: on this machine commands run as {getpass.getuser()}, not as {user}; leave username out,"
                    " or give hostname='127.0.0.1' to log in by SSH"
                )
            return None
        identity, known = (
            None if self.get(name) is None else Path(self.get(name)) for name in ("identity", "knownHosts")
        )
        strict = self.get("strictHostKeyChecking")

        def settings(host: str, port: int | None, user: str | None, through: SshSettings | None) -> SshSettings:
            return SshSettings(
                host,
                port,
                user,
                identity=identity,
                password=self.get("password"),
                strict_host_keys=strict,
                known_hosts=known,
                gateway=through,
                patience=self.get("patience"),
                sessions=self.get("sessions"),
            )

        user = self.get("username")
        gateway = None
        if self.get("gateway"):
            gateway = settings(self.get("gateway"), self.get("gatewayPort"), self.get("gatewayUser") or user, None)
        return settings(hostname or "localhost", self.get("port"), user, gateway)

    def _folders_on(self, host: Host) -> dict[str, str]:
        base = host.info.base
        exp = posixpath.join(base, "exp", self.ec.exp_id)
        return {"EXP_HOME": exp, "NODE_HOME": posixpath.join(exp, f"node-{self.guid}")}

    async def _end_left_over(self, host: Host) -> None:
        """End the processes of other runs of this experiment, as their folders name them."""
        named = '"$1"/app-*/*/.process-*/token'
        said = await host.run(
            [
                "sh",
                "-c",
                f'for each in {named}; do [ -f "$each" ] && echo "$(cat "$each") $each"; done',
                "sh",
                self.exp_dir,
            ]
        )
        for line in said.out.splitlines():
            token, _, path = line.partition(" ")
            if f"/{self.ec.run_id}/" not in path:
                await host.stop(Process(posixpath.dirname(path), token))
