"""The way that packets take, by traceroute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.linux.tool import Tool, target
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.experiments.hosts import ProcessStatus

__all__ = ["Traceroute", "read_traceroute"]

_FIRST = re.compile(r"^traceroute to \S+ \(([^)]+)\)")
_HOP = re.compile(r"^ *(\d+)  ?(.*)$")
_WORD = re.compile(r"([\d.]+) ms|(\*)|(![A-Z0-9<>]*)|([0-9A-Fa-f:.]+)")


def read_traceroute(output: str) -> dict[str, Any]:
    """Return what traceroute found, from its output with numeric addresses, which may be cut off anywhere.

    ``address``: of the target; ``reached``: whether it has answered; ``hops``: for each, its ``hop`` and its
    ``answers``, each with ``address``, ``rtt`` in ms and what was ``said`` (as "!H": unreachable; None: nothing), or
    None for none.
    """
    first = _FIRST.match(output)
    address = first[1] if first is not None else None
    hops: list[dict[str, Any]] = [
        {"hop": int(line[1]), "answers": _answers(line[2])}
        for line in map(_HOP.match, output.splitlines())
        if line is not None
    ]
    answers = [each for hop in hops for each in hop["answers"] if each is not None]
    return {
        "address": address,
        "reached": any(each["address"] == address and each["said"] is None for each in answers),
        "hops": hops,
    }


def _answers(line: str) -> list[dict[str, Any] | None]:
    found: list[dict[str, Any] | None] = []
    address = None
    for time, star, said, who in _WORD.findall(line):
        if time:
            found.append({"address": address, "rtt": float(time), "said": None})
        elif star:
            found.append(None)
        elif said and found and found[-1] is not None:
            found[-1]["said"] = said
        elif who:
            address = who
    return found


class Traceroute(Tool):
    """Finds by which hosts packets go to a target.

    It is FINISHED also if the target has not answered: `reached` is False then.
    """

    _rtype: ClassVar[str] = "linux::Traceroute"
    _help: ClassVar[str] = "Finds the way that packets take by traceroute"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("target", "Where to: an address or a name", flags=Flags.Design, set_hook=target),
        Attribute(
            "maxHops",
            "Over how many hosts at most",
            type=Types.Integer,
            flags=Flags.Design,
            default=30,
            range=(1, 255),
        ),
        Attribute(
            "queries",
            "How many packets are sent to each",
            type=Types.Integer,
            flags=Flags.Design,
            default=3,
            range=(1, 10),
        ),
        Attribute(
            "patience",
            "Seconds that each answer is waited for",
            type=Types.Double,
            flags=Flags.Design,
            default=5.0,
            range=(0.01, 3600),
        ),
        Attribute(
            "method",
            "What is sent; icmp and tcp take root",
            type=Types.Enumerate,
            flags=Flags.Design,
            default="udp",
            allowed=("udp", "icmp", "tcp"),
        ),
        Attribute("hops", "Result: over how many hosts, the target counted", type=Types.Integer, flags=Flags.NoWrite),
        Attribute("reached", "Result: whether the target has answered", type=Types.Bool, flags=Flags.NoWrite),
    )
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("hops.json", "Each hop, with its answers; see read_traceroute", enabled=True),
    )

    programs: ClassVar[Mapping[str, str]] = {"traceroute": "traceroute"}

    def arguments(self) -> list[str]:
        """Return the program and its arguments."""
        words = ["traceroute", "-n", "-m", str(self.get("maxHops")), "-q", str(self.get("queries"))]
        words += ["-w", f"{self.get('patience'):g}"]
        words += {"udp": [], "icmp": ["-I"], "tcp": ["-T"]}[self.get("method")]
        return [*words, self.required("target")]

    async def digest(self, status: ProcessStatus) -> None:  # noqa: ARG002 - its output says it all
        """Read its output."""
        found = read_traceroute(await self.written("stdout"))
        await self.report(
            "hops.json",
            {"target": self.get("target"), **found},
            hops=found["hops"][-1]["hop"] if found["hops"] else None,
            reached=found["reached"],
        )
