"""What a task waits for."""

from __future__ import annotations

from headrace.core import Wait, why
from headrace.dataflow.dispatcher import is_waiting
from headrace.dataflow.task import LAUNCH, Task, TaskState

__all__ = ["waits_of"]


def waits_of(task: Task, at: float) -> list[Wait]:
    """Return what the task waits for at a time, what those wait for, and so on; places on executors too."""
    waits = why(task, at)
    for unit, depth in [(task, 0), *((wait.on, wait.depth + 1) for wait in waits)]:
        if isinstance(unit, Task) and unit.state is TaskState.pending and is_waiting(unit):
            labels = unit.options.executors
            where = "on any executor" if labels == "all" else f"on {' or '.join(map(repr, labels))}"
            waits.append(Wait(str(unit), LAUNCH, f"a place {where}", depth=depth))
    return waits
