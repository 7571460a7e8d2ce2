"""Resources that block are no obstacle to the others, however many they are."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.unit.experiments.lab import WAIT

from headrace.core import cycles

if TYPE_CHECKING:
    from tests.unit.experiments.lab import Lab

    from headrace.experiments import ExperimentController

MANY = 1_000


@pytest.mark.slow
def test_a_timed_condition_comes_true_while_a_thousand_resources_block(lab: Lab, ec: ExperimentController) -> None:
    gate, blocked = threading.Event(), threading.Semaphore(0)

    def do_start(_: object) -> None:
        blocked.release()
        gate.wait(WAIT)

    server, client = lab.add(number=2)
    ec.register_condition(client, "START", server, "STARTED", "2s")
    ones = lab.add(lab.kind(do_start=do_start), MANY)
    ec.deploy(wait_all_ready=False)
    for _ in ones:
        assert blocked.acquire(timeout=WAIT)
    before = lab.states(client)
    lab.clock.advance(2)
    after = lab.states(client)
    gate.set()

    assert (before, after) == (["READY"], ["STARTED"])
    assert ec.wait_started(ones, timeout=WAIT)


def test_a_thousand_resources_start_when_the_last_is_ready(lab: Lab, ec: ExperimentController) -> None:
    ones = lab.add(number=MANY - 1)
    gate = threading.Event()
    [last] = lab.add(lab.kind(do_deploy=lambda _: gate.wait(WAIT)))
    ec.deploy()
    before = set(lab.states(*ones))
    gate.set()

    assert before == {"READY"}
    assert ec.wait_started([*ones, last], timeout=WAIT)


def test_a_chain_of_a_thousand_goes_through(lab: Lab, ec: ExperimentController) -> None:
    ones = lab.add(number=MANY)
    for one, then in pairwise(ones):
        ec.register_condition(then, "START", one, "STARTED")
    ec.deploy()

    assert ec.wait_started(ones, timeout=WAIT)


@pytest.mark.parametrize("forward", [True, False])
def test_to_deploy_a_chain_is_linear(
    lab: Lab, ec: ExperimentController, monkeypatch: pytest.MonkeyPatch, *, forward: bool
) -> None:
    """What waits for whom was looked at when the conditions were made."""
    ones = lab.add(number=200)
    for one, then in pairwise(ones if forward else reversed(ones)):
        ec.register_condition(then, "DEPLOY", one, "READY")
    looked: list[object] = []
    needs = cycles._needs
    monkeypatch.setattr(cycles, "_needs", lambda gate: looked.append(gate) or needs(gate))  # type: ignore[func-returns-value]  # to count
    ec.deploy(wait_all_ready=False)

    assert set(lab.states(*ones)) == {"STARTED"}
    assert len(looked) < 10 * len(ones)
