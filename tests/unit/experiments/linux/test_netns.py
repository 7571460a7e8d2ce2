"""Namespaces, on a host that only takes note."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from headrace.experiments import ResourceState
from headrace.experiments.errors import ConnectionRefused, ExperimentError, ReadOnlyAttribute
from headrace.experiments.hosts.values import Completed
from headrace.experiments.linux.netns import NetNS

if TYPE_CHECKING:
    from tests.unit.experiments.linux.fakes import FakeHost

    from headrace.experiments import ExperimentController


def namespace(ec: ExperimentController, *, deployed: bool = True, **attributes: bool) -> NetNS:
    node = ec.register_resource("linux::Node")
    guid = ec.register_resource("linux::NetNS", connectedTo=node, **attributes)
    if deployed:
        ec.deploy()
        assert ec.wait_deployed(guid, 10)
    found = ec.get_resource(guid)
    assert isinstance(found, NetNS)
    return found


def test_it_is_made_under_a_name_of_its_own(ec: ExperimentController, host: FakeHost) -> None:
    name = namespace(ec).get("name")

    assert re.fullmatch("hr-[0-9a-f]{8}", name)
    assert ["ip", "netns", "add", name] in host.commands
    assert ["ip", "-n", name, "link", "set", "dev", "lo", "up"] in host.commands


def test_its_name_is_remembered_before_it_is_made(ec: ExperimentController, host: FakeHost) -> None:
    remembered = []

    def look(words: list[str]) -> None:
        if words[:3] == ["ip", "netns", "add"]:
            remembered.append(ec.get_resource(2).facts["namespace"] == words[3])

    host.refuse = look
    namespace(ec)

    assert remembered == [True]


def test_two_have_different_names(ec: ExperimentController) -> None:
    assert namespace(ec).get("name") != namespace(ec).get("name")


def test_its_name_is_not_set_by_its_user(ec: ExperimentController) -> None:
    with pytest.raises(ReadOnlyAttribute):
        ec.register_resource("linux::NetNS", name="mine")


@pytest.mark.parametrize("forward", [True, False])
def test_packets_are_passed_on_if_that_is_wanted(ec: ExperimentController, host: FakeHost, forward: bool) -> None:  # noqa: FBT001 - the parameter
    namespace(ec, forward=forward)

    assert any("ip_forward" in each[-1] for each in host.commands if each[:3] == ["ip", "netns", "exec"]) is forward


def test_its_release_removes_it(ec: ExperimentController, host: FakeHost) -> None:
    name = namespace(ec).get("name")
    assert ec.release()

    (words, options) = host.calls[-1]
    assert words[-1] == name
    assert 'ip netns delete "$1"' in words[2]
    assert options["sudo"] is True


def test_what_was_never_made_is_released_without_a_word_to_the_host(ec: ExperimentController, host: FakeHost) -> None:
    namespace(ec, deployed=False)
    assert ec.release()

    assert host.calls == []


def test_one_that_a_dead_controller_made_is_removed_by_its_name(ec: ExperimentController, host: FakeHost) -> None:
    space = namespace(ec, deployed=False)
    space.remember(namespace="hr-01234567")
    assert ec.release()

    assert host.calls[-1][0][-1] == "hr-01234567"


def test_a_name_that_is_not_ours_is_never_touched(ec: ExperimentController, host: FakeHost) -> None:
    space = namespace(ec, deployed=False)
    space.remember(namespace="production")
    ec.release()

    assert host.calls == []
    assert "is none; it is not touched" in str(space.cause)


def test_a_host_that_refuses_makes_it_failed(ec: ExperimentController, host: FakeHost) -> None:
    host.refuse = lambda words: Completed(1, stderr=b"Operation not permitted") if "netns" in words else None
    node = ec.register_resource("linux::Node")
    guid = ec.register_resource("linux::NetNS", connectedTo=node)
    ec.deploy()

    assert ec.wait(guid, ResourceState.FAILED, timeout=10)
    assert "CAP_SYS_ADMIN" in str(ec.get_resource(guid).cause)


def test_without_a_host_it_says_what_to_connect(ec: ExperimentController) -> None:
    guid = ec.register_resource("linux::NetNS")
    ec.deploy()

    assert ec.wait(guid, ResourceState.FAILED, timeout=10)
    assert "connect it to a linux::Node" in str(ec.get_resource(guid).cause)


def test_its_host_is_there_once_it_is(ec: ExperimentController) -> None:
    space = namespace(ec, deployed=False)
    with pytest.raises(ExperimentError, match="deploy it first"):
        _ = space.host
    ec.deploy()
    ec.wait_deployed(space.guid, 10)

    assert space.host.name == f"{space.get('name')} on fake"


@pytest.mark.parametrize(
    ("rtype", "why"),
    [
        ("linux::NetNS", "connected by a linux::Link"),
        ("linux::Node", "on one host only"),
        ("linux::Link", "connect a linux::Interface to this"),
    ],
)
@pytest.mark.parametrize("from_it", [True, False])
def test_what_cannot_be_connected_to_it_is_refused_from_either_side(
    ec: ExperimentController, rtype: str, why: str, from_it: bool  # noqa: FBT001 - the parameter
) -> None:  # fmt: skip
    space = namespace(ec, deployed=False)
    other = ec.register_resource(rtype)
    with pytest.raises(ConnectionRefused) as caught:
        ec.register_connection(*((space.guid, other) if from_it else (other, space.guid)))

    assert why in str(caught.value) or "interface" in str(caught.value)
    assert other not in space.connections
