"""However a run ended, the next one with the same script and arguments does what is left."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from headrace.journal import JournalReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.cli.conftest import Process, Run, Start

pytestmark = pytest.mark.slow

#: Squares numbers, each call noted in a file; the third waits for a line, or fails, as its argument says.
SQUARES = """
import sys
import threading

@python_app(cache=True)
def square(x):
    with open("ran", "a") as ran:
        ran.write(f"{x}\\n")
    return x * x

@python_app
def held(x):
    print("ready", flush=True)
    how = sys.argv[1] if len(sys.argv) > 1 else ""
    if how == "raise":
        raise ValueError("as asked")
    if how == "hold":
        sys.stdin.readline()
    if how == "hang":
        threading.Event().wait()
    return x

@python_app(cache=True)
def last(x):
    return x

with headrace.load(config()):
    squares = [square(n) for n in range(3)]
    print(sum(one.result() for one in squares))
    print(last(held(squares[2])).result())
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def calls_run() -> int:
    return len(Path("ran").read_text().split())


def held(started: Start, flow: str) -> Process:
    """A run of which three results are stored, and one task waits for a line."""
    process = started("run", flow, "hold")
    assert [process.line(), process.line()] == ["5\n", "ready\n"]
    return process


def how_it_ended() -> str | None:
    with JournalReader.open("runinfo/journal.db") as reader:
        return reader.run().how


def test_what_was_done_is_not_done_again_and_the_summary_says_so(headrace: Run, script: Callable[..., str]) -> None:
    flow = script(SQUARES)
    first = headrace("run", flow)
    second = headrace("run", flow)

    assert (first.returncode, second.returncode, calls_run()) == (0, 0, 3)
    assert "Resumed" not in first.stderr
    assert "Resumed run 000: 4 results reused, 1 task run, 1 of them of apps that are not cached.\n" in second.stderr


@pytest.mark.parametrize("how", [["--fresh"], ["--parsl"]])
def test_everything_is_done_again_where_that_was_asked_for(
    headrace: Run, script: Callable[..., str], how: list[str]
) -> None:
    flow = script(SQUARES)
    headrace("run", flow)
    again = headrace("run", *how, flow)

    assert (again.returncode, calls_run()) == (0, 6)


def test_other_arguments_are_other_work(headrace: Run, script: Callable[..., str]) -> None:
    flow = script(SQUARES)
    headrace("run", flow)
    headrace("run", flow, "more")

    assert calls_run() == 6


def test_a_run_may_be_named(headrace: Run, script: Callable[..., str]) -> None:
    flow = script(SQUARES)
    headrace("run", flow)
    named = headrace("run", "--resume", "000", flow, "more")

    assert "Resumed run 000: 4 results reused" in named.stderr


def test_a_run_that_is_not_there_is_an_error(headrace: Run, script: Callable[..., str]) -> None:
    refused = headrace("run", "--resume", "nobody", script(SQUARES))

    assert refused.returncode == 1
    assert "run 'nobody' cannot be resumed: there is no journal" in refused.stderr


def test_resuming_and_not_resuming_contradict_one_another(headrace: Run, script: Callable[..., str]) -> None:
    refused = headrace("run", "--resume", "000", "--fresh", script(SQUARES))

    assert refused.returncode == 2
    assert "--resume and --fresh contradict one another" in refused.stderr


def test_sigterm_lets_what_runs_end_and_the_next_run_does_what_is_left(
    started: Start, headrace: Run, script: Callable[..., str]
) -> None:
    flow = script(SQUARES)
    process = held(started, flow)

    process.send(signal.SIGTERM)
    assert "told to end (SIGTERM): nothing more begins, waiting for 1 running task" in process.error_line()
    process.say("go on")
    code, _, _ = process.end()

    assert (code, how_it_ended()) == (143, "ended by SIGTERM")
    again = headrace("run", flow, "hold", stdin="go on\n")
    assert (again.returncode, again.stdout, calls_run()) == (0, "5\nready\n4\n", 3)


def test_a_second_sigterm_ends_at_once_and_leaves_a_run_that_can_be_resumed(
    started: Start, headrace: Run, script: Callable[..., str]
) -> None:
    flow = script(SQUARES)
    process = held(started, flow)

    process.send(signal.SIGTERM)
    assert "told to end" in process.error_line()
    process.send(signal.SIGTERM)
    code, _, _ = process.end()

    assert (code, how_it_ended()) == (143, None)
    again = headrace("run", flow, "hold", stdin="go on\n")
    assert (again.returncode, again.stdout, calls_run()) == (0, "5\nready\n4\n", 3)


def test_a_killed_run_can_be_resumed(started: Start, headrace: Run, script: Callable[..., str]) -> None:
    flow = script(SQUARES)
    process = held(started, flow)

    process.send(signal.SIGKILL)
    process.end()

    again = headrace("run", flow, "hold", stdin="go on\n")
    assert (again.returncode, again.stdout, calls_run()) == (0, "5\nready\n4\n", 3)


def test_how_long_to_wait_for_what_runs_can_be_said(started: Start, script: Callable[..., str]) -> None:
    process = started("run", "--drain", "0.1", script(SQUARES), "hang")
    assert [process.line(), process.line()] == ["5\n", "ready\n"]

    process.send(signal.SIGTERM)

    assert "waiting for 1 running task, at most 100 ms" in process.error_line()
    code, _, _ = process.end()
    assert (code, how_it_ended()) == (143, "ended by SIGTERM")


def test_an_exception_in_the_script_leaves_a_run_that_can_be_resumed(headrace: Run, script: Callable[..., str]) -> None:
    flow = script(SQUARES)
    raised = headrace("run", flow, "raise")
    assert (raised.returncode, how_it_ended()) == (1, "raised DependencyError")

    headrace("run", flow, "raise")

    assert calls_run() == 3


def test_so_does_one_outside_of_the_kernel_s_block(headrace: Run, script: Callable[..., str]) -> None:
    flow = script(SQUARES.replace("with headrace.load(config()):", "headrace.load(config())\nif True:"))
    raised = headrace("run", flow, "raise")

    assert (raised.returncode, how_it_ended()) == (1, "raised DependencyError")


def test_a_plain_script_is_told_by_the_environment_once(
    python: Run, script: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = script(SQUARES + "import os\nprint(os.environ.get('HEADRACE_RESUME'))\n")
    python(flow)
    monkeypatch.setenv("HEADRACE_RESUME", "000")
    again = python(flow)

    assert (again.returncode, calls_run()) == (0, 3)
    assert again.stdout.endswith("None\n")


def test_a_run_whose_results_could_not_be_stored_at_its_end_did_not_end_well(
    headrace: Run, script: Callable[..., str]
) -> None:
    flow = script(
        """
import threading

@python_app(cache=True)
def lock():
    return threading.Lock()

headrace.load(config(checkpoint_mode="dfk_exit"))
lock().result()
"""
    )
    ended = headrace("run", flow)

    assert ended.returncode == 1
    assert "has not been kept whole: the result of task 0 (lock) could not be stored" in ended.stderr
    assert "Traceback" not in ended.stderr
