"""The live view and the summary, without a terminal."""

from __future__ import annotations

import io
import signal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from headrace import TaskState
from headrace.cli.board import Board, bar
from headrace.cli.counts import Counts
from headrace.cli.progress import Moment, Progress
from headrace.cli.reporter import interruption
from headrace.cli.summary import print_summary
from headrace.cli.tally import Tally


def tally(**apps: dict[TaskState, int]) -> Tally:
    """A tally with these apps."""
    made = Tally()
    for name, states in apps.items():
        made.app(name).states.update(states)
    return made


def drawn(moment: Moment, width: int = 100, height: int = 30) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(Board(moment))
    return cast("io.StringIO", console.file).getvalue().splitlines()


@given(st.builds(Counts, *[st.integers(0, 10**6)] * 7), st.integers(8, 60))
def test_a_bar_has_its_width_and_leaves_no_part_out(counts: Counts, width: int) -> None:
    line = bar(counts, width)

    assert len(line.plain) == width
    parts = [
        counts.done,
        counts.failed,
        counts.not_run,
        counts.cancelled,
        counts.running,
        counts.joining,
        counts.waiting,
    ]
    if any(parts):
        assert sum(span.end > span.start for span in line.spans) == sum(1 for part in parts if part)


@pytest.mark.parametrize(("width", "height"), [(30, 10), (60, 20), (100, 30), (300, 100)])
@pytest.mark.parametrize("number", [1, 40])
def test_the_view_fits_the_terminal(width: int, height: int, number: int) -> None:
    made = tally(**{f"an app with rather a long name {n}": {TaskState.pending: n + 1} for n in range(number)})
    for n in range(20):
        made.failures.add(f"app #{n}", LookupError("long " * 40 + str(n)), ran=True)

    lines = drawn(Moment("flow.py", made, 1.0, 2.0, "waiting " * 40), width, height)

    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height // 2, 6) + 12


def test_apps_beyond_the_room_are_added_up_and_those_at_work_shown() -> None:
    states = {f"app{n}": {TaskState.exec_done: 2} for n in range(30)}
    states["app29"] = {TaskState.launched: 1}

    text = "\n".join(drawn(Moment("flow.py", tally(**states), 1.0, 2.0)))

    assert "app29" in text
    assert "and 19 apps more" in text
    assert "38/38" in text


def test_the_rate_is_that_of_the_last_seconds() -> None:
    progress = Progress("flow.py", began=0.0)
    made = tally(app={TaskState.exec_done: 100})

    rates = [progress.at(now, made).rate for now in (1.0, 2.0, 5.0, 8.0, 11.0)]

    assert rates == [100, 50, 20, 0, 0]


def test_nothing_is_said_of_a_run_without_tasks() -> None:
    console = Console(file=io.StringIO())

    print_summary(console, "flow.py", Tally(), 1.0, interrupted=False, only_failures=False)

    assert cast("Any", console.file).getvalue() == ""


@pytest.mark.parametrize(
    ("number", "running", "timeouts", "expected"),
    [
        (signal.SIGINT, 0, [30.0], "interrupted: nothing more begins, ending. Ctrl-C now ends at once."),
        (
            signal.SIGINT,
            2,
            [30.0, 5.0],
            "interrupted: nothing more begins, waiting for 2 running tasks, at most 30.0 s. Ctrl-C now ends at once.",
        ),
        (
            signal.SIGTERM,
            1,
            [None, 5.0],
            "told to end (SIGTERM): nothing more begins, waiting for 1 running task. Ctrl-C now ends at once.",
        ),
    ],
)
def test_an_interruption_says_what_is_waited_for(
    number: signal.Signals, running: int, timeouts: list[float | None], expected: str
) -> None:
    assert interruption(number, running, timeouts) == expected
