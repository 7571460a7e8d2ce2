"""What is made of the transitions that a kernel reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atlas.timeline import AppTimes, Recorder, Span, by_app, joined_up, lanes_of, peak
from headrace.core import Transition, Unit
from headrace.dataflow import TASK, TaskState

if TYPE_CHECKING:
    from headrace.core import State


class Task(Unit):
    """A task as far as the recorder looks at it."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, name, TASK)
        self.executor: str | None = None


def tell(recorder: Recorder, task: Task, *moves: tuple[State, float]) -> None:
    previous: State | None = None
    for state, at in moves:
        task.state = state
        if state is TaskState.launched:
            task.executor = "threads"
        recorder.note(Transition(task, 0, previous, state, at, None))
        previous = state


def span(app: str, started: float, ended: float, executor: str | None = "threads", *, joined: bool = False) -> Span:
    return Span(app, started, started, ended, executor, joined, "exec_done")


def test_a_life_becomes_a_span() -> None:
    recorder = Recorder(began=100)
    tell(recorder, Task(1, "work"), (TaskState.pending, 101), (TaskState.launched, 102), (TaskState.exec_done, 104))
    tell(recorder, Task(2, "fork"), (TaskState.pending, 101), (TaskState.launched, 101), (TaskState.joining, 101.5))
    tell(recorder, Task(2, "fork"), (TaskState.exec_done, 106))
    tell(recorder, Task(3, "late"), (TaskState.pending, 103), (TaskState.dep_fail, 105))
    tell(recorder, Task(4, "now"), (TaskState.pending, 103), (TaskState.launched, 105))

    assert recorder.spans() == [
        Span("fork", 1, 1, 6, "threads", True, "exec_done"),
        Span("work", 1, 2, 4, "threads", False, "exec_done"),
        Span("late", 3, 5, 5, None, False, "dep_fail"),
    ]
    assert recorder.progress() == [("work", 1, 1, 0), ("fork", 1, 1, 0), ("late", 1, 1, 1), ("now", 1, 0, 0)]


def test_a_retry_counts_from_its_last_attempt() -> None:
    recorder = Recorder(began=0)
    moves = [(TaskState.pending, 0), (TaskState.launched, 1), (TaskState.pending, 2), (TaskState.launched, 5)]
    tell(recorder, Task(1, "work"), *[(state, float(at)) for state, at in moves], (TaskState.failed, 6.0))

    (found,) = recorder.spans()

    assert (found.submitted, found.started, found.ended, found.outcome) == (0, 5, 6, "failed")


def test_times_by_app() -> None:
    spans = [span("a", 0, 1), span("b", 0, 4), span("a", 1, 4), Span("a", 5, 5, 5, None, False, "failed")]

    assert by_app(spans) == [
        AppTimes("a", ("threads",), 3, 1, 4, 3, joins=False),
        AppTimes("b", ("threads",), 1, 0, 4, 4, joins=False),
    ]


def test_an_app_is_told_with_the_executors_that_ran_it() -> None:
    spans = [span("a", 0, 1, "two"), span("a", 0, 1, "one"), span("a", 0, 1, "one"), span("b", 0, 1, joined=True)]

    assert [app.executors for app in by_app(spans)] == [("one", "two"), ()]


def test_spans_are_laid_in_lanes_without_overlap() -> None:
    first, second, third = span("a", 0, 2), span("a", 1, 3), span("a", 2, 4)
    elsewhere, waiting, never = span("a", 0, 9, "other"), span("a", 0, 9, joined=True), span("a", 0, 9, None)

    assert lanes_of([third, first, waiting, second, elsewhere, never]) == {
        "threads": [[first, third], [second]],
        "other": [[elsewhere]],
    }
    assert peak([first, second, third, elsewhere, waiting, never]) == 3


@pytest.mark.parametrize(
    ("intervals", "gap", "expected"),
    [
        ([], 1, []),
        ([(5, 6), (0, 1)], 1, [(0, 1), (5, 1)]),
        ([(0, 1), (1.5, 2)], 1, [(0, 2)]),
        ([(0, 5), (1, 2), (5, 7)], 0, [(0, 7)]),
    ],
)
def test_what_no_eye_can_tell_apart_is_one_piece(
    intervals: list[tuple[float, float]], gap: float, expected: list[tuple[float, float]]
) -> None:
    assert joined_up(intervals, gap) == expected
