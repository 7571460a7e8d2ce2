"""Which ready task goes to which executor, and when.

A task is bound to an executor as late as can be: when one that may run it has a free place. Until then it waits here,
where its priority counts and it can be cancelled. Among the executors with a free place the one with the smallest
share of its places taken is chosen.

Everything here is called from within the kernel's mailbox only.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING

from headrace.compute.executors import DirectExecutor, ThreadPoolExecutor
from headrace.dataflow.errors import DuplicateLabelError, UnknownExecutorError
from headrace.dataflow.task import TaskState

if TYPE_CHECKING:
    from headrace.compute.executors import LabelledExecutor
    from headrace.dataflow.task import Task

__all__ = ["Dispatcher", "Slot"]


@dataclass(slots=True, eq=False)
class Slot:
    """One executor and what it has been given."""

    label: str
    executor: LabelledExecutor
    capacity: float = float("inf")
    #: The tasks that have a place on it. A set, not a count: taking and giving back can be repeated.
    tasks: set[Task] = field(default_factory=set)
    #: The lanes that may use it.
    lanes: list[_Lane] = field(default_factory=list)
    #: The thread that hands tasks over to an executor that is not ours; None where that needs none.
    submitter: ThreadPoolExecutor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not isinstance(self.executor, DirectExecutor):
            self.submitter = ThreadPoolExecutor(f"submits-to-{self.label}", 1)
            self.submitter.start()

    @property
    def marks(self) -> tuple[object, ...]:
        """What `worker_of` returns on threads that run its tasks."""
        return (self.executor, getattr(self.executor, "mark", self.executor))

    @property
    def load(self) -> float:
        """The share of its places that is taken. One without limit comes before all others, the emptiest first."""
        return len(self.tasks) / self.capacity if self.capacity < float("inf") else -1 / (1 + len(self.tasks))

    def take(self, task: Task) -> None:
        """Give the task a place."""
        task.slot = self
        self.tasks.add(task)


@dataclass(slots=True, eq=False)
class _Lane:
    """The tasks that may go to one set of executors."""

    slots: list[Slot]
    #: Ready tasks that found no place: (-priority, order of arrival, task).
    waiting: list[tuple[int, int, Task]] = field(default_factory=list)


class Dispatcher:
    """Holds the executors, and the tasks that wait for a place on one."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self._lanes: dict[tuple[str, ...] | str, _Lane] = {"all": _Lane([])}
        self._arrivals = count()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All executors, in the order in which they were added."""
        return tuple(self._slots.values())

    def add(self, executor: LabelledExecutor) -> Slot:
        """Take an executor in. The caller then offers its free places with `next_for`.

        Raises:
            DuplicateLabelError: there is one with this label.
        """
        label = executor.label
        if label in self._slots:
            other = self._slots[label].executor
            raise DuplicateLabelError(
                f"two executors are labelled {label!r}: {other!r} and {executor!r}; give each its own label"
            )
        capacity = executor.capacity
        slot = Slot(label, executor) if capacity is None else Slot(label, executor, capacity)
        self._slots[label] = slot
        self._join(self._lanes["all"], slot)
        return slot

    def check(self, labels: tuple[str, ...] | str, app: str) -> None:
        """Raise UnknownExecutorError unless every label is that of an executor."""
        if labels == "all":
            return
        slots = self._slots
        for label in labels:
            if label not in slots:
                there = ", ".join(map(repr, slots)) or "none"
                msg = f"app {app!r} asks for executor {label!r}, which this kernel does not have; it has: {there}"
                raise UnknownExecutorError(msg)

    def place(self, task: Task) -> bool:
        """Give a ready task a place (`task.slot`) if there is one; else let it wait for one, and return False."""
        lane = self._lane(task.options.executors)
        if not lane.waiting:
            slots = lane.slots
            slot = slots[0] if len(slots) == 1 else min(slots, key=_load_of, default=None)
            if slot is not None and len(slot.tasks) < slot.capacity:
                slot.take(task)
                return True
        heapq.heappush(lane.waiting, (-task.options.priority, next(self._arrivals), task))
        return False

    def next_for(self, slot: Slot) -> Task | None:
        """Give a free place on this executor to the task whose turn it is, and return that; None if there is none."""
        if len(slot.tasks) >= slot.capacity:
            return None
        best: _Lane | None = None
        for lane in slot.lanes:
            waiting = lane.waiting
            # Those that were cancelled while they waited are left in the heap, and dropped when they come up.
            while waiting and (waiting[0][2].slot is not None or waiting[0][2].state is not TaskState.pending):
                heapq.heappop(waiting)
            if waiting and (best is None or waiting[0] < best.waiting[0]):
                best = lane
        if best is None:
            return None
        task = best.waiting[0][2]
        slot.take(task)
        heapq.heappop(best.waiting)
        return task

    def _lane(self, labels: tuple[str, ...] | str) -> _Lane:
        lane = self._lanes.get(labels)
        if lane is None:
            lane = _Lane([])
            for label in labels:
                self._join(lane, self._slots[label])
            self._lanes[labels] = lane
        return lane

    @staticmethod
    def _join(lane: _Lane, slot: Slot) -> None:
        lane.slots.append(slot)
        slot.lanes.append(lane)


_load_of = attrgetter("load")
