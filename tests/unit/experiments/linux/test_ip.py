"""Commands of iproute2 on a host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.experiments.linux.fakes import FakeHost

from headrace.experiments.errors import InvalidAttribute
from headrace.experiments.hosts.errors import Unsuitable
from headrace.experiments.hosts.values import Completed
from headrace.experiments.linux import ip

if TYPE_CHECKING:
    from headrace.experiments.hosts import Host


def change(host: FakeHost, *commands: list[str]) -> None:
    asyncio.run(ip.change(cast("Host", host), commands, "linux::Link 7: making it"))


def test_commands_run_as_root_in_one_go() -> None:
    host = FakeHost()
    change(host, ["ip", "link"], ["tc", "qdisc"])

    assert host.commands == [["ip", "link"], ["tc", "qdisc"]]
    ((_, options),) = host.calls
    assert options["sudo"] is True


def test_nothing_in_a_command_is_read_by_a_shell() -> None:
    host = FakeHost()
    change(host, ["ip", "link", "$(reboot); 'x'"])

    assert host.commands == [["ip", "link", "$(reboot); 'x'"]]


def test_no_commands_ask_the_host_for_nothing() -> None:
    host = FakeHost()
    change(host)

    assert host.calls == []


def refusal(done: Completed) -> str:
    host = FakeHost()
    host.refuse = lambda _: done
    with pytest.raises(Unsuitable) as caught:
        change(host, ["ip", "link"])
    return str(caught.value)


def test_what_failed_is_named_with_the_hosts_words() -> None:
    assert refusal(Completed(2, stderr=b"RTNETLINK answers: File exists\n(ip link)\n")) == (
        "fake: linux::Link 7: making it: RTNETLINK answers: File exists\n(ip link)"
    )


def test_a_missing_tool_is_named_with_its_package() -> None:
    assert "it lacks ip; install it (Debian package iproute2)" in refusal(Completed(69, stderr=b"ip\n"))


def test_missing_rights_are_named_with_what_they_take() -> None:
    said = b"mount --make-shared /run/netns failed: Operation not permitted\n"

    assert "CAP_NET_ADMIN" in refusal(Completed(1, stderr=said))


def test_a_command_in_a_namespace_names_it() -> None:
    assert ip.in_namespace("hr-1", "ip", "link") == ["ip", "-n", "hr-1", "link"]
    assert ip.in_namespace("", "ip", "link") == ["ip", "link"]


def test_no_two_names_are_the_same() -> None:
    names = {ip.unique_name("hr-") for _ in range(100)}

    assert len(names) == 100
    assert all(len(name) == 11 for name in names)


@pytest.mark.parametrize("name", ["", "-n", "with space", "a/b", "sixteen-letters-", "$(x)"])
def test_a_name_that_no_interface_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidAttribute, match="up to 15 letters"):
        ip.device_name(None, name)
