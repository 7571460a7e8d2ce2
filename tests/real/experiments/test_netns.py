"""Namespaces, interfaces, links, routes and bridges of this machine. It takes root."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.real.experiments.lab import Lab, leftovers, shell

from headrace.experiments import ExperimentController, ResourceState
from headrace.experiments.errors import ExperimentError
from headrace.experiments.hosts.errors import Unsuitable

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


def has_netem() -> bool:
    """Whether the kernel of this machine has netem: asked of a namespace that is there for the moment."""
    name = f"hr-{os.getpid():08x}"[:11]
    shell("ip", "netns", "add", name)
    try:
        asked = shlex.split(f"/usr/bin/env tc -n {name} qdisc replace dev lo root netem")
        return not subprocess.run(asked, capture_output=True, check=False).returncode
    finally:
        shell("ip", "netns", "delete", name)


def test_a_link_delays_as_it_is_told(lab: Lab) -> None:
    one, _, _ = lab.pair(delay=20)
    ping = lab.ping(one, "10.0.0.2")
    lab.finish(ping)

    assert lab.ec.get(ping, "loss") == 0
    # Twice the delay; the machine may be busy, and adds to it, but takes nothing off.
    assert 40 <= lab.ec.get(ping, "rttMin") < 55


def test_its_delay_changes_while_it_is_used(lab: Lab) -> None:
    one, _, link = lab.pair(delay=5)
    before = lab.ping(one, "10.0.0.2")
    lab.finish(before)
    lab.ec.set(link, "delay", 40)
    after = lab.ping(one, "10.0.0.2")
    lab.finish(after)

    assert 10 <= lab.ec.get(before, "rttMin") < 25
    assert 80 <= lab.ec.get(after, "rttMin") < 95


def test_its_delay_changes_when_a_condition_is_met(lab: Lab) -> None:
    one, _, link = lab.pair()
    ping = lab.ping(one, "10.0.0.2", count=20, interval=0.1)
    lab.ec.set_with_conditions("delay", 30, link, ping, "STARTED", "0.5s")
    lab.finish(ping)

    assert lab.ec.get(ping, "rttMin") < 20
    assert lab.ec.get(ping, "rttMax") >= 60


def test_a_link_loses_packets(lab: Lab) -> None:
    one, _, link = lab.pair()
    first = lab.ping(one, "10.0.0.2", count=3)  # Afterwards both know each other's hardware address.
    lab.finish(first)
    lab.ec.set(link, "loss", 30)
    ping = lab.ping(one, "10.0.0.2", count=400, interval=0.005, patience=0.2)
    lab.finish(ping)

    # A packet and its answer: 1 - 0.7² = 51 %; of 400, five standard deviations are 12.5 %.
    assert 51 - 13 < lab.ec.get(ping, "loss") < 51 + 13


def test_a_link_that_loses_all_lets_nothing_through(lab: Lab) -> None:
    one, _, _ = lab.pair(loss=100)
    ping = lab.ping(one, "10.0.0.2", count=3, patience=0.2)
    lab.finish(ping)

    assert lab.ec.state(ping) is ResourceState.FINISHED
    assert lab.ec.get(ping, "loss") == 100
    assert lab.ec.get(ping, "rtt") is None


def test_what_shapes_a_link_is_netem_where_the_kernel_has_it(lab: Lab) -> None:
    _, _, link = lab.pair(delay=1)
    lab.deploy()

    assert lab.ec.get(link, "shapedBy") == ("netem" if has_netem() else "relay")


def test_an_unshaped_link_is_a_pair_of_virtual_interfaces(lab: Lab) -> None:
    one, _, link = lab.pair(shaper="none")
    ping = lab.ping(one, "10.0.0.2")
    lab.finish(ping)

    assert lab.ec.get(ping, "loss") == 0
    assert "veth" in lab.inside(one, "ip", "-d", "link", "show")
    with pytest.raises(ExperimentError, match="cannot be shaped"):
        lab.ec.set(link, "delay", 5)
    assert lab.ec.get(link, "delay") == 0


def test_a_relay_that_ends_makes_its_link_failed(lab: Lab) -> None:
    _, _, link = lab.pair(shaper="relay", critical=False)
    lab.deploy()
    pids = (Path(lab.resource(link).facts["relay"]["directory"]) / "pid").read_text(encoding="ascii")
    os.kill(int(pids.split()[0]), signal.SIGKILL)

    assert lab.ec.wait(link, "FAILED", timeout="20s").failed
    assert "relay" in str(lab.resource(link).cause)


def test_a_route_leads_over_a_namespace_in_the_middle(lab: Lab) -> None:
    left, middle, right = lab.namespace(), lab.namespace(forward=True), lab.namespace()
    lab.link(lab.interface(left, "10.0.0.1"), lab.interface(middle, "10.0.0.2"), delay=5)
    lab.link(lab.interface(middle, "10.0.1.2"), lab.interface(right, "10.0.1.1"), delay=10)
    lab.run("linux::Route", left, gateway="10.0.0.2")
    lab.run("linux::Route", right, destination="10.0.0.0/24", gateway="10.0.1.2")
    ping = lab.ping(left, "10.0.1.1")
    lab.finish(ping)

    assert lab.ec.get(ping, "loss") == 0
    assert 30 <= lab.ec.get(ping, "rttMin") < 45


@pytest.mark.parametrize("where", ["in a namespace", "on the host"])
def test_a_bridge_joins_three_namespaces(lab: Lab, where: str) -> None:
    hosts = [lab.namespace() for _ in range(3)]
    bridge = lab.run("linux::Bridge", lab.namespace() if where == "in a namespace" else lab.node)
    for number, host in enumerate(hosts, 1):
        lab.link(lab.interface(host, f"10.0.0.{number}"), bridge, delay=2)
    pings = [
        lab.ping(host, f"10.0.0.{other}") for number, host in enumerate(hosts, 1) for other in {1, 2, 3} - {number}
    ]
    lab.finish(*pings)

    assert [lab.ec.get(ping, "loss") for ping in pings] == [0] * 6
    assert all(8 <= lab.ec.get(ping, "rttMin") < 25 for ping in pings)


def test_a_namespace_is_linked_to_the_host_itself(lab: Lab) -> None:
    space = lab.namespace()
    lab.link(lab.interface(lab.node, "10.123.45.1", prefix=30), lab.interface(space, "10.123.45.2", prefix=30))
    ping = lab.ping(lab.node, "10.123.45.2")
    lab.finish(ping)

    assert lab.ec.get(ping, "loss") == 0


def test_an_interface_changes_while_it_is_used(lab: Lab) -> None:
    one, other, _ = lab.pair()
    lab.deploy()
    interface = next(
        guid for guid in lab.resource(other).connections if lab.ec.get_resource(guid).rtype != "linux::Node"
    )
    lab.ec.set(interface, "mtu", 1400)
    lab.ec.set(interface, "prefix", 16)
    lab.ec.set(interface, "ip4", "10.0.0.7")
    shown = lab.inside(other, "ip", "addr", "show", "dev", lab.ec.get(interface, "device"))
    lab.ec.set(interface, "up", False)
    down = lab.inside(other, "ip", "-br", "link", "show", "dev", lab.ec.get(interface, "device"))
    lab.ec.set(interface, "up", True)
    ping = lab.ping(other, "10.0.0.1")
    lab.finish(ping)

    assert "mtu 1400" in shown
    assert "inet 10.0.0.7/16" in shown
    assert "10.0.0.2/" not in shown
    assert "UP" not in down.split()[2].strip("<>").split(",")
    assert lab.ec.get(ping, "loss") == 0
    assert one


def test_what_the_host_refuses_leaves_an_attribute_as_it_was(lab: Lab) -> None:
    one, _, link = lab.pair()
    interface = lab.resource(one).connections[1]
    lab.deploy()
    shell("ip", "-n", lab.ec.get(one, "name"), "link", "delete", "dev", lab.ec.get(interface, "device"))
    with pytest.raises(Unsuitable, match="setting mtu=900"):
        lab.ec.set(interface, "mtu", 900)

    assert lab.ec.get(interface, "mtu") == 1500
    assert lab.ec.get(link, "shapedBy")


def test_what_runs_in_a_namespace_ends_with_it(lab: Lab) -> None:
    space = lab.namespace()
    lab.deploy()
    name = lab.ec.get(space, "name")
    # Not the experiment's own, and it pays no attention to TERM.
    command = ["/usr/bin/env", "ip", "netns", "exec", name, "sh", "-c", "trap '' TERM; echo; sleep 300 & wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stray:
        assert stray.stdout is not None
        stray.stdout.readline()
        result = lab.ec.release()
        assert result, str(result)
        assert stray.wait(10) == -signal.SIGKILL


def test_an_application_in_a_namespace_ends_with_all_it_started(lab: Lab) -> None:
    space = lab.namespace()
    lab.run("linux::Application", space, command="setsid sleep 300 & sleep 300")
    lab.deploy()
    result = lab.ec.release()

    assert result, str(result)
    assert lab.left() == []


CONTROLLER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from tests.real.experiments.lab import Lab

    lab = Lab(Path(sys.argv[1]))
    lab.everything()
    lab.deploy()
    print(lab.ec.run_id, flush=True)
    time.sleep(600)
    """
)


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[str]:
    """Have a controller make a network and be killed; return its run's name. Nothing is left after the test."""
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    ) as controller:
        assert controller.stdout is not None
        run_id = controller.stdout.readline().strip()
        controller.kill()
    assert run_id
    yield run_id
    lab = Lab(tmp_path, run_id=run_id, journal=False)
    lab.everything()
    lab.ec.release()
    lab.ec.shutdown()


def test_a_recovered_controller_goes_on_with_a_network_and_releases_it(tmp_path: Path, dead: str) -> None:
    with ExperimentController.recover("lab", dead, tmp_path / "runs") as ec:
        states = {ec.get_resource(guid).rtype: ec.state(guid) for guid in ec.resources}
        assert set(states.values()) == {ResourceState.STARTED}
        (ping,) = ec.filter_resources("linux::Ping")
        link, _ = ec.filter_resources("linux::Link")
        ec.set(link, "delay", 30)
        ec.stop(ping)
        assert ec.get(ping, "rttMin") < 60
        released = ec.release()
        assert released, str(released)

    assert leftovers(tmp_path / "runs" / "lab" / dead, tmp_path / "headrace-base") == []


def test_what_a_dead_controller_left_is_released_by_the_names_it_remembered(tmp_path: Path, dead: str) -> None:
    """The same description; nothing is asked where it is, and nothing deployed."""
    lab = Lab(tmp_path, run_id=dead, journal=False)
    lab.everything()
    assert lab.left()
    released = lab.ec.release()
    lab.ec.shutdown()

    assert released, str(released)
    assert lab.left() == []
