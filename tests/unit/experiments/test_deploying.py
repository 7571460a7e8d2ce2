"""Deployments, their groups and barriers; waits and why they end; callbacks at a time."""

from __future__ import annotations

import datetime as dt
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.experiments.lab import WAIT

from headrace.core import GateCycle
from headrace.experiments import FailureManager, ResourceState, TaskStatus, WaitReason
from headrace.experiments.errors import (
    ExperimentClosed,
    ExperimentError,
    InvalidTime,
    UnknownResource,
    UnknownState,
    UnknownTask,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.experiments.lab import Lab

    from headrace.experiments import ExperimentController

S = ResourceState


class Lenient(FailureManager):
    """Goes on, whatever fails."""

    def eval_failure(self, guid: int) -> None:
        pass


@pytest.fixture
def held(lab: Lab) -> tuple[int, threading.Event]:
    """A resource whose deployment takes until the event is set."""
    event = threading.Event()
    [one] = lab.add(lab.kind(do_deploy=lambda _: event.wait(WAIT)))
    return one, event


# --- deploying -------------------------------------------------------------------------------------------------------


def test_all_that_are_new_are_deployed_unless_told_which(lab: Lab, ec: ExperimentController) -> None:
    ones = lab.add(number=3)
    ec.deploy(ones[0])
    ec.deploy()

    assert lab.states(*ones) == ["STARTED"] * 3


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_guids_in_group_are_what_to_deploy(
    lab: Lab, ec: ExperimentController, kind: Callable[[list[int]], Any]
) -> None:
    """As NEPI's oldest programs give them."""
    ones = lab.add(number=3)
    ec.deploy(group=kind(ones[:2]))

    assert lab.states(*ones) == ["STARTED", "STARTED", "NEW"]


def test_none_starts_before_all_are_ready(
    lab: Lab, ec: ExperimentController, held: tuple[int, threading.Event]
) -> None:
    slow, event = held
    [quick] = lab.add()
    ec.deploy([slow, quick])
    before = lab.states(quick)
    event.set()

    assert before == ["READY"]
    assert ec.wait_started([slow, quick], timeout=WAIT)


def test_without_a_barrier_each_starts_by_itself(
    lab: Lab, ec: ExperimentController, held: tuple[int, threading.Event]
) -> None:
    slow, event = held
    [quick] = lab.add()
    ec.deploy([slow, quick], wait_all_ready=False)
    before = lab.states(slow, quick)
    event.set()

    assert before == ["NEW", "STARTED"]


def test_a_group_is_gone_on_with(lab: Lab, ec: ExperimentController, held: tuple[int, threading.Event]) -> None:
    slow, event = held
    [later] = lab.add()
    number = ec.deploy(slow)
    same = ec.deploy(later, group=number)
    before = lab.states(later)
    event.set()

    assert (before, same) == (["READY"], number)
    assert ec.wait_started([slow, later], timeout=WAIT)


def test_other_groups_are_not_waited_for(lab: Lab, ec: ExperimentController, held: tuple[int, threading.Event]) -> None:
    slow, event = held
    [other] = lab.add()
    numbers = {ec.deploy(slow, group=1), ec.deploy(other)}
    before = lab.states(other)
    event.set()

    assert (before, len(numbers)) == (["STARTED"], 2)


@pytest.mark.parametrize("end", ["fail", "release"])
def test_who_fails_or_is_released_holds_up_no_barrier(lab: Lab, ec: ExperimentController, end: str) -> None:
    event = threading.Event()
    [slow] = lab.add(lab.kind(do_deploy=lambda _: event.wait(WAIT)), critical=False)
    [other] = lab.add()
    ec.deploy([slow, other])
    before = lab.states(other)
    ec.get_resource(slow).fail("broke") if end == "fail" else lab.lose_patience(slow)
    event.set()

    assert (before, lab.states(other)) == (["READY"], ["STARTED"])


def test_resources_may_say_what_they_are_deployed_after(
    lab: Lab, ec: ExperimentController, held: tuple[int, threading.Event]
) -> None:
    slow, event = held
    [app] = lab.add(lab.kind(deploy_after=lambda self: self.get_connected()), connectedTo=slow)
    ec.deploy([app, slow], wait_all_ready=False)
    before = lab.states(app)
    event.set()

    assert before == ["NEW"]
    assert ec.wait_started(app, timeout=WAIT)


def test_those_that_are_deployed_after_one_another_are_refused(lab: Lab, ec: ExperimentController) -> None:
    kind = lab.kind(deploy_after=lambda self: self.get_connected())
    [a] = lab.add(kind)
    [b] = lab.add(kind, connectedTo=a)
    [other] = lab.add()
    with pytest.raises(GateCycle):
        ec.deploy([other, a, b])

    assert lab.states(other, a, b) == ["NEW"] * 3


def test_a_resource_may_deploy_itself_when_it_is_registered(lab: Lab, ec: ExperimentController) -> None:
    assert lab.states(ec.register_resource("Plain", autoDeploy=True)) == ["STARTED"]


def test_unknown_guids_deploy_nothing(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    with pytest.raises(UnknownResource, match="99"):
        ec.deploy([one, 99])
    assert lab.states(one) == ["NEW"]


def test_after_the_end_nothing_is_taken(lab: Lab, ec: ExperimentController) -> None:
    ec.shutdown()
    calls: list[Any] = [ec.deploy, lambda: ec.register_resource("Plain"), lambda: ec.schedule("1s", print)]
    for call in calls:
        with pytest.raises(ExperimentClosed):
            call()


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_wait_for_what_has_happened_is_over_at_once(lab: Lab, ec: ExperimentController) -> None:
    ones = lab.add(number=2)
    ec.deploy()
    result = ec.wait_deployed(ones)

    assert (bool(result), result.reason, result.missing) == (True, WaitReason.REACHED, ())
    assert result.states == dict.fromkeys(ones, S.STARTED)


def test_a_wait_is_told_at_the_moment_and_not_what_became_of_it_later(lab: Lab, ec: ExperimentController) -> None:
    """Finished, and started again before the one who waits has woken."""
    [one] = lab.add()
    lab.run(one)
    results = []
    together = threading.Event()

    def leave() -> bool:
        together.set()
        return False

    thread = threading.Thread(target=lambda: results.append(ec.wait(one, S.STOPPED, leave, WAIT)))
    thread.start()
    assert together.wait(WAIT)
    ec.get_resource(one).set_finished()
    ec.start(one)
    thread.join(WAIT)

    assert [result.reason for result in results] == [WaitReason.REACHED]


def test_a_wait_that_takes_too_long_names_who_is_missing(lab: Lab, ec: ExperimentController) -> None:
    one, other = lab.add(number=2)
    lab.run(one)
    result = ec.wait_started([one, other], timeout="1ms")

    assert (bool(result), result.timed_out, result.missing) == (False, True, (other,))
    assert str(result) == "the time was up; not STARTED: 2 (NEW)"


def test_a_failure_ends_a_wait_and_is_named(lab: Lab) -> None:
    ec = lab.ec = lab.controller(fm=Lenient())
    one, other = lab.add(number=2)
    lab.run(other)
    ec.get_resource(one).fail("no power")
    result = ec.wait_started([one, other], timeout=WAIT)

    assert (result.reason, result.missing, list(result.failed)) == (WaitReason.FAILED, (one,), [one])
    assert "no power" in str(result)


def test_one_that_failed_and_is_not_critical_is_not_missing(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add(critical=False)
    ec.get_resource(one).fail("no power")
    result = ec.wait_started(one, timeout=WAIT)

    assert (bool(result), list(result.failed)) == (True, [one])


def test_an_abort_ends_the_waits(lab: Lab, ec: ExperimentController) -> None:
    one, bad = lab.add(number=2)
    ec.get_resource(bad).fail("broke")

    assert ec.wait_started(one, timeout=WAIT).reason is WaitReason.ABORTED


def test_the_caller_may_quit(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()

    assert ec.wait(one, S.READY, lambda: True, WAIT).reason is WaitReason.QUIT


def test_a_release_ends_the_wait_for_anything_before(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    ec.release(one)

    assert ec.wait_started(one, timeout=WAIT).reason is WaitReason.FAILED
    assert ec.wait_released(one, timeout=WAIT)


def test_waits_refuse_what_they_do_not_know(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    with pytest.raises(UnknownResource):
        ec.wait_finished([one, 99])
    with pytest.raises(UnknownResource):
        ec.wait_finished(None)  # type: ignore[arg-type]  # as a caller without mypy may
    with pytest.raises(UnknownState, match="STARTED"):
        ec.wait(one, "GONE")
    with pytest.raises(InvalidTime):
        ec.wait(one, "READY", timeout="soon")


# --- callbacks at a time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "due"),
    [
        ("", 0), ("2s", 2), ("500ms", 0.5), ("1.5h", 5400), ("2m30s", 150), (3, 3), (0.25, 0.25), (None, 0),
        (dt.timedelta(minutes=1), 60),
    ],
)  # fmt: skip
def test_callbacks_are_called_at_their_time(lab: Lab, ec: ExperimentController, date: Any, due: float) -> None:  # noqa: ANN401
    tid = ec.schedule(date, lambda: "called", track=True)
    task = ec.get_task(tid)
    early = False
    if due:
        lab.clock.advance(due - 0.001)
        early = task.wait(0)
        lab.clock.advance(0.001)

    assert (early, task.wait(WAIT), task.status, task.result) == (False, True, TaskStatus.DONE, "called")


@pytest.mark.parametrize("form", ["datetime", "iso", "digits"])
def test_a_date_is_one_too(lab: Lab, ec: ExperimentController, form: str) -> None:
    then = dt.datetime.fromtimestamp(lab.clock.wall() + 90).astimezone()
    date: Any = {"datetime": then, "iso": then.isoformat(), "digits": f"{then:%Y%m%d%H%M%S%f}"}[form]
    task = ec.get_task(ec.schedule(date, lambda: None, track=True))
    lab.clock.advance(89.9)
    early = task.wait(0)
    lab.clock.advance(0.2)

    assert (early, task.wait(WAIT)) == (False, True)


def test_a_date_that_has_passed_is_now(lab: Lab, ec: ExperimentController) -> None:
    past = dt.datetime.fromtimestamp(lab.clock.wall() - 90).astimezone()

    assert ec.get_task(ec.schedule(past, lambda: None, track=True)).wait(WAIT)


def test_a_clock_that_is_set_moves_no_callback(lab: Lab, ec: ExperimentController) -> None:
    task = ec.get_task(ec.schedule("2s", lambda: None, track=True))
    lab.clock.jump_wall(3600)
    ec._stage.tick()

    assert not task.wait(0)


def test_coroutine_functions_may_be_scheduled(lab: Lab, ec: ExperimentController) -> None:
    async def callback() -> int:
        return 7

    task = ec.get_task(ec.schedule(0, callback, track=True))

    assert (task.wait(WAIT), task.result) == (True, 7)


def test_a_callback_that_raises_harms_nobody(lab: Lab, ec: ExperimentController) -> None:
    task = ec.get_task(ec.schedule("0s", lambda: 1 / 0, track=True))

    assert (task.wait(WAIT), task.status, type(task.result)) == (True, TaskStatus.ERROR, ZeroDivisionError)
    assert ec.ecstate.name == "RUNNING"


def test_what_is_not_due_at_the_end_is_dropped_and_told(lab: Lab, ec: ExperimentController) -> None:
    task = ec.get_task(ec.schedule("2s", lambda: None, track=True))
    ec.shutdown()

    assert (task.wait(0), task.status, type(task.result)) == (True, TaskStatus.ERROR, ExperimentClosed)


def test_only_what_is_tracked_is_found(lab: Lab, ec: ExperimentController) -> None:
    tid = ec.schedule("2s", lambda: None)
    with pytest.raises(UnknownTask):
        ec.get_task(tid)
    with pytest.raises(InvalidTime):
        ec.schedule("tomorrow", lambda: None)


@pytest.mark.parametrize("callback", [None, 5, "print"])
def test_what_cannot_be_called_is_not_scheduled(ec: ExperimentController, callback: Any) -> None:  # noqa: ANN401 - wrong
    with pytest.raises(TypeError, match="cannot be"):
        ec.schedule("1s", callback, track=True)


@pytest.mark.parametrize("group", ["x", True, 1.5])
def test_a_deployment_group_that_is_no_number_is_refused(lab: Lab, ec: ExperimentController, group: Any) -> None:  # noqa: ANN401 - wrong
    (one,) = lab.add()
    with pytest.raises(ExperimentError, match="the number that an earlier deploy returned"):
        ec.deploy([one], group=group)

    assert lab.states(one) == ["NEW"]


def test_a_circle_through_the_barrier_names_it_in_words(lab: Lab, ec: ExperimentController) -> None:
    one, other = lab.add(number=2)
    ec.register_condition(one, "DEPLOY", other, "STARTED")
    with pytest.raises(GateCycle, match=r"HAPPEN of the barrier \(all that are deployed together to be READY\)"):
        ec.deploy([one, other])
