"""Results that are on disk before anybody sees them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from headrace.compute.executors.workers import worker_of
from headrace.dataflow.task import TaskState, Unsaved

if TYPE_CHECKING:
    from headrace.dataflow.checkpoints import Checkpoints
    from headrace.dataflow.flow import Flow
    from headrace.dataflow.task import Task

__all__ = ["Saving"]


class Saving:
    """Holds back the futures of one kernel's tasks until their results are on disk.

    Those that depend on such a task go on at once: they read its value from its record (`result_now`). The order of
    the journal makes a result that is on disk imply those it was made from.

    All but `pack` is done in the kernel's mailbox, and can be done again.

    Args:
        flow: the tasks' life, of which this is a part.
        checkpoints: where results go.
    """

    def __init__(self, flow: Flow, checkpoints: Checkpoints) -> None:
        self._flow = flow
        self._checkpoints = checkpoints
        #: The tasks whose futures are held back, by number.
        self.tasks: dict[int, Task] = {}
        # The keys of results that are known in this run, and not known to be on disk.
        self._unsafe: set[str] = set()
        # Those that no question to the journal covers yet, and whether one is open.
        self._fresh: list[Task] = []
        self._asked = False

    def pack(self, task: Task, attempt: int, value: Any) -> None:  # noqa: ANN401 - any app's result
        """Have the task end with `value`, once that is in the form in which it is stored. On any thread."""
        if worker_of() is None:
            # Pickling may be long, and this thread may not be kept.
            self.pack_later(task, attempt, value)
        else:
            self._pack(task, attempt, value)

    def pack_later(self, task: Task, attempt: int, value: Any) -> None:  # noqa: ANN401 - any app's result
        """Have `pack` done on a worker."""
        self._flow.backstage.work_out(self._pack, task, attempt, value)

    def _pack(self, task: Task, attempt: int, value: Any) -> None:  # noqa: ANN401 - any app's result
        try:
            # Here, beside the mailbox, a slow disk may push back on those who compute.
            self._checkpoints.wait_for_room()
            payload = self._checkpoints.pack(task.memo_key or "", task, value)
        except BaseException as error:  # noqa: BLE001 - the result's own methods take part, and may raise anything
            self._flow.post(self._flow.fail, task, attempt, error)
        else:
            self._flow.post(self._packed, task, attempt, value, payload)

    def _packed(self, task: Task, attempt: int, value: Any, payload: bytes | None) -> None:  # noqa: ANN401
        if task.attempt == attempt and not task.ended:
            task.unsaved = None if payload is None else Unsaved(value, payload)
            self._flow.finish(task, TaskState.exec_done, None, value)

    def share(self, task: Task, value: Any) -> None:  # noqa: ANN401 - any app's result
        """See to it that a task which gets another's result is held back until that is on disk."""
        if task.memo_key in self._unsafe:
            task.unsaved = Unsaved(value, None)

    def hold(self, task: Task) -> None:
        """Have the result of a task that has just ended written; its future is settled after that."""
        unsaved = task.unsaved
        if unsaved is None or task.memo_key is None:
            return
        self.tasks[task.id] = task
        if unsaved.payload is not None:
            self._unsafe.add(task.memo_key)
            self._checkpoints.store(task.memo_key, unsaved.payload)
        self._fresh.append(task)
        self._ask()

    def give_up(self, error: BaseException) -> None:
        """Settle those that are still held back: nobody will ever tell of them."""
        self._told(tuple(self.tasks.values()), error)

    def _ask(self) -> None:
        """Have those told of whose results have been given to the journal, all at once; one question at a time."""
        if self._fresh and not self._asked:
            # First the question: cut short after it, this asks again, and a second answer does no harm.
            self._checkpoints.barrier(partial(self._told, tuple(self._fresh)))
            self._asked = True
            self._fresh = []

    def _told(self, tasks: tuple[Task, ...], error: BaseException | None) -> None:
        """The journal's callback, on its thread."""
        self._flow.post(self._answered, tasks, error)

    def _answered(self, tasks: tuple[Task, ...], error: BaseException | None) -> None:
        self._asked = False
        for task in tasks:
            self._saved(task, error)
        self._ask()

    def _saved(self, task: Task, error: BaseException | None) -> None:
        unsaved = task.unsaved
        if unsaved is None:
            return
        failure = None if error is None else self._checkpoints.judge(task, error)
        self._flow.settle(task, TaskState.exec_done, failure, unsaved.value)
        self.tasks.pop(task.id, None)
        if error is None:
            # Also when only an equal call asked: the log is written in order, so what that had is on disk, too.
            self._unsafe.discard(task.memo_key or "")
            if unsaved.payload is not None:
                self._flow.memo.let_go(task.memo_key or "", len(unsaved.payload))
        # Last: as long as it stands, doing this again does all of it.
        task.unsaved = None
