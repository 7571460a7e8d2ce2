"""A controller is killed, at any time; another one goes on with its run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.experiments import toys

from headrace.experiments import ExperimentController, ResourceState
from headrace.experiments.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Iterator

R = ResourceState
KILLS = max(2, int(os.environ.get("HEADRACE_KILLS", "0")) // 5)


@contextmanager
def program(root: Path, dies: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run the program of toys; it has begun to deploy."""
    command = [sys.executable, "-m", "tests.integration.experiments.toys", str(root), dies]
    here = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=here) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            yield process
        finally:
            process.kill()


@contextmanager
def recovered(root: Path) -> Iterator[ExperimentController]:
    """Go on with what the program did; in the end nothing is left of it."""
    ec = ExperimentController.recover("toys", root_dir=root, factory=toys.factory())
    try:
        yield ec
    finally:
        ec.shutdown()
    assert [pid for pid, began in idents(root) if toys.is_running(pid, began)] == []


def idents(root: Path) -> list[tuple[int, int]]:
    return [(int(pid), int(began)) for pid, began in (file.read_text().split() for file in root.glob("toys/1/*/*/pid"))]


def begun(root: Path) -> list[str]:
    ledger = root / "ledger"
    return sorted(ledger.read_text().split()) if ledger.exists() else []


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """Whatever the outcome is."""
    yield
    for pid, began in idents(tmp_path):
        if toys.is_running(pid, began):
            os.killpg(pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("dies", ["discover", "provision", "start", "started"])
def test_a_run_is_gone_on_with_wherever_its_controller_was_killed(tmp_path: Path, dies: str) -> None:
    with program(tmp_path, dies) as process:
        process.wait(20)
    before = set(idents(tmp_path))
    with recovered(tmp_path) as ec:
        result = ec.wait_started([1, 2, 3], timeout=20)
        assert result, str(result)
        # What ran was left as it was, and nothing was begun twice.
        assert before <= set(idents(tmp_path))
        assert begun(tmp_path) == ["1", "2", "3"]


@pytest.mark.slow
def test_a_release_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    with program(tmp_path, "release") as process:
        process.wait(20)
    with recovered(tmp_path) as ec:
        assert ec.wait_released([1, 2, 3], timeout=20)
        assert begun(tmp_path) == ["1", "2", "3"]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_a_controller_may_be_killed_at_any_time(tmp_path: Path, number: int) -> None:
    delay = random.Random(f"{number} {os.environ.get('HEADRACE_SEED', '')}").uniform(0, 0.4)  # noqa: S311 - no secret
    with program(tmp_path) as process:
        time.sleep(delay)  # what is done meanwhile is cut short
        process.kill()
    if not list(tmp_path.glob("toys/1/experiment.json")):
        # It was killed before anything began.
        with pytest.raises(ExperimentError, match="nothing was deployed"):
            ExperimentController.recover("toys", root_dir=tmp_path, factory=toys.factory())
        assert begun(tmp_path) == []
        return
    with recovered(tmp_path) as ec:
        result = ec.wait_started([1, 2, 3], timeout=20)
        assert result, f"killed after {delay}: {result}"
        assert begun(tmp_path) == ["1", "2", "3"]
