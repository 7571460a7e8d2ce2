"""What an experiment needs of the core, on a life that has nothing to do with tasks.

Resources are deployed, started, set and stopped under conditions on one another's states, with delays; they are
restarted; members fail. The face below is small: it obeys each action by moving the resource there and then.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from headrace.core import (
    AllOf,
    AnyOf,
    Broken,
    Gate,
    GateCycle,
    GateStatus,
    Holds,
    Lifecycle,
    Perform,
    Reached,
    State,
    Unit,
    why,
)
from headrace.testing import Driver, broken_invariants

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.core import Term


class R(State):
    """Where a resource is."""

    NEW = "registered"
    DISCOVERED = "found on its testbed"
    PROVISIONED = "its software is there"
    READY = "it may be started"
    STARTED = "it runs"
    STOPPED = "it runs no more; it may be started anew"
    FAILED = "something went wrong; it can only be released"
    RELEASED = "given back; its life is over"


RESOURCE = Lifecycle(
    "resource",
    initial=R.NEW,
    moves={
        R.NEW: (R.DISCOVERED, R.FAILED, R.RELEASED),
        R.DISCOVERED: (R.PROVISIONED, R.FAILED, R.RELEASED),
        R.PROVISIONED: (R.READY, R.FAILED, R.RELEASED),
        R.READY: (R.STARTED, R.FAILED, R.RELEASED),
        R.STARTED: (R.STOPPED, R.FAILED, R.RELEASED),
        R.STOPPED: (R.STARTED, R.FAILED, R.RELEASED),
        R.FAILED: (R.RELEASED,),
    },
    failed=(R.FAILED,),
    anew=((R.STOPPED, R.STARTED),),
    # An application also stops by itself, so STOP makes no move that nothing else makes. SET never moves anything.
    actions={
        "DEPLOY": (R.DISCOVERED, R.PROVISIONED, R.READY),
        "START": (R.STARTED,),
        "STOP": (),
        "SET": (),
        "RELEASE": (R.RELEASED,),
    },
)
RUNS = frozenset({R.STARTED})


class Resource(Unit):
    """One resource, with one attribute."""

    __slots__ = ("rate", "to_set")

    def __init__(self, name: str) -> None:
        super().__init__(name, name, RESOURCE)
        self.rate = 0
        self.to_set = 0


class Experiment:
    """A face in small: every action is done the moment it is asked for."""

    def __init__(self) -> None:
        self.driver = Driver(self._obey)
        self.start_time = self.driver.clock.monotonic()
        self.done: list[tuple[float, str, str]] = []
        self.failures: list[tuple[str, list[str]]] = []

    def register(self, *names: str) -> list[Resource]:
        resources = [Resource(name) for name in names]
        for one in resources:
            self.driver.add(one)
        return resources

    def deploy(self, resources: Iterable[Resource]) -> None:
        """Ask for DEPLOY, and for START once READY, of all that have no condition of their own."""
        for one in resources:
            for action, condition in (("DEPLOY", None), ("START", Reached(one, {R.READY}))):
                if action not in (one.gates or {}):
                    self.driver.guard(Gate(one, action, condition))

    def when(self, resource: Resource, action: str, *conditions: Term) -> None:
        """Put a condition on an action; START also waits until the resource itself is READY."""
        own = [Reached(resource, {R.READY})] if action == "START" else []
        self.driver.guard(Gate(resource, action, AllOf([*conditions, *own])))

    def _obey(self, told: Perform | Broken) -> None:
        one = told.unit
        assert isinstance(one, Resource)
        if isinstance(told, Broken):
            causes = [str(term.unit) for term in told.gate.broken_terms() if isinstance(term, Reached)]
            self.failures.append((f"{told.action} {one.name}", causes))
            return
        self.done.append((self.driver.clock.monotonic() - self.start_time, told.action, one.name))
        match told.action:
            case "DEPLOY":
                self.driver.move(one, R.DISCOVERED, R.PROVISIONED, R.READY)
            case "START":
                self.driver.move(one, R.STARTED)
            case "STOP":
                self.driver.move(one, R.STOPPED)
            case "SET":
                one.rate = one.to_set
                self.driver.changed(one)
            case _:
                self.driver.move(one, R.RELEASED)

    def at(self, action: str) -> list[tuple[float, str]]:
        return [(at, name) for at, done, name in self.done if done == action]


@pytest.fixture
def experiment() -> Experiment:
    return Experiment()


def started(one: Resource, delay: float = 0.0) -> Reached:
    return Reached(one, RUNS, delay)


def stopped(one: Resource, delay: float = 0.0) -> Reached:
    return Reached(one, {R.STOPPED}, delay)


class TestStart:
    """START under conditions."""

    def test_the_client_starts_two_seconds_after_the_server(self, experiment: Experiment) -> None:
        server, client = experiment.register("server", "client")
        experiment.when(client, "START", started(server, delay=2))
        experiment.deploy([client, server])

        experiment.driver.advance(10)

        assert experiment.at("START") == [(0, "server"), (2, "client")]

    def test_conditions_may_be_made_in_any_order_and_after_deploying(self, experiment: Experiment) -> None:
        server, client = experiment.register("server", "client")
        experiment.deploy([server])
        experiment.driver.advance(1)
        experiment.when(client, "START", started(server, delay=2))
        experiment.deploy([client])

        experiment.driver.advance(10)

        assert experiment.at("START") == [(0, "server"), (2, "client")]

    def test_a_delay_that_is_over_does_not_start_what_is_not_ready(self, experiment: Experiment) -> None:
        server, client = experiment.register("server", "client")
        experiment.when(client, "START", started(server, delay=2))
        experiment.deploy([server])
        experiment.driver.advance(5)

        experiment.deploy([client])

        assert experiment.at("START") == [(0, "server"), (5, "client")]

    def test_at_least_started_is_met_by_what_has_stopped_already(self, experiment: Experiment) -> None:
        """An application without a command jumps over STARTED for all an observer can tell: any later state will do."""
        app, after = experiment.register("app", "after")
        experiment.deploy([app])
        experiment.driver.move(app, R.STOPPED)

        experiment.when(after, "START", Reached(app, R.at_least(R.STARTED) - RESOURCE.failed))
        experiment.deploy([after])

        assert experiment.at("START") == [(0, "app"), (0, "after")]

    def test_all_members_of_a_group_must_have_started_each_with_its_delay(self, experiment: Experiment) -> None:
        *members, last = experiment.register("a", "b", "c", "last")
        experiment.when(last, "START", AllOf([started(one, delay=1) for one in members]))
        experiment.deploy([last])
        for one in members:
            experiment.deploy([one])
            experiment.driver.advance(3)

        assert experiment.at("START")[-1] == (7, "last")


class TestDeploy:
    """DEPLOY under conditions."""

    def test_what_is_deployed_after_another_is_ready_waits_for_it(self, experiment: Experiment) -> None:
        node, interface = experiment.register("node", "interface")
        experiment.when(interface, "DEPLOY", Reached(node, R.at_least(R.READY) - {R.FAILED, R.RELEASED}))
        experiment.deploy([interface])
        assert experiment.at("DEPLOY") == []

        experiment.deploy([node])

        assert experiment.at("DEPLOY") == [(0, "node"), (0, "interface")]

    def test_deploying_some_time_after_another_started(self, experiment: Experiment) -> None:
        first, second = experiment.register("first", "second")
        experiment.when(second, "DEPLOY", started(first, delay=4))
        experiment.deploy([first, second])

        experiment.driver.advance(10)

        assert experiment.done[2:] == [(4, "DEPLOY", "second"), (4, "START", "second")]

    def test_two_that_each_wait_for_the_other_are_refused(self, experiment: Experiment) -> None:
        first, second = experiment.register("first", "second")
        experiment.when(second, "DEPLOY", started(first))

        with pytest.raises(GateCycle):
            experiment.when(first, "START", Reached(second, {R.READY}))

    def test_start_after_start_and_stop_after_stop_is_fine(self, experiment: Experiment) -> None:
        a, b = experiment.register("a", "b")
        experiment.when(b, "START", started(a))
        experiment.when(a, "STOP", stopped(b))
        experiment.deploy([a, b])

        experiment.driver.move(b, R.STOPPED)

        assert experiment.at("STOP") == [(0, "a")]

    def test_a_wait_for_what_was_never_deployed_is_explained(self, experiment: Experiment) -> None:
        server, client = experiment.register("server", "client")
        experiment.when(client, "START", started(server))
        experiment.deploy([client])

        warnings = [wait.warning for wait in why(client, experiment.driver.clock.monotonic())]
        assert warnings == ["nobody has asked for DEPLOY, START of resource server (server)"]


class TestStop:
    """STOP under conditions."""

    def test_both_stop_when_the_last_client_has_stopped(self, experiment: Experiment) -> None:
        server, monitor, *clients = experiment.register("server", "monitor", "c1", "c2", "c3")
        for one in (server, monitor):
            experiment.when(one, "STOP", AllOf([stopped(client) for client in clients]))
        experiment.deploy([server, monitor, *clients])
        for client in clients:
            experiment.driver.advance(1)
            assert experiment.at("STOP") == []
            experiment.driver.move(client, R.STOPPED)

        assert experiment.at("STOP") == [(3, "server"), (3, "monitor")]

    def test_stopping_some_time_after_its_own_start(self, experiment: Experiment) -> None:
        (app,) = experiment.register("app")
        experiment.when(app, "STOP", started(app, delay=30))
        experiment.deploy([app])

        experiment.driver.advance(60)

        assert experiment.at("STOP") == [(30, "app")]

    def test_a_stop_for_what_was_released_meanwhile_is_dropped(self, experiment: Experiment) -> None:
        """There is nothing to poll: the gate ends with its resource."""
        (app,) = experiment.register("app")
        experiment.when(app, "STOP", started(app, delay=30))
        experiment.deploy([app])
        experiment.driver.move(app, R.RELEASED)

        experiment.driver.advance(60)

        assert experiment.at("STOP") == []


class TestSet:
    """SET under conditions: it moves no state."""

    def test_an_attribute_is_set_some_time_after_a_start(self, experiment: Experiment) -> None:
        source, link = experiment.register("source", "link")
        link.to_set = 100
        experiment.when(link, "SET", started(source, delay=5))
        experiment.deploy([source, link])

        experiment.driver.advance(10)

        assert (experiment.at("SET"), link.rate, link.state) == ([(5, "link")], 100, R.STARTED)

    def test_several_sets_follow_one_another(self, experiment: Experiment) -> None:
        (link,) = experiment.register("link")
        for number, rate in enumerate((10, 20, 30), 1):
            link.to_set = rate
            experiment.when(link, "SET", Holds(lambda number=number: link.rate < 10 * number, [link]))  # type: ignore[misc]

        assert (len(experiment.at("SET")), link.rate) == (3, 30)

    def test_two_sets_may_wait_at_once_under_names_of_their_own(self, experiment: Experiment) -> None:
        """A gate's action need not be in the lifecycle: a name that moves nothing is enough."""
        (link,) = experiment.register("link")
        driver = experiment.driver
        for name, delay in (("SET up", 1), ("SET rate", 2)):
            driver.guard(Gate(link, name, AllOf([started(link, delay)])))

        assert sorted(link.gates or ()) == ["SET rate", "SET up"]

    def test_a_change_of_an_attribute_can_start_another(self, experiment: Experiment) -> None:
        link, app = experiment.register("link", "app")
        link.to_set = 100
        experiment.when(link, "SET", started(link, delay=5))
        experiment.when(app, "START", Holds(lambda: link.rate >= 100, [link], delay=1))
        experiment.deploy([link, app])

        experiment.driver.advance(10)

        assert experiment.at("START") == [(0, "link"), (6, "app")]

    def test_a_condition_may_mix_states_and_attributes(self, experiment: Experiment) -> None:
        link, app, guard = experiment.register("link", "app", "guard")
        experiment.when(app, "START", AnyOf([Holds(lambda: link.rate > 5, [link]), stopped(guard)]))
        experiment.deploy([link, app, guard])

        experiment.driver.move(guard, R.STOPPED)

        assert experiment.at("START")[-1] == (0, "app")


class TestRestart:
    """STOPPED, then STARTED anew."""

    def restart(self, experiment: Experiment, one: Resource) -> None:
        experiment.driver.move(one, R.STOPPED)
        experiment.driver.guard(Gate(one, "START"))

    def test_it_is_a_new_attempt(self, experiment: Experiment) -> None:
        (app,) = experiment.register("app")
        experiment.deploy([app])

        self.restart(experiment, app)

        assert (app.state, app.attempt) == (R.STARTED, 1)

    def test_what_had_latched_stays_so(self, experiment: Experiment) -> None:
        """The client waits for both; the server's first start is not undone by its second."""
        server, other, client = experiment.register("server", "other", "client")
        experiment.when(client, "START", started(server), started(other))
        experiment.deploy([server, client])
        self.restart(experiment, server)

        experiment.deploy([other])

        assert experiment.at("START")[-1] == (0, "client")

    def test_a_running_delay_counts_from_the_first_start(self, experiment: Experiment) -> None:
        server, client = experiment.register("server", "client")
        experiment.when(client, "START", started(server, delay=10))
        experiment.deploy([server, client])
        experiment.driver.advance(4)
        self.restart(experiment, server)

        experiment.driver.advance(10)

        assert experiment.at("START")[-1] == (10, "client")

    def test_a_condition_made_after_it_waits_for_the_new_attempt(self, experiment: Experiment) -> None:
        """STOPPED of the first attempt is past; the new condition is about the run that is on."""
        app, cleaner = experiment.register("app", "cleaner")
        experiment.deploy([app])
        self.restart(experiment, app)
        experiment.when(cleaner, "START", stopped(app))
        experiment.deploy([cleaner])
        assert experiment.at("START") == [(0, "app"), (0, "app")]

        experiment.driver.move(app, R.STOPPED)

        assert experiment.at("START")[-1] == (0, "cleaner")

    def test_an_armed_stop_stays_armed_and_stops_the_new_attempt(self, experiment: Experiment) -> None:
        app, clock = experiment.register("app", "clock")
        experiment.when(app, "STOP", stopped(clock))
        experiment.deploy([app, clock])
        self.restart(experiment, app)

        experiment.driver.move(clock, R.STOPPED)

        assert (app.state, app.attempt) == (R.STOPPED, 1)

    def test_a_stop_that_was_done_is_not_done_again(self, experiment: Experiment) -> None:
        """Who wants the new attempt stopped as well asks anew."""
        (app,) = experiment.register("app")
        experiment.when(app, "STOP", started(app, delay=5))
        experiment.deploy([app])
        experiment.driver.advance(5)
        experiment.driver.guard(Gate(app, "START"))

        experiment.driver.advance(50)

        assert (experiment.at("STOP"), list(app.gates or ())) == ([(5, "app")], [])

    def test_what_the_earlier_attempt_was_asked_is_stale(self) -> None:
        """A SET still on its way to a worker when the resource is restarted must not reach the new run unasked."""
        driver, app = Driver(), Resource("app")
        driver.add(app, Gate(app, "SET"))
        driver.move(app, R.DISCOVERED, R.PROVISIONED, R.READY, R.STARTED, R.STOPPED, R.STARTED)

        ((_, told),) = driver.given
        assert isinstance(told, Perform)
        assert not driver.scheduler.current(told)

    def test_a_late_report_of_the_earlier_attempt_does_not_stop_the_new_one(self, experiment: Experiment) -> None:
        (app,) = experiment.register("app")
        experiment.deploy([app])
        self.restart(experiment, app)

        experiment.driver.move(app, R.STOPPED, attempt=0)

        assert app.state is R.STARTED


class TestFailure:
    """A member fails."""

    def test_a_gate_that_needs_it_breaks_and_says_why(self, experiment: Experiment) -> None:
        good, bad, last = experiment.register("good", "bad", "last")
        experiment.when(last, "START", started(good, delay=1), started(bad, delay=1))
        experiment.deploy([good, last])

        experiment.driver.move(bad, R.FAILED)

        assert experiment.failures == [("START last", ["resource bad (bad)"])]

    def test_it_never_counts_as_met(self, experiment: Experiment) -> None:
        good, bad, last = experiment.register("good", "bad", "last")
        experiment.when(last, "START", started(good, delay=1), started(bad, delay=1))
        experiment.deploy([good, last])
        experiment.driver.move(bad, R.FAILED)

        experiment.driver.advance(100)

        assert experiment.at("START") == [(0, "good")]

    def test_one_that_had_started_before_it_failed_counts(self, experiment: Experiment) -> None:
        """The condition says "has STARTED", and it has; the delay counts from there, not from the failure."""
        app, last = experiment.register("app", "last")
        experiment.when(last, "START", started(app, delay=3))
        experiment.deploy([app, last])
        experiment.driver.advance(1)
        experiment.driver.move(app, R.FAILED)

        experiment.driver.advance(100)

        assert experiment.at("START")[-1] == (3, "last")

    def test_a_member_nobody_needs_is_left_out_by_saying_so(self, experiment: Experiment) -> None:
        """Not critical: its failure will do as well as its start, and does not shorten anybody else's delay."""
        good, optional, last = experiment.register("good", "optional", "last")
        experiment.when(last, "START", started(good, delay=3), Reached(optional, RUNS | RESOURCE.failed))
        experiment.deploy([good, last])
        experiment.driver.move(optional, R.FAILED)

        experiment.driver.advance(10)

        assert experiment.at("START")[-1] == (3, "last")

    def test_what_has_failed_can_still_be_released_under_a_condition(self, experiment: Experiment) -> None:
        bad, other = experiment.register("bad", "other")
        experiment.when(bad, "RELEASE", Reached(other, {R.RELEASED}, delay=1))
        experiment.driver.move(bad, R.FAILED)
        experiment.driver.move(other, R.RELEASED)

        experiment.driver.advance(5)

        assert bad.state is R.RELEASED


class TestAThousand:
    """1 000 resources."""

    def test_all_start_when_the_node_has(self, experiment: Experiment) -> None:
        (node,) = experiment.register("node")
        apps = experiment.register(*(f"app{number}" for number in range(1_000)))
        for app in apps:
            experiment.when(app, "DEPLOY", Reached(node, {R.READY}))
            experiment.when(app, "START", started(node, delay=2))
        experiment.deploy(apps)
        experiment.deploy([node])

        experiment.driver.advance(2)

        assert [at for at, _ in experiment.at("START")] == [0] + [2] * 1_000

    def test_one_waits_for_all_of_them(self, experiment: Experiment) -> None:
        apps = experiment.register(*(f"app{number}" for number in range(1_000)))
        (last,) = experiment.register("last")
        experiment.when(last, "START", *(started(app) for app in apps))
        experiment.deploy([last])
        experiment.deploy(apps)

        assert experiment.at("START")[-1] == (0, "last")

    def test_a_chain_of_them_starts_from_end_to_end(self, experiment: Experiment) -> None:
        apps = experiment.register(*(f"app{number}" for number in range(1_000)))
        for before, app in itertools.pairwise(apps):
            experiment.when(app, "START", started(before, delay=1))
        experiment.deploy(apps)

        experiment.driver.advance(999)

        assert (experiment.at("START")[-1], broken_invariants(experiment.driver.scheduler)) == ((999, "app999"), [])

    def test_one_failure_breaks_all_that_need_it_each_once(self, experiment: Experiment) -> None:
        (node,) = experiment.register("node")
        apps = experiment.register(*(f"app{number}" for number in range(1_000)))
        for app in apps:
            experiment.when(app, "START", started(node))

        experiment.driver.move(node, R.FAILED)

        assert [(app.gates or {})["START"].status for app in apps] == [GateStatus.BROKEN] * 1_000
