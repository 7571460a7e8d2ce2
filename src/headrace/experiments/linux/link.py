"""Links between interfaces, that delay, lose and throttle packets."""

from __future__ import annotations

import asyncio
import posixpath
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, InvalidAttribute
from headrace.experiments.hosts.errors import HostClosed, HostError, Unsuitable
from headrace.experiments.hosts.local import LocalHost
from headrace.experiments.hosts.values import Launch, Process, ProcessState, tail
from headrace.experiments.linux import ip, relay
from headrace.experiments.linux.bridge import Bridge
from headrace.experiments.linux.interface import Interface
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.netns import namespace_of, node_of
from headrace.experiments.linux.part import NetworkPart
from headrace.experiments.linux.tc import SHAPE_ATTRIBUTES, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.experiments.hosts import Host, ProcessStatus
    from headrace.experiments.linux.node import Node
    from headrace.experiments.resource import ResourceManager

__all__ = ["Link"]

#: An end: its namespace ("": the host's own), its device, and the bridge that it is a port of ("": of none).
_End: TypeAlias = tuple[str, str, str]

_NO_NETEM = "qdisc kind is unknown"
# Argument: where it will be. No event tells of a socket; so it is looked for, while its owner lives.
_AWAIT = """
tries=0
until [ -S "$1" ]; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || exit 1
    [ ! -e "${1%/*}/exitcode" ] || exit 1
    sleep 0.02
done
"""
# Arguments: for each end, its namespace or nothing, and its device. What is gone need not be removed.
_REMOVE = """
while [ $# -gt 0 ]; do
    if [ -z "$1" ]; then
        if ip link show dev "$2" >/dev/null 2>&1; then try ip link delete dev "$2"; fi
    elif [ -e "/run/netns/$1" ] && ip -n "$1" link show dev "$2" >/dev/null 2>&1; then
        try ip -n "$1" link delete dev "$2"
    fi
    shift 2
done
"""


class Link(NetworkPart):
    """A cable with two ends, each a `linux::Interface` or a `linux::Bridge`; both are on one host.

    `delay`, `jitter`, `loss`, `rate` and `queue` hold in each direction, so that a round trip takes twice the delay.
    They can be set while it is used. Packets are as on a cable: none is longer than the `mtu`, unless `offload` is set.

    What shapes it is ``netem`` of the host's kernel, on a pair of virtual interfaces (veth). A kernel may have none:
    then it is a `relay`, a small process on the host between two TAP devices, which does the same, up to some
    hundred Mbit/s. If that ends, the link is FAILED.
    """

    _rtype: ClassVar[str] = "linux::Link"
    _help: ClassVar[str] = "A cable between two interfaces, that delays, loses and throttles packets"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        *SHAPE_ATTRIBUTES,
        Attribute(
            "shaper",
            "What shapes it: netem; a relay; none, so that it cannot be shaped; auto: netem, or a relay where the "
            "host's kernel has no netem",
            type=Types.Enumerate,
            flags=Flags.Design,
            default="auto",
            allowed=("auto", "netem", "relay", "none"),
        ),
        Attribute(
            "offload",
            "Whether packets may be longer than the mtu on their way, which is faster, and no cable does it",
            type=Types.Bool,
            flags=Flags.Design,
            default=False,
        ),
        Attribute("shapedBy", "What shapes it, once it is there", flags=Flags.NoWrite),
    )

    live: ClassVar[frozenset[str]] = frozenset(each.name for each in SHAPE_ATTRIBUTES)
    partners: ClassVar[Mapping[str, int]] = {"linux::Interface": 2, "linux::Bridge": 2}

    release_patience: ClassVar[float] = 30.0

    _follower: asyncio.Task[None] | None = None

    # --- where it is --------------------------------------------------------------------------------------------------

    @property
    def ends(self) -> list[Interface | Bridge]:
        """What it joins.

        Raises:
            ExperimentError: it does not have two ends.
        """
        ends = [*self.get_connected(Interface), *self.get_connected(Bridge)]
        if len(ends) != 2:  # noqa: PLR2004 - a cable has that many
            raise ExperimentError(
                f"{self}: a link has two ends, and this one has {len(ends)}; connect it to two of linux::Interface and "
                "linux::Bridge before it is deployed"
            )
        return ends

    @property
    def node(self) -> Node:
        """The host that both its ends are on.

        Raises:
            ExperimentError: they are not on one.
        """
        one, other = (node_of(end.machine) for end in self.ends)
        if one is not other:
            raise ExperimentError(f"{self}: its ends are on different hosts, {one} and {other}; a link is on one host")
        return one

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot have a third end, or one that is a machine."""
        other = self.ec.get_resource(guid)
        if isinstance(other, Machine):
            return "a link goes to an interface; connect a linux::Interface to that, and the link to it"
        others = [each for each in self.get_connected() if each is not other]
        if isinstance(other, Interface | Bridge) and len(others) > 1:
            return f"a link has two ends, and these are {others[0]} and {others[1]}"
        return super().valid_connection(guid)

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return where its ends are, and the bridges."""
        machines = [machine for end in self.get_connected() for machine in end.get_connected(Machine)]
        return dict.fromkeys([*machines, *self.get_connected(Bridge)])

    def release_after(self) -> Iterable[ResourceManager]:
        """Return the interfaces."""
        return self.get_connected(Interface)

    def release_before(self) -> Iterable[ResourceManager]:
        """Return where its ends are: it keeps a namespace alive, and without the host it cannot be removed."""
        machines = [machine for end in self.get_connected() for machine in end.get_connected(Machine)]
        nodes = [node for machine in machines for node in machine.get_connected(Machine)]
        return dict.fromkeys([*machines, *nodes])

    # --- its life -----------------------------------------------------------------------------------------------------

    async def make(self) -> None:
        """Make it, with what shapes it."""
        shape = Shape.of({name: self.get(name) for name in self.live})
        ends = [_place(end) for end in self.ends]
        wanted = self.get("shaper")
        # Known before it is there: whoever comes after this program can remove it.
        await self.keep(ends=ends)
        if wanted != "relay":
            await self._make_pair(ends)
            if wanted == "none":
                self._refuse_shape(shape)
            elif not await self._netem(ends, shape, needed=wanted == "netem"):
                await self._remove(ends)
                wanted = "relay"
        if wanted == "relay":
            await self._make_relay(ends, shape)
        await self._join(ends)
        shaper = "netem" if wanted == "auto" else wanted
        await self.keep(shaper=shaper)
        self.set("shapedBy", shaper)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Shape it anew."""
        shape = Shape.of({name: values.get(name, self.get(name)) for name in self.live})
        facts = self.facts
        if facts.get("shaper") == "none":
            self._refuse_shape(shape)
        elif "relay" in facts:
            await self._tell_relay(await self.reach(), Process.from_facts(facts["relay"]), shape)
        else:
            await self._netem(facts["ends"], shape, needed=True)

    async def unmake(self) -> None:
        """Remove it, if it is there."""
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.cancel()
        facts = self.facts
        if "relay" in facts:
            host, process = await self.reach(), Process.from_facts(facts["relay"])
            await host.stop(process, 1.0)
            await host.remove_tree(process.directory)
        await self._remove(facts["ends"])

    async def find(self) -> bool:
        """Tell whether it is there; and go on with what shapes it."""
        facts = self.facts
        if "shaper" not in facts:
            return False
        host = await self.reach()
        if "relay" in facts:
            process = Process.from_facts(facts["relay"])
            if (await host.status(process)).state is not ProcessState.running:
                return False
            self._follow(host, process)
        namespace, device, _ = facts["ends"][0]
        command = ip.in_namespace(namespace, "ip", "link", "show", "dev", device)
        found = (await ip.run_as_root(host, '"$@"', *command)).ok
        if found:
            self._values["shapedBy"] = facts["shaper"]
        return found

    # --- its cable ----------------------------------------------------------------------------------------------------

    async def _make_pair(self, ends: list[_End]) -> None:
        """Make a pair of virtual interfaces."""
        (one_space, one, _), (other_space, other, _) = ends
        words = [
            "ip", "link", "add", "name", one, *_netns(one_space), "type", "veth",
            "peer", "name", other, *_netns(other_space),
        ]  # fmt: skip
        commands = [words]
        if not self.get("offload"):
            commands += [
                ip.in_namespace(space, "ip", "link", "set", "dev", device, "gso_max_segs", "1")
                for space, device, _ in ends
            ]
        await self.change(commands, "making it")

    async def _join(self, ends: list[_End]) -> None:
        """Make ports of bridges of those ends that are, and let packets through there."""
        commands = [
            ip.in_namespace(space, "ip", "link", "set", "dev", device, "master", bridge, "up")
            for space, device, bridge in ends
            if bridge
        ]
        await self.change(commands, "joining it to its bridge")

    async def _remove(self, ends: list[_End]) -> None:
        words = [word for space, device, _ in ends for word in (space, device)]
        done = await ip.run_as_root(await self.reach(), _REMOVE, *words)
        ip.refuse_unless_done(self.node.host.name, done, f"{self}: removing it")

    # --- what shapes it -----------------------------------------------------------------------------------------------

    async def _netem(self, ends: list[_End], shape: Shape, *, needed: bool) -> bool:
        """Have the kernel shape it; return False if it cannot, and that is not needed."""
        commands = [
            ip.in_namespace(space, "tc", "qdisc", "replace", "dev", device, "root", *shape.netem())
            for space, device, _ in ends
        ]
        try:
            await self.change(commands, "shaping it")
        except ip.NetworkRefused as error:
            if _NO_NETEM not in error.problem:
                raise
            if needed:
                raise Unsuitable(
                    error.host,
                    f"{self}: its kernel has no netem (CONFIG_NET_SCH_NETEM); set shaper='relay', or take another",
                ) from error
            self.info(f"{error.host} has no netem in its kernel; a relay shapes the link")
            return False
        return True

    def _refuse_shape(self, shape: Shape) -> None:
        if shape != Shape(queue=shape.queue):
            raise InvalidAttribute(f"{self}: it has shaper='none', and cannot be shaped; leave that out")

    async def _make_relay(self, ends: list[_End], shape: Shape) -> None:
        """Have a process shape it, and make its ends."""
        host = await self.reach()
        python = await self._python(host)
        planned = Process.planned("/", sudo=True)
        home = posixpath.join(self.node.exp_dir, f"link-{self.guid}", self.ec.run_id)
        directory = posixpath.join(home, f".process-{planned.token[:8]}")
        process = Process(directory, planned.token, sudo=True)
        await self.keep(relay=process.facts(), python=python)
        await host.put(Path(relay.__file__), posixpath.join(directory, "relay.py"))
        words = [word for space, device, _ in ends for word in (space, device)]
        await host.launch(process, Launch((*self._relay("run", python, process), *words, shape.relay())))
        ready = await ip.run_as_root(host, _AWAIT, _control(process))
        if not ready.ok:
            said = (await host.read(posixpath.join(directory, "stderr"))) or b"it does not answer"
            raise Unsuitable(host.name, f"{self}: the relay that is to shape it: {tail(said)}")
        self._follow(host, process)

    async def _python(self, host: Host) -> str:
        """Return the host's Python."""
        if isinstance(host, LocalHost):
            return sys.executable
        done = await host.run("command -v python3")
        if not done.ok:
            raise Unsuitable(
                host.name,
                f"{self}: its kernel has no netem (CONFIG_NET_SCH_NETEM), and a relay instead takes python3; install "
                "one of them (Debian package python3)",
            )
        return done.out.strip()

    @staticmethod
    def _relay(word: str, python: str, process: Process) -> tuple[str, ...]:
        # Nothing but the standard library, whatever is installed there.
        return (python, "-I", "-S", posixpath.join(process.directory, "relay.py"), word, _control(process))

    async def _tell_relay(self, host: Host, process: Process, shape: Shape) -> None:
        words = self._relay("set", self.facts["python"], process)
        done = await host.run([*words, shape.relay()], sudo=True)
        done.check(host.name, f"{self}: changing its shape")

    def _follow(self, host: Host, process: Process) -> None:
        self._follower = asyncio.get_running_loop().create_task(self._follow_to_end(host, process))

    async def _follow_to_end(self, host: Host, process: Process) -> None:
        """Fail when the relay ends by itself."""
        try:
            status: ProcessStatus = await host.ended(process)
            said = tail(await host.read(posixpath.join(process.directory, "stderr")))
            self.fail(ExperimentError(f"{self}: the relay that shapes it {status.how}: {said or 'it said nothing'}"))
        except HostClosed:
            self.debug("its host was released, and it was not")
        except HostError as error:
            self.fail(error)


def _place(end: Interface | Bridge) -> _End:
    namespace = namespace_of(end.machine)
    if isinstance(end, Bridge):
        return namespace, ip.unique_name("hrp"), end.device
    return namespace, end.device, ""


def _netns(namespace: str) -> list[str]:
    return ["netns", namespace] if namespace else []


def _control(process: Process) -> str:
    return posixpath.join(process.directory, "control")
