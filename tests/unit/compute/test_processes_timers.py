"""Calls come up when their time has come, and not when they have ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from headrace.compute.executors.processes.timers import Timers

if TYPE_CHECKING:
    from headrace.compute.executors.processes.calls import Call


def running(number: int) -> Call:
    """Return what timers need to know of a call that runs."""
    return cast("Call", SimpleNamespace(number=number, is_running=True))


def end(call: Call) -> None:
    vars(call)["is_running"] = False


def test_a_call_comes_up_once_at_its_time() -> None:
    timers, call = Timers(), running(1)
    timers.set(5.0, call)

    assert timers.earliest == 5.0
    assert timers.due(4.9) == []
    assert timers.due(5.0) == [call]
    assert timers.due(6.0) == []
    assert timers.earliest is None


def test_calls_come_up_in_the_order_of_their_times() -> None:
    timers, calls = Timers(), [running(number) for number in range(3)]
    for call, when in zip(calls, (3.0, 1.0, 2.0), strict=True):
        timers.set(when, call)

    assert timers.due(2.5) == [calls[1], calls[2]]


def test_a_call_that_has_ended_does_not_come_up() -> None:
    timers, call = Timers(), running(1)
    timers.set(5.0, call)

    end(call)

    assert timers.earliest is None
    assert timers.due(6.0) == []


def test_calls_that_have_ended_are_forgotten_long_before_their_time() -> None:
    timers = Timers()

    for number in range(10_000):
        call = running(number)
        timers.set(1e6, call)
        end(call)

    assert len(timers._heap) < 200
