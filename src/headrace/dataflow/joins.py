"""The second half of a join app's life: waiting for what its body returned."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from headrace.core import AllOf, Gate, GateCycle, Guard, Move
from headrace.dataflow.errors import JoinError, failures_among
from headrace.dataflow.future import result_now
from headrace.dataflow.task import JOIN, TaskState

if TYPE_CHECKING:
    from headrace.dataflow.flow import Flow
    from headrace.dataflow.task import Task

__all__ = ["Joins"]

_BEGUN = frozenset({TaskState.launched, TaskState.running})


class Joins:
    """What happens to one kernel's join apps; done in its mailbox, and such that it can be done again.

    Args:
        flow: the tasks' life, of which this is a part.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def begin(self, task: Task, value: Any) -> None:  # noqa: ANN401 - checked here
        """The body has returned `value`: wait for what it holds."""
        flow = self._flow
        if flow.closed and not task.ended:
            flow.finish(task, TaskState.cancelled, CancelledError())
        if task.state in _BEGUN:
            awaited = list(value) if isinstance(value, list | tuple) else value
            for one in awaited if isinstance(awaited, list) else [awaited]:
                if not isinstance(one, Future):
                    found = f"a list that holds {one!r}" if isinstance(awaited, list) else repr(one)
                    message = f"join app {task.name!r} must return a Future or a list of Futures; it returned {found}"
                    flow.finish(task, TaskState.failed, TypeError(message))
                    return
            task.joins = awaited
            flow.tell(Move(task, task.attempt, TaskState.joining, flow.now()))
        if task.state is TaskState.joining:
            flow.give_back(task)
        if task.state is TaskState.joining and JOIN not in (task.gates or {}):
            awaited = task.joins if isinstance(task.joins, list) else [task.joins]
            condition = AllOf([flow.wait_for(future) for future in awaited])
            try:
                flow.tell(Guard(Gate(task, JOIN, condition), flow.now()))
            except GateCycle as cycle:
                flow.finish(task, TaskState.failed, JoinError([(cycle, str(task))], task.id, task.name))

    def end(self, task: Task) -> None:
        """All that the task waited for has ended well."""
        joins = task.joins
        if causes := failures_among(joins if isinstance(joins, list) else [joins]):
            # It had ended well, and could not be stored.
            self._flow.finish(task, TaskState.failed, JoinError(causes, task.id, task.name))
            return
        value = [result_now(future) for future in joins] if isinstance(joins, list) else result_now(joins)
        self._flow.succeed(task, task.attempt, value)
