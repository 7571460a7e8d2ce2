"""Runs whole programs in processes of their own, each in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = 50


class RunProgram(Protocol):
    """Runs a program to its end."""

    def __call__(
        self, code: str, *command: str, cwd: Path | None = None, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run_program(tmp_path: Path) -> RunProgram:
    """Writes the code to ``program.py`` and runs it: by Python, unless another command is given."""

    def run(
        code: str, *command: str, cwd: Path | None = None, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        folder = tmp_path if cwd is None else cwd
        (folder / "program.py").write_text(code, encoding="utf-8")
        full = [python, *(command or ("-W", "error")), "program.py"]
        environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "FORCE_COLOR"}}
        return subprocess.run(
            full, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False, env=environment
        )

    return run


@pytest.fixture
def run_with_headrace(run_program: RunProgram) -> RunProgram:
    """Runs the program by ``headrace run --parsl``: nothing in it knows of Headrace."""

    def run(
        code: str, *options: str, cwd: Path | None = None, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        command = ("-m", "headrace", "run", "--parsl", "--quiet", *options)
        return run_program(code, *command, cwd=cwd, python=python)

    return run
