"""How a run is told while it goes."""

from __future__ import annotations

import io
import sys
from concurrent.futures import Future
from typing import TYPE_CHECKING

from rich.console import Console

from atlas.progress import Progress
from atlas.timeline import Recorder
from headrace.core import Transition, Unit
from headrace.dataflow import TASK, TaskState

if TYPE_CHECKING:
    import pytest


class Task(Unit):
    """A task as far as the recorder looks at it."""

    executor = "threads"


def ended(recorder: Recorder, number: int, state: TaskState) -> None:
    task = Task(number, "measure", TASK)
    for state_now in (TaskState.pending, state):
        task.state = state_now
        recorder.note(Transition(task, 0, None, state_now, 0.0, None))


def done(number: int) -> list[Future[int]]:
    futures: list[Future[int]] = [Future() for _ in range(number)]
    for future in futures:
        future.set_result(1)
    return futures


def test_elsewhere_than_on_a_terminal_each_quarter_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(Recorder(0.0)) as progress:
        progress.follow(done(8), "files measured")
        progress.follow(done(1), "report written")

    written = capsys.readouterr().out
    assert [line.split(" s  ")[1] for line in written.splitlines()] == [
        "2 of 8 files measured",
        "4 of 8 files measured",
        "6 of 8 files measured",
        "8 of 8 files measured",
        "1 of 1 report written",
    ]
    assert "\x1b" not in written


def terminal(written: io.StringIO) -> Console:
    return Console(file=written, force_terminal=True, width=100, _environ={"TERM": "xterm"})


def test_on_a_terminal_each_app_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(0.0)
    monkeypatch.delitem(sys.modules, "headrace.cli", raising=False)
    ended(recorder, 1, TaskState.exec_done)
    ended(recorder, 2, TaskState.failed)
    ended(recorder, 3, TaskState.pending)
    written = io.StringIO()

    with Progress(recorder, terminal(written)):
        pass

    assert "2 of 3" in written.getvalue()
    assert "1 failed" in written.getvalue()


def test_under_headrace_run_it_leaves_the_view_to_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "headrace.cli", sys)
    written = io.StringIO()

    with Progress(Recorder(0.0), terminal(written)):
        pass

    assert written.getvalue() == ""
