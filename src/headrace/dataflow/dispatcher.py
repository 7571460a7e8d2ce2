"""Which ready task goes to which executor, and when.

A task is bound to an executor as late as can be: when one that may run it has a free place. Until then it waits here,
where its priority counts and it can be cancelled. Among the executors with a free place the one with the smallest
share of its places taken is chosen.

Everything here is called from within the kernel's mailbox only.
"""

from __future__ import annotations

import heapq
import os
from collections import deque
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

__all__ = ["Dispatcher", "Slot", "is_waiting"]


# What an executor without limit is taken to run at once, when it is compared with others.
_CORES = os.cpu_count() or 1


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
        """The share of its places that is taken; of one without limit, as if it had one place for each of the cores."""
        return len(self.tasks) / (self.capacity if self.capacity < float("inf") else _CORES)

    def take(self, task: Task) -> None:
        """Give the task a place."""
        task.turn = 0
        task.slot = self
        self.tasks.add(task)


@dataclass(slots=True, eq=False)
class _Lane:
    """The ready tasks that may go to one set of executors, and found no place there yet."""

    slots: list[Slot]
    #: Those tasks, by the negative of their priority, in the order in which they became ready.
    queues: dict[int, deque[Task]] = field(default_factory=dict)
    #: The keys of `queues` as a heap, the highest priority first: few, so that a million tasks cost no more each.
    order: list[int] = field(default_factory=list)

    def push(self, task: Task, turn: int) -> None:
        """Let a task wait; `turn` grows with each task that becomes ready."""
        key = -task.options.priority
        queue = self.queues.get(key)
        if queue is None:
            queue = self.queues[key] = deque()
        if key not in self.order:
            heapq.heappush(self.order, key)
        task.turn = turn
        queue.append(task)

    def first(self) -> deque[Task] | None:
        """Return the queue at whose head is the task whose turn it is; None if none waits."""
        order = self.order
        while order:
            queue = self.queues.get(order[0], _EMPTY)
            while queue:
                task = queue[0]
                if is_waiting(task):
                    return queue
                # It was cancelled while it waited; or stood here twice, after an interrupt.
                queue.popleft()
            self.queues.pop(order[0], None)
            heapq.heappop(order)
        return None


_PENDING = TaskState.pending
_EMPTY: deque[Task] = deque(maxlen=0)


def is_waiting(task: Task) -> bool:
    """Tell whether the task is ready, and has no place yet."""
    return task.turn > 0 and task.slot is None and task.state is _PENDING


class Dispatcher:
    """Holds the executors, and the tasks that wait for a place on one.

    Args:
        for_joins: what runs the bodies of join apps, and nothing else of theirs or others'.
    """

    def __init__(self, for_joins: Slot) -> None:
        self._slots: dict[str, Slot] = {}
        self._join_lane = _Lane([])
        self._connect(self._join_lane, for_joins)
        self._lanes: dict[tuple[str, ...] | str, _Lane] = {"all": _Lane([])}
        self._arrivals = count(1)

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
        self._connect(self._lanes["all"], slot)
        self._slots[label] = slot
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
        lane = self._join_lane if task.options.join else self._lane(task.options.executors)
        if not lane.order:
            slots = lane.slots
            slot = slots[0] if len(slots) == 1 else min(slots, key=_load_of, default=None)
            if slot is not None and len(slot.tasks) < slot.capacity:
                slot.take(task)
                return True
        lane.push(task, next(self._arrivals))
        return False

    def next_for(self, slot: Slot) -> Task | None:
        """Give a free place on this executor to the task whose turn it is, and return that; None if there is none."""
        if len(slot.tasks) >= slot.capacity:
            return None
        best: deque[Task] | None = None
        best_key = (0, 0)
        for lane in slot.lanes:
            queue = lane.first() if lane.order else None
            if queue is not None:
                key = (lane.order[0], queue[0].turn)
                if best is None or key < best_key:
                    best, best_key = queue, key
        if best is None:
            return None
        task = best[0]
        slot.take(task)
        best.popleft()
        return task

    def _lane(self, labels: tuple[str, ...] | str) -> _Lane:
        lane = self._lanes.get(labels)
        if lane is None:
            lane = _Lane([])
            for label in labels:
                self._connect(lane, self._slots[label])
            self._lanes[labels] = lane
        return lane

    @staticmethod
    def _connect(lane: _Lane, slot: Slot) -> None:
        lane.slots.append(slot)
        slot.lanes.append(lane)


_load_of = attrgetter("load")
