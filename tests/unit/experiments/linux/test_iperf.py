"""What iperf3 says, and what it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from headrace.experiments.errors import ExperimentError
from headrace.experiments.linux.iperf import Iperf, read_iperf

if TYPE_CHECKING:
    from headrace.experiments import ExperimentController

TCP = {"end": {"sum_sent": {"bits_per_second": 11e6, "retransmits": 3}, "sum_received": {"bits_per_second": 9.5e6}}}
UDP = {"end": {"sum": {"bits_per_second": 5e6, "jitter_ms": 0.25, "lost_packets": 8, "lost_percent": 1.5}}}
ERROR = {"intervals": [], "end": {}, "error": "unable to connect to server: Connection refused"}


def iperf(ec: ExperimentController, **attributes: Any) -> Iperf:  # noqa: ANN401 - of the types declared
    found = ec.get_resource(ec.register_resource("linux::Iperf", **attributes))
    assert isinstance(found, Iperf)
    return found


def test_of_tcp_what_was_received_counts() -> None:
    found = read_iperf(json.dumps(TCP))

    assert found == {"throughput": 9.5, "retransmits": 3, "loss": None, "jitter": None, "error": None}


def test_of_udp_the_loss_and_the_jitter_are_read() -> None:
    found = read_iperf(json.dumps(UDP))

    assert found == {"throughput": 5.0, "retransmits": None, "loss": 1.5, "jitter": 0.25, "error": None}


def test_an_error_is_told_and_nothing_was_measured() -> None:
    found = read_iperf(json.dumps(ERROR))

    assert found["error"] == "unable to connect to server: Connection refused"
    assert found["throughput"] is None


@pytest.mark.parametrize("output", ["", "iperf3: error", "[]", '{"end": '])
def test_what_is_no_report_is_refused(output: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_iperf(output)


def test_a_server_listens_on_its_port(ec: ExperimentController) -> None:
    assert iperf(ec, server=True, port=1234).arguments() == ["iperf3", "--server", "--port", "1234", "--forceflush"]


def test_the_attributes_of_a_client_are_its_arguments(ec: ExperimentController) -> None:
    words = iperf(
        ec, target="b", duration=3, protocol="udp", rate=2.5, streams=4, omit=1, reverse=True, window=65536
    ).arguments()
    text = " ".join(words)

    assert text.startswith("iperf3 --client b --port 5201 --json --time 3 --parallel 4 ")
    assert text.endswith("--udp --bitrate 2500000 --omit 1 --reverse --window 65536")


def test_a_client_without_a_target_says_what_is_missing(ec: ExperimentController) -> None:
    with pytest.raises(ExperimentError, match="its target is not set"):
        iperf(ec).arguments()
