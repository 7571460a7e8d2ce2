"""What NEPI's controller was seen to do wrong, done right: one test for each behaviour of it, run here.

Those that concern saved experiments, hosts, topologies and repeated runs are with these.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from headrace.core import GateCycle
from headrace.experiments import (
    Attribute,
    ECState,
    ExperimentController,
    FailureLevel,
    FailureManager,
    Flags,
    ResourceAction,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Types,
    WaitReason,
)
from headrace.experiments.errors import (
    ConnectionRefused,
    DuplicateResource,
    InvalidAction,
    InvalidAttribute,
    ReadOnlyAttribute,
    UnknownAttribute,
    UnknownResource,
    UnknownType,
)
from headrace.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT = 20
S, A = ResourceState, ResourceAction


class Dummy(ResourceManager):
    """Nothing is written."""

    _rtype = "Dummy"


class Typed(ResourceManager):
    """One attribute of each kind."""

    _rtype = "Typed"
    attributes = (
        Attribute("count", "how many", type=Types.Integer, default=3, range=(1, 10)),
        Attribute("fast", "whether", type=Types.Bool, default=False),
        Attribute("fixed", "not for users", flags=Flags.NoWrite),
        Attribute("image", "before deploying", flags=Flags.Design),
    )


class Picky(ResourceManager):
    """Takes only some."""

    _rtype = "Picky"

    def valid_connection(self, guid: int) -> bool:
        return self.ec.get_resource(guid).rtype == "Typed"


class Collects(ResourceManager):
    """Finds, in the middle of its start, that it cannot work."""

    _rtype = "Collects"

    def do_start(self) -> None:
        self.fail("no trace is named")


class Jumps(ResourceManager):
    """Has nothing to run."""

    _rtype = "Jumps"

    def do_start(self) -> None:
        self.set_finished()


@pytest.fixture
def factory() -> ResourceFactory:
    factory = ResourceFactory()
    for cls in (Dummy, Typed, Picky, Collects, Jumps):
        factory.register_type(cls)
    return factory


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def ec(factory: ResourceFactory, clock: VirtualClock, tmp_path: Path) -> Iterator[ExperimentController]:
    with ExperimentController(root_dir=tmp_path, factory=factory, clock=clock, journal=False) as ec:
        clock.on_advance(ec._stage.tick)
        yield ec


# --- 3: what could not be called at all ------------------------------------------------------------------------------


def test_a_failure_manager_may_be_given(factory: ResourceFactory, tmp_path: Path) -> None:
    fm = FailureManager()
    with ExperimentController(root_dir=tmp_path, factory=factory, journal=False, fm=fm) as ec:
        assert fm.ec is ec


def test_set_with_conditions_sets(ec: ExperimentController, clock: VirtualClock) -> None:
    one, typed = ec.register_resource("Dummy"), ec.register_resource("Typed")
    ec.set_with_conditions("count", 5, typed, one, S.STARTED, "1s")
    ec.deploy()
    clock.advance(1)
    ec.get_resource(typed).configure()  # its turn comes after the setting's

    assert ec.get(typed, "count") == 5


def test_start_with_conditions_starts(ec: ExperimentController) -> None:
    one = ec.register_resource("Dummy")
    ec.get_resource(one).deploy()
    ec.start_with_conditions(one)

    assert ec.state(one) is S.STARTED


# --- 4: types and flags ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value"), [("count", "abc"), ("count", 11), ("fast", "banana"), ("critical", 1)])
def test_values_of_another_type_are_refused(ec: ExperimentController, name: str, value: object) -> None:
    one = ec.register_resource("Typed")
    with pytest.raises(InvalidAttribute, match=name):
        ec.set(one, name, value)


def test_an_integer_with_a_range_stays_one(ec: ExperimentController) -> None:
    one = ec.register_resource("Typed", count=3)

    assert (ec.get(one, "count"), type(ec.get(one, "count"))) == (3, int)


def test_what_may_not_be_set_is_not_set(ec: ExperimentController) -> None:
    one = ec.register_resource("Typed")
    with pytest.raises(ReadOnlyAttribute):
        ec.set(one, "fixed", "x")
    ec.deploy()
    with pytest.raises(ReadOnlyAttribute):
        ec.set(one, "image", "x")


# --- 5: names and connections ----------------------------------------------------------------------------------------


def test_a_second_resource_of_one_guid_is_refused(ec: ExperimentController) -> None:
    one = ec.register_resource("Dummy", 7)
    with pytest.raises(DuplicateResource, match="7"):
        ec.register_resource("Typed", 7)
    assert ec.get_resource(one).rtype == "Dummy"


def test_what_does_not_exist_is_named_with_what_does(ec: ExperimentController) -> None:
    one = ec.register_resource("Typed")
    with pytest.raises(UnknownType, match="Dummy"):
        ec.register_resource("Dumy")
    with pytest.raises(UnknownResource, match="what exists: 1"):
        ec.get(9, "count")
    with pytest.raises(UnknownAttribute, match="count"):
        ec.get(one, "cuont")


def test_connections_are_checked_at_both_ends_and_refused_aloud(ec: ExperimentController) -> None:
    dummy, picky, typed = (ec.register_resource(each) for each in ("Dummy", "Picky", "Typed"))
    for one, other in ((dummy, dummy), (dummy, picky), (picky, dummy)):
        with pytest.raises(ConnectionRefused):
            ec.register_connection(one, other)
    ec.register_connection(picky, typed)

    assert [ec.get_resource(each).connections for each in (dummy, picky, typed)] == [[], [typed], [picky]]


# --- 6: waits that never end -----------------------------------------------------------------------------------------


def test_a_cycle_of_conditions_is_refused(ec: ExperimentController) -> None:
    one, other = ec.register_resource("Dummy"), ec.register_resource("Dummy")
    ec.register_condition(one, A.START, other, S.STARTED)
    with pytest.raises(GateCycle, match=r"Dummy \(1\)"):
        ec.register_condition(other, A.START, one, S.STARTED)


def test_a_wait_for_what_nobody_deployed_is_explained_and_can_be_timed_out(ec: ExperimentController) -> None:
    one, other = ec.register_resource("Dummy"), ec.register_resource("Dummy")
    ec.register_condition(one, A.START, other, S.STARTED)
    ec.deploy(one)
    warnings = [wait.warning for wait in ec.why(one) if wait.warning]
    result = ec.wait_started(one, timeout="1ms")
    ec.deploy(other)

    assert warnings == ["nobody has asked for DEPLOY, START of Dummy (2)"]
    assert (result.timed_out, bool(ec.wait_started(one, timeout=WAIT))) == (True, True)


# --- 7, 8, 9: conditions ---------------------------------------------------------------------------------------------


def test_nothing_is_polled_for_what_stopped_already(ec: ExperimentController) -> None:
    """Its STOP condition is met and done with; no thread was ever needed."""
    one, other = ec.register_resource("Dummy"), ec.register_resource("Dummy")
    ec.register_condition(one, A.STOP, other, S.STARTED)
    ec.deploy(one)
    ec.stop(one)
    ec.deploy(other)

    assert (ec.state(one), ec.why(one)) == (S.STOPPED, [])


def test_a_delay_after_started_of_what_jumped_over_it_counts_from_there(
    ec: ExperimentController, clock: VirtualClock
) -> None:
    jumps, other = ec.register_resource("Jumps"), ec.register_resource("Dummy")
    ec.register_condition(other, A.START, jumps, S.STARTED, "2s")
    ec.deploy()
    assert ec.wait_finished(jumps, timeout=WAIT)
    clock.advance(1.9)
    before = ec.state(other)
    clock.advance(0.1)

    assert (before, ec.state(other)) == (S.READY, S.STARTED)


def test_a_timed_wait_for_an_early_state_waits_for_the_whole_group(
    ec: ExperimentController, clock: VirtualClock
) -> None:
    one, late, waiter = (ec.register_resource("Dummy") for _ in range(3))
    ec.register_condition(waiter, A.START, [one, late], S.DISCOVERED, "1s")
    ec.deploy(waiter)
    ec.discover(one)
    clock.advance(5)
    before = ec.state(waiter)
    ec.discover(late)
    clock.advance(1)

    assert (before, ec.state(waiter)) == (S.READY, S.STARTED)


def test_a_failed_member_satisfies_no_condition_before_its_delay(ec: ExperimentController, clock: VirtualClock) -> None:
    bad, waiter = ec.register_resource("Dummy", critical=False), ec.register_resource("Dummy")
    ec.register_condition(waiter, A.START, bad, S.STARTED, "3s")
    ec.deploy(waiter)
    clock.advance(1)
    ec.get_resource(bad).fail("broke")
    clock.advance(2.9)
    before = ec.state(waiter)
    clock.advance(0.1)

    assert (before, ec.state(waiter)) == (S.READY, S.STARTED)


# --- 10, 11: releases and failures -----------------------------------------------------------------------------------


def test_the_release_of_a_part_is_not_that_of_all(ec: ExperimentController) -> None:
    one, other = ec.register_resource("Dummy"), ec.register_resource("Dummy")
    ec.deploy()
    ec.release([one])
    before = (ec.ecstate, ec.state(other))
    ec.shutdown()

    assert (before, ec.state(other)) == ((ECState.RUNNING, S.STARTED), S.RELEASED)


def test_a_resource_may_say_in_a_hook_that_it_failed(ec: ExperimentController) -> None:
    """It can be released after that: nothing is locked."""
    one = ec.register_resource("Collects", critical=False)
    ec.deploy()

    assert ec.wait(one, S.FAILED, timeout=WAIT)
    assert "no trace is named" in str(ec.get_resource(one).cause)
    assert ec.release(one, timeout=WAIT)


# --- 12, 15: time ----------------------------------------------------------------------------------------------------


def test_a_date_is_exact_and_breaks_nothing(ec: ExperimentController, clock: VirtualClock) -> None:
    then = datetime.fromtimestamp(clock.wall()).astimezone() + timedelta(hours=3, minutes=20)
    task = ec.get_task(ec.schedule(f"{then:%Y%m%d%H%M%S%f}", lambda: "called", track=True))
    clock.advance(3 * 3600 + 20 * 60 - 1)
    early = task.wait(0)
    clock.advance(1)

    assert (early, task.wait(WAIT), task.result, ec.ecstate) == (False, True, "called", ECState.RUNNING)


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_setting_the_wall_clock_moves_no_condition(ec: ExperimentController, clock: VirtualClock, jump: float) -> None:
    one, waiter = ec.register_resource("Dummy"), ec.register_resource("Dummy")
    ec.register_condition(waiter, A.START, one, S.STARTED, "2m30s")
    ec.deploy()
    clock.jump_wall(jump)
    clock.advance(149.9)
    before = ec.state(waiter)
    clock.advance(0.1)

    assert (before, ec.state(waiter)) == (S.READY, S.STARTED)


# --- 13: what waits say, and what an abort does ----------------------------------------------------------------------


def test_a_wait_says_why_it_ended(ec: ExperimentController) -> None:
    good, bad, never = (ec.register_resource("Dummy") for _ in range(3))
    ec.deploy(good)
    reached = ec.wait_started(good, timeout=WAIT)
    ec.get_resource(bad).fail("broke")
    aborted = ec.wait_started(never, timeout=WAIT)

    assert [reached.reason, aborted.reason] == [WaitReason.REACHED, WaitReason.ABORTED]
    assert (bool(reached), bool(aborted)) == (True, False)


def test_a_critical_failure_is_the_experiments_and_stops_what_runs(ec: ExperimentController) -> None:
    running, bad = ec.register_resource("Dummy"), ec.register_resource("Dummy")
    ec.deploy(running)
    ec.get_resource(bad).fail("broke")

    assert (ec.ecstate, ec.failure_level, ec.state(running)) == (ECState.FAILED, FailureLevel.RM_FAILURE, S.STOPPED)


# --- 17: threads -----------------------------------------------------------------------------------------------------


def test_guids_are_unique_whoever_asks_for_them(ec: ExperimentController) -> None:
    found: list[int] = []
    together = threading.Barrier(4)

    def register() -> None:
        together.wait(WAIT)
        found.extend(ec.register_resource("Dummy") for _ in range(100))

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)

    assert sorted(found) == list(range(1, 401))


# --- 19: the authors' own list ---------------------------------------------------------------------------------------


def test_a_deployment_in_another_state_is_refused(ec: ExperimentController) -> None:
    one = ec.register_resource("Dummy")
    ec.deploy()
    with pytest.raises(InvalidAction, match="STARTED"):
        ec.deploy(one)


# --- the figures -----------------------------------------------------------------------------------------------------


def test_a_dependent_starts_on_the_event_and_not_at_the_next_look(factory: ResourceFactory, tmp_path: Path) -> None:
    """Twenty in a row that take some time each take no more than that, whatever a poll's period would add."""

    class Slow(ResourceManager):
        _rtype = "Slow"
        began: list[float] = []  # noqa: RUF012 - one for all

        def do_start(self) -> None:
            self.began.append(time.monotonic())

    factory.register_type(Slow)
    with ExperimentController(root_dir=tmp_path, factory=factory, journal=False) as ec:
        guids = [ec.register_resource("Slow") for _ in range(20)]
        for one, then in pairwise(guids):
            ec.register_condition(then, A.START, one, S.STARTED)
        ec.deploy()
        result: Any = ec.wait_started(guids, timeout=WAIT)

    assert (bool(result), len(Slow.began)) == (True, 20)
    assert sorted(Slow.began) == Slow.began
