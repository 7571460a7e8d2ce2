"""ping, traceroute, tcpdump and iperf3, between namespaces of this machine. It takes root."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headrace.experiments import ResourceState, TraceAttr

if TYPE_CHECKING:
    from tests.real.experiments.lab import Lab

pytestmark = pytest.mark.slow


def found(lab: Lab, guid: int, trace: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(lab.ec.trace(guid, trace))
    return content


def test_ping_tells_of_every_round_trip(lab: Lab) -> None:
    one, _, _ = lab.pair(delay=3)
    ping = lab.ping(one, "10.0.0.2", count=4)
    lab.finish(ping)
    told = found(lab, ping, "rtt.json")

    assert [reply["seq"] for reply in told["replies"]] == [1, 2, 3, 4]
    assert (told["sent"], told["received"], told["loss"]) == (4, 4, 0)
    assert told["min"] == lab.ec.get(ping, "rttMin") >= 6
    assert "4 packets transmitted" in lab.ec.trace(ping, "stdout")


def test_a_ping_that_is_stopped_tells_what_it_found(lab: Lab) -> None:
    one, _, _ = lab.pair()
    ping = lab.ping(one, "10.0.0.2", count=0)
    lab.ec.register_condition(ping, "STOP", ping_started(lab, one), "STARTED", "0.5s")
    lab.finish(ping)

    assert lab.ec.state(ping) is ResourceState.STOPPED
    assert found(lab, ping, "rtt.json")["received"] > 3


def ping_started(lab: Lab, host: int) -> int:
    return lab.run("linux::Application", host, command="sleep 2")


def test_a_ping_without_a_way_is_failed_and_says_so(lab: Lab) -> None:
    one = lab.namespace()
    ping = lab.ping(one, "10.9.9.9", critical=False)
    lab.ec.deploy()

    assert lab.ec.wait(ping, "FAILED", timeout="20s").failed
    assert "Network is unreachable" in str(lab.resource(ping).cause)


def test_traceroute_finds_the_host_in_the_middle(lab: Lab) -> None:
    left, middle, right = lab.namespace(), lab.namespace(forward=True), lab.namespace()
    lab.link(lab.interface(left, "10.0.0.1"), lab.interface(middle, "10.0.0.2"))
    lab.link(lab.interface(middle, "10.0.1.2"), lab.interface(right, "10.0.1.1"))
    lab.run("linux::Route", left, gateway="10.0.0.2")
    lab.run("linux::Route", right, destination="10.0.0.0/24", gateway="10.0.1.2")
    traceroute = lab.run("linux::Traceroute", left, target="10.0.1.1", queries=1)
    lab.finish(traceroute)
    told = found(lab, traceroute, "hops.json")

    assert [hop["answers"][0]["address"] for hop in told["hops"]] == ["10.0.0.2", "10.0.1.1"]
    assert lab.ec.get(traceroute, "hops") == 2
    assert lab.ec.get(traceroute, "reached") is True


def test_tcpdump_captures_what_its_filter_lets_through(lab: Lab, tmp_path: Path) -> None:
    one, other, _ = lab.pair()
    interface = next(guid for guid in lab.resource(other).connections if lab.resource(guid).rtype == "linux::Interface")
    tcpdump = lab.run("linux::Tcpdump", other, filter="icmp and icmp[0] == 8")
    lab.ec.register_connection(tcpdump, interface)
    ping = lab.ping(one, "10.0.0.2", count=3)
    lab.ec.register_condition(ping, "START", tcpdump, "STARTED")
    lab.ec.register_condition(tcpdump, "STOP", ping, "STOPPED", "0.2s")
    lab.finish(ping, tcpdump)

    assert lab.ec.get(tcpdump, "captured") == 3
    assert packets(lab.ec.trace(tcpdump, "capture.pcap", TraceAttr.PATH).read_bytes()) == 3


def packets(content: bytes) -> int:
    """Count the packets of a capture: a header of 24 bytes, then each with one of 16 that says how long it is."""
    assert content[:4] == b"\xd4\xc3\xb2\xa1"
    place, count = 24, 0
    while place < len(content):
        (length,) = struct.unpack_from("<I", content, place + 8)
        place, count = place + 16 + length, count + 1
    assert place == len(content)
    return count


def iperf(lab: Lab, one: int, other: int, **attributes: Any) -> int:  # noqa: ANN401 - of the types declared
    """Return a client, whose server listens before it starts."""
    server = lab.run("linux::Iperf", other, server=True)
    client = lab.run("linux::Iperf", one, target="10.0.0.2", duration=2, **attributes)
    lab.ec.register_condition(client, "START", server, "STARTED")
    lab.ec.register_condition(server, "STOP", client, "STOPPED")
    return client


@pytest.mark.parametrize("rate", [10, 40])
def test_iperf_finds_the_rate_of_a_link(lab: Lab, rate: int) -> None:
    one, other, _ = lab.pair(rate=rate, queue=100)
    client = iperf(lab, one, other)
    lab.finish(client)

    # Of 1514 bytes 1448 are measured; a busy machine takes something off, and nothing adds to it.
    assert 0.7 * rate < lab.ec.get(client, "throughput") <= rate
    assert found(lab, client, "iperf.json")["error"] is None


def test_iperf_counts_what_udp_loses(lab: Lab) -> None:
    one, other, _ = lab.pair(rate=2, queue=20)
    client = iperf(lab, one, other, protocol="udp", rate=5)
    lab.finish(client)

    # Three of five packets do not fit through.
    assert 50 < lab.ec.get(client, "loss") < 70
    assert lab.ec.get(client, "throughput") <= 2.1


def test_the_server_may_be_the_one_that_sends(lab: Lab) -> None:
    one, other, _ = lab.pair(rate=10, queue=100)
    client = iperf(lab, one, other, reverse=True)
    lab.finish(client)

    assert 7 < lab.ec.get(client, "throughput") <= 10


def test_a_client_without_a_server_is_failed_and_says_why(lab: Lab) -> None:
    one, _, _ = lab.pair()
    client = lab.run("linux::Iperf", one, target="10.0.0.2", critical=False)
    lab.ec.deploy()

    assert lab.ec.wait(client, "FAILED", timeout="30s").failed
    assert "Connection refused" in str(lab.resource(client).cause)


def test_a_tool_that_is_missing_is_named_with_its_package(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host that has everything else."""
    folder = lab.base.parent / "bin"
    folder.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name != "iperf3":
            (folder / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(folder))
    iperf3 = lab.run("linux::Iperf", lab.node, server=True, critical=False)
    lab.ec.deploy()

    assert lab.ec.wait(iperf3, "FAILED", timeout="20s").failed
    assert "iperf3 (package iperf3)" in str(lab.resource(iperf3).cause)
