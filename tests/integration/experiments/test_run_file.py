"""What is added to a run's file while its controller lives, and what a later controller makes of it."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.experiments.test_journal import Desk, Thing, until

from headrace.core import GateCycle
from headrace.experiments import ExperimentController, ResourceState
from headrace.experiments.run_file import RUN_FILE, RunFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

R = ResourceState


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    Thing.calls = []
    Thing.held = threading.Event()
    desk = Desk(tmp_path)
    yield desk
    Thing.held.set()
    for ec in desk.made:
        ec.shutdown()


def run_file(ec: ExperimentController) -> RunFile:
    assert ec._run_file is not None
    return ec._run_file


def begun(desk: Desk, monkeypatch: pytest.MonkeyPatch, **attributes: Any) -> ExperimentController:  # noqa: ANN401 - of Thing
    """Deploy resource 1, and have nothing written from then on but what is added."""
    ec = desk.make()
    ec.register_resource("Thing", **attributes)
    ec.deploy()
    assert ec.wait_started(1, timeout=10)
    monkeypatch.setattr(run_file(ec), "touch", lambda: None)
    return ec


def killed(desk: Desk) -> None:
    """End the last one: not even its file is closed."""
    run_file(desk.made[-1])._begun = False
    desk.die()


def test_what_is_deployed_by_itself_costs_no_whole_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    before = run_file(ec).path.stat().st_mtime_ns
    guids = [ec.register_resource("Thing", connectedTo=1, autoDeploy=True, level=each) for each in range(9)]

    assert run_file(ec).path.stat().st_mtime_ns == before
    killed(desk)
    ec = desk.recover()
    assert ec.wait_started(guids, timeout=10)
    assert [ec.get(guid, "level") for guid in guids] == list(range(9))
    assert ec.get_resource(1).connections == guids
    assert len(ec.description.deploy) == 10


def test_what_is_added_is_folded_in_at_the_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    ec.register_resource("Thing", autoDeploy=True)
    there = [file.suffix for file in ec.run_dir.iterdir() if file.is_file()]
    ec.shutdown()

    assert sorted(there) == [".json", ".jsonl"]
    assert [file.name for file in ec.run_dir.iterdir() if file.is_file()] == [RUN_FILE]
    assert len(json.loads(run_file(ec).path.read_text())["resources"]) == 2


def test_an_ask_is_known_to_a_later_controller_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    ec.register_condition(1, "STOP", 1, "STARTED", "60s")
    ec.stop(1)
    ec.register_condition(1, "START", 1, "STOPPED", "60s")
    ec.start_with_conditions(1)
    killed(desk)
    ec = desk.recover()
    desk.pass_time(61)

    until(lambda: Thing.calls.count((1, "start")) == 2)


def test_that_it_was_given_up_is_known_to_a_later_controller_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(desk, monkeypatch).give_up(reason="enough")
    killed(desk)

    assert desk.recover().abort


def test_a_deployment_that_was_refused_is_not_asked_for_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    one, other = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.register_condition(one, "DEPLOY", other, "STARTED")
    with pytest.raises(GateCycle):
        ec.deploy([one, other])
    killed(desk)
    ec = desk.recover()

    assert (ec.state(one), ec.state(other)) == (R.NEW, R.NEW)
    assert len(ec.description.deploy) == 1


def test_a_line_that_was_cut_short_is_not_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    for _ in range(2):
        ec.register_resource("Thing", autoDeploy=True)
    killed(desk)
    (added,) = ec.run_dir.glob("*.jsonl")
    added.write_bytes(added.read_bytes()[:-5])

    assert desk.recover().resources == [1, 2]


def test_after_a_line_that_could_not_be_written_the_whole_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    ec.register_resource("Thing", autoDeploy=True)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("headrace.experiments.additions.Additions.add", full)
    ec.register_resource("Thing", autoDeploy=True)
    monkeypatch.undo()
    ec.register_resource("Thing", autoDeploy=True)
    killed(desk)

    assert desk.recover().resources == [1, 2, 3, 4]


def test_nothing_is_lost_by_a_whole_file_that_could_not_be_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ec = begun(desk, monkeypatch)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("headrace.experiments.run_file.write_whole", full)
        ec.register_resource("Thing", level=1)
        run_file(ec).write()
    ec.register_resource("Thing", autoDeploy=True)
    killed(desk)

    assert "No space left" in caplog.text
    assert desk.recover().resources == [1, 2, 3]


def test_what_was_taken_away_stays_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ec = begun(desk, monkeypatch)
    one, other = (ec.register_resource("Thing", connectedTo=1) for _ in range(2))
    ec.unregister_connection(1, one)
    ec.remove_resource(other)
    ec.register_resource("Thing", autoDeploy=True)
    killed(desk)
    ec = desk.recover()

    assert ec.resources == [1, one, 4]
    assert ec.get_resource(1).connections == []


def test_a_run_is_gone_on_with_though_a_condition_names_a_resource_that_was_removed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec = begun(desk, monkeypatch)
    gone = ec.register_resource("Thing")
    ec.register_condition(1, "STOP", [gone, 1], "STARTED", "60s")
    ec.register_condition(1, "STOP", gone, "FINISHED")
    ec.remove_resource(gone)
    text = ec.serialize()
    ec.register_resource("Thing", autoDeploy=True)
    killed(desk)

    assert [str(each) for each in desk.recover().conditions(1)] == ["STOP when 1 STARTED + 1m"]
    with ExperimentController.load(text, factory=desk.factory, journal=False) as again:
        assert [str(each) for each in again.conditions(1)] == ["STOP when 1 STARTED + 1m"]


def test_what_was_set_is_told_from_what_waits_for_a_resource_that_was_removed(desk: Desk) -> None:
    ec = desk.make()
    one, gone = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.set_with_conditions("level", 1, one, gone, "FINISHED")
    ec.set_with_conditions("level", 2, one, one, "STARTED")
    ec.deploy([one])
    until(lambda: ec.get_resource(one)._sets_done)
    ec.set(one, "level", 7)
    ec.remove_resource(gone)
    run_file(ec).write()
    desk.die()
    ec = desk.recover()
    ec.stop(one)

    assert (ec.get(one, "level"), ec.get_resource(one)._sets_done) == (7, {0})


def test_a_thousand_single_deployments_are_linear(desk: Desk) -> None:
    """As often as the additions outgrow the whole, and no more."""
    ec = desk.make(clock=None)
    ec.register_resource("Thing")
    ec.deploy()
    written = []
    file = run_file(ec)
    whole = file._content
    file._content = lambda name: written.append(time.monotonic()) or whole(name)  # type: ignore[func-returns-value]
    file.touch = lambda: None  # type: ignore[method-assign]
    ec.factory.register_type(type("Still", (type(ec.get_resource(1)).__mro__[1],), {"_rtype": "Still"}))
    for _ in range(1000):
        ec.register_resource("Still", autoDeploy=True)

    assert len(written) <= 5
