"""Commands as resources, on the engine of this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.helpers import alive, until

from headrace.experiments import ExperimentController, ResourceFactory, ResourceManager, ResourceState
from headrace.experiments.command import Command, Container, use_engine
from headrace.experiments.errors import ExperimentError, InvalidAttribute
from headrace.testing import FakeEngine, Play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

R = ResourceState


@pytest.fixture
def factory() -> ResourceFactory:
    factory = ResourceFactory(shipped=False, plugins=False)
    factory.register_type(Command)
    factory.register_type(Container)
    return factory


@pytest.fixture
def ec(factory: ResourceFactory, tmp_path: Path) -> Iterator[ExperimentController]:
    with ExperimentController("tides", tmp_path, factory=factory) as ec:
        yield ec


def ended(ec: ExperimentController, guid: int) -> ResourceManager:
    ec.deploy()
    ec.wait_finished(guid, timeout="20s")
    return ec.get_resource(guid)


def test_a_command_line_is_for_a_shell_and_what_it_writes_is_a_trace(ec: ExperimentController) -> None:
    guid = ec.register_resource("Command", command="echo $((6 * 7)); echo oops >&2; pwd > where")

    assert ended(ec, guid).state is R.FINISHED
    assert [ec.trace(guid, name) for name in ("stdout", "stderr", "exitcode")] == ["42\n", "oops\n", "0\n"]
    # Its own folder is where it runs.
    assert (ec.run_dir / str(guid) / "where").exists()


def test_a_program_with_arguments_is_for_no_shell(ec: ExperimentController, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("from a file\n", encoding="utf-8")
    script = 'printf "%s|" "$@" "$WHO"; cat; pwd'
    guid = ec.register_resource(
        "Command",
        command="/bin/sh",
        args=json.dumps(["-c", script, "sh", "$HOME", "a b"]),
        env="WHO='me and you'",
        stdin=tmp_path / "in",
        cwd=tmp_path,
    )

    assert ended(ec, guid).state is R.FINISHED
    assert ec.trace(guid, "stdout") == f"$HOME|a b|me and you|from a file\n{tmp_path}\n"


@pytest.mark.parametrize(
    ("attributes", "told", "exitcode"),
    [
        ({"command": "exit 3"}, "exit code 3", "3\n"),
        ({"command": "kill -9 $$"}, "signal 9", "-9\n"),
        ({"command": "/no/such/program", "args": "[]"}, "No such file", None),
        ({"command": "sleep 60", "walltime": 0.1}, "longer than its wall time", None),
    ],
)
def test_what_does_not_end_well_is_a_failure_that_says_how(
    ec: ExperimentController, attributes: dict[str, str], told: str, exitcode: str | None
) -> None:
    guid = ec.register_resource("Command", **attributes)  # type: ignore[arg-type]  # attributes only

    manager = ended(ec, guid)

    assert R.FAILED in manager.times
    assert told in str(manager.cause)
    if exitcode is not None:
        assert ec.trace(guid, "exitcode") == exitcode


def test_it_is_stopped_with_all_that_it_started_and_may_be_started_again(ec: ExperimentController) -> None:
    guid = ec.register_resource("Command", command="echo $$; sleep 60 & echo $!; wait")
    other = ec.register_resource("Command", command="true")
    ec.register_condition(guid, "STOP", other, "FINISHED", "100ms")
    ec.deploy()
    assert ec.wait_finished(guid, timeout="20s")
    assert ec.state(guid) is R.STOPPED
    pids = [int(pid) for pid in ec.trace(guid, "stdout").split()]

    assert not [pid for pid in pids if alive(pid)]
    ec.start(guid)
    assert ec.state(guid) is R.STARTED
    ec.stop(guid)
    assert len(ec.trace(guid, "stdout").split()) > len(pids)


def test_nothing_of_it_is_left_when_the_experiment_is_over(ec: ExperimentController) -> None:
    guid = ec.register_resource("Command", command="echo $$; exec sleep 60")
    ec.deploy()
    assert ec.wait_started(guid, timeout="20s")
    until(lambda: ec.trace(guid, "stdout"), "its process id")
    pid = int(ec.trace(guid, "stdout"))

    ec.shutdown()

    assert not alive(pid)
    assert list((ec.run_dir / "commands").iterdir()) == []


DYING = """
import os, sys
from headrace.experiments import ExperimentController, ResourceFactory
from headrace.experiments.command import Command
factory = ResourceFactory(shipped=False, plugins=False)
factory.register_type(Command)
ec = ExperimentController("tides", sys.argv[1], run_id="one", factory=factory)
ec.register_resource("Command", command=sys.argv[2])
ec.deploy()
assert ec.wait(1, sys.argv[3], timeout=20)
os._exit(9)
"""


def found_again(tmp_path: Path, factory: ResourceFactory, command: str, state: str) -> ExperimentController:
    """Let a controller die once its command is in a state, and go on with its run in another one."""
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), command, state], check=False, timeout=40)
    assert died.returncode == 9
    return ExperimentController.recover("tides", "one", tmp_path, factory=factory)


@pytest.mark.slow
def test_it_outlives_its_controller_and_another_one_goes_on_with_it(factory: ResourceFactory, tmp_path: Path) -> None:
    # It gives up by itself: should this test fail, nobody else would end it.
    command = f"echo once; for i in $(seq 500); do [ -e {tmp_path}/go ] && break; sleep 0.02; done; echo done"
    with found_again(tmp_path, factory, command, "STARTED") as ec:
        assert ec.state(1) is R.STARTED

        (tmp_path / "go").touch()

        assert ec.wait_finished(1, timeout="20s")
        assert (ec.state(1), ec.trace(1, "stdout")) == (R.FINISHED, "once\ndone\n")
    assert list((ec.run_dir / "commands").iterdir()) == []


@pytest.mark.slow
def test_what_ended_while_nobody_looked_is_found_as_it_is(factory: ResourceFactory, tmp_path: Path) -> None:
    with found_again(tmp_path, factory, "sleep 0.2; exit 3", "STARTED") as ec:
        ec.wait_finished(1, timeout="20s")

        assert "exit code 3" in str(ec.get_resource(1).cause)


@pytest.mark.slow
def test_what_was_given_back_is_not_run_again(factory: ResourceFactory, tmp_path: Path) -> None:
    with ExperimentController("tides", tmp_path, run_id="one", factory=factory) as ec:
        manager = ended(ec, ec.register_resource("Command", command="echo once"))

    assert manager.do_recover() is R.RELEASED


@pytest.mark.parametrize(
    ("name", "value"), [("args", "-c 3"), ("args", '{"a": 1}'), ("args", "[1]"), ("env", "A"), ("memory", "much")]
)
def test_an_attribute_that_does_not_read_is_refused_at_once(ec: ExperimentController, name: str, value: str) -> None:
    with pytest.raises(InvalidAttribute, match=name):
        ec.register_resource("Command", **{name: value})  # type: ignore[arg-type]  # an attribute


def test_without_a_command_there_is_nothing_to_run(ec: ExperimentController) -> None:
    assert "set command" in str(ended(ec, ec.register_resource("Command")).cause)


def test_another_engine_may_run_them(ec: ExperimentController) -> None:
    engine = FakeEngine(lambda _: Play(seconds=3600.0))
    use_engine(ec, engine)
    guid = ec.register_resource("Command", command="simulate")
    clock = engine.site.clock
    ec.deploy()
    manager: Any = ec.get_resource(guid)
    until(lambda: manager._attempt is not None and manager._attempt.handle is not None, "its being submitted")
    clock.advance(0)
    assert ec.wait_started(guid, timeout="20s")
    assert ec.state(guid) is R.STARTED

    clock.advance(3600)

    assert ec.wait_finished(guid, timeout="20s")
    assert ec.state(guid) is R.FINISHED
    with pytest.raises(ExperimentError, match="have an engine already"):
        use_engine(ec, FakeEngine())


def test_containers_are_refused_as_long_as_no_engine_has_them(ec: ExperimentController) -> None:
    guid = ec.register_resource("Container", command="true", image="debian:12")

    assert "Headrace has no engine for containers yet" in str(ended(ec, guid).cause)
