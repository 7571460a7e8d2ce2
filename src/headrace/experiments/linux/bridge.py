"""Bridges: what joins several links into one network."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.linux import ip
from headrace.experiments.linux.machine import Machine
from headrace.experiments.linux.netns import namespace_of
from headrace.experiments.linux.part import NetworkPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.experiments.resource import ResourceManager

__all__ = ["Bridge"]

# Arguments: its namespace or nothing, its name. What is gone need not be removed.
_REMOVE = """
[ -z "$1" ] || [ -e "/run/netns/$1" ] || exit 0
if [ -n "$1" ]; then set -- "$2" -n "$1"; else set -- "$2"; fi
name=$1
shift
ip "$@" link show dev "$name" >/dev/null 2>&1 || exit 0
try ip "$@" link delete dev "$name" type bridge
"""


class Bridge(NetworkPart):
    """A switch in software: what comes in by one of its links goes out by the others, or by the one that leads there.

    It is in a `linux::NetNS`, or on a `linux::Node` itself, and has no address.
    """

    _rtype: ClassVar[str] = "linux::Bridge"
    _help: ClassVar[str] = "What joins several links into one network"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("name", "What it is called", flags=Flags.NoWrite),
        Attribute(
            "stp",
            "Whether it finds circles of bridges, and opens them; it takes 30 s then before packets pass",
            type=Types.Bool,
            flags=Flags.Design,
            default=False,
        ),
    )

    partners: ClassVar[Mapping[str, int]] = {"linux::Machine": 1, "linux::Link": 1_000}

    @property
    def device(self) -> str:
        """What it is called. Raises ExperimentError: it has not been made."""
        return str(self.facts["device"])

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return where it is."""
        return self.get_connected(Machine)

    async def make(self) -> None:
        """Make it."""
        namespace = namespace_of(self.machine)
        # A new name even in a namespace: it is looked for by it, and removed.
        device = ip.unique_name("hrb")
        await self.keep(namespace=namespace, device=device)
        stp = "1" if self.get("stp") else "0"
        await self.change(
            [
                ip.in_namespace(namespace, "ip", "link", "add", "name", device, "type", "bridge", "stp_state", stp),
                ip.in_namespace(namespace, "ip", "link", "set", "dev", device, "up"),
            ],
            f"making {device}",
        )
        self.set("name", device)

    async def unmake(self) -> None:
        """Remove it, if it is there."""
        facts = self.facts
        done = await ip.run_as_root(await self.reach(), _REMOVE, facts["namespace"], facts["device"])
        ip.refuse_unless_done(self.node.host.name, done, f"{self}: removing it")

    async def find(self) -> bool:
        """Tell whether it is there."""
        facts = self.facts
        if "device" not in facts:
            return False
        command = ip.in_namespace(facts["namespace"], "ip", "link", "show", "dev", facts["device"], "type", "bridge")
        return (await ip.run_as_root(await self.reach(), '"$@"', *command)).ok
