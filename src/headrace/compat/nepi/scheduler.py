"""Stands for `nepi.execution.scheduler`."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Any

from headrace.experiments import TaskStatus

__all__ = ["HeapScheduler", "Task", "TaskStatus"]


class Task:
    """Something to be called at a time: what programs put into a `HeapScheduler` of their own."""

    def __init__(self, timestamp: Any, callback: Any) -> None:  # noqa: ANN401 - the program's own
        self.id: int | None = None
        self.timestamp = timestamp
        self.callback = callback
        self.result: Any = None
        self.status = TaskStatus.NEW


class HeapScheduler:
    """Tasks by their time; of those of one time, the one that was scheduled first."""

    def __init__(self) -> None:
        self._queue: list[tuple[Any, int, Task]] = []
        self._ids = count(1)

    @property
    def pending(self) -> list[tuple[Any, int, Task]]:
        """What was scheduled and not taken."""
        return self._queue

    def schedule(self, task: Task) -> Task:
        """Take a task in, and give it an id if it has none."""
        if task.id is None:
            task.id = next(self._ids)
        heapq.heappush(self._queue, (task.timestamp, task.id, task))
        return task

    def remove(self, tid: int) -> None:
        """Take a task out, if it is there."""
        self._queue = [each for each in self._queue if each[1] != tid]
        heapq.heapify(self._queue)

    def next(self) -> Task | None:
        """Take the first task; None if there is none."""
        return heapq.heappop(self._queue)[2] if self._queue else None
