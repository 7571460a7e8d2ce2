"""Routes: where packets go on from a namespace."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError, InvalidAttribute
from headrace.experiments.linux import ip
from headrace.experiments.linux.interface import Interface
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.netns import NetNS, namespace_of
from headrace.experiments.linux.part import NetworkPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.experiments.resource import ResourceManager

__all__ = ["Route"]

# Arguments: its namespace, and what the route is. It is gone with the interface that it led over.
_REMOVE = """
namespace=$1
shift
[ -e "/run/netns/$namespace" ] || exit 0
[ -n "$(ip -n "$namespace" route show "$@" 2>/dev/null)" ] || exit 0
try ip -n "$namespace" route delete "$@"
"""


def _destination(_: object, network: str | None) -> str | None:
    if network in {None, "default"}:
        return network
    try:
        return str(ipaddress.IPv4Network(network))
    except ValueError as error:
        raise InvalidAttribute(
            f"attribute destination: {network!r} is refused: it is a network, as 10.0.1.0/24, or default ({error})"
        ) from None


def _gateway(_: object, address: str | None) -> str | None:
    try:
        return None if address is None else str(ipaddress.IPv4Address(address))
    except ValueError:
        raise InvalidAttribute(f"attribute gateway: {address!r} is refused: it is an address, as 10.0.0.1") from None


class Route(NetworkPart):
    """Where packets for a network go from a `linux::NetNS`: to a neighbour, or out by an interface.

    There is none on a `linux::Node` itself: that would change the host's own network.
    """

    _rtype: ClassVar[str] = "linux::Route"
    _help: ClassVar[str] = "Where packets for a network go from a namespace"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute(
            "destination",
            "The network that packets are for, as 10.0.1.0/24; by default all that no other route is for",
            flags=Flags.Design,
            default="default",
            set_hook=_destination,
        ),
        Attribute("gateway", "The neighbour's address that passes them on", flags=Flags.Design, set_hook=_gateway),
        Attribute(
            "metric",
            "Of several routes to the same network the one with the least is taken",
            type=Types.Integer,
            flags=Flags.Design,
            default=0,
            range=(0, 2**32 - 1),
        ),
    )

    partners: ClassVar[Mapping[str, int]] = {"linux::NetNS": 1, "linux::Interface": 1}

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot be on a host itself, and what else is not possible."""
        other = self.ec.get_resource(guid)
        if isinstance(other, Machine) and not isinstance(other, NetNS):
            return "a route there would change the host's own network; routes are in a linux::NetNS"
        return super().valid_connection(guid)

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return where it is, and the interfaces there: a gateway is found by their addresses."""
        machines = self.get_connected(Machine)
        return [*machines, *(each for machine in machines for each in machine.get_connected(Interface))]

    async def make(self) -> None:
        """Put it in force."""
        words = self._words()
        namespace = namespace_of(self.machine)
        await self.keep(namespace=namespace, route=words)
        await self.change([ip.in_namespace(namespace, "ip", "route", "add", *words)], f"adding it ({' '.join(words)})")

    async def unmake(self) -> None:
        """Remove it, if it is there."""
        facts = self.facts
        done = await ip.run_as_root(await self.reach(), _REMOVE, facts["namespace"], *facts["route"])
        ip.refuse_unless_done(self.node.host.name, done, f"{self}: removing it")

    async def find(self) -> bool:
        """Tell whether it is there."""
        facts = self.facts
        if "route" not in facts:
            return False
        done = await ip.run_as_root(
            await self.reach(), 'ip -n "$@"', facts["namespace"], "route", "show", *facts["route"]
        )
        return done.ok and bool(done.out.strip())

    def _words(self) -> list[str]:
        interfaces: list[Interface] = self.get_connected(Interface)
        gateway = self.get("gateway")
        words = [self.get("destination")]
        if gateway is not None:
            words += ["via", gateway]
        for interface in interfaces:
            if self.machine not in interface.get_connected(Machine):
                raise ExperimentError(f"{self}: {interface} is not in {self.machine}, where the route is")
            words += ["dev", interface.device]
        if gateway is None and not interfaces:
            raise ExperimentError(f"{self}: it leads nowhere; set its gateway, or connect it to a linux::Interface")
        return [*words, "metric", str(self.get("metric"))]
