"""An interrupt at any line of the main thread loses nothing, and does nothing twice.

What was being asked for may or may not have been taken; whoever asks again gets it once.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.core.cutting import Cut, CutAt
from tests.unit.experiments.lab import WAIT

from headrace.core import GateStatus, mailbox, scheduler
from headrace.experiments import ResourceState, controller, deployment, registry, resource, stage, tasks, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.experiments.lab import Lab

    from headrace.experiments import ExperimentController

S = ResourceState
MODULES = (mailbox, scheduler, controller, deployment, registry, resource, stage, tasks, waiting)
# All of them in `make real`.
STRIDE = 1 if os.environ.get("HEADRACE_THOROUGH") else 13


def cut_everywhere(
    lab: Lab, prepare: Callable[[ExperimentController], Any], call: Callable[..., Any], check: Callable[..., Any]
) -> int:
    """Cut a call short at every line of ours, call it again, and check."""
    number, happened = 0, True
    while happened:
        lab.ec = ec = lab.controller()
        prepared = prepare(ec)
        cut = CutAt(number, *MODULES, events=("line",))
        try:
            with cut:
                call(ec, prepared)
        except Cut:
            settle(ec)
            call(ec, prepared)
        settle(ec)
        happened = cut.happened
        check(ec, prepared)
        assert ec.shutdown(timeout=WAIT), number
        number += STRIDE
    return number


def settle(ec: ExperimentController) -> None:
    """Wait until what was cut short has been done by whoever took it over."""
    box = ec._stage._mailbox
    deadline = time.monotonic() + WAIT
    while (box._inbox or box._outbox or box._holder) and time.monotonic() < deadline:
        time.sleep(0.0005)
    ec._stage.call(lambda: None)


class Counted:
    """Hooks that count their calls."""

    def __init__(self, lab: Lab, *, trivial: bool) -> None:
        self.calls: list[tuple[str, int]] = []
        hooks: dict[str, Any] = (
            {} if trivial else {hook: self._hook(hook) for hook in ("do_deploy", "do_start", "do_release")}
        )
        self.kind = lab.kind(**hooks)

    def _hook(self, name: str) -> Callable[[Any], None]:
        def hook(manager: Any) -> None:  # noqa: ANN401 - a resource
            self.calls.append((name, manager.guid))
            if name == "do_start":
                manager.set_finished()

        return hook


@pytest.mark.parametrize("trivial", [True, False])
def test_a_deployment(lab: Lab, trivial: bool) -> None:  # noqa: FBT001
    """Also of those that are over as soon as they are started, and could be started again."""
    counted = Counted(lab, trivial=trivial)

    def prepare(ec: ExperimentController) -> list[int]:
        counted.calls.clear()
        guids = [ec.register_resource(counted.kind) for _ in range(3)]
        ec.register_condition(guids[2], "START", guids[:2], "STARTED")
        return guids

    def check(ec: ExperimentController, guids: list[int]) -> None:
        assert ec.wait_started(guids, timeout=WAIT)
        if not trivial:
            for guid in guids:
                # It comes after the start.
                ec.get_resource(guid).configure()
            assert sorted(counted.calls) == sorted((hook, guid) for guid in guids for hook in ("do_deploy", "do_start"))
        assert {ec.get_resource(guid)._unit.attempt for guid in guids} == {0}

    assert cut_everywhere(lab, prepare, lambda ec, _: ec.deploy(), check) > 100


def test_a_condition(lab: Lab) -> None:
    """It is there, once, and holds; nobody starts without it."""

    def prepare(ec: ExperimentController) -> list[int]:
        guids = [ec.register_resource("Plain") for _ in range(3)]
        ec.deploy(guids[2], wait_all_ready=False)
        ec.register_condition(guids[1], "START", guids[0], "STARTED")
        return guids

    def call(ec: ExperimentController, guids: list[int]) -> None:
        ec.register_condition(guids[:2], "START", guids[2], "STOPPED", "2s")

    def check(ec: ExperimentController, guids: list[int]) -> None:
        assert [len(ec.conditions(guid)) for guid in guids] == [1, 2, 0]
        ec.deploy(guids[:2])
        before = [ec.state(guid) for guid in guids[:2]]
        ec.stop(guids[2])
        lab.clock.advance(1.9)
        later = [ec.state(guid) for guid in guids[:2]]
        lab.clock.advance(0.1)
        assert before == later == [S.READY] * 2
        assert [ec.state(guid) for guid in guids[:2]] == [S.STARTED] * 2

    assert cut_everywhere(lab, prepare, call, check) > 50


def test_taking_a_condition_away(lab: Lab) -> None:
    def prepare(ec: ExperimentController) -> list[int]:
        guids = [ec.register_resource("Plain") for _ in range(3)]
        ec.register_condition(guids[0], "START", guids[1:], "STARTED")
        ec.deploy(guids[:2], wait_all_ready=False)
        return guids

    def check(ec: ExperimentController, guids: list[int]) -> None:
        assert ec.state(guids[0]) is S.STARTED

    assert cut_everywhere(lab, prepare, lambda ec, guids: ec.unregister_condition(guids[0], guids[2]), check) > 20


def test_a_wait(lab: Lab) -> None:
    def prepare(ec: ExperimentController) -> int:
        guid = ec.register_resource("Plain")
        ec.deploy(guid)
        return guid

    def call(ec: ExperimentController, guid: int) -> None:
        assert ec.wait_started(guid, timeout=WAIT)

    assert cut_everywhere(lab, prepare, call, lambda *_: None) > 20


def test_a_release(lab: Lab) -> None:
    """Each is released once."""
    counted = Counted(lab, trivial=False)

    def prepare(ec: ExperimentController) -> list[int]:
        counted.calls.clear()
        return [ec.register_resource(counted.kind) for _ in range(2)]

    def call(ec: ExperimentController, guids: list[int]) -> None:
        assert ec.release(guids, timeout=WAIT)

    def check(ec: ExperimentController, guids: list[int]) -> None:
        assert sorted(counted.calls) == [("do_release", guid) for guid in guids]

    assert cut_everywhere(lab, prepare, call, check) > 50


def test_giving_up(lab: Lab) -> None:
    """Everything that ran is stopped."""

    def prepare(ec: ExperimentController) -> list[int]:
        guids = [ec.register_resource("Plain") for _ in range(3)]
        ec.deploy(guids[:2])
        return guids

    def check(ec: ExperimentController, guids: list[int]) -> None:
        assert [ec.state(guid) for guid in guids] == [S.STOPPED, S.STOPPED, S.NEW]

    assert cut_everywhere(lab, prepare, lambda ec, _: ec.give_up(), check) > 20


def test_a_callback_is_called_once_for_each_time_it_was_scheduled(lab: Lab) -> None:
    tids: list[int] = []

    def call(ec: ExperimentController, calls: list[None]) -> None:
        tids.append(ec.schedule("1s", lambda: calls.append(None), track=True))

    def check(ec: ExperimentController, calls: list[None]) -> None:
        lab.clock.advance(1)
        assert ec.get_task(tids[-1]).wait(WAIT)
        # One that was cut short may have been taken.
        assert 1 <= len(calls) <= 2

    assert cut_everywhere(lab, lambda _: [], call, check) > 20


def test_a_registration(lab: Lab) -> None:
    def check(ec: ExperimentController, _: None) -> None:
        ec.deploy()
        assert {ec.state(guid) for guid in ec.resources} == {S.STARTED}

    assert cut_everywhere(lab, lambda _: None, lambda ec, _: ec.register_resource("Plain"), check) > 20


def test_moves_made_meanwhile_by_other_threads(lab: Lab) -> None:
    """The main thread is interrupted while it works off what others have posted."""
    number, happened = 0, True
    while happened:
        lab.ec = ec = lab.controller()
        first, then = lab.add(number=2)
        ec.register_condition(then, "START", first, "FINISHED")
        ec.deploy()
        manager = ec.get_resource(first)
        cut = CutAt(number, *MODULES, events=("line",))
        thread = threading.Thread(target=manager.set_finished)
        try:
            with cut:
                ec._stage.tick()
                manager.set_finished()
        except Cut:
            settle(ec)
        thread.start()
        thread.join(WAIT)
        settle(ec)
        happened = cut.happened
        assert lab.states(first, then) == ["FINISHED", "STARTED"]
        gates = [each.status for guid in ec.resources for each in (ec.get_resource(guid)._unit.gates or {}).values()]
        assert set(gates) <= {GateStatus.OPEN, GateStatus.ARMED}
        ec.shutdown()
        number += STRIDE
