"""Network namespaces: hosts within a host, each with a network of its own."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, ResourceLost
from headrace.experiments.hosts.errors import StopFailed
from headrace.experiments.linux import ip
from headrace.experiments.linux.inside import InNetNS
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.node import Node
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.experiments.hosts import Host
    from headrace.experiments.resource import ResourceManager

__all__ = ["NetNS", "namespace_of", "node_of"]

#: Whatever is called otherwise is not ours to remove.
_NAME = re.compile(r"hr-[0-9a-f]{8}")
_LEFT = 4

# Argument: its name. What runs in it is found by the namespace that it is in, looked at again before each signal.
_REMOVE = f"""
place=/run/netns/$1
[ -e "$place" ] || exit 0
inside() {{
    found=
    for each in $(ip netns pids "$1"); do
        [ "/proc/$each/ns/net" -ef "$place" ] && found="$found $each"
    done
}}
signal() {{
    for each in $found; do
        [ "/proc/$each/ns/net" -ef "$place" ] && kill -s "$1" "$each" 2>/dev/null
    done
}}
inside "$1"
signal TERM
tries=0
while inside "$1"; [ -n "$found" ] && [ $tries -lt 400 ]; do
    [ $tries -lt 100 ] || signal KILL
    sleep 0.02
    tries=$((tries + 1))
done
if [ -n "$found" ]; then echo "$found" >&2; exit {_LEFT}; fi
try ip netns delete "$1"
"""


class NetNS(Machine):
    """A host that is a network namespace on a `linux::Node`: applications on it run in there, as root.

    It has a name that nothing else has. It begins with the loopback interface alone. When it is released, all that
    still runs in it is ended, and all interfaces that are in it are gone.
    """

    _rtype: ClassVar[str] = "linux::NetNS"
    _help: ClassVar[str] = "A host that is a network namespace on another one"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("name", "What it is called on its host, as by ``ip netns``", flags=Flags.NoWrite),
        Attribute(
            "forward",
            "Whether it passes packets on, from one of its interfaces to another",
            type=Types.Bool,
            flags=Flags.Design,
            default=False,
        ),
    )

    release_patience: ClassVar[float] = 30.0

    _inside: InNetNS | None = None

    @property
    def node(self) -> Node:
        """What it is on.

        Raises:
            ExperimentError: it is connected to no host.
        """
        nodes: list[Node] = self.get_connected(Node)
        if len(nodes) != 1:
            raise ExperimentError(f"{self}: it is on no host; connect it to a linux::Node before it is deployed")
        return nodes[0]

    @property
    def host(self) -> Host:
        """The host as it is seen from within. See `Machine.host`."""
        if self._inside is None:
            raise ExperimentError(f"{self}: there is none so far, or not any more; deploy it first")
        return self._inside

    async def reach(self) -> Host:
        """Return the host as it is seen from within; also after its controller died. See `Machine.reach`."""
        if self._inside is None:
            name = self._known_name()
            if name is None:
                return self.host
            self._inside = InNetNS(await self.node.reach(), name)
        return self._inside

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot be connected to another namespace, or to a second host."""
        other = self.ec.get_resource(guid)
        if isinstance(other, NetNS):
            return "two namespaces are connected by a linux::Link, between a linux::Interface in each"
        if other.rtype == "linux::Link":
            return "a link goes to an interface; connect a linux::Interface to this, and the link to that"
        nodes = [each for each in self.get_connected(Node) if each is not other]
        if isinstance(other, Node) and nodes:
            return f"it is on {nodes[0]}, and on one host only; disconnect that first"
        return True

    # --- its life -----------------------------------------------------------------------------------------------------

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return what it is on."""
        return self.get_connected(Node)

    def release_before(self) -> Iterable[ResourceManager]:
        """Return what it is on."""
        return self.get_connected(Node)

    async def do_discover(self) -> None:
        """See that it is on a host."""
        await self.node.reach()

    async def do_provision(self) -> None:
        """Make it."""
        host = await self.node.reach()
        name = ip.unique_name("hr-")
        # Known before it is there: whoever comes after this program can remove it.
        await asyncio.to_thread(self.remember, namespace=name)
        self.set("name", name)
        commands = [["ip", "netns", "add", name], ["ip", "-n", name, "link", "set", "dev", "lo", "up"]]
        if self.get("forward"):
            setting = "echo 1 >/proc/sys/net/ipv4/ip_forward"
            commands.append(["ip", "netns", "exec", name, "sh", "-c", setting])
        await ip.change(host, commands, f"{self}: making the namespace {name}")
        self._inside = InNetNS(host, name)

    async def do_start(self) -> None:
        """Keep in mind that it is STARTED."""
        await asyncio.to_thread(self.remember, started=True)

    async def do_release(self) -> None:
        """End what runs in it, and remove it; also one that a controller that died has made."""
        self._inside = None
        name = self._known_name()
        if name is None:
            return
        host = await self.node.reach()
        done = await ip.run_as_root(host, _REMOVE, name)
        if done.exit_code == _LEFT:
            raise StopFailed(host.name, f"{self}: in the namespace {name} these do not end: {done.err}")
        ip.refuse_unless_done(host.name, done, f"{self}: removing the namespace {name}")

    def do_recover(self) -> ResourceState:
        """Find it again, by the name that was remembered."""
        return self._stage.loop.run(self._recover())

    async def _recover(self) -> ResourceState:
        name = self._known_name()
        if name is None:
            raise ResourceLost(f"{self}: it had not been made when its controller died")
        host = await self.node.reach()
        done = await ip.run_as_root(host, '[ -e "/run/netns/$1" ]', name)
        if not done.ok:
            raise ResourceLost(f"{self}: {host.name} has no namespace {name} any more")
        self._inside = InNetNS(host, name)
        self._values["name"] = name
        return ResourceState.STARTED if self.facts.get("started") else ResourceState.READY

    def _known_name(self) -> str | None:
        """Return what it is called, if it was ever made.

        Raises:
            ResourceLost: what was remembered is no name that it can have had.
        """
        name: Any = self.facts.get("namespace")
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ResourceLost(f"{self}: {name!r} was remembered as its name, and is none; it is not touched")
        return name


def node_of(machine: Machine) -> Node:
    """Return the host that a machine is, or is on. Raises ExperimentError."""
    if isinstance(machine, NetNS):
        return machine.node
    if isinstance(machine, Node):
        return machine
    raise ExperimentError(f"{machine}: a network is made on a linux::Node, or in a linux::NetNS on one")


def namespace_of(machine: Machine) -> str:
    """Return the name of a machine's network namespace; "" for a host's own.

    Raises:
        ExperimentError: there is none so far.
    """
    if not isinstance(machine, NetNS):
        return ""
    name = machine.facts.get("namespace")
    if not isinstance(name, str):
        raise ExperimentError(f"{machine}: there is no such namespace so far; deploy it first")
    return name
