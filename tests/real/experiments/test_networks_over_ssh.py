"""Namespaces, links and tools on a host over SSH. It takes root there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.real.experiments.hosts.servers import Sshd
from tests.real.experiments.lab import Lab

from headrace.experiments import TraceAttr

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def far_lab(tmp_path: Path) -> Iterator[Lab]:
    """Return an experiment on a host over SSH. Nothing of it is left after the test, which is checked."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-sshd-"))
    server = Sshd(folder / "server")
    server.start()
    node = {
        "hostname": server.address,
        "port": server.port,
        "username": "root",
        "identity": str(server.key),
        "knownHosts": str(server.known_hosts),
    }
    try:
        lab = Lab(tmp_path, node)
        with lab.ec:
            yield lab
        assert lab.left() == []
    finally:
        server.kill()
        shutil.rmtree(folder)


def test_a_network_there_is_made_shaped_measured_and_removed(far_lab: Lab) -> None:
    lab = far_lab
    one, other, link = lab.pair(delay=10)
    capture = lab.run("linux::Tcpdump", other, filter="icmp")
    first = lab.ping(one, "10.0.0.2")
    lab.ec.register_condition(first, "START", capture, "STARTED")
    lab.ec.register_condition(capture, "STOP", first, "STOPPED", "0.2s")
    lab.finish(first, capture)
    lab.ec.set(link, "delay", 30)
    second = lab.ping(one, "10.0.0.2")
    lab.finish(second)

    assert 20 <= lab.ec.get(first, "rttMin") < 40
    assert 60 <= lab.ec.get(second, "rttMin") < 80
    assert lab.ec.get(capture, "captured") == 10
    assert "5 packets transmitted" in lab.ec.trace(first, "stdout")
    assert lab.ec.trace(capture, "capture.pcap", TraceAttr.SIZE) > 10 * 98
