"""Conditions: what an action waits for, and when it is done."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.experiments.lab import WAIT

from headrace.core import GateCycle
from headrace.experiments import Attribute, Compare, FailureManager, Flags, ResourceAction, ResourceState, Types
from headrace.experiments.errors import (
    ExperimentAborted,
    ExperimentClosed,
    InvalidAttribute,
    InvalidCondition,
    InvalidTime,
    ReadOnlyAttribute,
    UnknownAttribute,
    UnknownResource,
    UnknownState,
)

if TYPE_CHECKING:
    from tests.unit.experiments.lab import Lab

    from headrace.experiments import ExperimentController

A, S = ResourceAction, ResourceState
RATE = Attribute("rate", "how fast", type=Types.Integer, default=0)


class Lenient(FailureManager):
    """Goes on, whatever fails."""

    def eval_failure(self, guid: int) -> None:
        pass


@pytest.fixture
def rated(lab: Lab) -> str:
    return lab.kind(
        attributes=(RATE, Attribute("fixed", "not for users", type=Types.Integer, default=1, flags=Flags.NoWrite))
    )


# --- START -----------------------------------------------------------------------------------------------------------


def test_a_start_waits_until_the_group_has_been_in_the_state(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(client, A.START, server, S.STARTED)
    lab.run(client)
    before = lab.states(client)
    lab.run(server)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_names_do_as_well_as_the_enums(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition([client], "start", (server,), "started", "2s")
    lab.run(server, client)
    lab.clock.advance(2)

    assert lab.states(client) == ["STARTED"]


@pytest.mark.parametrize("time", ["2s", "2000ms", 2, 2.0])
def test_a_delay_is_counted_from_the_moment_the_group_was_there(lab: Lab, ec: ExperimentController, time: Any) -> None:  # noqa: ANN401
    one, other, client = lab.add(number=3)
    ec.register_condition(client, A.START, [one, other], S.STARTED, time)
    lab.run(client, one)
    lab.clock.advance(5)
    lab.run(other)
    lab.clock.advance(1.999)
    before = lab.states(client)
    lab.clock.advance(0.001)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_a_delay_that_has_gone_by_before_the_condition_is_made_is_over(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    lab.run(server)
    lab.clock.advance(3)
    ec.register_condition(client, A.START, server, S.STARTED, "2s")
    lab.run(client)

    assert lab.states(client) == ["STARTED"]


def test_a_late_tick_does_not_put_off_what_follows(lab: Lab, ec: ExperimentController) -> None:
    a, b, c = lab.add(number=3)
    ec.register_condition(b, A.START, a, S.STARTED, "1s")
    ec.register_condition(c, A.STOP, a, S.STARTED, "3s")
    lab.run(a, b, c)
    lab.clock.advance(10)

    assert lab.states(a, b, c) == ["STARTED", "STARTED", "STOPPED"]


def test_a_later_state_says_that_the_earlier_was_reached(lab: Lab, ec: ExperimentController) -> None:
    """An application without a command goes to FINISHED at once; the delay counts from there."""
    jumps = lab.kind(do_start=lambda self: self.set_finished())
    [job] = lab.add(jumps)
    [client] = lab.add()
    ec.register_condition(client, A.START, job, S.STARTED, "2s")
    lab.run(client, job)
    ec.wait_finished(job)
    lab.clock.advance(1.9)
    before = lab.states(client)
    lab.clock.advance(0.1)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_all_conditions_on_an_action_are_to_be_met(lab: Lab, ec: ExperimentController) -> None:
    a, b, client = lab.add(number=3)
    ec.register_condition(client, A.START, a, S.STARTED)
    ec.register_condition(client, A.START, b, S.STARTED)
    lab.run(client, a)
    before = lab.states(client)
    lab.run(b)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


@pytest.mark.parametrize(("need", "enough"), [("any", 1), (1, 1), (2, 2), ("all", 3), (3, 3)])
def test_so_many_of_a_group_are_needed(lab: Lab, ec: ExperimentController, need: Any, enough: int) -> None:  # noqa: ANN401
    group = lab.add(number=3)
    [client] = lab.add()
    ec.register_condition(client, A.START, group, S.STARTED, need=need)
    lab.run(client)
    seen = []
    for one in group:
        lab.run(one)
        seen += lab.states(client)

    assert seen.index("STARTED") + 1 == enough


def test_a_condition_made_after_the_deployment_counts(lab: Lab, ec: ExperimentController) -> None:
    a, b, client = lab.add(number=3)
    ec.register_condition(client, A.START, a, S.STARTED)
    lab.run(client)
    ec.register_condition(client, A.START, b, S.STARTED)
    lab.run(a)

    assert lab.states(client) == ["READY"]


def test_a_condition_alone_starts_nothing(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(client, A.START, server, S.STARTED)
    ec.get_resource(client).deploy()
    lab.run(server)

    assert lab.states(client) == ["READY"]


def test_unregistered_conditions_hold_nobody_up(lab: Lab, ec: ExperimentController) -> None:
    a, b, client = lab.add(number=3)
    ec.register_condition(client, A.START, [a, b], S.STARTED)
    lab.run(client, a)
    ec.unregister_condition(client, b)

    assert lab.states(client) == ["STARTED"]
    assert [one.group for one in ec.conditions(client)] == [(a,)]


def test_conditions_are_unregistered_for_one_action(lab: Lab, ec: ExperimentController) -> None:
    a, client = lab.add(number=2)
    ec.register_condition(client, A.START, a, S.STARTED)
    ec.register_condition(client, A.STOP, a, S.STOPPED)
    ec.unregister_condition(client, a, A.START)

    assert [one.action for one in ec.conditions(client)] == [A.STOP]


# --- DEPLOY, STOP, SET -----------------------------------------------------------------------------------------------


def test_a_deployment_waits_for_its_conditions(lab: Lab, ec: ExperimentController) -> None:
    a, b = lab.add(number=2)
    ec.register_condition(b, A.DEPLOY, a, S.STARTED, "1s")
    lab.run(b, a)
    before = lab.states(b)
    lab.clock.advance(1)

    assert (before, lab.states(b)) == (["NEW"], ["STARTED"])


def test_a_stop_condition_stops_what_runs(lab: Lab, ec: ExperimentController) -> None:
    server, *clients = lab.add(number=3)
    ec.register_condition(server, A.STOP, clients, S.STOPPED)
    lab.run(server, *clients)
    ec.get_resource(clients[0]).set_finished()
    before = lab.states(server)
    ec.stop(clients[1])

    assert (before, lab.states(server)) == (["STARTED"], ["STOPPED"])


def test_a_stop_condition_is_nothing_to_what_has_ended(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(server, A.STOP, client, S.STOPPED)
    lab.run(server, client)
    ec.get_resource(server).set_finished()
    ec.stop(client)

    assert lab.states(server) == ["FINISHED"]


def test_an_attribute_is_set_later(lab: Lab, ec: ExperimentController, rated: str) -> None:
    [server], [client] = lab.add(), lab.add(rated)
    ec.set_with_conditions("rate", 7, client, server, S.STARTED, "2s")
    lab.run(client, server)
    lab.clock.advance(1.9)
    before = ec.get(client, "rate")
    lab.clock.advance(0.1)
    ec._stage.act(ec.get_resource(client)._unit, "configure")  # comes after the setting

    assert (before, ec.get(client, "rate")) == (0, 7)


def test_what_will_be_set_is_checked_at_once(lab: Lab, ec: ExperimentController, rated: str) -> None:
    [server], [client] = lab.add(), lab.add(rated)
    with pytest.raises(InvalidAttribute):
        ec.set_with_conditions("rate", "fast", client, server, S.STARTED)
    with pytest.raises(UnknownAttribute):
        ec.set_with_conditions("speed", 1, client, server, S.STARTED)
    with pytest.raises(ReadOnlyAttribute):
        ec.set_with_conditions("fixed", 2, client, server, S.STARTED)


# --- predicates ------------------------------------------------------------------------------------------------------


def test_a_predicate_is_looked_at_on_each_event(lab: Lab, ec: ExperimentController, rated: str) -> None:
    [server], [client] = lab.add(rated), lab.add()
    ec.register_condition(client, A.START, server, when=Compare("rate", ">=", 3))
    lab.run(client)
    seen = []
    for rate in (1, 2, 3):
        ec.set(server, "rate", rate)
        seen += lab.states(client)

    assert seen == ["READY", "READY", "STARTED"]


def test_a_predicate_is_given_the_group_in_order(lab: Lab, ec: ExperimentController) -> None:
    a, b, client = lab.add(number=3)
    given: list[list[int]] = []
    ec.register_condition(client, A.START, [b, a], when=lambda *each: bool(given.append([one.guid for one in each])))  # type: ignore[func-returns-value]  # for its effect

    assert given == [[b, a]]


@pytest.mark.parametrize("again", ["deployed", "another condition", "one taken away", "critical"])
def test_a_predicate_with_a_delay_counts_on_whatever_else_is_asked_for(
    lab: Lab, ec: ExperimentController, rated: str, again: str
) -> None:
    server, other = lab.add(rated, number=2)
    (client,) = lab.add()
    lab.run(server, other)
    ec.register_condition(client, A.START, server, None, "2s", when=lambda one: one.get("rate") > 0)
    ec.register_condition(client, A.START, other, S.READY)
    if again != "deployed":
        lab.run(client)
    ec.set(server, "rate", 1)
    lab.clock.advance(1.5)
    if again == "deployed":
        lab.run(client)
    elif again == "another condition":
        ec.register_condition(client, A.START, other, S.STARTED)
    elif again == "one taken away":
        ec.unregister_condition(client, other)
    else:
        ec.set(server, "critical", False)
    lab.clock.advance(0.4)
    before = lab.states(client)
    lab.clock.advance(0.2)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_with_a_delay_a_predicate_must_have_held_that_long(lab: Lab, ec: ExperimentController, rated: str) -> None:
    [server], [client] = lab.add(rated), lab.add()
    ec.register_condition(client, A.START, server, None, "2s", when=lambda one: one.get("rate") > 0)
    lab.run(client)
    ec.set(server, "rate", 1)
    lab.clock.advance(1.5)
    ec.set(server, "rate", 0)
    lab.clock.advance(1)
    ec.set(server, "rate", 1)
    lab.clock.advance(1.9)
    before = lab.states(client)
    lab.clock.advance(0.1)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_a_predicate_that_raises_makes_the_waiter_fail_with_that_cause(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(client, A.START, server, when=lambda one: one.get("nothing"))
    lab.run(client)

    assert lab.states(client) == ["FAILED"]
    assert "nothing" in str(ec.get_resource(client).cause)


def test_a_predicate_can_change_nothing(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(client, A.START, server, when=lambda one: one.set_ready())
    lab.run(client)

    assert "change nothing" in str(ec.get_resource(client).cause)


@pytest.mark.parametrize(("op", "holds"), [("==", False), ("!=", True), ("<", True), ("<=", True), (">", False)])
def test_comparisons(lab: Lab, ec: ExperimentController, rated: str, op: str, holds: bool) -> None:  # noqa: FBT001
    [one] = lab.add(rated, rate=2)

    assert Compare("rate", op, 3)(ec.get_resource(one)) is holds


def test_what_has_no_value_compares_with_nothing(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add(lab.kind(attributes=(Attribute("x", "unset", type=Types.Integer),)))

    assert not Compare("x", "!=", 3)(ec.get_resource(one))


def test_an_unknown_comparison_is_refused() -> None:
    with pytest.raises(InvalidCondition, match="=="):
        Compare("rate", "=", 3)


# --- failures, releases, critical ------------------------------------------------------------------------------------


def test_a_failed_member_that_is_not_critical_is_not_waited_for(lab: Lab, ec: ExperimentController) -> None:
    [bad] = lab.add(critical=False)
    other, client = lab.add(number=2)
    ec.register_condition(client, A.START, [bad, other], S.STARTED)
    lab.run(client)
    ec.get_resource(bad).fail("broke")
    before = lab.states(client)
    lab.run(other)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_the_delay_of_a_failed_member_counts_from_its_failure(lab: Lab, ec: ExperimentController) -> None:
    [bad], [client] = lab.add(critical=False), lab.add()
    ec.register_condition(client, A.START, bad, S.STARTED, "3s")
    lab.run(client)
    lab.clock.advance(10)
    ec.get_resource(bad).fail("broke")
    lab.clock.advance(2.9)
    before = lab.states(client)
    lab.clock.advance(0.1)

    assert (before, lab.states(client)) == (["READY"], ["STARTED"])


def test_whoever_waits_for_a_critical_one_that_failed_fails(lab: Lab) -> None:
    ec = lab.ec = lab.controller(fm=Lenient())
    bad, client = lab.add(number=2)
    ec.register_condition(client, A.START, bad, S.STARTED)
    lab.run(client)
    ec.get_resource(bad).fail("broke")

    assert lab.states(client) == ["FAILED"]
    assert "Plain (1) is FAILED, and was to be STARTED" in str(ec.get_resource(client).cause)


def test_what_nobody_asked_for_does_not_fail_for_its_conditions(lab: Lab) -> None:
    """It fails once somebody asks, and until then the condition may be taken away."""
    ec = lab.ec = lab.controller(fm=Lenient())
    bad, one, other = lab.add(number=3)
    ec.register_condition([one, other], A.START, bad, S.STARTED)
    ec.get_resource(bad).fail("broke")
    ec.unregister_condition(one, bad)
    lab.run(one, other)

    assert lab.states(one, other) == ["STARTED", "FAILED"]


def test_a_running_resource_survives_that_its_stop_can_never_come(lab: Lab) -> None:
    ec = lab.ec = lab.controller(fm=Lenient())
    bad, one = lab.add(number=2)
    ec.register_condition(one, A.STOP, bad, S.STOPPED)
    lab.run(one)
    ec.get_resource(bad).fail("broke")

    assert lab.states(one) == ["STARTED"]


def test_critical_may_change_later(lab: Lab) -> None:
    ec = lab.ec = lab.controller(fm=Lenient())
    bad, other, client = lab.add(number=3)
    ec.register_condition(client, A.START, [bad, other], S.STARTED)
    lab.run(client)
    ec.set(bad, "critical", False)
    ec.get_resource(bad).fail("broke")
    lab.run(other)

    assert lab.states(client) == ["STARTED"]


def test_a_released_member_will_never_get_there(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(client, A.START, server, S.STARTED)
    lab.run(client)
    ec.release(server)

    assert lab.states(client) == ["FAILED"]


def test_a_removed_member_is_remembered_by_what_was_seen_of_it(lab: Lab, ec: ExperimentController) -> None:
    [server], [client] = lab.add(hardRelease=True), lab.add()
    ec.register_condition(client, A.START, server, S.STARTED)
    lab.run(server)
    ec.release(server)
    lab.run(client)

    assert (ec.resources, lab.states(client)) == ([client], ["STARTED"])


def test_a_removed_member_that_never_got_there_fails_who_waits(lab: Lab, ec: ExperimentController) -> None:
    server, client = lab.add(number=2)
    ec.register_condition(client, A.START, server, S.STARTED)
    ec.remove_resource(server)
    before = lab.states(client)
    lab.run(client)

    assert (before, lab.states(client)) == (["NEW"], ["FAILED"])


# --- cycles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("critical", [True, False])
def test_a_cycle_is_refused_when_it_is_made_and_says_who_waits_for_whom(
    lab: Lab,
    ec: ExperimentController,
    critical: bool,  # noqa: FBT001
) -> None:
    """Also where each could go on without the other if that failed: nothing makes it fail."""
    a, b, c = lab.add(number=3, critical=critical)
    ec.register_condition(a, A.START, b, S.STARTED)
    ec.register_condition(b, A.START, c, S.STARTED)
    with pytest.raises(GateCycle) as caught:
        ec.register_condition(c, A.START, a, S.STARTED)

    assert all(str(guid) in str(caught.value) for guid in (a, b, c))
    assert ec.conditions(c) == []


def test_a_refused_cycle_changes_nothing(lab: Lab, ec: ExperimentController) -> None:
    a, b, c = lab.add(number=3)
    ec.register_condition(a, A.START, b, S.STARTED)
    with pytest.raises(GateCycle):
        ec.register_condition([c, b], A.START, a, S.STARTED)
    lab.run(a, b, c)

    assert lab.states(a, b, c) == ["STARTED"] * 3


def test_waiting_for_oneself_is_a_cycle(lab: Lab, ec: ExperimentController) -> None:
    [a] = lab.add()
    with pytest.raises(GateCycle):
        ec.register_condition(a, A.START, a, S.STARTED)


def test_a_stop_after_ones_own_start_is_no_cycle(lab: Lab, ec: ExperimentController) -> None:
    [a] = lab.add()
    ec.register_condition(a, A.STOP, a, S.STARTED, "2s")
    lab.run(a)
    lab.clock.advance(2)

    assert lab.states(a) == ["STOPPED"]


def test_a_barrier_closes_cycles_too(lab: Lab, ec: ExperimentController) -> None:
    """B may start when all are READY, and A be deployed when B has started."""
    a, b = lab.add(number=2)
    ec.register_condition(a, A.DEPLOY, b, S.STARTED)
    with pytest.raises(GateCycle):
        ec.deploy([a, b])
    before = lab.states(a, b)
    lab.run(a, b)

    assert (before, lab.states(a, b)) == (["NEW", "NEW"], ["STARTED", "STARTED"])


# --- refusals --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_waited_for_is_refused(lab: Lab, ec: ExperimentController) -> None:
    a, b = lab.add(number=2)
    refused: list[tuple[type[Exception], dict[str, Any]]] = [
        (InvalidCondition, {}),
        (InvalidCondition, {"state": S.STARTED, "when": bool}),
        (InvalidCondition, {"state": S.STARTED, "need": 2}),
        (InvalidCondition, {"state": S.STARTED, "need": 0}),
        (InvalidCondition, {"state": S.STARTED, "need": True}),
        (InvalidCondition, {"state": S.STARTED, "need": ["any"]}),
        (InvalidCondition, {"when": bool, "need": "any"}),
        (InvalidCondition, {"when": "rate > 3"}),
        (InvalidTime, {"state": S.STARTED, "time": "-1s"}),
        (InvalidTime, {"state": S.STARTED, "time": "soon"}),
        (UnknownState, {"state": "RUNNING"}),
    ]
    for error, options in refused:
        with pytest.raises(error):
            ec.register_condition(b, A.START, a, **options)
    for action, error in (("JUMP", UnknownState), ("SET", InvalidCondition), ("RELEASE", InvalidCondition)):
        with pytest.raises(error):
            ec.register_condition(b, action, a, S.STARTED)
    with pytest.raises(InvalidCondition):
        ec.register_condition(b, A.START, [], S.STARTED)
    for one, other in ((99, a), (b, 99), (b, None)):
        with pytest.raises(UnknownResource):
            ec.register_condition(one, A.START, other, S.STARTED)  # type: ignore[arg-type]  # as a caller without mypy may
    assert ec.conditions(b) == []


def test_an_experiment_that_is_over_takes_no_conditions(lab: Lab, ec: ExperimentController) -> None:
    a, b = lab.add(number=2)
    ec.give_up()
    with pytest.raises(ExperimentAborted):
        ec.register_condition(b, A.START, a, S.STARTED)
    ec.shutdown()
    with pytest.raises((ExperimentAborted, ExperimentClosed)):
        ec.register_condition(b, A.START, a, S.STARTED)


# --- why -------------------------------------------------------------------------------------------------------------


def test_why_tells_what_is_waited_for_and_what_that_waits_for(lab: Lab, ec: ExperimentController) -> None:
    a, b, c = lab.add(number=3)
    ec.register_condition(b, A.START, a, S.STARTED)
    ec.register_condition(c, A.START, b, S.STARTED, "2s")
    lab.run(b, c)
    told = [str(wait) for wait in ec.why(c)]

    assert told[0] == "START of Plain (3) waits: Plain (2), now READY, to be STARTED or STOPPED or FINISHED"
    assert "nobody has asked for DEPLOY, START of Plain (1)" in told[1]


def test_why_tells_how_long_a_delay_still_is(lab: Lab, ec: ExperimentController) -> None:
    a, b = lab.add(number=2)
    ec.register_condition(b, A.START, a, S.STARTED, "2s")
    lab.run(a, b)
    lab.clock.advance(0.5)

    assert [wait.needs for wait in ec.why(b)] == ["1.5 s more"]


def test_why_tells_of_a_method_that_has_not_returned(lab: Lab, ec: ExperimentController) -> None:
    held = threading.Event()
    (server,) = lab.add(lab.kind(do_start=lambda _: held.wait(WAIT)))
    (client,) = lab.add()
    ec.register_condition(client, A.START, server, S.STARTED)
    ec.deploy([server, client])
    lab.clock.advance(90)
    told = [str(wait) for wait in ec.why(client)]
    of_itself = [wait.needs for wait in ec.why(server)]
    held.set()

    assert of_itself == [f"do_start of Kind1 ({server}) to return, since 90 s"]
    assert told[1:] == [f"  START of Kind1 ({server}) waits: do_start of Kind1 ({server}) to return, since 90 s"]


def test_why_names_the_step_of_a_deployment_that_has_not_returned(lab: Lab, ec: ExperimentController) -> None:
    held = threading.Event()
    (server,) = lab.add(lab.kind(do_discover=lambda _: None, do_provision=lambda _: held.wait(WAIT)))
    ec.deploy([server])
    deadline = time.monotonic() + WAIT
    while ec.state(server) is not S.RESERVED and time.monotonic() < deadline:
        time.sleep(0.001)
    told = [wait.needs for wait in ec.why(server)]
    held.set()

    assert told[0].startswith(f"do_provision of Kind1 ({server}) to return, since")


def test_why_is_silent_where_nothing_is_in_the_way(lab: Lab, ec: ExperimentController) -> None:
    [a] = lab.add()
    lab.run(a)

    assert ec.why(a) == []
