"""Links, interfaces, bridges and routes, on a host that only takes note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headrace.experiments import ResourceState
from headrace.experiments.errors import ConnectionRefused, ExperimentError, InvalidAttribute
from headrace.experiments.hosts.errors import Unsuitable
from headrace.experiments.hosts.values import Completed

if TYPE_CHECKING:
    from tests.unit.experiments.linux.fakes import FakeHost

    from headrace.experiments import ExperimentController, ResourceManager

NO_NETEM = Completed(2, stderr=b"Error: Specified qdisc kind is unknown.\n")


class Pair:
    """Two namespaces on one node, with an interface in each, and a link between these."""

    def __init__(self, ec: ExperimentController, **link: Any) -> None:  # noqa: ANN401 - of the types declared
        self.ec = ec
        self.node = ec.register_resource("linux::Node")
        self.spaces = [ec.register_resource("linux::NetNS", connectedTo=self.node) for _ in range(2)]
        self.interfaces = [
            ec.register_resource("linux::Interface", ip4=f"10.0.0.{number}", connectedTo=space)
            for number, space in enumerate(self.spaces, 1)
        ]
        self.link = ec.register_resource("linux::Link", connectedTo=self.interfaces, **link)

    def deploy(self) -> None:
        self.ec.deploy()
        reached = self.ec.wait_started(self.ec.resources, 10)
        assert reached, str(reached)

    @property
    def names(self) -> list[str]:
        return [self.ec.get(space, "name") for space in self.spaces]


def cause(ec: ExperimentController, guid: int) -> str:
    """Deploy, and return why a resource failed."""
    ec.deploy()
    assert ec.wait(guid, ResourceState.FAILED, timeout=10)
    return str(ec.get_resource(guid).cause)


# --- links ------------------------------------------------------------------------------------------------------------


def test_a_link_is_a_pair_of_virtual_interfaces_one_in_each_namespace(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec, delay=10)
    pair.deploy()
    one, other = pair.names

    text = f"ip link add name if4 netns {one} type veth peer name if5 netns {other}"
    assert text.split() in host.commands
    shape = "netem limit 1000 delay 10000us 0us loss 0.000000% rate 0bit"
    assert f"tc -n {one} qdisc replace dev if4 root {shape}".split() in host.commands
    assert f"tc -n {other} qdisc replace dev if5 root {shape}".split() in host.commands
    assert ec.get(pair.link, "shapedBy") == "netem"


def test_packets_are_as_on_a_cable_unless_offload_is_wanted(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec, offload=True)
    pair.deploy()
    without = [each for each in host.commands if "gso_max_segs" in each]
    other = Pair(ec)
    other.deploy()

    assert without == []
    assert len([each for each in host.commands if "gso_max_segs" in each]) == 2


def test_its_ends_are_remembered_before_they_are_made(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    remembered: list[Any] = []

    def look(words: list[str]) -> None:
        if "veth" in words:
            remembered.append([end[1] for end in ec.get_resource(pair.link).facts["ends"]])

    host.refuse = look
    pair.deploy()

    assert remembered == [["if4", "if5"]]


def test_a_change_while_it_is_used_is_in_force_on_both_ends(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec, rate=5)
    pair.deploy()
    before = len(host.commands)
    ec.set(pair.link, "delay", 25)
    changed = host.commands[before:]

    assert [each[5:7] for each in changed] == [["dev", "if4"], ["dev", "if5"]]
    assert all(each[-5:] == "0us loss 0.000000% rate 5000000bit".split() for each in changed)  # noqa: SIM905 - as it is typed
    assert ec.get(pair.link, "delay") == 25


def test_a_change_that_the_host_refuses_leaves_it_as_it_was(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec, delay=5)
    pair.deploy()
    host.refuse = lambda _: Completed(2, stderr=b"no such device")
    with pytest.raises(Unsuitable, match="no such device"):
        ec.set(pair.link, "delay", 25)
    host.refuse = lambda _: None

    assert ec.get(pair.link, "delay") == 5


def test_a_change_before_it_is_there_is_a_value_and_nothing_else(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    ec.set(pair.link, "delay", 25)

    assert host.calls == []
    assert ec.get(pair.link, "delay") == 25


def test_a_jitter_beyond_the_delay_is_refused_while_it_is_used(ec: ExperimentController) -> None:
    pair = Pair(ec, delay=5)
    pair.deploy()
    with pytest.raises(InvalidAttribute, match="at most the delay"):
        ec.set(pair.link, "jitter", 6)

    assert ec.get(pair.link, "jitter") == 0


def test_where_netem_is_missing_and_wanted_that_is_said(ec: ExperimentController, host: FakeHost) -> None:
    host.refuse = lambda words: NO_NETEM if words[0] == "tc" else None
    pair = Pair(ec, shaper="netem")

    assert "CONFIG_NET_SCH_NETEM" in cause(ec, pair.link)


def test_where_netem_is_missing_a_relay_is_started(ec: ExperimentController, host: FakeHost) -> None:
    host.refuse = lambda words: NO_NETEM if words[0] == "tc" else Completed(0, stdout=b"/usr/bin/python3\n")
    put: list[str] = []

    async def take(_: object, remote: str) -> bool:
        put.append(remote)
        return True

    host.put = take  # type: ignore[attr-defined]  # a fake has what a test gives it
    pair = Pair(ec, delay=10, rate=2)
    ec.deploy()
    assert ec.wait_deployed(pair.interfaces, 10)
    ((process, launch),) = host.launched
    one, other = pair.names

    assert put == [f"{process.directory}/relay.py"]
    assert launch.command[:3] == ("/usr/bin/python3", "-I", "-S")
    assert list(launch.command[6:10]) == [one, "if4", other, "if5"]
    assert ec.get(pair.link, "shapedBy") == "relay"
    assert ec.get_resource(pair.link).facts["relay"] == process.facts()


def test_an_unshapable_link_is_refused_a_shape(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec, shaper="none")
    pair.deploy()
    with pytest.raises(InvalidAttribute, match="cannot be shaped"):
        ec.set(pair.link, "loss", 1)

    assert not [each for each in host.commands if each[0] == "tc"]


def test_a_link_with_one_end_says_what_is_missing(ec: ExperimentController) -> None:
    pair = Pair(ec)
    ec.unregister_connection(pair.link, pair.interfaces[1])
    ec.set(pair.interfaces[1], "critical", False)  # It has no link any more, and is no end.

    assert "a link has two ends, and this one has 1" in cause(ec, pair.link)


def test_a_third_end_is_refused(ec: ExperimentController) -> None:
    pair = Pair(ec)
    third = ec.register_resource("linux::Interface")
    with pytest.raises(ConnectionRefused, match="a link has two ends"):
        ec.register_connection(third, pair.link)


def test_ends_on_different_hosts_are_refused(ec: ExperimentController) -> None:
    pair = Pair(ec)
    ec.unregister_connection(pair.spaces[1], pair.node)
    ec.register_connection(pair.spaces[1], ec.register_resource("linux::Node"))

    assert "its ends are on different hosts" in cause(ec, pair.link)


def test_it_is_released_after_its_interfaces_and_before_its_namespaces(ec: ExperimentController) -> None:
    pair = Pair(ec)
    link = ec.get_resource(pair.link)

    assert [each.guid for each in link.release_after()] == pair.interfaces
    assert {each.guid for each in link.release_before()} == {*pair.spaces, pair.node}
    assert {each.guid for each in link.deploy_after()} == {*pair.spaces}


def test_what_a_dead_controller_made_is_removed_by_what_was_remembered(
    ec: ExperimentController, host: FakeHost
) -> None:
    pair = Pair(ec)
    ec.get_resource(pair.link).remember(ends=[["hr-00000001", "if4", ""], ["hr-00000002", "if5", ""]])
    assert ec.release()

    assert [words[4:] for words, _ in host.calls] == [["hr-00000001", "if4", "hr-00000002", "if5"]]


# --- interfaces -------------------------------------------------------------------------------------------------------


def test_an_interface_is_set_up_as_it_is_told(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    ec.set(pair.interfaces[0], "mtu", 1400)
    ec.set(pair.interfaces[0], "mac", "02:00:00:00:00:0A")
    ec.set(pair.interfaces[0], "name", "eth0")
    pair.deploy()
    prefix = f"ip -n {pair.names[0]}"
    wanted = [
        "link set dev eth0 address 02:00:00:00:00:0a",
        "link set dev eth0 mtu 1400",
        "addr replace 10.0.0.1/24 broadcast + dev eth0",
        "link set dev eth0 up",
    ]

    assert [f"{prefix} {each}".split() for each in wanted] == [
        each for each in host.commands if each[:3] == prefix.split() and "eth0" in each and "gso_max_segs" not in each
    ]
    assert ec.get(pair.interfaces[0], "device") == "eth0"


def test_a_new_address_takes_the_place_of_the_old_one(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    pair.deploy()
    before = len(host.commands)
    ec.set(pair.interfaces[0], "ip4", "10.0.0.9")
    changed = [" ".join(each[3:]) for each in host.commands[before:]]

    assert changed == ["addr del 10.0.0.1/24 dev if4", "addr replace 10.0.0.9/24 broadcast + dev if4"]


def test_it_goes_down_and_up_while_it_is_used(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    pair.deploy()
    before = len(host.commands)
    ec.set(pair.interfaces[0], "up", "false")
    ec.set(pair.interfaces[0], "up", True)

    assert [" ".join(each[3:]) for each in host.commands[before:]] == ["link set dev if4 down", "link set dev if4 up"]


def test_on_a_host_itself_its_name_is_chosen(ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node")
    link = ec.register_resource("linux::Link")
    own = ec.register_resource("linux::Interface", name="eth0", connectedTo=[node, link])
    ec.register_resource("linux::Interface", connectedTo=[node, link])
    why = cause(ec, link)

    assert "eth0 may be another's: leave its name out" in why
    assert own


@pytest.mark.parametrize("address", ["10.0.0.1/24", "10.0.0", "me", "::1"])
def test_an_address_that_is_none_is_refused(ec: ExperimentController, address: str) -> None:
    with pytest.raises(InvalidAttribute, match="four numbers"):
        ec.register_resource("linux::Interface", ip4=address)


def test_an_interface_without_a_link_says_what_is_missing(ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node")
    interface = ec.register_resource("linux::Interface", connectedTo=node)

    assert "connect it to a linux::Link" in cause(ec, interface)


@pytest.mark.parametrize("rtype", ["linux::Interface", "linux::Bridge", "linux::Ping"])
def test_an_interface_is_no_partner_of_these(ec: ExperimentController, rtype: str) -> None:
    interface, other = ec.register_resource("linux::Interface"), ec.register_resource(rtype)
    with pytest.raises(ConnectionRefused, match=f"not to a {rtype}|not to a linux::Interface"):
        ec.register_connection(other, interface)


# --- bridges ----------------------------------------------------------------------------------------------------------


def test_a_bridge_on_a_host_has_a_name_of_its_own_and_its_links_as_ports(
    ec: ExperimentController, host: FakeHost
) -> None:
    node = ec.register_resource("linux::Node")
    bridge = ec.register_resource("linux::Bridge", connectedTo=node)
    space = ec.register_resource("linux::NetNS", connectedTo=node)
    interface = ec.register_resource("linux::Interface", connectedTo=space)
    ec.register_resource("linux::Link", connectedTo=[interface, bridge])
    ec.deploy()
    assert ec.wait_started(ec.resources, 10)
    name = ec.get(bridge, "name")

    assert name.startswith("hrb")
    assert f"ip link add name {name} type bridge stp_state 0".split() in host.commands
    (joined,) = [each for each in host.commands if "master" in each]
    assert joined[-3:] == ["master", name, "up"]
    assert joined[4].startswith("hrp")


# --- routes -----------------------------------------------------------------------------------------------------------


def route(ec: ExperimentController, *connected: int, **attributes: Any) -> ResourceManager:  # noqa: ANN401 - of the types declared
    return ec.get_resource(ec.register_resource("linux::Route", connectedTo=[*connected], **attributes))


def test_a_route_is_added_after_the_interfaces_where_it_is(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    made = route(ec, pair.spaces[0], destination="10.0.1.0/24", gateway="10.0.0.2")
    pair.deploy()
    text = f"ip -n {pair.names[0]} route add 10.0.1.0/24 via 10.0.0.2 metric 0"

    assert text.split() in host.commands
    assert {each.guid for each in made.deploy_after()} == {pair.spaces[0], pair.interfaces[0]}


def test_a_route_may_lead_out_by_an_interface(ec: ExperimentController, host: FakeHost) -> None:
    pair = Pair(ec)
    route(ec, pair.spaces[0], pair.interfaces[0])
    pair.deploy()

    assert f"ip -n {pair.names[0]} route add default dev if4 metric 0".split() in host.commands


def test_a_route_on_a_host_itself_is_refused(ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node")
    with pytest.raises(ConnectionRefused, match="the host's own network"):
        route(ec, node)


def test_a_route_that_leads_nowhere_says_so(ec: ExperimentController) -> None:
    pair = Pair(ec)

    assert "it leads nowhere" in cause(ec, route(ec, pair.spaces[0]).guid)


@pytest.mark.parametrize("network", ["10.0.1.1/24", "everywhere", "-6"])
def test_a_network_that_is_none_is_refused(ec: ExperimentController, network: str) -> None:
    with pytest.raises(InvalidAttribute, match="it is a network"):
        route(ec, destination=network)


def test_a_part_that_is_nowhere_says_what_to_connect(ec: ExperimentController) -> None:
    found = route(ec, gateway="10.0.0.1")

    with pytest.raises(ExperimentError, match="connect it to a linux::NetNS"):
        _ = found.machine  # type: ignore[attr-defined]  # a Route
