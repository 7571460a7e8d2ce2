"""What authors of resources write, and how it is called: both vintages, blocking and async, well and badly behaved."""

# What hooks are given is the resource; they may do anything with it.
# ruff: noqa: ANN401 - as said

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.experiments.lab import WAIT

from headrace.experiments import ExperimentError, FailureManager, ResourceManager, ResourceState
from headrace.experiments.errors import ExperimentAborted, InvalidAction, ResourceFailed

if TYPE_CHECKING:
    from tests.unit.experiments.lab import Lab

    from headrace.experiments import ExperimentController

S = ResourceState


class Lenient(FailureManager):
    """Goes on, whatever fails."""

    def eval_failure(self, guid: int) -> None:
        pass


class Noted(ResourceManager):
    """Notes what is called."""

    def __init__(self, ec: Any, guid: int) -> None:
        super().__init__(ec, guid)
        self.calls: list[str] = []


def noting(name: str, *, is_async: bool = False) -> Any:
    """Make a hook that notes its name."""

    def blocking(self: Any) -> None:
        self.calls.append(name)

    async def coroutine(self: Any) -> None:
        await asyncio.sleep(0)
        self.calls.append(name)

    return coroutine if is_async else blocking


HOOKS = ("do_discover", "do_reserve", "do_provision", "do_configure", "do_start", "do_stop", "do_release")


def lived(lab: Lab, rtype: str) -> Any:
    """A resource that was deployed, started, stopped and released."""
    [one] = lab.add(rtype)
    lab.run(one)
    assert lab.ec.wait_started(one, timeout=WAIT)
    manager = lab.ec.get_resource(one)
    lab.ec.stop(one)
    assert lab.ec.release(one, timeout=WAIT)
    return manager


@pytest.mark.parametrize("is_async", [False, True])
def test_each_hook_is_called_once_in_order(lab: Lab, is_async: bool) -> None:  # noqa: FBT001
    rtype = lab.kind(Noted, **{hook: noting(hook, is_async=is_async) for hook in HOOKS})

    assert lived(lab, rtype).calls == list(HOOKS)


def test_blocking_and_async_hooks_may_be_mixed(lab: Lab) -> None:
    hooks = {hook: noting(hook, is_async=bool(number % 2)) for number, hook in enumerate(HOOKS)}

    assert lived(lab, lab.kind(Noted, **hooks)).calls == list(HOOKS)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_hook_that_returns_takes_the_resource_on(lab: Lab, ec: ExperimentController, is_async: bool) -> None:  # noqa: FBT001
    rtype = lab.kind(Noted, **{hook: noting(hook, is_async=is_async) for hook in HOOKS})
    [one] = lab.add(rtype)
    seen = []
    for action in (ec.discover, ec.reserve, ec.provision, ec.get_resource(one).deploy, ec.start, ec.stop):
        action() if action == ec.get_resource(one).deploy else action(one)  # type: ignore[call-arg]  # one of two kinds
        seen += lab.states(one)
    ec.release(one)

    assert seen + lab.states(one) == [
        "DISCOVERED", "RESERVED", "PROVISIONED", "READY", "STARTED", "STOPPED", "RELEASED",
    ]  # fmt: skip


def test_nepis_deployments_call_their_steps_themselves(lab: Lab) -> None:
    class Node(Noted):
        _rtype = "Node"

        def do_discover(self) -> None:
            self.calls.append("discover")
            super().do_discover()

        def do_provision(self) -> None:
            self.calls.append("provision")
            super().do_provision()

        def do_deploy(self) -> None:
            self.do_discover()
            self.do_provision()
            super().do_deploy()

    lab.factory.register_type(Node)

    assert lived(lab, "Node").calls == ["discover", "provision"]


def test_a_deployment_may_put_itself_off_until_a_neighbour_is_ready(lab: Lab, ec: ExperimentController) -> None:
    """As NEPI's resources do, by polling: it is not READY before it says so."""
    tried = threading.Semaphore(0)

    class App(ResourceManager):
        _rtype = "App"

        def do_deploy(self) -> None:
            [node] = self.get_connected()
            tried.release()
            if node.state < S.READY:
                self.ec.schedule("0.5s", self.deploy)
            else:
                self.do_discover()
                self.do_provision()
                super().do_deploy()

    lab.factory.register_type(App)
    [node] = lab.add()
    [app] = lab.add("App", connectedTo=node)
    lab.run(app)
    assert tried.acquire(timeout=WAIT)
    ec.get_resource(app).configure()  # its turn comes after the deployment's
    before = lab.states(app)
    lab.clock.advance(0.5)
    assert tried.acquire(timeout=WAIT)
    ec.get_resource(app).configure()
    lab.run(node)
    lab.clock.advance(0.5)

    assert before == ["NEW"]
    assert ec.wait_started(app, timeout=WAIT)


def test_scheduling_ones_own_stop_does_not_keep_it_from_stopping(lab: Lab, ec: ExperimentController) -> None:
    def do_start(self: Any) -> None:
        self.ec.schedule("2s", self.stop)

    [one] = lab.add(lab.kind(do_start=do_start))
    lab.run(one)
    ec.wait_started(one, timeout=WAIT)
    lab.clock.advance(2)

    assert ec.wait_finished(one, timeout=WAIT)


def test_a_release_may_put_itself_off_also_at_the_end(lab: Lab, ec: ExperimentController) -> None:
    """As NEPI's nodes do, until what runs on them is gone; the time is the machine's here."""
    ec = lab.ec = lab.controller(clock=None)

    class Node(Noted):
        _rtype = "Node"

        def do_release(self) -> None:
            self.calls.append("release")
            if len(self.calls) < 3:
                self.ec.schedule("1ms", self.release)
            else:
                super().do_release()

    lab.factory.register_type(Node)
    [node] = lab.add("Node")
    manager: Any = ec.get_resource(node)
    result = ec.shutdown(timeout=WAIT)

    assert (bool(result), manager.calls, manager.state) == (True, ["release"] * 3, S.RELEASED)


@pytest.mark.parametrize("base", [True, False])
def test_public_methods_may_be_overridden_and_run_once(lab: Lab, base: bool) -> None:  # noqa: FBT001
    """As in NEPI's oldest programs, whether they call their parent's or set the state themselves."""

    class Old(Noted):
        _rtype = "Old"

        def deploy(self) -> None:
            self.calls.append("deploy")
            self.discover()
            self.provision()
            super().deploy() if base else self.set_ready()

        def start(self) -> None:
            self.calls.append("start")
            super().start() if base else self.set_started()

        def stop(self) -> None:
            self.calls.append("stop")
            super().stop() if base else self.set_stopped()

        def release(self) -> None:
            self.calls.append("release")
            super().release() if base else self.set_released()

    lab.factory.register_type(Old)

    assert lived(lab, "Old").calls == ["deploy", "start", "stop", "release"]


def test_overridden_public_methods_run_once_when_called_directly(lab: Lab, ec: ExperimentController) -> None:
    class Old(Noted):
        _rtype = "Old"

        def start(self) -> None:
            self.calls.append("start")
            super().start()

    lab.factory.register_type(Old)
    [one] = lab.add("Old")
    manager: Any = ec.get_resource(one)
    manager.deploy()
    manager.start()

    assert (manager.calls, manager.state) == (["start"], S.STARTED)


def test_a_coroutine_may_await_its_parents_hook(lab: Lab, ec: ExperimentController) -> None:
    class Base(Noted):
        async def do_provision(self) -> None:
            self.calls.append("provision")

    class App(Base):
        _rtype = "App"

        async def do_deploy(self) -> None:
            await super().do_deploy()

        async def do_start(self) -> None:
            await super().do_start()

    lab.factory.register_type(App)
    [one] = lab.add("App")
    lab.run(one)

    assert ec.wait_started(one, timeout=WAIT)
    manager: Any = ec.get_resource(one)
    assert manager.calls == ["provision"]


def test_coroutines_all_run_on_the_controllers_loop(lab: Lab, ec: ExperimentController) -> None:
    loops = []

    async def do_start(self: Any) -> None:
        loops.append((asyncio.get_running_loop(), self.loop))

    ones = lab.add(lab.kind(do_start=do_start), 2)
    lab.run(*ones)
    ec.wait_started(ones, timeout=WAIT)

    assert len({id(loop) for pair in loops for loop in pair}) == 1


# --- failing ---------------------------------------------------------------------------------------------------------


def raising(error: BaseException, *, is_async: bool) -> Any:
    """Make a hook that raises."""

    def blocking(self: Any) -> None:
        raise error

    async def coroutine(self: Any) -> None:
        raise error

    return coroutine if is_async else blocking


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("hook", ["do_discover", "do_reserve", "do_provision", "do_configure", "do_start", "do_stop"])
def test_a_hook_that_raises_makes_the_resource_fail_of_that(lab: Lab, hook: str, is_async: bool) -> None:  # noqa: FBT001
    lab.ec = lab.controller(fm=Lenient())
    error = ValueError("broke")
    [one] = lab.add(lab.kind(**{hook: raising(error, is_async=is_async)}))
    lab.run(one)
    if hook == "do_stop":
        assert lab.ec.wait_started(one, timeout=WAIT)
        lab.ec.stop_with_conditions(one)
    result = lab.ec.wait(one, S.FAILED, timeout=WAIT)

    assert (bool(result), lab.ec.get_resource(one).cause) == (True, error)


@pytest.mark.parametrize("is_async", [False, True])
def test_whoever_calls_is_told_what_a_hook_raised(lab: Lab, ec: ExperimentController, is_async: bool) -> None:  # noqa: FBT001
    [one] = lab.add(lab.kind(do_discover=raising(ValueError("broke"), is_async=is_async)))

    with pytest.raises(ValueError, match="broke"):
        ec.discover(one)


@pytest.mark.parametrize("is_async", [False, True])
def test_an_exit_in_a_hook_ends_neither_the_loop_nor_whoever_waits(lab: Lab, is_async: bool) -> None:  # noqa: FBT001
    ec = lab.ec = lab.controller(fm=Lenient())
    [one] = lab.add(lab.kind(do_discover=raising(SystemExit(3), is_async=is_async)))
    [other] = lab.add(lab.kind(do_discover=noting("x", is_async=is_async), calls=[]))
    with pytest.raises(ExperimentError):
        ec.discover(one)
    ec.discover(other)

    assert lab.states(one, other) == ["FAILED", "DISCOVERED"]


def test_an_exit_of_a_thread_is_one_too(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add(lab.kind(do_discover=lambda _: sys.exit(3)))
    with pytest.raises(ResourceFailed):
        ec.discover(one)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_hook_may_say_itself_that_it_failed(lab: Lab, ec: ExperimentController, is_async: bool) -> None:  # noqa: FBT001
    def blocking(self: Any) -> None:
        self.fail("no trace is named")

    async def coroutine(self: Any) -> None:
        self.fail("no trace is named")

    [one] = lab.add(lab.kind(do_discover=coroutine if is_async else blocking))
    with pytest.raises(ResourceFailed, match="no trace is named"):
        ec.discover(one)
    assert lab.states(one) == ["FAILED"]


@pytest.mark.parametrize("is_async", [False, True])
def test_do_fail_is_called_once_and_not_cut_short_by_the_abort(
    lab: Lab,
    ec: ExperimentController,
    is_async: bool,  # noqa: FBT001
) -> None:
    cleaned = threading.Semaphore(0)

    def blocking(self: Any) -> None:
        cleaned.release()

    async def coroutine(self: Any) -> None:
        await asyncio.sleep(0.01)
        cleaned.release()

    hooks = {
        "do_start": raising(ValueError("broke"), is_async=is_async),
        "do_fail": coroutine if is_async else blocking,
    }
    [one] = lab.add(lab.kind(**hooks))
    lab.run(one)

    assert cleaned.acquire(timeout=WAIT)
    assert ec.wait(one, S.FAILED, timeout=WAIT)
    ec.release()
    assert not cleaned.acquire(blocking=False)


def test_a_do_fail_that_raises_changes_nothing(lab: Lab, ec: ExperimentController) -> None:
    error = ValueError("broke")
    [one] = lab.add(lab.kind(do_start=raising(error, is_async=False), do_fail=raising(KeyError(), is_async=False)))
    lab.run(one)
    ec.wait(one, S.FAILED, timeout=WAIT)
    ec.release()

    assert ec.get_resource(one).cause is error


def test_a_release_that_raises_releases(lab: Lab, ec: ExperimentController) -> None:
    """There is nothing more that could be done, but it is no success."""
    [one] = lab.add(lab.kind(do_release=raising(ValueError("gone"), is_async=False)))
    result = ec.release(one, timeout=WAIT)

    assert (bool(result), lab.states(one), str(ec.get_resource(one).cause)) == (False, ["RELEASED"], "gone")


# --- moving themselves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_a_hook_that_has_moved_the_resource_itself_is_left_alone(
    lab: Lab,
    ec: ExperimentController,
    is_async: bool,  # noqa: FBT001
) -> None:
    def blocking(self: Any) -> None:
        self.set_started()
        self.set_finished()

    async def coroutine(self: Any) -> None:
        blocking(self)

    [one] = lab.add(lab.kind(do_start=coroutine if is_async else blocking))
    lab.run(one)

    assert ec.wait_finished(one, timeout=WAIT)
    ec.get_resource(one).configure()
    assert lab.states(one) == ["FINISHED"]


def test_other_threads_may_move_a_resource(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    lab.run(one)
    thread = threading.Thread(target=ec.get_resource(one).set_finished)
    thread.start()
    result = ec.wait_finished(one, timeout=WAIT)
    thread.join()

    assert (bool(result), lab.states(one)) == (True, ["FINISHED"])


@pytest.mark.parametrize(("first", "then"), [("finished", "stopped"), ("stopped", "finished")])
def test_the_first_end_stands(lab: Lab, ec: ExperimentController, first: str, then: str) -> None:
    """A stop and the end may cross."""
    [one] = lab.add()
    lab.run(one)
    manager = ec.get_resource(one)
    getattr(manager, f"set_{first}")()
    getattr(manager, f"set_{then}")()

    assert lab.states(one) == [first.upper()]


def test_a_hook_may_call_the_methods_of_other_resources(lab: Lab, ec: ExperimentController) -> None:
    def do_start(self: Any) -> None:
        [other] = self.get_connected("Plain")
        other.deploy()
        other.start()

    [other] = lab.add()
    [one] = lab.add(lab.kind(do_start=do_start), connectedTo=other)
    lab.run(one)

    assert ec.wait_started([one, other], timeout=WAIT)


def test_a_hook_waits_for_a_neighbour_without_polling(lab: Lab, ec: ExperimentController) -> None:
    def blocking(self: Any) -> None:
        self.wait_for(self.get_connected()[0], S.READY)

    async def coroutine(self: Any) -> None:
        await self.reached(self.get_connected()[0], S.READY)

    [node] = lab.add()
    ones = [
        *lab.add(lab.kind(do_deploy=blocking), connectedTo=node),
        *lab.add(lab.kind(do_deploy=coroutine), connectedTo=node),
    ]
    lab.run(*ones)
    before = lab.states(*ones)
    lab.run(node)

    assert before == ["NEW", "NEW"]
    assert ec.wait_deployed(ones, timeout=WAIT)


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_neighbour_that_fails_ends_the_wait_for_it(lab: Lab, critical: bool, is_async: bool) -> None:  # noqa: FBT001
    def blocking(self: Any) -> None:
        self.wait_for(self.get_connected()[0], S.READY)

    async def coroutine(self: Any) -> None:
        await self.reached(self.get_connected()[0], S.READY)

    ec = lab.ec = lab.controller(fm=Lenient())
    [node] = lab.add(critical=critical)
    [one] = lab.add(lab.kind(do_deploy=coroutine if is_async else blocking), connectedTo=node)
    lab.run(one)
    ec.get_resource(node).fail("no power")
    ec.wait(one, S.FAILED, timeout=WAIT)

    assert isinstance(ec.get_resource(one).cause, ResourceFailed)


def test_a_hook_of_the_loop_must_not_block_it(lab: Lab, ec: ExperimentController) -> None:
    [other] = lab.add()
    told = []

    async def do_start(self: Any) -> None:
        calls: list[Any] = [
            lambda: self.ec.wait_started(other),
            lambda: self.wait_for(self.ec.get_resource(other), S.READY),
        ]
        for call in calls:
            try:
                call()
            except ExperimentError as error:
                told.append(str(error))

    [one] = lab.add(lab.kind(do_start=do_start))
    lab.run(one)
    ec.wait_started(one, timeout=WAIT)

    assert all("reached" in text for text in told)
    assert len(told) == 2


# --- starting, stopping, again ---------------------------------------------------------------------------------------


def test_a_resource_can_be_started_again(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add(lab.kind(Noted, do_start=noting("start")))
    lab.run(one)
    ec.wait_started(one, timeout=WAIT)
    ec.stop(one)
    ec.start(one)
    ec.get_resource(one).set_finished()
    ec.start_with_conditions(one)
    ec.get_resource(one).configure()  # comes after the start
    manager: Any = ec.get_resource(one)

    assert (manager.calls, manager.state) == (["start"] * 3, S.STARTED)


def test_asked_to_start_again_while_it_runs_it_does_so_when_it_has_ended(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    lab.run(one)
    ec.start_with_conditions(one)
    before = ec.get_resource(one)._unit.attempt
    ec.get_resource(one).set_finished()

    assert (before, ec.get_resource(one)._unit.attempt, lab.states(one)) == (0, 1, ["STARTED"])


def test_a_start_by_hand_is_the_one_that_was_waited_for(lab: Lab, ec: ExperimentController) -> None:
    """What its condition would have begun is not begun a second time."""
    server, client = lab.add(number=2)
    ec.register_condition(client, "START", server, S.STARTED)
    lab.run(client)
    ec.start(client)
    ec.get_resource(client).set_finished()
    lab.run(server)

    assert lab.states(client) == ["FINISHED"]


def test_two_starts_at_once_start_once(lab: Lab, ec: ExperimentController) -> None:
    gate = threading.Event()

    def do_start(self: Any) -> None:
        self.calls.append("start")
        assert gate.wait(WAIT)

    [one] = lab.add(lab.kind(Noted, do_start=do_start))
    ec.get_resource(one).deploy()
    refused: list[Exception] = []

    def start() -> None:
        try:
            ec.start(one)
        except InvalidAction as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(WAIT)
    manager: Any = ec.get_resource(one)

    assert (manager.calls, len(refused), manager.state) == (["start"], 1, S.STARTED)


def test_actions_that_the_state_does_not_allow_are_refused(lab: Lab, ec: ExperimentController) -> None:
    new, running, released = lab.add(number=3)
    lab.run(running)
    ec.release(released)
    for call, guid in (
        (ec.start, new), (ec.stop, new), (ec.start, running), (ec.deploy, running),
        (ec.deploy, released), (ec.start, released), (ec.start_with_conditions, released),
        (ec.stop_with_conditions, released), (ec.discover, released),
    ):  # fmt: skip
        with pytest.raises(InvalidAction, match=lab.states(guid)[0]):
            call(guid)
    assert lab.states(new, running, released) == ["NEW", "STARTED", "RELEASED"]


def test_once_the_experiment_is_given_up_nothing_is_begun(lab: Lab, ec: ExperimentController) -> None:
    [one] = lab.add()
    ec.give_up()
    for call in (ec.deploy, ec.discover, ec.get_resource(one).deploy, ec.start_with_conditions):
        with pytest.raises(ExperimentAborted):
            call() if call == ec.get_resource(one).deploy else call(one)  # type: ignore[call-arg]  # as above
