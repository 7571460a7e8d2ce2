"""Releases, failures, aborts and shutdowns."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.experiments.lab import WAIT

from headrace.experiments import (
    ECState,
    ExperimentController,
    FailureLevel,
    FailureManager,
    ResourceState,
    WaitReason,
    WaitResult,
)
from headrace.experiments.errors import ExperimentError, InvalidAction, UnknownResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.experiments.lab import Lab

S = ResourceState


# --- releases --------------------------------------------------------------------------------------------------------


def test_a_part_may_be_released_and_the_rest_goes_on(lab: Lab, ec: ExperimentController) -> None:
    x, y = lab.add(number=2)
    ec.deploy()
    assert ec.release(x)
    before = (lab.states(x, y), ec.ecstate)
    ec.shutdown()

    assert before == (["RELEASED", "STARTED"], ECState.RUNNING)
    assert (lab.states(y), ec.ecstate) == (["RELEASED"], ECState.TERMINATED)


def test_when_all_are_released_the_experiment_is_and_another_resource_makes_it_run_again(
    lab: Lab, ec: ExperimentController
) -> None:
    lab.add(number=2)
    ec.release()
    before = ec.ecstate
    lab.add()

    assert (before, ec.ecstate) == (ECState.RELEASED, ECState.RUNNING)


def test_only_hard_releases_are_forgotten(lab: Lab, ec: ExperimentController) -> None:
    [hard], [soft] = lab.add(hardRelease=True), lab.add()
    ec.release()

    assert ec.resources == [soft]
    with pytest.raises(UnknownResource):
        ec.get_resource(hard)


def test_resources_may_say_what_they_are_released_after(lab: Lab, ec: ExperimentController) -> None:
    order: list[int] = []
    kind = lab.kind(do_release=lambda self: order.append(self.guid), release_after=lambda self: self.get_connected())
    [app] = lab.add(lab.kind(do_release=lambda self: order.append(self.guid)))
    [node] = lab.add(kind, connectedTo=app)
    assert ec.release([node, app], timeout=WAIT)

    assert order == [app, node]


def test_those_that_are_released_after_one_another_are_released_anyway(lab: Lab, ec: ExperimentController) -> None:
    kind = lab.kind(release_after=lambda self: self.get_connected())
    [a] = lab.add(kind)
    lab.add(kind, connectedTo=a)

    assert ec.release(timeout=WAIT)


@pytest.mark.parametrize("is_async", [False, True])
def test_two_releases_at_once_release_once(lab: Lab, ec: ExperimentController, is_async: bool) -> None:  # noqa: FBT001
    begun, gate, calls = threading.Event(), threading.Event(), []

    def blocking(self: Any) -> None:  # noqa: ANN401
        calls.append(self.guid)
        begun.set()
        assert gate.wait(WAIT)

    async def coroutine(self: Any) -> None:  # noqa: ANN401
        await asyncio.to_thread(blocking, self)

    [one] = lab.add(lab.kind(do_release=coroutine if is_async else blocking))
    first = ec.release(one, timeout="1ms")
    assert begun.wait(WAIT)
    thread = threading.Thread(target=ec.release)
    thread.start()
    gate.set()
    thread.join(WAIT)

    assert (first.timed_out, calls, lab.states(one)) == (True, [one], ["RELEASED"])


@pytest.mark.parametrize("hook", ["do_deploy", "do_start"])
def test_a_coroutine_under_way_is_cancelled_by_a_release(lab: Lab, ec: ExperimentController, hook: str) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def forever(self: Any) -> None:  # noqa: ANN401
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    hooks: dict[str, Any] = {hook: forever, "release_patience": WAIT}
    [one] = lab.add(lab.kind(**hooks))
    ec.deploy()
    assert begun.wait(WAIT)

    assert ec.release(timeout=WAIT)
    assert cancelled.is_set()
    assert ec.get_resource(one).cause is None


@pytest.mark.parametrize("hook", ["do_deploy", "do_start", "do_stop"])
def test_a_hanging_hook_is_left_and_stalls_nobody(lab: Lab, ec: ExperimentController, hook: str) -> None:
    """Nobody can end a thread. What it says when it returns after all comes too late."""
    gate, begun = threading.Event(), threading.Event()

    def hang(self: Any) -> None:  # noqa: ANN401
        begun.set()
        assert gate.wait(WAIT)
        self.set_ready() if self.state < S.READY else self.set_started()

    hooks: dict[str, Any] = {hook: hang}
    [one] = lab.add(lab.kind(**hooks))
    [other] = lab.add()
    ec.deploy(wait_all_ready=False)
    if hook == "do_stop":
        assert ec.wait_started(one, timeout=WAIT)
        ec.stop_with_conditions(one)
    assert begun.wait(WAIT)
    assert ec.wait_started(other, timeout=WAIT)
    lab.lose_patience(one)
    gate.set()
    ec.shutdown()

    assert lab.states(one, other) == ["RELEASED", "RELEASED"]


def test_who_is_asked_of_a_resource_that_is_being_released_is_told(lab: Lab, ec: ExperimentController) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow(self: Any) -> None:  # noqa: ANN401
        begun.set()
        assert gate.wait(WAIT)

    [one] = lab.add(lab.kind(do_release=slow, do_start=lambda self: self.fail("started after all")))
    ec.get_resource(one).deploy()
    ec.release(one, timeout="1ms")
    assert begun.wait(WAIT)
    thread = threading.Thread(target=gate.set)
    thread.start()
    with pytest.raises(ExperimentError):
        ec.start(one)
    thread.join()
    assert ec.get_resource(one).cause is None


def test_a_resource_may_be_removed_before_and_after_its_life(lab: Lab, ec: ExperimentController) -> None:
    new, released, running = lab.add(number=3)
    lab.run(running)
    ec.release(released)
    ec.remove_resource(new)
    ec.remove_resource(released)
    with pytest.raises(InvalidAction, match="release it first"):
        ec.remove_resource(running)

    assert ec.resources == [running]


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_critical_failure_gives_the_experiment_up_and_stops_what_runs(lab: Lab, ec: ExperimentController) -> None:
    running, waiting, bad = lab.add(number=3)
    ec.register_condition(waiting, "START", running, "STOPPED")
    lab.run(running, waiting)
    ec.get_resource(bad).fail("broke")

    assert lab.states(running, waiting, bad) == ["STOPPED", "READY", "FAILED"]
    assert (ec.ecstate, ec.failure_level, ec.abort, ec.finished) == (
        ECState.FAILED,
        FailureLevel.RM_FAILURE,
        True,
        True,
    )


def test_what_runs_goes_on_if_that_is_wanted(lab: Lab) -> None:
    ec = lab.ec = lab.controller(stop_on_abort=False)
    running, bad = lab.add(number=2)
    lab.run(running)
    ec.get_resource(bad).fail("broke")

    assert lab.states(running) == ["STARTED"]


def test_another_failure_is_no_failure_of_the_experiment(lab: Lab, ec: ExperimentController) -> None:
    [running], [bad] = lab.add(), lab.add(critical=False)
    lab.run(running)
    ec.get_resource(bad).fail("broke")

    assert (lab.states(running), ec.ecstate, ec.failure_level) == (["STARTED"], ECState.RUNNING, FailureLevel.OK)


def test_an_abort_does_not_wait_for_a_start_that_is_under_way(lab: Lab, ec: ExperimentController) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def do_start(self: Any) -> None:  # noqa: ANN401
        self.set_started()
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    [one] = lab.add(lab.kind(do_start=do_start))
    lab.run(one)
    assert begun.wait(WAIT)
    ec.give_up(reason="enough")

    assert cancelled.wait(WAIT)
    assert ec.wait(one, S.STOPPED, timeout=WAIT).reason in {WaitReason.REACHED, WaitReason.ABORTED}
    assert ec.release(timeout=WAIT)


def test_the_failure_manager_may_be_replaced(lab: Lab) -> None:
    judged: list[int] = []

    class Two(FailureManager):
        def eval_failure(self, guid: int) -> None:
            judged.append(guid)
            if len(judged) == 2:
                self.set_rm_failure()
                self.ec.give_up(guid)

    ec = lab.ec = lab.controller(fm=Two())
    ones = lab.add(number=3)
    lab.run(ones[2])
    states = []
    for one in ones[:2]:
        ec.get_resource(one).fail("broke")
        waited = ec.wait(ones[2], S.STOPPED, partial(judged.__contains__, one), WAIT)
        states.append(waited.reason)

    assert ec.wait(ones[2], S.RELEASED, timeout=WAIT).reason is WaitReason.ABORTED
    assert (judged, ec.failure_level) == (ones[:2], FailureLevel.RM_FAILURE)


def test_a_failure_manager_that_raises_gives_the_experiment_up(lab: Lab) -> None:
    class Broken(FailureManager):
        def eval_failure(self, guid: int) -> None:
            raise KeyError(guid)

    ec = lab.ec = lab.controller(fm=Broken())
    one, other = lab.add(number=2)
    ec.get_resource(one).fail("broke")

    assert ec.wait_started(other, timeout=WAIT).reason is WaitReason.ABORTED
    assert ec.failure_level is FailureLevel.EC_FAILURE


# --- the end ---------------------------------------------------------------------------------------------------------


def test_a_context_ends_with_everything_released(lab: Lab) -> None:
    with lab.controller() as ec:
        lab.ec = ec
        [one] = lab.add()
        lab.run(one)

    assert (ec.ecstate, lab.states(one)) == (ECState.TERMINATED, ["RELEASED"])


def test_a_context_ends_so_also_when_its_body_raises(lab: Lab) -> None:
    with pytest.raises(KeyError), lab.controller() as ec:
        raise KeyError

    assert ec.ecstate is ECState.TERMINATED


def test_shutting_down_again_says_the_same(lab: Lab, ec: ExperimentController) -> None:
    lab.add()
    first = ec.shutdown()

    assert ec.shutdown() is first
    assert (first.reason, first.states) == (WaitReason.REACHED, {1: S.RELEASED})


def test_a_shutdown_that_is_interrupted_can_be_made_again(lab: Lab) -> None:
    class Interrupting(FailureManager):
        pass

    ec = lab.ec = lab.controller(fm=Interrupting())
    gate = threading.Event()
    [one] = lab.add(lab.kind(do_release=lambda _: gate.wait(WAIT)))
    wait = ec._waiting.wait

    def interrupt(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        raise KeyboardInterrupt

    ec._waiting.wait = interrupt  # type: ignore[method-assign]  # stands for a Ctrl-C while it waits
    with pytest.raises(KeyboardInterrupt):
        ec.shutdown()
    ec._waiting.wait = wait  # type: ignore[method-assign]  # as above
    gate.set()

    assert ec.shutdown(timeout=WAIT)
    assert (lab.states(one), ec.ecstate) == (["RELEASED"], ECState.TERMINATED)


def test_a_shutdown_names_what_could_not_be_released_in_time(lab: Lab, ec: ExperimentController) -> None:
    gate = threading.Event()
    [stuck] = lab.add(lab.kind(do_release=lambda _: gate.wait(WAIT)))
    lab.add()
    result = ec.shutdown(timeout="10ms")
    gate.set()

    assert (result.timed_out, result.missing) == (True, (stuck,))


def test_no_thread_is_left(lab: Lab) -> None:
    before = set(threading.enumerate())
    with lab.controller("leaves-none") as ec:
        lab.ec = ec

        async def do_start(self: Any) -> None:  # noqa: ANN401
            await asyncio.sleep(0)

        ones = [*lab.add(lab.kind(do_start=do_start)), *lab.add(lab.kind(do_start=lambda _: None), 5)]
        lab.run(*ones)
        assert ec.wait_started(ones, timeout=WAIT)
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)

    assert not [thread for thread in threading.enumerate() if "leaves-none" in thread.name]


@pytest.mark.parametrize(
    "call",
    [
        lambda ec: ec.get_resource(9), lambda ec: ec.start(9), lambda ec: ec.stop(9), lambda ec: ec.state(9),
        lambda ec: ec.release(9), lambda ec: ec.discover(9), lambda ec: ec.provision(9), lambda ec: ec.reserve(9),
        lambda ec: ec.remove_resource(9), lambda ec: ec.get(9, "x"), lambda ec: ec.set(9, "x", 1),
        lambda ec: ec.why(9), lambda ec: ec.conditions(9), lambda ec: ec.get_attributes(9), lambda ec: ec.trace(9, "x"),
        lambda ec: ec.enable_trace(9, "x"), lambda ec: ec.register_connection(1, 9), lambda ec: ec.give_up(9),
        lambda ec: ec.unregister_connection(9, 1), lambda ec: ec.start_with_conditions(9),
        lambda ec: ec.get_time(9, "NEW"),
        lambda ec: ec.stop_with_conditions(9), lambda ec: ec.unregister_condition(1, 9), lambda ec: ec.get_traces(9),
        lambda ec: ec.set_with_conditions("critical", True, 1, 9, "STARTED"), lambda ec: ec.trace_enabled(9, "x"),
    ],
)  # fmt: skip
def test_every_method_refuses_a_guid_that_is_not_there(
    lab: Lab, ec: ExperimentController, call: Callable[[ExperimentController], Any]
) -> None:
    lab.add()
    with pytest.raises(UnknownResource, match=r"has no resource 9; what exists: 1"):
        call(ec)


def test_a_release_that_raised_is_no_success(lab: Lab, ec: ExperimentController) -> None:
    def raises(_: object) -> None:
        raise OSError("it does not let go")

    (guid,) = lab.add(lab.kind(do_release=raises))

    result = ec.release()

    assert not result
    assert (str(result.failed[guid]), result.missing, lab.states(guid)) == ("it does not let go", (guid,), ["RELEASED"])


def test_an_interrupt_of_the_end_of_what_went_well_leaves_nothing(
    lab: Lab, ec: ExperimentController, monkeypatch: pytest.MonkeyPatch
) -> None:
    (guid,) = lab.add()
    ec.deploy()
    shutdown, interrupts = ec.shutdown, [KeyboardInterrupt()]

    def interrupted(**options: Any) -> WaitResult:  # noqa: ANN401 - handed through
        if interrupts:
            raise interrupts.pop()
        return shutdown(**options)

    monkeypatch.setattr(ec, "shutdown", interrupted)
    with pytest.raises(KeyboardInterrupt), ec:
        pass

    assert lab.states(guid) == ["RELEASED"]


def test_a_wait_for_what_the_end_of_the_experiment_stops_says_that_it_was_given_up(
    lab: Lab, ec: ExperimentController
) -> None:
    bystander, culprit = lab.add(number=2)
    ec.deploy()
    results: list[WaitResult] = []
    waiter = threading.Thread(target=lambda: results.append(ec.wait_finished(bystander, timeout=WAIT)))
    waiter.start()
    deadline = time.monotonic() + WAIT
    while not any(each.name == "a wait for STOPPED" for each in tuple(ec._stage._scheduler.units.values())):
        assert time.monotonic() < deadline
    ec.get_resource(culprit).fail("it broke")
    waiter.join(WAIT)

    (result,) = results
    assert (result.reason, result.missing, lab.states(bystander)) == (WaitReason.ABORTED, (bystander,), ["STOPPED"])
    assert "it broke" in str(result)
