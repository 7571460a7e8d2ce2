"""The fake engine is an engine, and fails as it is told to."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from headrace.compute.engines import (
    CommandSpec,
    Engine,
    EngineUnreachableError,
    Handle,
    JobState,
    Status,
    UnknownJobError,
)
from headrace.testing import EngineContract, FakeEngine, FakeSite, Play, VirtualClock

if TYPE_CHECKING:
    from pathlib import Path


def shell(spec: CommandSpec) -> Play:
    """What the commands of the contract would do."""
    text = " ".join(spec.argv)
    if "nowhere" in text:
        return Play(refused=f"no such program: {spec.argv[0]}")
    if "kill" in text:
        return Play(signal=9)
    if "echo" in text:
        return Play(stdout=b"hello\n", stderr=b"oops\n")
    seconds = re.search(r"sleep ([\d.]+)", text)
    code = re.search(r"exit (\d+)", text)
    return Play(seconds=float(seconds[1]) if seconds else 0.0, exit_code=int(code[1]) if code else 0)


class TestFakeEngine(EngineContract):
    """Commands that play a part."""

    def setup_method(self) -> None:
        self.clock = VirtualClock()
        self.sites: dict[Path, FakeSite] = {}

    def open_engine(self, place: Path) -> Engine:
        return FakeEngine(site=self.sites.setdefault(place, FakeSite(shell, clock=self.clock)))

    def pause(self) -> None:
        self.clock.advance(0.1)


SPEC = CommandSpec(argv=("work",))


def status_of(engine: FakeEngine, handle: Handle) -> Status:
    return engine.poll([handle])[handle]


def test_nothing_happens_before_the_clock_moves() -> None:
    engine = FakeEngine()

    handle = engine.submit(SPEC, "key")

    assert status_of(engine, handle).state is JobState.submitted
    engine.site.clock.advance(0)
    assert status_of(engine, handle).state is JobState.succeeded


def test_commands_end_in_the_order_of_their_ends() -> None:
    seconds = {"slow": 3.0, "quick": 1.0}
    engine = FakeEngine(lambda spec: Play(seconds=seconds[spec.name]))
    ended: list[str] = []
    for name in seconds:
        spec = CommandSpec(argv=("work",), name=name)
        engine.submit(spec, name, lambda handle, status: ended.append(handle.key) if status.final else None)

    engine.site.clock.advance(10)

    assert ended == ["quick", "slow"]


def test_an_end_has_the_time_at_which_it_came_about() -> None:
    engine = FakeEngine(lambda _: Play(seconds=2.0))
    begun = engine.site.clock.wall()
    handle = engine.submit(SPEC, "key")

    engine.site.clock.advance(10)

    assert (status_of(engine, handle).started, status_of(engine, handle).ended) == (begun, begun + 2.0)


def test_a_slow_site_begins_late() -> None:
    engine = FakeEngine(site=FakeSite(lambda _: Play(seconds=1.0), delay=60.0))
    handle = engine.submit(SPEC, "key")

    engine.site.clock.advance(59)
    assert status_of(engine, handle).state is JobState.submitted
    engine.site.clock.advance(1)
    assert status_of(engine, handle).state is JobState.running


def test_while_it_is_unreachable_a_poll_returns_what_was_known_and_says_so() -> None:
    engine = FakeEngine(lambda _: Play(seconds=1.0))
    handle = engine.submit(SPEC, "key")
    engine.site.clock.advance(0)
    before = status_of(engine, handle)
    engine.unreachable = True
    engine.site.clock.advance(5)

    assert before.state is JobState.running
    assert status_of(engine, handle) == Status(state=JobState.running, started=before.started, reachable=False)
    engine.unreachable = False
    assert status_of(engine, handle).state is JobState.succeeded


def test_while_it_is_unreachable_nothing_can_be_asked_of_it() -> None:
    engine = FakeEngine()
    handle = engine.submit(SPEC, "key")
    engine.unreachable = True

    for deed in (engine.cancel, engine.remove, engine.logs):
        with pytest.raises(EngineUnreachableError):
            deed(handle)
    with pytest.raises(EngineUnreachableError):
        engine.submit(SPEC, "another")


def test_a_submit_that_gets_no_answer_has_taken_the_command_and_can_be_made_again() -> None:
    engine = FakeEngine()
    engine.forget_to_answer = 1
    with pytest.raises(EngineUnreachableError):
        engine.submit(SPEC, "key")
    engine.site.clock.advance(0)

    handle = engine.submit(SPEC, "key")

    assert status_of(engine, handle).state is JobState.succeeded
    assert engine.site.begun == {"key": 1}


def test_a_command_can_be_lost() -> None:
    engine = FakeEngine(lambda _: Play(seconds=math.inf))
    told: list[Status] = []
    handle = engine.submit(SPEC, "key", lambda _, status: told.append(status))

    engine.lose(handle)

    assert [status.state for status in told] == [JobState.lost]
    assert status_of(engine, handle).state is JobState.lost


def test_a_stubborn_command_ends_when_its_grace_is_over() -> None:
    engine = FakeEngine(lambda _: Play(seconds=math.inf, stubborn=True))
    handle = engine.submit(CommandSpec(argv=("work",), grace=5.0), "key")
    engine.site.clock.advance(0)

    engine.cancel(handle)
    engine.site.clock.advance(4.9)
    assert status_of(engine, handle).state is JobState.running
    engine.site.clock.advance(0.1)
    assert status_of(engine, handle).state is JobState.cancelled


def test_after_a_crash_what_is_kept_is_found_again_and_what_is_not_has_ended() -> None:
    site = FakeSite(lambda _: Play(seconds=10.0))
    first = FakeEngine(site=site)
    kept = first.submit(CommandSpec(argv=("work",), orphan="keep"), "kept")
    ended = first.submit(SPEC, "ended")
    site.clock.advance(1)

    first.crash()
    second = FakeEngine(site=site)

    assert status_of(second, kept).state is JobState.running
    with pytest.raises(UnknownJobError):
        second.poll([ended])
    site.clock.advance(10)
    assert site.begun == {"kept": 1, "ended": 1}
    assert status_of(second, kept).state is JobState.succeeded
