"""Network interfaces: the ends of links."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, InvalidAttribute
from headrace.experiments.linux import ip
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.netns import namespace_of
from headrace.experiments.linux.part import NetworkPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.experiments.resource import ResourceManager

__all__ = ["Interface"]

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def _ip4(_: object, address: str | None) -> str | None:
    try:
        return None if address is None else str(ipaddress.IPv4Address(address))
    except ValueError:
        raise InvalidAttribute(
            f"attribute ip4: {address!r} is refused: it is four numbers, as 10.0.0.1; the length of the network's "
            "prefix is an attribute of its own"
        ) from None


def _mac(_: object, address: str | None) -> str | None:
    if address is not None and not _MAC.fullmatch(address.lower()):
        raise InvalidAttribute(f"attribute mac: {address!r} is refused: it is six numbers, as 02:00:00:00:00:01")
    return None if address is None else address.lower()


class Interface(NetworkPart):
    """One end of a `linux::Link`, in a `linux::NetNS` or on a `linux::Node`.

    `ip4`, `prefix`, `mtu` and `up` can be set while it is there. A new address takes the place of the old one: routes
    by way of that are lost.
    """

    _rtype: ClassVar[str] = "linux::Interface"
    _help: ClassVar[str] = "A network interface: the end of a link"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute(
            "name",
            "What it is to be called; by default a free name. On a linux::Node itself it is chosen",
            flags=Flags.Design,
            set_hook=ip.device_name,
        ),
        Attribute("ip4", "Its IPv4 address; none by default", set_hook=_ip4),
        Attribute(
            "prefix", "The length of its network's prefix, in bits", type=Types.Integer, default=24, range=(0, 32)
        ),
        Attribute("mtu", "How many bytes a packet may have", type=Types.Integer, default=1500, range=(68, 65_535)),
        Attribute("mac", "Its hardware address; by default the system chooses", flags=Flags.Design, set_hook=_mac),
        Attribute("up", "Whether packets go in and out", type=Types.Bool, default=True),
        Attribute("device", "What it is called, once it is there", flags=Flags.NoWrite),
    )

    live: ClassVar[frozenset[str]] = frozenset({"ip4", "prefix", "mtu", "up"})
    partners: ClassVar[Mapping[str, int]] = {
        "linux::Machine": 1,
        "linux::Link": 1,
        "linux::Route": 1_000,
        "linux::Tcpdump": 1_000,
    }

    _chosen: str | None = None

    @property
    def device(self) -> str:
        """What it is called.

        Raises:
            ExperimentError: it is on no host; or on a host itself, and was given a name, which may be another one's.
        """
        given: str | None = self.get("name")
        if self._chosen is None:
            self._chosen = self.facts.get("device")
        if self._chosen is None and namespace_of(self.machine):
            self._chosen = given or f"if{self.guid}"
        if self._chosen is None:
            if given is not None:
                raise ExperimentError(
                    f"{self}: it is in {self.machine}'s own network, where {given} may be another's: leave its name out"
                )
            self._chosen = ip.unique_name("hri")
        return self._chosen

    def _check_linked(self) -> None:
        if not self.get_connected("linux::Link"):
            raise ExperimentError(
                f"{self}: it is no end of anything; connect it to a linux::Link before it is deployed"
            )

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return where it is, and what makes it."""
        return [*self.get_connected(Machine), *self.get_connected("linux::Link")]

    def release_after(self) -> Iterable[ResourceManager]:
        """Return what uses it: the applications and routes where it is."""
        others = [each for machine in self.get_connected(Machine) for each in machine.get_connected()]
        return [each for each in others if not isinstance(each, Machine | Interface) and each.rtype != "linux::Bridge"]

    # --- its life -----------------------------------------------------------------------------------------------------

    async def make(self) -> None:
        """Set it up; the link has made it."""
        self._check_linked()
        namespace, device = namespace_of(self.machine), self.device
        await self.keep(namespace=namespace, device=device)
        mac = self.get("mac")
        commands = [] if mac is None else [self._ip("link", "set", "dev", device, "address", mac)]
        values = {name: self.get(name) for name in ("mtu", "ip4", "prefix", "up")}
        await self.change([*commands, *self._commands(values, None)], f"setting up {device}")
        self.set("device", device)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Put some of what is `live` in force."""
        wanted = {name: values.get(name, self.get(name)) for name in self.live}
        named = {name: wanted[name] for name in values}
        if {"ip4", "prefix"} & values.keys():
            named.update(ip4=wanted["ip4"], prefix=wanted["prefix"])
        told = ", ".join(f"{name}={value}" for name, value in values.items())
        await self.change(self._commands(named, self._address(self.get)), f"setting {told}")

    async def unmake(self) -> None:
        """Take it down, if its link still has it."""
        namespace, device = (self.facts.get(name) for name in ("namespace", "device"))
        if not isinstance(namespace, str) or not isinstance(device, str):
            return
        there = ip.in_namespace(namespace, "ip", "link", "set", "dev", device, "down")
        done = await ip.run_as_root(await self.reach(), _DOWN, namespace, device, *there)
        ip.refuse_unless_done(self.node.host.name, done, f"{self}: taking {device} down")

    async def find(self) -> bool:
        """Tell whether it is there."""
        namespace, device = (self.facts.get(name) for name in ("namespace", "device"))
        if not isinstance(namespace, str) or not isinstance(device, str):
            return False
        command = ip.in_namespace(namespace, "ip", "link", "show", "dev", device)
        return (await ip.run_as_root(await self.reach(), '"$@"', *command)).ok

    # --- commands -----------------------------------------------------------------------------------------------------

    def _ip(self, *arguments: str) -> list[str]:
        return ip.in_namespace(namespace_of(self.machine), "ip", *arguments)

    @staticmethod
    def _address(get: Any) -> str | None:  # noqa: ANN401 - looks a value up by name
        address = get("ip4")
        return None if address is None else f"{address}/{get('prefix')}"

    def _commands(self, values: Mapping[str, Any], before: str | None) -> list[list[str]]:
        """Return what puts values in force; `before` is the address that it has."""
        device = self.device
        commands = []
        if "mtu" in values:
            commands.append(self._ip("link", "set", "dev", device, "mtu", str(values["mtu"])))
        if "ip4" in values:
            address = self._address(values.get)
            if before not in {None, address}:
                commands.append(self._ip("addr", "del", str(before), "dev", device))
            if address is not None:
                commands.append(self._ip("addr", "replace", address, "broadcast", "+", "dev", device))
        if "up" in values:
            commands.append(self._ip("link", "set", "dev", device, "up" if values["up"] else "down"))
        return commands


# Arguments: its namespace or nothing, its name, and the command that takes it down. What is gone is down.
_DOWN = """
[ -z "$1" ] || [ -e "/run/netns/$1" ] || exit 0
if [ -n "$1" ]; then ip -n "$1" link show dev "$2"; else ip link show dev "$2"; fi >/dev/null 2>&1 || exit 0
shift 2
try "$@"
"""
