"""The helper thread: it wakes in time order, on request, and ends when closed."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from tests.unit.core.cutting import Cut, CutAt

from headrace.core import Keeper, SystemClock, keeper
from headrace.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON = 10.0


class Woken:
    """A keeper on a virtual clock, and the times at which it woke."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0.0)
        self.times: Queue[float] = Queue()
        self.keeper = Keeper(self.clock, lambda: self.times.put(self.clock.monotonic()), "keeper-under-test")

    def threads(self) -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "keeper-under-test"]


@pytest.fixture
def woken() -> Iterator[Woken]:
    woken = Woken()
    yield woken
    woken.keeper.close()
    assert woken.threads() == []


def test_no_thread_is_started_before_it_is_needed(woken: Woken) -> None:
    assert woken.threads() == []


def test_a_time_that_has_passed_wakes_at_once(woken: Woken) -> None:
    woken.clock.advance(5)

    woken.keeper.wake_at(3)

    assert woken.times.get(timeout=SOON) == 5


def test_wake_now_wakes_now(woken: Woken) -> None:
    woken.keeper.wake_now()

    assert woken.times.get(timeout=SOON) == 0


def test_it_wakes_in_the_order_of_time(woken: Woken) -> None:
    """Asked for in another order; each wake asks for the next, as a tick does."""
    asked = sorted([7.0, 3.0, 5.0])
    woken.keeper.wake_at(7)
    woken.keeper.wake_at(3)
    woken.keeper.wake_at(5)
    times = []
    for number, when in enumerate(asked):
        woken.clock.advance_to(when)
        woken.keeper.wake_at(when)
        times.append(woken.times.get(timeout=SOON))
        for later in asked[number + 1 :]:
            woken.keeper.wake_at(later)

    assert times == [3, 5, 7]


def test_it_sleeps_for_the_time_that_was_asked_for() -> None:
    clock, woken = SystemClock(), Queue[float]()
    kept = Keeper(clock, lambda: woken.put(clock.monotonic()), "keeper-under-test")
    due = clock.monotonic() + 0.02
    kept.wake_at(due)

    late = woken.get(timeout=SOON) - due
    kept.close()

    assert 0 <= late < SOON


def test_a_time_without_end_only_waits(woken: Woken) -> None:
    woken.keeper.wake_at(float("inf"))
    woken.keeper.wake_now()

    assert woken.times.get(timeout=SOON) == 0


def test_one_thread_serves_all_requests(woken: Woken) -> None:
    for _ in range(50):
        woken.keeper.wake_at(1_000_000)

    assert woken.threads() == ["keeper-under-test"]


def test_closing_drops_what_has_not_come_due(woken: Woken) -> None:
    woken.keeper.wake_at(1_000_000)

    woken.keeper.close()

    assert woken.times.empty()


def test_closing_twice_is_fine(woken: Woken) -> None:
    woken.keeper.wake_now()
    woken.keeper.close()

    woken.keeper.close()

    assert woken.threads() == []


def test_a_closed_one_is_asked_in_vain(woken: Woken) -> None:
    woken.keeper.close()

    woken.keeper.wake_now()

    assert woken.threads() == []


def test_it_may_be_closed_from_within_a_wake() -> None:
    closed = threading.Event()

    def close() -> None:
        kept.close()
        closed.set()

    kept = Keeper(SystemClock(), close, "keeper-under-test")
    kept.wake_now()

    assert closed.wait(SOON)
    kept.close()


def test_a_wake_may_ask_for_the_next() -> None:
    """Re-entrant: the thread that wakes is the one that asks."""
    times: Queue[int] = Queue()

    def wake() -> None:
        times.put(times.qsize())
        if times.qsize() < 3:
            kept.wake_now()

    kept = Keeper(SystemClock(), wake, "keeper-under-test")
    kept.wake_now()
    seen = [times.get(timeout=SOON) for _ in range(2)]
    kept.close()

    assert len(seen) == 2


def test_a_signal_handler_may_ask_while_its_thread_is_asking(woken: Woken) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: woken.keeper.wake_at(500_000))
    try:
        signal.setitimer(signal.ITIMER_REAL, 5e-4, 5e-4)
        for _ in range(2_000):
            woken.keeper.wake_at(1_000_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    woken.keeper.wake_now()

    assert woken.times.get(timeout=SOON) == 0


def test_a_wake_that_raises_does_not_end_the_thread() -> None:
    """Every delay of a kernel hangs on this one thread."""
    woken: Queue[int] = Queue()

    def wake() -> None:
        woken.put(1)
        if woken.qsize() == 1:
            msg = "the first time"
            raise RuntimeError(msg)

    kept = Keeper(SystemClock(), wake, "keeper-under-test")
    kept.wake_now()
    woken.get(timeout=SOON)
    woken.put(0)
    kept.wake_now()
    woken.get(timeout=SOON)

    assert woken.get(timeout=SOON) == 1
    kept.close()


@pytest.mark.slow
def test_an_interrupt_in_a_request_leaves_the_keeper_working() -> None:
    """It may fall wherever a function begins, `threading`'s own included. The next request is served."""
    happened, cut_at = True, 0
    while happened:
        woken = Woken()
        cut = CutAt(cut_at, keeper, threading, events={"call"})
        # Inside `Thread.start` an interrupt may come out as an error of threading's own.
        with suppress(Cut, RuntimeError), cut:
            woken.keeper.wake_at(1_000_000)
        happened, cut_at = cut.happened, cut_at + 1
        woken.keeper.wake_now()
        woken.times.get(timeout=SOON)
        woken.keeper.close()
