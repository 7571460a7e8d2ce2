"""The commands beside `run`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import headrace as package

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.conftest import Run

pytestmark = pytest.mark.slow


def test_version(headrace: Run) -> None:
    done = headrace("--version")

    assert (done.stdout, done.stderr, done.returncode) == (f"headrace {package.__version__}\n", "", 0)


@pytest.mark.parametrize("arguments", [["--version"], ["doctor"]])
def test_what_needs_little_imports_little(arguments: list[str]) -> None:
    """So it starts fast, and `doctor` works where Typer does not."""
    code = (
        f"import sys; from headrace.cli import main; main({arguments!r});"
        "print('headrace.cli.commands' in sys.modules, 'headrace.cli.run' in sys.modules, file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)

    assert done.stderr == "False False\n"


def test_the_installed_command_is_this_one() -> None:
    (command,) = __import__("importlib.metadata").metadata.entry_points(group="console_scripts", name="headrace")

    assert command.value == "headrace.cli:main"


def test_doctor_finds_the_core_of_this_installation(headrace: Run) -> None:
    done = headrace("doctor")

    assert f"headrace {package.__version__}\n" in done.stdout
    assert "  ok       core " in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)


def test_doctor_reports_for_programs(headrace: Run) -> None:
    done = headrace("doctor", "--json")

    report = json.loads(done.stdout)
    assert report["core"]["ok"] is True
    assert {one["name"] for one in report["core"]["requirements"]} == {"rich", "typer"}
    assert report["extras"]["dask"]["install"] == "pip install 'headrace[dask]'"
    assert done.returncode == 0


@pytest.mark.parametrize("command", [["doctor"], ["run", "flow.py"]])
def test_a_broken_core_is_told(command: list[str], tmp_path: Path) -> None:
    """By `doctor` in detail, by other commands in one line that leads there."""
    (tmp_path / "typer.py").write_text("raise ImportError('typer is in pieces')", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "headrace", *command], capture_output=True, text=True, timeout=50, check=False
    )

    assert done.returncode == 1
    assert "typer is in pieces" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["doctor", "--help"], ["-h"]])
def test_help(headrace: Run, arguments: list[str]) -> None:
    done = headrace(*arguments)

    assert "Usage: headrace" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run"], "name a script to run: headrace run workflow.py"),
        (["run", "--no-such", "flow.py"], "No such option: --no-such"),
        (["flow.py"], "to run a script: headrace run flow.py"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_command_line_is_told_with_exit_code_2(headrace: Run, arguments: list[str], expected: str) -> None:
    done = headrace(*arguments)

    assert expected in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)
