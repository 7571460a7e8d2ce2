"""What a kernel writes into its journal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from headrace.dataflow.future import AppFuture
from headrace.dataflow.task import DONE, JOIN, LAUNCH, Task, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.core import Transition
    from headrace.journal import Journal

__all__ = ["Recorder"]

_JOINING = TaskState.joining


class Recorder:
    """Tells a journal of a kernel's tasks, of what they wait for, and of every move of theirs.

    Args:
        journal: open for the kernel's run.
    """

    def __init__(self, journal: Journal) -> None:
        self._moved = journal.moved
        self._added = journal.added
        self._unit = journal.unit
        self._edge = journal.edge
        #: To be called by whoever submits; see the journal's.
        self.wait_for_room = journal.wait_for_room
        #: Whether that would do anything.
        self.is_behind = journal.is_behind

    def seen(self, transition: Transition) -> None:
        """Take note of one move of a task; an observer, called in the mailbox."""
        task: Task = transition.unit  # type: ignore[assignment]  # observers are told of tasks only
        if transition.previous is None:
            if task.kwargs or task.options.executors != "all":
                self._introduce(task)
                self._moved(transition)
            else:
                self._added(transition, task.name)
            if task.depends:
                self._edges(task, LAUNCH, task.depends)
            return
        if transition.state is _JOINING:
            joins = task.joins
            self._edges(task, JOIN, joins if isinstance(joins, list) else (joins,))
        self._moved(transition, task.executor)

    def _introduce(self, task: Task) -> None:
        executors = task.options.executors
        labels = () if isinstance(executors, str) else executors
        if task.kwargs:
            self._unit(
                task,
                app=task.name,
                labels=labels,
                stdout=_file_of(task.kwargs.get("stdout")),
                stderr=_file_of(task.kwargs.get("stderr")),
            )
        else:
            self._unit(task, app=task.name, labels=labels)

    def _edges(self, task: Task, action: str, futures: Iterable[Any]) -> None:
        for future in futures:
            # Of other kernels' tasks, and of futures that are no tasks, this journal knows nothing.
            if isinstance(future, AppFuture) and future.task_record.flow is task.flow:
                self._edge(task, action, future.task_record, DONE)


def _file_of(stream: object) -> str | None:
    """Return the path that a standard stream goes to; None if there is none that can be told."""
    if isinstance(stream, tuple) and stream:
        stream = stream[0]
    try:
        return os.path.abspath(stream) if isinstance(stream, str | os.PathLike) else None  # noqa: PTH100 - links stay
    except ValueError:
        return None  # A File of another scheme, which has no path here.
