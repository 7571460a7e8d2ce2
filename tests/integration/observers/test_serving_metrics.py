"""Metrics are served on this machine only, until they are closed."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from tests.unit.observers.lamps import WAIT, lamp, life, run_info

from headrace.observers import PrometheusObserver

pytestmark = pytest.mark.slow  # The server looks twice a second whether it is to end.


def test_metrics_can_be_read_at_the_port() -> None:
    with PrometheusObserver(port=0) as observer:
        run = run_info()
        observer.started(run)
        observer.transitions(run, life(lamp()))

        with urllib.request.urlopen(f"http://127.0.0.1:{observer.port}/metrics", timeout=WAIT) as answer:
            text = answer.read().decode()
    assert 'headrace_moves_total{kind="lamp",name="hall",state="out"} 1.0' in text


def test_nothing_is_served_unless_asked_for() -> None:
    assert PrometheusObserver().port is None


def test_once_closed_nothing_is_served() -> None:
    observer = PrometheusObserver(port=0)
    port = observer.port or 0
    observer.close()
    observer.close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=WAIT)


def test_a_port_that_is_taken_is_named() -> None:
    with (
        PrometheusObserver(port=0) as observer,
        pytest.raises(OSError, match=rf"metrics cannot be served at 127\.0\.0\.1:{observer.port}: .*another port"),
    ):
        PrometheusObserver(port=observer.port)
