"""Throughput, by iperf3."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.linux.errors import ApplicationFailed
from headrace.experiments.linux.tool import Tool, target
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.experiments.hosts import ProcessStatus

__all__ = ["Iperf", "read_iperf"]

_MEGA = 1e6


def read_iperf(output: str) -> dict[str, Any]:
    """Return what an iperf3 client found, from its JSON.

    ``throughput``: megabits a second that were received; ``retransmits``: of TCP's segments; ``loss``: percent of UDP's
    packets; ``jitter``: of these, in ms; ``error``: what went wrong. None each where there is none.

    Raises:
        ValueError: it is no JSON of iperf3's.
    """
    found = json.loads(output)
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 - of the text
            f"an object was expected, and there is {type(found).__name__}"
        )
    end = found.get("end") or {}
    udp = end.get("sum") or {}
    received = end.get("sum_received") or udp
    bits = received.get("bits_per_second")
    return {
        "throughput": None if bits is None else bits / _MEGA,
        "retransmits": (end.get("sum_sent") or {}).get("retransmits"),
        "loss": udp.get("lost_percent"),
        "jitter": udp.get("jitter_ms"),
        "error": found.get("error"),
    }


class Iperf(Tool):
    """Sends as much as it can to another one, which is a `server`, and measures what arrives there.

    A server is STARTED when it listens, and serves one client after the other until it is stopped.
    """

    _rtype: ClassVar[str] = "linux::Iperf"
    _help: ClassVar[str] = "Measures throughput by iperf3"

    attributes: ClassVar[tuple[Attribute, ...]] = (
        Attribute("server", "Whether it is the server", type=Types.Bool, flags=Flags.Design, default=False),
        Attribute("target", "Where the server is: an address or a name", flags=Flags.Design, set_hook=target),
        Attribute(
            "port",
            "Where the server listens",
            type=Types.Integer,
            flags=Flags.Design,
            default=5201,
            range=(1, 65_535),
        ),
        Attribute(
            "duration",
            "For how many seconds the client sends",
            type=Types.Integer,
            flags=Flags.Design,
            default=10,
            range=(1, 86_400),
        ),
        Attribute(
            "omit",
            "How many seconds at the beginning are sent besides, and not measured",
            type=Types.Integer,
            flags=Flags.Design,
            default=0,
            range=(0, 60),
        ),
        Attribute(
            "protocol",
            "What the client sends",
            type=Types.Enumerate,
            flags=Flags.Design,
            default="tcp",
            allowed=("tcp", "udp"),
        ),
        Attribute(
            "rate",
            "Megabits a second that each stream of the client sends at most; 0: as many as can be (by UDP: 1)",
            type=Types.Double,
            flags=Flags.Design,
            default=0.0,
            range=(0, None),
        ),
        Attribute(
            "streams",
            "How many streams the client opens",
            type=Types.Integer,
            flags=Flags.Design,
            default=1,
            range=(1, 128),
        ),
        Attribute(
            "reverse", "Whether the server sends, to the client", type=Types.Bool, flags=Flags.Design, default=False
        ),
        Attribute(
            "window",
            "How many bytes may be under way, of TCP; by default the system decides",
            type=Types.Integer,
            flags=Flags.Design,
            range=(1, None),
        ),
        Attribute("throughput", "Result: megabits a second that were received", type=Types.Double, flags=Flags.NoWrite),
        Attribute("retransmits", "Result: how often TCP sent again", type=Types.Integer, flags=Flags.NoWrite),
        Attribute("loss", "Result: percent of UDP's packets that were lost", type=Types.Double, flags=Flags.NoWrite),
        Attribute("jitter", "Result: of UDP's packets, in ms", type=Types.Double, flags=Flags.NoWrite),
    )
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("iperf.json", "What a client found; see read_iperf. stdout has all that iperf3 said", enabled=True),
    )

    programs: ClassVar[Mapping[str, str]] = {"iperf3": "iperf3"}

    def arguments(self) -> list[str]:
        """Return the program and its arguments."""
        if self.get("server"):
            return ["iperf3", "--server", "--port", str(self.get("port")), "--forceflush"]
        words = ["iperf3", "--client", self.required("target"), "--port", str(self.get("port")), "--json"]
        words += ["--time", str(self.get("duration")), "--parallel", str(self.get("streams"))]
        words += ["--connect-timeout", "10000"]
        if self.get("protocol") == "udp":
            words.append("--udp")
        if self.get("rate"):
            words += ["--bitrate", str(round(self.get("rate") * _MEGA))]
        if self.get("omit"):
            words += ["--omit", str(self.get("omit"))]
        if self.get("reverse"):
            words.append("--reverse")
        if self.get("window") is not None:
            words += ["--window", str(self.get("window"))]
        return words

    async def settle(self) -> None:
        """Wait until a server listens."""
        if self.get("server"):
            await self.await_text("stdout", "Server listening on ")

    async def digest(self, status: ProcessStatus) -> None:
        """Read what a client found."""
        if self.get("server"):
            return
        output = await self.written("stdout")
        try:
            found = read_iperf(output)
        except ValueError as error:
            if self._stopped or status.exit_code != 0:
                return
            raise ApplicationFailed(f"{self}: what iperf3 said is not understood: {error}: {output[:200]!r}") from error
        results = {name: found[name] for name in ("throughput", "retransmits", "loss", "jitter")}
        await self.report("iperf.json", {"target": self.get("target"), **found}, **results)
        # It may end well all the same.
        if found["error"] is not None and not self._stopped:
            raise ApplicationFailed(f"{self}: {found['error']}")
