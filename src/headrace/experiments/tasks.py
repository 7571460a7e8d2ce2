"""Callbacks at a time."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from headrace.core import After
from headrace.experiments.errors import ExperimentClosed, UnknownTask
from headrace.experiments.timespan import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.experiments.stage import Stage
    from headrace.experiments.timespan import Moment
    from headrace.experiments.units import Once

__all__ = ["Task", "TaskStatus", "Tasks"]

logger = logging.getLogger(__name__)


class TaskStatus(Enum):
    """Where a scheduled callback is."""

    NEW = "its time has not come, or it runs"
    DONE = "it has returned"
    ERROR = "it raised"


@dataclass(slots=True)
class Task:
    """A callback that is called at a time."""

    id: int
    callback: Callable[[], Any]
    #: Seconds since the epoch at which it is due, as the machine believed when it was scheduled.
    timestamp: float
    status: TaskStatus = TaskStatus.NEW
    #: What it returned, or what it raised.
    result: Any = None
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)
    _claims: list[None] = field(default_factory=lambda: [None], repr=False)

    def claim(self) -> bool:
        """Tell whoever is about to call it whether that is theirs to do: the first one's only."""
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended; False if `timeout` seconds went by first."""
        return self._ended.wait(timeout)


class Tasks:
    """The callbacks that one experiment has scheduled."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ids = count(1)
        self._tracked: dict[int, Task] = {}
        self._pending: dict[int, tuple[Task, Once]] = {}

    def schedule(self, date: Moment, callback: Callable[[], Any], *, track: bool) -> int:
        """Have `callback` called at a time; return the task's id. Raises InvalidTime, TypeError."""
        if not callable(callback):
            raise TypeError(f"what is scheduled is to be called, and {callback!r} cannot be")
        now = self._stage.clock.wall()
        delay = moment(date, now)
        task = Task(next(self._ids), callback, now + delay)
        if track:
            self._tracked[task.id] = task
        self._stage.call(self._begin, task, delay)
        return task.id

    def get(self, tid: int) -> Task:
        """Return a task that is tracked. Raises UnknownTask."""
        try:
            return self._tracked[tid]
        except KeyError:
            raise UnknownTask(tid, self._tracked) from None

    def drop(self) -> None:
        """Forget those whose time has not come. A message."""
        for task, once in list(self._pending.values()):
            self._stage.forget(once)
            self._broke(task, None, ExperimentClosed(f"{self._stage.name} was shut down before task {task.id} was due"))
            self._pending.pop(task.id, None)

    def _begin(self, task: Task, delay: float) -> None:
        if task.id not in self._pending:
            # Kept before its gate is armed: one that is due is performed as soon as this message ends.
            once = self._stage.once("task", f"task {task.id}", After(delay), partial(self._due, task))
            self._pending[task.id] = task, once

    def _due(self, task: Task) -> None:
        self._stage.crew.execute(self._call, (task,), {}, partial(self._broke, task))
        self._pending.pop(task.id, None)

    def _call(self, task: Task) -> None:
        if not task.claim():
            return
        try:
            found = task.callback()
            task.result = self._stage.loop.run(found) if inspect.iscoroutine(found) else found
            task.status = TaskStatus.DONE
        except BaseException as error:
            task.result, task.status = error, TaskStatus.ERROR
            if not isinstance(error, asyncio.CancelledError):
                logger.error("%s: task %d raised", self._stage.name, task.id, exc_info=error)  # noqa: TRY400 - as said
        finally:
            task._ended.set()  # noqa: SLF001 - its own

    def _broke(self, task: Task, _: object, error: BaseException | None) -> None:
        """It could not be called at all: the experiment was shut down meanwhile."""
        if error is not None:
            task.result, task.status = error, TaskStatus.ERROR
            task._ended.set()  # noqa: SLF001 - its own
