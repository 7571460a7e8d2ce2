"""Round trips, by ping."""

from __future__ import annotations

import re
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.linux.tool import Tool, target
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.experiments.hosts import ProcessStatus

__all__ = ["Ping", "read_ping"]

# Whole lines: what comes at the end says whether it counts.
_REPLY = re.compile(r"^(?:\[(\d+\.\d+)\] )?\d+ bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms(.*)\n", re.MULTILINE)
_MISSED = re.compile(r"no answer yet for icmp_seq=(\d+)")
_SUMMARY = re.compile(r"^(\d+) packets transmitted, (\d+) received", re.MULTILINE)


def read_ping(output: str) -> dict[str, Any]:
    """Return what ping (of iputils) found, from its output, which may be cut off anywhere.

    ``sent``, ``received``, ``loss`` in percent (None if nothing was sent), ``replies`` with ``seq``, ``rtt`` in ms and
    ``at`` (seconds since 1970, or None), and of the round trips ``min``, ``mean``, ``max`` in ms, None if there are
    none.
    """
    found = [each for each in _REPLY.findall(output) if "DUP" not in each[3]]
    replies = [{"seq": int(seq), "rtt": float(rtt), "at": float(at) if at else None} for at, seq, rtt, _ in found]
    summary = _SUMMARY.search(output)
    if summary is not None:
        sent = int(summary[1])
    else:
        sent = max([int(seq) for _, seq, _, _ in found] + [int(seq) for seq in _MISSED.findall(output)], default=0)
    rtts = [float(rtt) for _, _, rtt, _ in found]
    return {
        "sent": sent,
        "received": len(replies),
        "loss": 100 * (1 - len(replies) / sent) if sent else None,
        "min": min(rtts, default=None),
        "mean": fmean(rtts) if rtts else None,
        "max": max(rtts, default=None),
        "replies": replies,
    }


class Ping(Tool):
    """Sends packets that are sent back, and takes the time.

    It is FINISHED also if nothing came back, which is a result: `loss` is 100 then.
    """

    _rtype: ClassVar[str] = "linux::Ping"
    _help: ClassVar[str] = "Measures round trips by ping"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("target", "To whom packets are sent: an address or a name", flags=Flags.Design, set_hook=target),
        Attribute(
            "count",
            "How many packets are sent; 0: until it is stopped",
            type=Types.Integer,
            flags=Flags.Design,
            default=4,
            range=(0, None),
        ),
        Attribute(
            "interval",
            "Seconds from one packet to the next; less than 0.2 takes root",
            type=Types.Double,
            flags=Flags.Design,
            default=1.0,
            range=(0.001, None),
        ),
        Attribute(
            "size",
            "How many bytes are sent, beside 28 of headers",
            type=Types.Integer,
            flags=Flags.Design,
            default=56,
            range=(0, 65_507),
        ),
        Attribute(
            "patience",
            "Seconds that an answer to the last packet is waited for",
            type=Types.Double,
            flags=Flags.Design,
            default=5.0,
            range=(0.01, None),
        ),
        Attribute("ttl", "Over how many hops at most", type=Types.Integer, flags=Flags.Design, range=(1, 255)),
        Attribute("rtt", "Result: the mean round trip in ms", type=Types.Double, flags=Flags.NoWrite),
        Attribute("rttMin", "Result: the shortest one in ms", type=Types.Double, flags=Flags.NoWrite),
        Attribute("rttMax", "Result: the longest one in ms", type=Types.Double, flags=Flags.NoWrite),
        Attribute("loss", "Result: percent of packets without an answer", type=Types.Double, flags=Flags.NoWrite),
    )
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("rtt.json", "All round trips, and what they come to; see read_ping", enabled=True),
    )

    programs: ClassVar[Mapping[str, str]] = {"ping": "iputils-ping"}
    #: 1: nobody has answered.
    good_exit_codes: ClassVar[frozenset[int]] = frozenset({0, 1})

    def arguments(self) -> list[str]:
        """Return the program and its arguments."""
        words = ["ping", "-n", "-D", "-O", "-i", f"{self.get('interval'):g}", "-s", str(self.get("size"))]
        words += ["-W", f"{self.get('patience'):g}"]
        if self.get("count"):
            words += ["-c", str(self.get("count"))]
        if self.get("ttl") is not None:
            words += ["-t", str(self.get("ttl"))]
        return [*words, self.required("target")]

    async def digest(self, status: ProcessStatus) -> None:  # noqa: ARG002 - its output says it all
        """Read its output."""
        found = read_ping(await self.written("stdout"))
        await self.report(
            "rtt.json",
            {"target": self.get("target"), **found},
            rtt=found["mean"],
            rttMin=found["min"],
            rttMax=found["max"],
            loss=found["loss"],
        )
