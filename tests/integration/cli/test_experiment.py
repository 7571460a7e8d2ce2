"""`headrace experiment` in processes of its own, which are interrupted and killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.conftest import PLUGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.cli.conftest import Process, Run, Start

pytestmark = pytest.mark.slow

LASTS = """
version: 1
exp_id: lab
resources:
  first: {type: "test::Probe", attributes: {does: lasts}}
  second: {type: "test::Probe", conditions: [{action: START, group: first, state: STARTED, delay: 1500ms}]}
wait: [second]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An experiment that lasts some 1.5 seconds."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "probes.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "lab.yaml").write_text(LASTS, encoding="utf-8")
    monkeypatch.setenv("HEADRACE_RESOURCE_PATH", str(tmp_path / "plugins"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return str(tmp_path / "lab.yaml")


def until_told(process: Process, what: str) -> None:
    """Read what it says until it has said this."""
    while what not in (line := process.error_line()):
        assert line, f"it ended before it said {what!r}"


def test_the_first_interrupt_releases_everything(file: str, started: Start, headrace: Run) -> None:
    process = started("experiment", "run", file, "--timeout", "40", "--set", "second.does=lasts")
    until_told(process, "first (1) STARTED")

    process.send(signal.SIGINT)

    code, _, said = process.end()
    assert code == 130
    assert "lab: interrupted, and all was released" in said
    told = json.loads(headrace("experiment", "status", "--json").stdout)
    assert told["states"] == {"RELEASED": 2}


def test_a_run_whose_controller_was_killed_is_gone_on_with(file: str, started: Start, headrace: Run) -> None:
    process = started("experiment", "run", file)
    until_told(process, "first (1) STARTED")
    process.send(signal.SIGKILL)
    process.end()
    assert "its controller was killed" in headrace("experiment", "status").stdout

    done = headrace("experiment", "recover")

    assert done.returncode == 0, done.stderr
    assert "second (2) FINISHED" in done.stderr
    assert "lab: all of them got there" in done.stderr


def test_what_a_run_left_whose_controller_was_killed_is_released(file: str, started: Start, headrace: Run) -> None:
    process = started("experiment", "run", file)
    until_told(process, "first (1) STARTED")
    process.send(signal.SIGKILL)
    process.end()

    done = headrace("experiment", "release", "--quiet", "--json")

    assert (done.returncode, json.loads(done.stdout)["released"]) == (0, True), done.stderr


def test_other_commands_do_not_import_experiments() -> None:
    """What they need is known before anybody asks for one."""
    code = (
        "import sys; from headrace.cli.commands import parse; parse(['experiment', 'run', '--help']);"
        "print([name for name in sys.modules if name.startswith('headrace.experiments')], file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)

    assert done.stderr == "[]\n"


def test_a_script_for_nepi_runs(headrace: Run, script: Callable[..., str], tmp_path: Path) -> None:
    name = script(
        "from nepi.execution.ec import ExperimentController\n"
        f"ec = ExperimentController(exp_id='old', local_dir={str(tmp_path)!r})\n"
        "print(ec.exp_id)\n"
        "ec.shutdown()\n",
        workflow=False,
    )

    done = headrace("run", "--nepi", str(tmp_path / name))

    assert (done.stdout, done.returncode) == ("old\n", 0), done.stderr
