"""What traceroute says, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.experiments.linux.traceroute import Traceroute, read_traceroute

if TYPE_CHECKING:
    from headrace.experiments import ExperimentController

OUTPUT = """\
traceroute to 10.0.2.1 (10.0.2.1), 30 hops max, 60 byte packets
 1  10.0.0.2  0.057 ms  0.006 ms *
 2  * * *
 3  10.0.1.2  1.5 ms 10.0.1.3  2.5 ms  2.6 ms
 4  10.0.2.1  3 ms  3.1 ms  3.2 ms
"""
UNREACHABLE = """\
traceroute to 10.0.2.1 (10.0.2.1), 30 hops max, 60 byte packets
 1  10.0.0.2  0.5 ms !H  0.6 ms !H  0.7 ms !H
"""


def test_every_answer_is_read_with_who_gave_it() -> None:
    found = read_traceroute(OUTPUT)
    addresses = [[answer and answer["address"] for answer in hop["answers"]] for hop in found["hops"]]

    assert addresses == [
        ["10.0.0.2", "10.0.0.2", None],
        [None, None, None],
        ["10.0.1.2", "10.0.1.3", "10.0.1.3"],
        ["10.0.2.1"] * 3,
    ]
    assert [hop["hop"] for hop in found["hops"]] == [1, 2, 3, 4]
    assert found["hops"][2]["answers"][1]["rtt"] == 2.5
    assert (found["address"], found["reached"]) == ("10.0.2.1", True)


def test_a_host_that_says_there_is_no_way_is_not_the_target() -> None:
    found = read_traceroute(UNREACHABLE)

    assert found["reached"] is False
    assert [answer["said"] for answer in found["hops"][0]["answers"]] == ["!H", "!H", "!H"]


def test_no_output_tells_nothing() -> None:
    assert read_traceroute("") == {"address": None, "reached": False, "hops": []}


@given(st.integers(0, len(OUTPUT)))
def test_an_output_may_be_cut_off_anywhere(place: int) -> None:
    assert len(read_traceroute(OUTPUT[:place])["hops"]) <= 4


@pytest.mark.parametrize(("method", "words"), [("udp", []), ("icmp", ["-I"]), ("tcp", ["-T"])])
def test_its_attributes_are_its_arguments(ec: ExperimentController, method: str, words: list[str]) -> None:
    guid = ec.register_resource(
        "linux::Traceroute", target="10.0.2.1", maxHops=5, queries=1, patience=0.5, method=method
    )
    tool = ec.get_resource(guid)
    assert isinstance(tool, Traceroute)

    assert tool.arguments() == ["traceroute", "-n", "-m", "5", "-q", "1", "-w", "0.5", *words, "10.0.2.1"]
