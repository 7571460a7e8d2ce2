"""Stands for `parsl.dataflow.states` and `parsl.dataflow.taskrecord`."""

from __future__ import annotations

from typing import Final

from headrace.dataflow import TASK, Task, TaskState

__all__ = ["FINAL_FAILURE_STATES", "FINAL_STATES", "States", "TaskRecord"]

States = TaskState
TaskRecord = Task

#: The states that a task does not leave.
FINAL_STATES: Final = TASK.final
#: Those of them in which it has no result.
FINAL_FAILURE_STATES: Final = TASK.failed
