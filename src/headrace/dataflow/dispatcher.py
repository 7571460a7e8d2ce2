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
from dataclasses import dataclass, field, replace
from itertools import count
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from headrace.compute.executors import LimitingExecutor
from headrace.compute.resources import InsufficientResourcesError, Resources
from headrace.dataflow.errors import DuplicateLabelError, UnknownExecutorError
from headrace.dataflow.task import TaskState

if TYPE_CHECKING:
    from headrace.compute.executors import LabelledExecutor
    from headrace.dataflow.handover import Handover
    from headrace.dataflow.task import CallOptions, Task

__all__ = ["Dispatcher", "Slot", "is_waiting"]


# What an executor without limit is taken to run at once, when it is compared with others.
_CORES = os.cpu_count() or 1


@dataclass(slots=True, eq=False)
class Slot:
    """One executor and what it has been given."""

    label: str
    executor: LabelledExecutor
    #: How tasks get there.
    handover: Handover
    capacity: float = float("inf")
    #: The tasks that have a place on it. A set, not a count: taking and giving back can be repeated.
    tasks: set[Task] = field(default_factory=set)
    #: Those of them that asked for resources of their own.
    demanding: set[Task] = field(default_factory=set)
    #: The lanes that may use it.
    lanes: list[_Lane] = field(default_factory=list)
    #: What it can give out; None: places only.
    resources: Resources | None = field(init=False, default=None)
    #: The lanes whose first task has been overtaken so often that this executor is kept for it, since they came to it.
    kept_for: list[_Lane] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        if isinstance(self.executor, LimitingExecutor):
            self.resources = self.executor.resources

    @property
    def marks(self) -> tuple[object, ...]:
        """What `worker_of` returns on threads that run its tasks."""
        return (self.executor, getattr(self.executor, "mark", self.executor))

    @property
    def load(self) -> float:
        """The share of its places that is taken; of one without limit, as if it had one place for each of the cores."""
        return len(self.tasks) / (self.capacity if self.capacity < float("inf") else _CORES)

    def take(self, task: Task) -> None:
        """Give the task a place. Can be done again, and is by `placed` if an interrupt fell between these lines."""
        self.tasks.add(task)
        if task.options.resources is not None:
            self.demanding.add(task)
        task.turn = 0
        task.slot = self

    def give_back(self, task: Task) -> None:
        """Free the task's place."""
        self.demanding.discard(task)
        self.tasks.discard(task)

    def could_run(self, need: Resources | None) -> bool:
        """Tell whether it could run such a task at all."""
        return need is None or (self.resources is not None and need.within(self.resources))

    def has_room(self, task: Task, lane: _Lane) -> bool:
        """Tell whether it has a place now for a task of this lane."""
        if len(self.tasks) >= self.capacity:
            return False
        need = task.options.resources
        if need is None and not self.demanding and not self.kept_for:
            return True
        return self.could_run(need) and not self._is_kept_from(lane) and self._fits(need)

    def _is_kept_from(self, lane: _Lane) -> bool:
        self.kept_for = [one for one in self.kept_for if one.overtaken >= _PATIENCE and one.first() is not None]
        return bool(self.kept_for) and lane not in self.kept_for

    def _fits(self, need: Resources | None) -> bool:
        limits = self.resources
        if limits is None:
            return True
        needs = [task.options.resources or _ONE for task in self.demanding]
        free = limits.cores - sum(one.cores for one in needs)
        others = len(self.tasks) - len(needs)
        if need is None:
            # More of these are handed over than run at once, so that no worker waits for the next.
            return others < self.capacity * free / max(limits.cores, 1)
        return (
            need.cores <= free - min(others, free)
            and need.memory <= limits.memory - sum(one.memory for one in needs)
            and need.gpus <= limits.gpus - sum(one.gpus for one in needs)
        )


@dataclass(slots=True, eq=False)
class _Lane:
    """The ready tasks that may go to one set of executors, need about as much, and found no place there yet."""

    slots: list[Slot]
    #: How often a task that came later was taken before the first of these, which did not fit.
    overtaken: int = 0
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


_ONE = Resources()
# A task that needs much waits until enough is free at once. After so many others have gone before it, no more do.
_PATIENCE = 32

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
        self._lanes: dict[tuple[tuple[str, ...] | str, Resources | None], _Lane] = {("all", None): _Lane([])}
        self._arrivals = count(1)
        #: Executors that are kept for nobody any more, and have not been offered to others since.
        self._let_go: list[Slot] = []

    @property
    def slots(self) -> tuple[Slot, ...]:
        """All executors, in the order in which they were added."""
        return tuple(self._slots.values())

    def add(self, executor: LabelledExecutor, handover: Handover) -> Slot:
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
        slot = Slot(label, executor, handover, float("inf") if capacity is None else capacity)
        for (labels, need), lane in self._lanes.items():
            if labels == "all" and (need is None or slot.resources is not None):
                self._connect(lane, slot)
        self._slots[label] = slot
        return slot

    def check(self, options: CallOptions) -> None:
        """Raise UnknownExecutorError unless every label is that of an executor.

        Raise InsufficientResourcesError if none of these could ever run it.
        """
        slots, app = self._slots, options.name
        labels = tuple(slots) if options.executors == "all" else options.executors
        for label in labels:
            if label not in slots:
                there = ", ".join(map(repr, slots)) or "none"
                msg = f"app {app!r} asks for executor {label!r}, which this kernel does not have; it has: {there}"
                raise UnknownExecutorError(msg)
        need = options.resources
        if need is not None and not any(slots[label].could_run(need) for label in labels):
            offers = "; ".join(f"{label!r} has {slots[label].resources or 'none to give out'}" for label in labels)
            raise InsufficientResourcesError(
                f"app {app!r} needs {need}, which no executor that may run it can give: {offers}. "
                "A ProcessPoolExecutor gives out those of its machine"
            )

    def place(self, task: Task) -> bool:
        """Give a ready task a place (`task.slot`) if there is one; else let it wait for one, and return False."""
        options = task.options
        lane = self._join_lane if options.join else self._lane(options.executors, options.resources)
        if not lane.order:
            slots = lane.slots if len(lane.slots) == 1 else sorted(lane.slots, key=_load_of)
            for slot in slots:
                if slot.has_room(task, lane):
                    slot.take(task)
                    return True
        lane.push(task, next(self._arrivals))
        return False

    def next_for(self, slot: Slot) -> Task | None:
        """Give a free place on this executor to the task whose turn it is, and return that; None if there is none."""
        if len(slot.tasks) >= slot.capacity:
            return None
        waiting = []
        for lane in slot.lanes:
            queue = lane.first() if lane.order else None
            if queue is not None:
                waiting.append(((lane.order[0], queue[0].turn), lane, queue))
        if len(waiting) > 1:
            waiting.sort(key=itemgetter(0))
        for place, (_, lane, queue) in enumerate(waiting):
            task = queue[0]
            if slot.has_room(task, lane):
                for _, passed, others in waiting[:place]:
                    if slot.could_run(others[0].options.resources):
                        _be_overtaken(passed, slot)
                self._has_been_served(lane)
                slot.take(task)
                queue.popleft()
                return task
        return None

    def placed(self) -> list[Task]:
        """Return the tasks that have a place; finish the giving of one that was cut short."""
        found: list[Task] = []
        for slot in (*self._join_lane.slots, *self._slots.values()):
            for task in slot.tasks:
                if task.slot is None and task.state is _PENDING:
                    slot.take(task)
            found += slot.tasks
        return found

    def withdraw(self, task: Task) -> None:
        """Take note that a task which waited for a place has ended. `take_let_go` then says what to offer to others."""
        task.turn = 0
        self._has_been_served(self._lane(task.options.executors, task.options.resources))

    def take_let_go(self) -> list[Slot]:
        """Return the executors that were kept for a task and no longer are: others may wait for their free places."""
        if not self._let_go:
            return []
        let_go, self._let_go = self._let_go, []
        return let_go

    def _has_been_served(self, lane: _Lane) -> None:
        if lane.overtaken >= _PATIENCE:
            self._let_go += lane.slots
        lane.overtaken = 0

    def _lane(self, labels: tuple[str, ...] | str, need: Resources | None) -> _Lane:
        key = (labels, None if need is None else _about(need))
        lane = self._lanes.get(key)
        if lane is None:
            lane = _Lane([])
            for label, slot in self._slots.items():
                if (labels == "all" or label in labels) and (need is None or slot.resources is not None):
                    self._connect(lane, slot)
            self._lanes[key] = lane
        return lane

    @staticmethod
    def _connect(lane: _Lane, slot: Slot) -> None:
        lane.slots.append(slot)
        slot.lanes.append(lane)


def _be_overtaken(lane: _Lane, slot: Slot) -> None:
    lane.overtaken += 1
    if lane.overtaken >= _PATIENCE and lane not in slot.kept_for:
        slot.kept_for.append(lane)


def _about(need: Resources) -> Resources:
    """Return the need with its memory rounded up a little: so many tasks may each need another amount."""
    spare = max(need.memory.bit_length() - 4, 0)
    return replace(need, memory=-(-need.memory >> spare) << spare)


_load_of = attrgetter("load")
