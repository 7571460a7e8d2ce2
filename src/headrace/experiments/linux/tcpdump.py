"""Packets, captured by tcpdump."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import ExperimentError
from headrace.experiments.linux.interface import Interface
from headrace.experiments.linux.ip import device_name
from headrace.experiments.linux.tool import Tool
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from headrace.experiments.hosts import ProcessStatus
    from headrace.experiments.resource import ResourceManager

__all__ = ["Tcpdump", "read_tcpdump"]

_CAPTURE = "capture.pcap"
_COUNT = re.compile(r"^(\d+) packets? (captured|received by filter|dropped by kernel)", re.MULTILINE)
_NAMES = {"captured": "captured", "received by filter": "received", "dropped by kernel": "dropped"}


def read_tcpdump(output: str) -> dict[str, int | None]:
    """Return what tcpdump said at its end: how many packets were ``captured``, ``received`` and ``dropped``.

    None each, if it has not said it.
    """
    counts: dict[str, int | None] = dict.fromkeys(_NAMES.values())
    for number, what in _COUNT.findall(output):
        counts[_NAMES[what]] = int(number)
    return counts


class Tcpdump(Tool):
    """Captures packets as root, on the `linux::Interface` that it is connected to, or on `interface`, or on all.

    It is STARTED when it captures. It goes on until it is stopped, or has `count` packets.
    """

    _rtype: ClassVar[str] = "linux::Tcpdump"
    _help: ClassVar[str] = "Captures packets by tcpdump"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute(
            "interface",
            "Where packets are captured; by default on the linux::Interface that it is connected to, else on all",
            flags=Flags.Design,
            set_hook=device_name,
        ),
        Attribute("filter", "Which packets, as tcpdump has it: icmp or port 80; all by default", flags=Flags.Design),
        Attribute(
            "snaplen",
            "How many bytes of each packet are kept; 0: all",
            type=Types.Integer,
            flags=Flags.Design,
            default=0,
            range=(0, 262_144),
        ),
        Attribute(
            "count",
            "After how many packets it ends; 0: when it is stopped",
            type=Types.Integer,
            flags=Flags.Design,
            default=0,
            range=(0, None),
        ),
        Attribute("captured", "Result: how many packets were captured", type=Types.Integer, flags=Flags.NoWrite),
        Attribute("dropped", "Result: how many more came too fast", type=Types.Integer, flags=Flags.NoWrite),
    )
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace(_CAPTURE, "The packets, as Wireshark reads them", enabled=True),
        Trace("packets.json", "How many packets there were; see read_tcpdump", enabled=True),
    )

    programs: ClassVar[Mapping[str, str]] = {"tcpdump": "tcpdump"}
    needs_root: ClassVar[bool] = True

    def valid_connection(self, guid: int) -> bool | str:
        """Tell why it cannot be connected to a second interface."""
        other = self.ec.get_resource(guid)
        others = [each for each in self.get_connected(Interface) if each is not other]
        if isinstance(other, Interface) and others:
            return f"it captures on {others[0]}; take another linux::Tcpdump for a second interface"
        return super().valid_connection(guid)

    def deploy_after(self) -> Iterable[ResourceManager]:
        """Return what it runs on, and where it captures."""
        return [*super().deploy_after(), *self.get_connected(Interface)]

    def arguments(self) -> list[str]:
        """Return the program and its arguments."""
        # What it gives up root for could not write there.
        words = ["tcpdump", "-i", self._device(), "-n", "-U", "--immediate-mode", "-Z", "root", "-w", _CAPTURE]
        words += ["-s", str(self.get("snaplen"))]
        if self.get("count"):
            words += ["-c", str(self.get("count"))]
        return [*words, "--", self.get("filter")] if self.get("filter") else words

    async def settle(self) -> None:
        """Wait until it captures."""
        await self.await_text("stderr", "listening on ")

    async def digest(self, status: ProcessStatus) -> None:  # noqa: ARG002 - its output says it all
        """Read what it said."""
        found = read_tcpdump(await self.written("stderr"))
        await self.report("packets.json", found, captured=found["captured"], dropped=found["dropped"])

    def _device(self) -> str:
        interfaces: list[Interface] = self.get_connected(Interface)
        given: str | None = self.get("interface")
        if not interfaces:
            return given or "any"
        if interfaces[0].machine is not self.machine:
            raise ExperimentError(f"{self}: {interfaces[0]} is not on {self.machine}, where this runs")
        if given not in {None, interfaces[0].device}:
            raise ExperimentError(f"{self}: it is connected to {interfaces[0]}, and its interface is {given}")
        return interfaces[0].device
