"""What is written down of an experiment, and what a later controller makes of it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from headrace.cli import main as headrace
from headrace.experiments import (
    Attribute,
    ExperimentController,
    Flags,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Types,
)
from headrace.experiments.errors import DescriptionError, ExperimentError, ReadOnlyAttribute, ResourceLost
from headrace.journal import JournalReader
from headrace.testing import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

R = ResourceState


class Thing(ResourceManager):
    """Is found again where it was, unless it says something else."""

    _rtype = "Thing"
    attributes = (
        Attribute("level", "a number", type=Types.Integer, default=0),
        Attribute("password", "a secret", flags=Flags.Credential),
        Attribute("found", "where it is found again", default=""),
        Attribute("holds", "what its start waits for", default=""),
    )
    calls: list[tuple[int, str]] = []  # noqa: RUF012 - emptied for each test
    held: threading.Event = threading.Event()

    def do_deploy(self) -> None:
        """Get ready."""
        self.calls.append((self.guid, "deploy"))

    def do_start(self) -> None:
        """Start."""
        self.calls.append((self.guid, "start"))
        if self.get("holds"):
            self.held.wait(20)

    def do_release(self) -> None:
        """Release."""
        self.calls.append((self.guid, "release"))

    def do_recover(self) -> ResourceState:
        """Find it."""
        self.calls.append((self.guid, "recover"))
        if self.get("found") == "lost":
            raise ResourceLost(f"{self} is nowhere")
        return ResourceState[self.get("found")] if self.get("found") else self.state


class Desk:
    """Makes controllers on one clock, one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = VirtualClock()
        self.factory = ResourceFactory()
        self.factory.register_type(Thing)
        self.made: list[ExperimentController] = []

    def make(self, **options: Any) -> ExperimentController:  # noqa: ANN401 - the controller's own
        """Make one."""
        ec = ExperimentController(
            "desk", self.root, run_id="1", factory=self.factory, **{"clock": self.clock, **options}
        )
        return self._take(ec)

    def recover(self, **options: Any) -> ExperimentController:  # noqa: ANN401 - the controller's own
        """Have another one go on with it."""
        return self._take(
            ExperimentController.recover(
                "desk", root_dir=self.root, factory=self.factory, **{"clock": self.clock, **options}
            )
        )

    def _take(self, ec: ExperimentController) -> ExperimentController:
        if isinstance(ec._stage.clock, VirtualClock):
            ec._stage.clock.on_advance(ec._stage.tick)
        self.made.append(ec)
        return ec

    def die(self) -> None:
        """End the last one without a word to its resources."""
        self.made.pop()._abandon()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    Thing.calls = []
    Thing.held = threading.Event()
    desk = Desk(tmp_path)
    yield desk
    Thing.held.set()
    for ec in desk.made:
        ec.shutdown()


def started(guid: int) -> int:
    return Thing.calls.count((guid, "start"))


def eventually(ec: ExperimentController, guid: int, state: ResourceState) -> bool:
    return bool(ec.wait(guid, state, timeout=10))


def until(happened: Callable[[], object]) -> None:
    """Wait for what nobody tells of."""
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


# --- the journal ------------------------------------------------------------------------------------------------------


def test_a_run_is_written_down_with_what_waits_for_what(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    ec = desk.make()
    one = ec.register_resource("Thing", level=3, password="hunter2")  # noqa: S106 - made up
    other = ec.register_resource("Thing", connectedTo=one)
    ec.register_condition(other, "START", one, "STARTED", "2s")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    desk.pass_time(2)
    assert eventually(ec, other, R.STARTED)
    ec.shutdown()
    place = desk.root / "journal.db"
    with JournalReader.open(place) as reader:
        run = reader.run()
        assert run.id == "desk.1"
        assert {key: run.extra[key] for key in ("face", "exp_id", "run_id", "run_dir")} == {
            "face": "experiments", "exp_id": "desk", "run_id": "1", "run_dir": str(ec.run_dir),
        }  # fmt: skip
        unit = reader.unit("resource", one)
        assert unit is not None
        assert (unit.app, unit.extra) == ("Thing", {"attributes": {"level": 3}})
        assert [move.state for move in reader.transitions("resource", one)] == ["NEW", "READY", "STARTED", "RELEASED"]
        (edge,) = reader.needs("resource", other)
        assert (edge.action, edge.needs, edge.delay) == ("START", one, 2.0)
        assert set(edge.states) == {"STARTED", "STOPPED", "FINISHED"}
    assert "hunter2" not in place.read_bytes().decode("latin-1")
    assert headrace(["runs", "--journal", str(place)]) == 0
    assert headrace(["why", "2", "--journal", str(place)]) == 0
    assert "experiment desk" in capsys.readouterr().out


def test_without_a_journal_nothing_is_kept(desk: Desk) -> None:
    ec = desk.make(journal=False)
    ec.deploy(ec.register_resource("Thing"))
    assert eventually(ec, 1, R.STARTED)
    ec.shutdown()
    assert list(desk.root.iterdir()) == []


def test_a_default_place_that_cannot_be_used_is_a_warning(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    (desk.root / "journal.db").mkdir()
    ec = desk.make()
    with caplog.at_level(logging.WARNING):
        ec.register_resource("Thing")
    assert "is not recorded" in caplog.text


def test_a_place_that_was_asked_for_and_cannot_be_used_is_an_error(desk: Desk) -> None:
    ec = desk.make(journal=desk.root / "no" / "folder" / "journal.db")
    with pytest.raises(ExperimentError, match="choose another place"):
        ec.register_resource("Thing")
    assert ec.resources == []


def test_a_run_that_another_controller_began_is_not_begun_again(desk: Desk) -> None:
    ec = desk.make()
    ec.deploy(ec.register_resource("Thing"))
    with pytest.raises(ExperimentError, match=r"ExperimentController\.recover, or choose another run_id"):
        desk.make().register_resource("Thing")


def test_the_file_of_a_run_follows_its_changes(desk: Desk) -> None:
    ec = desk.make(clock=None)
    one = ec.register_resource("Thing")
    ec.deploy(one)
    ec.set(one, "level", 5)
    ec.register_resource("Thing")
    desk.die()
    again = desk.recover(clock=None)
    assert again.resources == [1, 2]
    assert again.get(one, "level") == 5


# --- recovering -------------------------------------------------------------------------------------------------------


def test_a_delay_goes_on_counting(desk: Desk) -> None:
    ec = desk.make()
    one, other = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.register_condition(other, "START", one, "STARTED", "60s")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    assert eventually(ec, other, R.READY)
    desk.pass_time(20)
    desk.die()
    desk.pass_time(30)
    ec = desk.recover()
    assert [ec.state(guid) for guid in (one, other)] == [R.STARTED, R.READY]
    desk.pass_time(9.999)
    assert ec.state(other) is R.READY
    desk.pass_time(0.002)
    assert eventually(ec, other, R.STARTED)
    assert (started(one), started(other)) == (1, 1)


def test_a_controller_that_goes_on_may_die_as_well(desk: Desk) -> None:
    ec = desk.make()
    one, other = ec.register_resource("Thing", found="NEW"), ec.register_resource("Thing")
    ec.register_condition(other, "START", one, "STARTED", "60s")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    desk.pass_time(20)
    desk.die()
    ec = desk.recover()
    # It was not there any more: its life began again, and so did the delay.
    until(lambda: started(one) == 2)
    assert eventually(ec, one, R.STARTED)
    ec.set(one, "found", "")
    ec._run_file.write()  # type: ignore[union-attr]  # there is one
    desk.pass_time(50)
    assert ec.state(other) is R.READY
    desk.die()
    ec = desk.recover()
    desk.pass_time(9)
    assert ec.state(other) is R.READY
    desk.pass_time(1.1)
    assert eventually(ec, other, R.STARTED)
    assert (started(one), started(other)) == (2, 1)


def test_a_condition_that_was_met_meanwhile_acts_at_once(desk: Desk) -> None:
    ec = desk.make()
    one = ec.register_resource("Thing")
    ec.register_condition(one, "STOP", one, "STARTED", "60s")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    desk.die()
    desk.pass_time(100)
    assert eventually(desk.recover(), one, R.STOPPED)


def test_a_method_that_was_cut_short_is_called_again(desk: Desk) -> None:
    ec = desk.make(clock=None)
    one, other = ec.register_resource("Thing", holds="yes"), ec.register_resource("Thing")
    ec.register_condition(other, "START", one, "STARTED")
    ec.deploy()
    assert eventually(ec, one, R.READY)
    until(lambda: started(one))
    desk.die()
    Thing.held.set()
    ec = desk.recover(clock=None)
    assert ec.wait_started([one, other], timeout=10)
    assert (started(one), started(other)) == (2, 1)
    assert (one, "recover") in Thing.calls


@pytest.mark.parametrize(
    ("found", "becomes"), [("FINISHED", R.FINISHED), ("STARTED", R.STARTED), ("READY", R.STARTED), ("NEW", R.STARTED)]
)
def test_a_resource_is_where_it_says_it_is(desk: Desk, found: str, becomes: ResourceState) -> None:
    ec = desk.make()
    one = ec.register_resource("Thing", found=found)
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    desk.die()
    ec = desk.recover()
    assert eventually(ec, one, becomes)
    assert ec.state(one) is becomes
    assert started(one) == (2 if found in {"READY", "NEW"} else 1)


def test_a_resource_that_is_lost_has_failed_and_the_others_are_stopped(desk: Desk) -> None:
    ec = desk.make()
    one, other = ec.register_resource("Thing", found="lost"), ec.register_resource("Thing")
    ec.deploy()
    assert ec.wait_started([one, other], timeout=10)
    desk.die()
    ec = desk.recover()
    assert ec.state(one) is R.FAILED
    assert isinstance(ec.get_resource(one).cause, ResourceLost)
    assert ec.abort
    until(lambda: ec.state(other) is R.STOPPED)
    assert ec.release(timeout=10)


def test_one_that_is_lost_and_not_critical_holds_nothing_up(desk: Desk) -> None:
    ec = desk.make()
    one = ec.register_resource("Thing", found="lost", critical=False)
    other = ec.register_resource("Thing")
    ec.register_condition(other, "START", one, "STOPPED")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    desk.die()
    assert eventually(desk.recover(), other, R.STARTED)


def test_what_was_released_stays_so_and_what_was_to_be_is(desk: Desk) -> None:
    ec = desk.make()
    one, other = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.register_condition(one, "STOP", other, "STOPPED")
    ec.deploy()
    assert ec.wait_started([one, other], timeout=10)
    assert ec.release([one], timeout=10)
    ec._note_asked([ec._unit(other)], "RELEASE")
    ec._run_file.write()  # type: ignore[union-attr]  # there is one
    desk.die()
    ec = desk.recover()
    assert ec.state(one) is R.RELEASED
    assert eventually(ec, other, R.RELEASED)
    assert Thing.calls.count((one, "release")) == 1


def test_a_second_start_is_asked_for_again_and_a_first_is_not(desk: Desk) -> None:
    ec = desk.make()
    one, gate = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.deploy()
    assert ec.wait_started([one, gate], timeout=10)
    ec.stop(one)
    ec.register_condition(one, "START", gate, "STOPPED")
    ec.start_with_conditions(one)
    ec._run_file.write()  # type: ignore[union-attr]  # there is one
    desk.die()
    ec = desk.recover()
    assert ec.state(one) is R.STOPPED
    ec.stop(gate)
    until(lambda: ec.state(one) is R.STARTED)
    assert (started(one), started(gate)) == (2, 1)


def test_what_was_set_is_not_set_again_and_what_was_to_be_is(desk: Desk) -> None:
    ec = desk.make()
    one = ec.register_resource("Thing")
    ec.set_with_conditions("level", 1, one, one, "STARTED")
    ec.set_with_conditions("level", 2, one, one, "STARTED", "60s")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    until(lambda: ec.get_resource(one)._sets_done)
    ec.set(one, "level", 7)
    ec._run_file.write()  # type: ignore[union-attr]  # there is one
    desk.die()
    ec = desk.recover()
    assert ec.get(one, "level") == 7
    assert ec.description.resources[0].sets[1].value == 2
    desk.pass_time(60.1)
    until(lambda: ec.get(one, "level") == 2)


def test_a_barrier_holds_on(desk: Desk) -> None:
    ec = desk.make()
    one, other, late = (ec.register_resource("Thing") for _ in range(3))
    ec.register_condition(other, "DEPLOY", late, "STARTED")
    group = ec.deploy([one, other])
    assert eventually(ec, one, R.READY)
    desk.die()
    ec = desk.recover()
    assert ec.state(one) is R.READY
    assert ec.description.deploy[0].group == group
    ec.deploy(late, wait_all_ready=False)
    assert ec.wait_started([one, other, late], timeout=10)


def test_what_was_given_up_is_not_gone_on_with(desk: Desk) -> None:
    ec = desk.make()
    one, other = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.register_condition(other, "START", one, "STOPPED")
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    ec.give_up(reason="enough")
    until(lambda: ec.state(one) is R.STOPPED)
    desk.die()
    ec = desk.recover()
    assert ec.abort
    assert ec.state(other) is R.READY
    assert started(other) == 0
    assert ec.release(timeout=10)


def test_secrets_are_given_again_before_resources_are_looked_for(desk: Desk) -> None:
    ec = desk.make()
    one = ec.register_resource("Thing", password="hunter2")  # noqa: S106 - made up
    ec.deploy()
    assert eventually(ec, one, R.STARTED)
    desk.die()
    told: list[object] = []

    def prepare(ec: ExperimentController) -> None:
        told.append(("recover" in dict(Thing.calls).values(), ec.state(one)))
        ec.set(one, "password", "hunter2")

    ec = desk.recover(prepare=prepare)
    assert told == [(False, R.STARTED)]
    assert ec.get(one, "password") == "hunter2"
    with pytest.raises(ReadOnlyAttribute):
        ec.set(one, "password", "hunter3")


def test_a_run_whose_controller_lives_is_left_alone(desk: Desk) -> None:
    ec = desk.make()
    ec.deploy(ec.register_resource("Thing"))
    with pytest.raises(ExperimentError, match=r"the controller of run 1 of experiment desk lives, as process \d+"):
        desk.recover()


def test_a_function_has_the_name_that_it_had_in_its_program(desk: Desk) -> None:
    def even(*_: object) -> bool:
        return True

    ec = desk.make()
    one, other = ec.register_resource("Thing"), ec.register_resource("Thing")
    ec.register_condition(other, "STOP", one, when=even)
    ec.deploy(one)
    desk.die()
    with pytest.raises(DescriptionError, match="nobody says what the predicate"):
        desk.recover()
    ec = desk.recover(predicates={even.__qualname__: even})
    assert ec.conditions(other)[0].when is even


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("other", "nothing was deployed in any"),
        ("some/folder", "the folder is no run's"),
        ("..", "exp_id names a folder"),
    ],
)
def test_a_run_that_there_is_not_is_named(desk: Desk, which: str, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        ExperimentController.recover(which, root_dir=desk.root)
