"""What tcpdump says, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from headrace.experiments.errors import ConnectionRefused, ExperimentError
from headrace.experiments.linux.tcpdump import Tcpdump, read_tcpdump

if TYPE_CHECKING:
    from headrace.experiments import ExperimentController

OUTPUT = """\
tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes
1 packet captured
25 packets received by filter
3 packets dropped by kernel
"""


def tcpdump(ec: ExperimentController, *connected: int, **attributes: Any) -> Tcpdump:  # noqa: ANN401 - of the types declared
    found = ec.get_resource(ec.register_resource("linux::Tcpdump", connectedTo=[*connected], **attributes))
    assert isinstance(found, Tcpdump)
    return found


def test_what_it_says_at_its_end_is_read() -> None:
    assert read_tcpdump(OUTPUT) == {"captured": 1, "received": 25, "dropped": 3}


def test_what_it_has_not_said_is_unknown() -> None:
    assert read_tcpdump(OUTPUT.splitlines()[0]) == {"captured": None, "received": None, "dropped": None}


def test_its_filter_is_one_argument_and_no_option(ec: ExperimentController) -> None:
    words = tcpdump(ec, filter="-r /etc/passwd or $(id)", snaplen=96, count=5).arguments()

    assert words[-2:] == ["--", "-r /etc/passwd or $(id)"]
    assert words[:3] == ["tcpdump", "-i", "any"]
    assert " -s 96 -c 5 " in f" {' '.join(words)} "


def test_it_captures_on_the_interface_that_it_is_connected_to(ec: ExperimentController) -> None:
    node = ec.register_resource("linux::Node")
    interface = ec.register_resource("linux::Interface", connectedTo=node)
    tool = tcpdump(ec, node, interface)

    assert tool.arguments()[2] == ec.get_resource(interface).device  # type: ignore[attr-defined]  # an Interface
    assert ec.get_resource(interface) in tool.deploy_after()


def test_an_interface_elsewhere_is_refused_when_it_starts(ec: ExperimentController) -> None:
    one, other = ec.register_resource("linux::Node"), ec.register_resource("linux::Node")
    interface = ec.register_resource("linux::Interface", connectedTo=other)

    with pytest.raises(ExperimentError, match="is not on linux::Node 1, where this runs"):
        tcpdump(ec, one, interface).arguments()


def test_a_second_interface_is_refused(ec: ExperimentController) -> None:
    one, other = ec.register_resource("linux::Interface"), ec.register_resource("linux::Interface")

    with pytest.raises(ConnectionRefused, match="another linux::Tcpdump"):
        tcpdump(ec, one, other)
