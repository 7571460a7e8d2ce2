"""What ping says, and what it is told."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.experiments.errors import ExperimentError, InvalidAttribute
from headrace.experiments.linux.ping import Ping, read_ping

if TYPE_CHECKING:
    from headrace.experiments import ExperimentController

OUTPUT = """\
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
[1795250942.872665] 64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=20.4 ms
[1795250943.077852] no answer yet for icmp_seq=2
[1795250943.281863] 64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=10 ms
[1795250943.281999] 64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=11 ms (DUP!)

--- 10.0.0.2 ping statistics ---
3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 410ms
rtt min/avg/max/mdev = 10.000/15.200/20.400/5.200 ms
"""


def ping(ec: ExperimentController, **attributes: Any) -> Ping:  # noqa: ANN401 - of the types declared
    found = ec.get_resource(ec.register_resource("linux::Ping", **attributes))
    assert isinstance(found, Ping)
    return found


def test_every_reply_is_read_and_what_they_come_to() -> None:
    found = read_ping(OUTPUT)

    assert found["replies"] == [
        {"seq": 1, "rtt": 20.4, "at": 1795250942.872665},
        {"seq": 3, "rtt": 10.0, "at": 1795250943.281863},
    ]
    assert (found["sent"], found["received"]) == (3, 2)
    assert found["loss"] == pytest.approx(100 / 3)
    assert (found["min"], found["mean"], found["max"]) == (10.0, 15.2, 20.4)


def test_an_output_that_was_cut_off_tells_what_it_has() -> None:
    found = read_ping(OUTPUT[: OUTPUT.index("[1795250943.281863]")])

    assert (found["sent"], found["received"], found["loss"]) == (2, 1, 50.0)


def test_no_output_tells_nothing() -> None:
    found = read_ping("")

    assert (found["sent"], found["received"], found["loss"], found["mean"]) == (0, 0, None, None)


@given(st.integers(0, len(OUTPUT)))
def test_an_output_may_be_cut_off_anywhere(place: int) -> None:
    found = read_ping(OUTPUT[:place])

    assert found["received"] <= max(found["sent"], found["received"])
    assert len(found["replies"]) == found["received"] <= 2


def test_its_attributes_are_its_arguments(ec: ExperimentController) -> None:
    tool = ping(ec, target="10.0.0.2", count=7, interval=0.25, size=100, patience=0.5, ttl=3)

    command = "env LC_ALL=C ping -n -D -O -i 0.25 -s 100 -W 0.5 -c 7 -t 3 10.0.0.2"
    assert shlex.join(tool.command_line()) == command


def test_a_count_of_0_means_until_it_is_stopped(ec: ExperimentController) -> None:
    assert "-c" not in ping(ec, target="a", count=0).arguments()


@pytest.mark.parametrize("target", ["-f", "a b", "$(reboot)", "a;b", ""])
def test_a_target_that_is_no_address_is_refused(ec: ExperimentController, target: str) -> None:
    with pytest.raises(InvalidAttribute, match="address or the name of a host"):
        ping(ec, target=target)


def test_a_ping_without_a_target_says_what_is_missing(ec: ExperimentController) -> None:
    with pytest.raises(ExperimentError, match="its target is not set"):
        ping(ec).command_line()


def test_a_command_of_another_kind_is_refused(ec: ExperimentController) -> None:
    with pytest.raises(InvalidAttribute, match="it makes its own command"):
        ping(ec, target="a", command="ls").command_line()
