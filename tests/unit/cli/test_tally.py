"""Moves, added up."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import DependencyError, JoinError, TaskState
from headrace.cli.counts import Counts
from headrace.cli.tally import Moves, Tally
from headrace.core import Transition
from headrace.dataflow.task import TASK, CallOptions, Task

if TYPE_CHECKING:
    from headrace.core import State

_S = TaskState


def task(tid: int, app: str = "app") -> Task:
    return Task(tid, print, (), {}, CallOptions(name=app), cast("Any", None))


class Life:
    """Tells a tally of the moves of tasks, as a kernel would; each takes a second."""

    def __init__(self, suffix: str = "") -> None:
        self.tally = Tally()
        self.moves = Moves(self.tally, suffix)
        self.now = 0.0
        self.where: dict[int, State] = {}

    def of(self, one: Task, *states: State, error: BaseException | None = None) -> None:
        """The last of the moves has the error."""
        for place, state in enumerate(states):
            self.now += 1
            cause = error if place == len(states) - 1 else None
            self.moves.take(Transition(one, 0, self.where.get(one.id), state, self.now, cause))
            self.where[one.id] = state


def test_states_mean_what_a_watcher_wants_to_know() -> None:
    counts = Counts.of(dict.fromkeys(TaskState, 1))

    assert counts == Counts(done=2, running=2, joining=1, waiting=1, failed=1, not_run=1, cancelled=1)
    assert (counts.total, counts.ended) == (9, 5)
    assert counts.describe() == "2 done, 2 running, 1 joining, 1 waiting, 1 failed, 1 not run, 1 cancelled"


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[int, str, list[State]]]:
    """Tasks of two apps, each some way through the lifecycle's table."""
    tasks = []
    for tid in range(draw(st.integers(0, 20))):
        path: list[State] = [TASK.initial]
        for _ in range(draw(st.integers(0, 6))):
            following = sorted(TASK.following[path[-1]])
            if following:
                path.append(draw(st.sampled_from(following)))
        tasks.append((tid, draw(st.sampled_from("ab")), path))
    return tasks


@given(lives())
def test_each_task_is_counted_where_it_is_and_nowhere_else(tasks: list[tuple[int, str, list[State]]]) -> None:
    life = Life()

    for tid, app, path in tasks:
        life.of(task(tid, app), *path)

    expected = Counts.of(cast("Any", Counter(path[-1] for _, _, path in tasks)))
    assert life.tally.counts == expected
    assert life.tally.counts.total == len(tasks)


def test_a_move_told_twice_counts_once() -> None:
    """An interrupt makes a kernel repeat what it was telling."""
    life = Life()
    move = Transition(task(1), 0, None, _S.pending, 0.0, None)

    life.moves.take(move)
    life.moves.take(move)

    assert life.tally.counts == Counts(waiting=1)


def test_time_is_taken_from_launched_to_done_and_for_a_join_app_to_joining() -> None:
    life = Life()

    life.of(task(1, "plain"), _S.pending, _S.launched, _S.running, _S.exec_done)
    life.of(task(2, "join"), _S.pending, _S.launched, _S.joining, _S.exec_done)
    life.of(task(3, "join"), _S.pending, _S.cancelled)

    plain, join = life.tally.slowest(5)
    assert (plain.name, plain.timed, plain.total, plain.mean, plain.longest) == ("plain", 1, 2.0, 2.0, 2.0)
    assert (join.name, join.timed, join.total) == ("join", 1, 1.0)


def test_every_attempt_is_timed_and_retries_are_counted() -> None:
    life = Life()
    one = task(1)

    life.of(one, _S.pending, _S.launched, _S.pending, error=ValueError())
    life.of(one, _S.launched, _S.exec_done)

    assert (life.tally.retries, life.tally.app("app").timed, life.tally.failures.causes) == (1, 2, [])


def test_what_a_failure_took_with_it_is_counted_under_its_cause() -> None:
    life = Life()
    root = ValueError("luck")
    dependency = DependencyError([(root, "task 1 (app)")], 2, "app")

    life.of(task(1), _S.pending, _S.launched, _S.failed, error=root)
    life.of(task(2), _S.pending, _S.dep_fail, error=dependency)
    life.of(task(3), _S.pending, _S.dep_fail, error=DependencyError([(dependency, "task 2 (app)")], 3, "app"))
    life.of(task(4, "join"), _S.pending, _S.launched, _S.joining, _S.failed, error=JoinError([(root, "1")], 4, "join"))

    (cause,) = life.tally.failures.causes
    assert (cause.kind, cause.failed, cause.not_run, cause.joins) == ("ValueError", 1, 2, 1)
    assert [failure.task for failure in cause.examples] == ["app #1"]


def test_what_was_kept_from_running_by_a_cancelled_task_has_that_cause() -> None:
    life = Life()

    life.of(task(1), _S.pending, _S.cancelled, error=CancelledError())
    life.of(task(2), _S.pending, _S.dep_fail, error=DependencyError([(CancelledError(), "task 1")], 2))

    (cause,) = life.tally.failures.causes
    assert (cause.kind, cause.failed, cause.not_run) == ("CancelledError", 0, 1)


def test_tasks_of_a_second_kernel_are_told_apart() -> None:
    life = Life(" (run 001)")

    life.of(task(1), _S.pending, _S.failed, error=KeyError("k"))

    assert life.tally.failures.causes[0].examples[0].task == "app #1 (run 001)"


@pytest.mark.parametrize("number", [0, 1, 3])
def test_the_slowest_come_first_and_no_more_than_asked_for(number: int) -> None:
    life = Life()
    for tid in range(5):
        life.of(task(tid, f"app {tid}"), *[_S.pending, _S.launched, *[_S.running] * tid, _S.exec_done])

    assert [app.name for app in life.tally.slowest(number)] == [f"app {tid}" for tid in (4, 3, 2)][:number]
