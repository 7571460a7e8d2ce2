"""Parsl and Headrace take turns at one program, each with the results of the other.

Where Parsl is not installed, what it once wrote takes its place, for one direction.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
PROGRAM = (HERE / "parsl_wrote" / "program.txt").read_text(encoding="utf-8")

#: What the program runs when there is no earlier result, in any order.
ALL = sorted(["keywords"] * 5 + ["command"] * 2 + ["join", "ignoring", "logging", "anything", "large"])

#: Compares keys of random calls. Both are in one process, so nothing is stood in for.
COMPARISON = HERE / "parsl_wrote" / "compare_keys.py"


@cache
def python_with_parsl() -> str | None:
    """A Python that can import Parsl: this one, or that of the benchmarks, which `make bench` makes."""
    for python in (sys.executable, str(PROJECT / ".venv-bench" / "bin" / "python")):
        if Path(python).exists():
            found = subprocess.run(
                [python, "-c", "import parsl, parsl.dataflow.dflow"], check=False, capture_output=True
            )
            if found.returncode == 0:
                return python
    return None


@pytest.fixture
def parsl() -> str:
    """The Python that has Parsl."""
    python = python_with_parsl()
    if python is None:
        pytest.skip("Parsl is not installed, neither here nor in .venv-bench, which `make bench` makes")
    return python


def ran(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ran:"), done.stdout
    return sorted(done.stdout.split()[1:])


def forget_the_store(folder: Path) -> None:
    """Leave of Headrace's runs only what is there for Parsl."""
    for left in [*folder.glob("runinfo/journal.db*"), *folder.glob("runinfo/*/checkpoint/headrace.json")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def test_headrace_goes_on_from_what_parsl_once_wrote(run_with_headrace: Run, tmp_path: Path) -> None:
    checkpoint = tmp_path / "runinfo" / "000" / "checkpoint"
    checkpoint.mkdir(parents=True)
    shutil.copy(HERE / "parsl_wrote" / "tasks.pkl", checkpoint)
    (tmp_path / "err.txt").touch()  # Else the commands that wrote it would run again.

    assert ran(run_with_headrace(PROGRAM)) == []


def test_headrace_goes_on_from_its_own_copy_for_parsl(run_with_headrace: Run, tmp_path: Path) -> None:
    assert ran(run_with_headrace(PROGRAM)) == ALL
    forget_the_store(tmp_path)

    assert ran(run_with_headrace(PROGRAM)) == []


MANY = """
import sys
import parsl
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer

@parsl.python_app(cache=True)
def number(x):
    ran.append(x)
    return x

ran = []
with parsl.load(Config(memoizer=BasicMemoizer(checkpoint_mode="task_exit"))):
    for future in [number(x) for x in range(300)]:
        print("done", future.result(), flush=True)
print("ran", *ran)
"""


def test_what_runs_again_for_a_file_that_is_gone_is_in_the_copy_again(run_with_headrace: Run, tmp_path: Path) -> None:
    run_with_headrace(PROGRAM)
    (tmp_path / "err.txt").unlink()

    done = run_with_headrace(PROGRAM)

    assert set(ran(done)) == {"command"}  # One or both: they write one file.
    assert "not in" not in done.stderr


@pytest.mark.parametrize("left", ["store", "copy"])
@pytest.mark.parametrize("done", [1, 40, 250])
def test_no_task_runs_again_that_was_done_when_the_program_was_killed(
    run_with_headrace: Run, tmp_path: Path, left: str, done: int
) -> None:
    (tmp_path / "program.py").write_text(MANY, encoding="utf-8")
    command = [sys.executable, "-m", "headrace", "run", "--parsl", "--quiet", "program.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        seen = {killed.stdout.readline() for _ in range(done)}
        killed.kill()
        seen |= {line for line in killed.stdout if line.endswith("\n")}
    if left == "copy":
        forget_the_store(tmp_path)

    again = run_with_headrace(MANY).stdout.splitlines()[-1].split()

    assert again[0] == "ran"
    assert not {f"done {number}\n" for number in again[1:]} & seen


@pytest.mark.parametrize("mode", ["task_exit", "manual"])
def test_headrace_goes_on_from_what_parsl_writes(
    run_program: Run, run_with_headrace: Run, parsl: str, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("MODE", mode)

    assert ran(run_program(PROGRAM, python=parsl)) == ALL

    assert ran(run_with_headrace(PROGRAM)) == []


@pytest.mark.parametrize("mode", ["task_exit", "manual"])
def test_parsl_goes_on_from_what_headrace_writes(
    run_program: Run, run_with_headrace: Run, parsl: str, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("MODE", mode)
    run_with_headrace(PROGRAM)

    assert ran(run_program(PROGRAM, python=parsl)) == []


def test_they_may_take_turns(run_program: Run, run_with_headrace: Run, parsl: str, tmp_path: Path) -> None:
    run_program(PROGRAM, python=parsl)
    run_with_headrace(PROGRAM)
    shutil.rmtree(tmp_path / "runinfo" / "000")
    assert ran(run_program(PROGRAM, python=parsl)) == []
    shutil.rmtree(tmp_path / "runinfo" / "001")
    forget_the_store(tmp_path)

    assert ran(run_with_headrace(PROGRAM)) == []


def test_the_keys_of_random_calls_are_parsls(parsl: str) -> None:
    done = subprocess.run(
        [parsl, str(COMPARISON), "300"],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
        env={"PYTHONPATH": str(PROJECT / "src")},
    )

    assert (done.returncode, done.stdout) == (0, "300 calls, 300 equal keys\n"), done.stderr
