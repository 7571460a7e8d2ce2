"""A task's record and its life."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest

from headrace.dataflow.future import AppFuture
from headrace.dataflow.task import DONE, TASK, CallOptions, Task, TaskState

if TYPE_CHECKING:
    from headrace.dataflow.flow import Flow


@pytest.fixture
def task() -> Task:
    one = Task(7, len, ("abc",), {"key": 1}, CallOptions(name="len"), cast("Flow", None))
    one.future = AppFuture(one)
    one.exec_future = Future()
    return one


def test_the_names_of_the_states_are_parsl_s_and_cancelled() -> None:
    assert [state.name for state in TaskState] == [
        "pending",
        "launched",
        "running",
        "joining",
        "exec_done",
        "memo_done",
        "failed",
        "dep_fail",
        "cancelled",
    ]


def test_a_task_s_life_ends_in_one_of_five_states() -> None:
    assert {state.name for state in TASK.final} == {"exec_done", "memo_done", "failed", "dep_fail", "cancelled"}


def test_a_task_s_result_is_there_in_the_final_states_that_are_no_failure() -> None:
    assert TASK.final - TASK.failed == DONE


def test_a_retry_is_the_only_way_back_to_an_earlier_state() -> None:
    backwards = {
        (before.name, after.name) for before in TaskState for after in TASK.following[before] if after <= before
    }

    assert backwards == {("launched", "pending"), ("running", "pending")}
    assert backwards == {(before.name, after.name) for before, after in TASK.anew}


def test_the_diagram_of_a_task_s_life() -> None:
    assert TASK.diagram().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> pending",
        "    pending --> launched",
        "    pending --> memo_done",
        "    pending --> failed",
        "    pending --> dep_fail",
        "    pending --> cancelled",
        "    launched --> pending",
        "    launched --> running",
        "    launched --> joining",
        "    launched --> exec_done",
        "    launched --> failed",
        "    launched --> cancelled",
        "    running --> pending",
        "    running --> joining",
        "    running --> exec_done",
        "    running --> failed",
        "    running --> cancelled",
        "    joining --> exec_done",
        "    joining --> failed",
        "    joining --> cancelled",
        "    exec_done --> [*]",
        "    memo_done --> [*]",
        "    failed --> [*]",
        "    dep_fail --> [*]",
        "    cancelled --> [*]",
    ]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("id", 7),
        ("func", len),
        ("func_name", "len"),
        ("args", ("abc",)),
        ("kwargs", {"key": 1}),
        ("status", TaskState.pending),
        ("depends", ()),
        ("executor", None),
        ("fail_count", 0),
        ("fail_cost", 0.0),
        ("fail_history", []),
        ("try_id", 0),
    ],
)
def test_a_field_is_found_under_its_name_in_parsl_s_records(task: Task, key: str, expected: Any) -> None:
    assert expected == task[key]


def test_its_futures_are_found_under_their_names_in_parsl_s_records(task: Task) -> None:
    assert (task["app_fu"], task["exec_fu"]) == (task.future, task.exec_future)


@pytest.mark.parametrize("key", ["", "__class__", "options", "slot", "time_invoked_"])
def test_another_key_is_refused(task: Task, key: str) -> None:
    with pytest.raises(KeyError):
        task[key]


def test_what_it_held_for_running_can_be_let_go(task: Task) -> None:
    task.let_go()

    assert (task.func, task.args, task.kwargs, task.depends, task.future, task.exec_future) == (
        None,
        (),
        {},
        (),
        None,
        None,
    )


def test_it_is_named_by_its_number_and_its_app(task: Task) -> None:
    assert str(task) == "task 7 (len)"
