"""An experiment whose journal is in PostgreSQL: it is written down, seen afterwards, and gone on with."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from headrace.experiments import ExperimentController, ResourceFactory, ResourceManager, ResourceState
from headrace.journal import JournalReader

if TYPE_CHECKING:
    from pathlib import Path

#: A controller that dies in the middle of its run: what it deployed is left as it is.
DIES = """
import os, sys
from headrace.experiments import ExperimentController, ResourceFactory, ResourceManager

class Lamp(ResourceManager):
    _rtype = "test::Lamp"

factory = ResourceFactory()
factory.register_type(Lamp)
ec = ExperimentController("dies", sys.argv[1], run_id="1", factory=factory, journal=sys.argv[2])
first, second = (ec.register_resource("test::Lamp") for _ in range(2))
ec.register_condition(second, "START", first, "STOPPED")
ec.deploy()
assert ec.wait_started(first, timeout=20)
ec._recorder._journal.flush()
os._exit(9)
"""


class Lamp(ResourceManager):
    """Stays as it is, whatever becomes of its controller."""

    _rtype = "test::Lamp"

    def do_recover(self) -> ResourceState:
        return self.state


def factory() -> ResourceFactory:
    made = ResourceFactory()
    made.register_type(Lamp)
    return made


def test_a_run_is_written_down_there(place: str, tmp_path: Path) -> None:
    with ExperimentController("written", tmp_path, factory=factory(), journal=place) as ec:
        lamp = ec.register_resource("test::Lamp")
        ec.deploy()
        assert ec.wait_started(lamp, timeout=20)

    with JournalReader.open(place) as reader:
        states = [move.state for move in reader.transitions("resource", lamp)]
    assert states == ["NEW", "READY", "STARTED", "RELEASED"]


def test_another_controller_goes_on_with_it(place: str, tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text(DIES, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "root"), place], check=False, capture_output=True, timeout=50
    )
    assert ended.returncode == 9, ended.stderr

    ec = ExperimentController.recover("dies", "1", tmp_path / "root", journal=place, factory=factory())
    with ec:
        first, second = ec.resources
        assert ec.state(first) is ResourceState.STARTED
        assert ec.state(second) is ResourceState.READY
        ec.stop(first)
        assert ec.wait_started(second, timeout=20)
