"""What happens to the tasks of one kernel, one step at a time.

The methods in the sections "messages", "instructions" and "shared steps" are done in the mailbox
(`headrace.core.mailbox`): one thread at a time, never blocking, and such that each can be done again after it was cut
short anywhere. What may block or is the user's (callbacks, retry handlers) runs on workers: the executors' threads, and
the pools backstage. Of the user's code only observers and an own dependency resolver run here; both must be quick.
"""

from __future__ import annotations

import logging
import time
import weakref
from concurrent.futures import CancelledError, Future
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from headrace.compute.executors import ThreadPoolExecutor
from headrace.compute.executors.workers import worker_of
from headrace.core import (
    Add,
    After,
    AllOf,
    Broken,
    Gate,
    Guard,
    Keeper,
    Mailbox,
    Move,
    Perform,
    Reached,
    Scheduler,
    SystemClock,
    Tick,
    Transition,
    WakeAt,
)
from headrace.core.condition import Reply
from headrace.dataflow.backstage import Backstage
from headrace.dataflow.callbacks import Callbacks
from headrace.dataflow.command import run_of
from headrace.dataflow.dispatcher import Dispatcher, Slot
from headrace.dataflow.errors import (
    CheckpointError,
    DependencyError,
    DuplicateLabelError,
    JoinError,
    TaskAbandonedError,
    failures_among,
)
from headrace.dataflow.foreign import ForeignFuture, FutureState
from headrace.dataflow.future import AppFuture, UnusedLock
from headrace.dataflow.handover import handover_to, stop
from headrace.dataflow.joins import Joins
from headrace.dataflow.local_engine import LocalEngine
from headrace.dataflow.memo import Memo
from headrace.dataflow.observers import Observers
from headrace.dataflow.resolver import substitute
from headrace.dataflow.retry import RetryPolicy
from headrace.dataflow.reuse import Reuse
from headrace.dataflow.room import Room
from headrace.dataflow.saving import Saving
from headrace.dataflow.task import DONE, LAUNCH, TASK, Task, TaskState
from headrace.dataflow.verdicts import Verdicts
from headrace.dataflow.waits import waits_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.compute.executors import LabelledExecutor
    from headrace.core import Instruction, State, Step, Unit, Wait
    from headrace.dataflow.config import Config
    from headrace.dataflow.record import Record
    from headrace.dataflow.task import CallOptions

__all__ = ["Flow"]

logger = logging.getLogger(__name__)

# Bound once: an enum's attributes are slow to look up, and these are read for every task.
_PENDING = TaskState.pending
_LAUNCHED = TaskState.launched
_RUNNING = TaskState.running
_JOINING = TaskState.joining
_EXEC_DONE = TaskState.exec_done
_FAILED = TaskState.failed
_DEP_FAIL = TaskState.dep_fail
_CANCELLED = TaskState.cancelled

# Makes a named tuple of a tuple, in a third of the time that calling its class takes.
_tuple = tuple.__new__
_FUTURE_DONE = frozenset({FutureState.done})


class Flow:
    """The tasks of one kernel, from being submitted to the settling of their futures.

    Args:
        config: the kernel's options.
        run_dir: the run's directory.
        log: the run's log.
        record: what is kept of the run beyond it, if anything is.
    """

    def __init__(
        self,
        config: Config,
        run_dir: Path,
        log: logging.Logger,
        record: Record | None = None,
    ) -> None:
        name = f"headrace-{run_dir.name}"
        checkpoints = None if record is None else record.checkpoints
        #: How much of earlier runs has been of use.
        self.reuse = Reuse() if record is None else record.reuse
        self.now = time.monotonic
        #: How futures among arguments are replaced.
        self.resolver = config.dependency_resolver
        self._cache_default = config.cache_default
        self.memo = Memo(self, errors=config.cache_errors, checkpoints=checkpoints)
        #: Holds futures back until their results are on disk, where that was promised.
        self.saving = Saving(self, checkpoints) if checkpoints is not None and checkpoints.at_task_exit else None
        self._joins = Joins(self)
        self._recorder = None if record is None else record.recorder
        self._verdicts = Verdicts(self, RetryPolicy(config.retries, config.retry_handler, config.backoff), log)
        self._room = None if config.max_in_flight is None else Room(config.max_in_flight)
        #: Whether no more tasks are taken.
        self.closed = False
        self._warned_of_wait = False
        #: The end of a task that is being worked through: what `finish` was called with.
        self._ending: tuple[Task, State, BaseException | None, Any] | None = None
        self._scheduler = Scheduler()
        self._foreign: dict[int, ForeignFuture] = {}
        self._foreign_numbers = count()
        #: Who is told of every move.
        self.observers = Observers(self._scheduler)
        self._told = self.observers.tell
        if record is not None:
            self.observers.add(record.recorder.seen)
        clock = SystemClock()
        self._keeper = Keeper(clock, partial(self.post, self._tick), name)
        self._mailbox = Mailbox(
            self._scheduler,
            clock,
            obey=self._obey,
            hand_over=self._keeper.wake_now,
            resume=self._resume,
            on_failure=self._give_up,
            take_in=self._admit,
        )
        self.tell = self._mailbox.tell
        self._unused_lock = UnusedLock()
        self.backstage = Backstage(name, config.internal_tasks_max_threads)
        internal = self.backstage.internal
        self._settled = Callbacks(self.backstage.defer, self._keeper.wake_now)
        handover = handover_to(internal, self._call_ended)
        self._dispatcher = Dispatcher(Slot("_internal", internal, handover, config.internal_tasks_max_threads))
        #: Runs the commands of tasks on threads.
        self._commands = LocalEngine()
        self._scratch = run_dir / "sandboxes"

    # --- called from any thread ---------------------------------------------------------------------------------------

    def submit(self, task: Task) -> None:
        """Take a new task in. Waits while there is no room, unless the caller runs a task itself."""
        recorder = self._recorder
        if recorder is not None and recorder.is_behind() and worker_of() is None and not self._mailbox.mine:
            recorder.wait_for_room()
        try:
            if self._room is not None:
                self._room.enter(task, may_wait=worker_of() is None and not self._mailbox.mine)
            self._mailbox.take_in(task)
        except BaseException:
            if self._room is not None:
                self.post(self._free_room, task)
            raise
        self._see_to_callbacks()

    def note_wait(self, task: Task) -> None:
        """Warn, once, that a task waits for another while it keeps its place on an executor."""
        if not self._warned_of_wait and worker_of() is not None and self.in_own_work:
            self._warned_of_wait = True
            logger.warning(
                "%s is waited for within a task or callback, which keeps its place on an executor meanwhile; if all "
                "places are taken so, nothing moves any more. Take futures as arguments, or use a join_app",
                task,
            )

    def cancel(self, task: Task) -> str | None:
        """Cancel a task if that can be done; return None, or in words why not."""
        answer: Reply[str | None] = Reply()
        self.post(self._cancel, task, answer)
        if self._mailbox.mine:
            return "it was asked for in the middle of the kernel's own work; it is tried right after"
        return answer.get()

    def add_executor(self, executor: LabelledExecutor) -> None:
        """Use an executor, which has been started, from now on. Raises DuplicateLabelError."""
        answer: Reply[None] = Reply()
        self.post(self._add_executor, executor, answer)
        answer.get()

    def check(self, options: CallOptions) -> None:
        """Raise UnknownExecutorError or InsufficientResourcesError unless some executor could run such a task."""
        self._dispatcher.check(options)

    def why(self, task: Task) -> list[Wait]:
        """Return what the task waits for, what those wait for, and so on."""
        return waits_of(task, self.now())

    def executors(self) -> dict[str, LabelledExecutor]:
        """Return the executors by label."""
        return {slot.label: slot.executor for slot in self._dispatcher.slots}

    def to_shut_down(self) -> list[LabelledExecutor]:
        """Return what must be shut down, in that order: who hands over, who runs, and the internal pool."""
        slots = self._dispatcher.slots
        submitters = [thread for slot in slots for thread in slot.handover.threads]
        return [*submitters, *(slot.executor for slot in slots), *self.backstage.pools]

    def tasks(self) -> list[Task]:
        """Return the tasks that have been submitted and have not ended."""
        self._catch_up()
        return self._tasks()

    def unsettled(self) -> list[Task]:
        """Return the tasks whose futures are not done: those that have not ended, or are not on disk yet."""
        return [*self.tasks(), *(self.saving.tasks.copy().values() if self.saving is not None else ())]

    def counts(self) -> dict[TaskState, int]:
        """Return how many tasks are in each state."""
        self._catch_up()
        counts = self._scheduler.counts
        return {state: counts.get(state, 0) for state in TaskState}

    def observe(self, callback: Callable[[Transition], None]) -> Callable[[], None]:
        """Have `callback` told of every move of every task; return what ends that."""
        return self.observers.add(callback)

    @property
    def in_own_work(self) -> bool:
        """Whether the calling thread is in the middle of the kernel's work, or runs one of its tasks or callbacks.

        It must not wait for the kernel then, which would be to wait for itself.
        """
        worker = worker_of()
        marks = [*self.backstage.pools, *(mark for slot in self._dispatcher.slots for mark in slot.marks)]
        return self._mailbox.mine or (worker is not None and worker in marks)

    def cancel_all(self) -> None:
        """Take no more tasks, and cancel what has not begun. What runs is left to end, and not tried again."""
        self.closed = True
        if self._room is not None:
            self._room.close()
        answer: Reply[None] = Reply()
        self.post(self._cancel_all, answer)
        answer.get()

    def abandon(self, task: Task, reason: str) -> None:
        """End a task that is still running, as failed with TaskAbandonedError."""
        self.post(self._abandon, task, reason)

    def end_commands(self, grace: float | None) -> None:
        """End the commands that still run, within `grace` seconds at most if it is given; and start no more."""
        self._commands.close(grace)

    def close(self) -> None:
        """Call what callbacks are left and end the helper thread. The executors and the journal have been shut down."""
        if self.saving is not None:
            self.saving.give_up(CheckpointError("nobody knows whether it is on disk"))
        while self._settled.futures:
            self._settled.call()
        self._keeper.close()

    def post(self, message: Callable[..., None], *args: Any) -> None:  # noqa: ANN401 - handed through to the message
        """Have the message done, then have the callbacks called of those futures that it settled."""
        self._mailbox.post(message, *args)
        self._see_to_callbacks()

    def _see_to_callbacks(self) -> None:
        if self._settled.futures and not self._mailbox.mine:
            if self.backstage.may_call_back:
                self._settled.call()
            elif self.backstage.is_open:
                self.backstage.defer(self._settled.call)
            # Else `close` calls what is left: the caller may be the journal's own thread.

    def _catch_up(self) -> None:
        """Wait until what was posted before is done: a submit may return while another thread is at work."""
        if not self._mailbox.mine:
            answer: Reply[None] = Reply()
            self.post(answer.give, None)
            answer.get()

    # --- the end of an attempt, told by an executor's thread ----------------------------------------------------------

    def _call_ended(self, task: Task, attempt: int, value: Any, error: BaseException | None) -> None:  # noqa: ANN401
        """Take the end of an attempt, on any thread."""
        if error is None:
            if task.memo_key is None or self.saving is None or task.options.join:
                self.post(self._succeeded, task, attempt, value)
            else:
                self.saving.pack(task, attempt, value)
        elif task.attempt != attempt or task.ended:
            pass  # It was cancelled: this is only how it came to its end.
        elif isinstance(error, CancelledError):
            self.post(self.fail, task, attempt, error)
        elif self._verdicts.may_be_long and worker_of() is None:
            # The handler is the user's, and this thread may not be kept long.
            self.backstage.defer(self._verdicts.on, task, attempt, error)
        else:
            self._verdicts.on(task, attempt, error)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _free_room(self, task: Task) -> None:
        """Free the place of a task whose submission was interrupted, unless it was taken in all the same."""
        if self._room is not None and task.id not in self._scheduler.units:
            self._room.leave(task)

    def _admit(self, task: Task) -> None:
        if task.ended:
            return
        if task.id not in self._scheduler.units:
            gates: tuple[Gate, ...] = ()
            if task.depends:
                terms = [self.wait_for(future) for future in task.depends]
                gates = (Gate(task, LAUNCH, AllOf(terms) if len(terms) > 1 else terms[0]),)
            self.tell(_tuple(Add, (task, self.now(), gates)))
        if self.closed:
            self.finish(task, _CANCELLED, CancelledError())
        elif not task.depends:
            self.ready(task)

    def _add_executor(self, executor: LabelledExecutor, answer: Reply[None]) -> None:
        try:
            slot = self._dispatcher.add(executor, handover_to(executor, self._call_ended))
        except DuplicateLabelError as error:
            answer.fail(error)
            return
        self._fill(slot)
        answer.give(None)

    def _succeeded(self, task: Task, attempt: int, value: Any) -> None:  # noqa: ANN401 - any app's result
        if task.attempt != attempt:
            return
        if task.options.join:
            self._joins.begin(task, value)
        elif task.state is _LAUNCHED or task.state is _RUNNING:
            self.finish(task, _EXEC_DONE, None, value)

    def succeed(self, task: Task, attempt: int, value: Any) -> None:  # noqa: ANN401 - any app's result
        """End a join app's task well; here or, if the value is to be stored first, soon."""
        if task.memo_key is None or self.saving is None:
            self.finish(task, _EXEC_DONE, None, value)
        else:
            self.saving.pack_later(task, attempt, value)

    def fail(self, task: Task, attempt: int, error: BaseException) -> None:
        """End an attempt, and its task, as failed, unless it has ended."""
        if task.attempt == attempt and not task.ended:
            self.finish(task, _FAILED, error)

    def not_begun(self, task: Task, attempt: int, error: BaseException) -> None:
        """End a task whose arguments could not be had: perhaps one that had ended well could not be stored."""
        if task.attempt == attempt and not task.ended:
            if causes := failures_among(task.depends):
                self.finish(task, _DEP_FAIL, DependencyError(causes, task.id, task.name))
            else:
                self.finish(task, _FAILED, error)

    def retry(self, task: Task, attempt: int, error: BaseException, delay: float) -> None:
        """Begin a new attempt after a delay, unless the task has ended or is to."""
        if task.ended or self.closed:
            self.fail(task, attempt, error)
            return
        if task.attempt == attempt:
            self.tell(Move(task, attempt, _PENDING, self.now(), error))
        if task.attempt == attempt + 1 and task.state is _PENDING and LAUNCH not in (task.gates or {}):
            task.exec_future = None
            self.give_back(task)
            self.tell(Guard(Gate(task, LAUNCH, After(delay) if delay > 0 else None), self.now()))

    def _cancel(self, task: Task, answer: Reply[str | None]) -> None:
        refusal = None
        slot = task.slot
        if task.state is not _CANCELLED:
            if task.ended:
                refusal = f"it has ended already: {task.state}"
            elif not self._cancel_unless_running(task, or_stop=True):
                if slot is not None and slot.handover.is_under_way(task):
                    # Another thread is in the executor's submit: ask again right after.
                    dropped = partial(answer.give, "its executor was shut down while it was being handed over")
                    slot.handover.after_it(partial(self.post, self._cancel, task, answer), dropped)
                    return
                stops = slot is not None and slot.executor.stops_running_work
                can = "has not stopped it" if stops else "cannot stop a call that has begun"
                refusal = f"it is running on executor {task.executor!r}, which {can}"
        answer.give(refusal)

    def _cancel_all(self, answer: Reply[None]) -> None:
        for task in self._tasks():
            self._cancel_unless_running(task)
        answer.give(None)

    def _cancel_unless_running(self, task: Task, *, or_stop: bool = False) -> bool:
        at_work = task.exec_future
        waiting = task.state is _PENDING or task.state is _JOINING
        if waiting or (isinstance(at_work, Future) and at_work.cancel()) or (or_stop and stop(task)):
            self.finish(task, _CANCELLED, CancelledError())
            return True
        return False

    def _abandon(self, task: Task, reason: str) -> None:
        if not task.ended:
            became = "has been stopped" if stop(task) else "cannot be stopped; whether it ended is unknown"
            self.finish(task, _FAILED, TaskAbandonedError(f"{task} {reason}, and {became}"))

    def _foreign_ended(self, unit: ForeignFuture) -> None:
        if self._foreign.get(id(unit.future)) is unit:
            del self._foreign[id(unit.future)]
        if not unit.ended and unit.id in self._scheduler.units:
            self.tell(Move(unit, 0, unit.outcome, self.now()))

    def _tick(self) -> None:
        self.tell(Tick(self.now()))

    # --- instructions -------------------------------------------------------------------------------------------------

    def _obey(self, instruction: Instruction) -> None:
        if isinstance(instruction, Transition):
            if instruction[0].lifecycle is TASK:
                self._told(instruction)
        elif isinstance(instruction, Perform):
            if self._scheduler.current(instruction):
                task = cast("Task", instruction.unit)
                if instruction.action == LAUNCH:
                    self.ready(task)
                else:
                    self._joins.end(task)
        elif isinstance(instruction, WakeAt):
            self._keeper.wake_at(instruction.at)
        elif self._scheduler.current(instruction):
            self._propagate(instruction)

    def ready(self, task: Task) -> None:
        """Nothing is in the task's way any more: give it to an executor now, or when one has a place for it."""
        if task.state is _PENDING:
            cache = task.options.cache
            if (cache or (cache is None and self._cache_default)) and not self.memo.must_run(task):
                return
            if task.slot is not None or self._dispatcher.place(task):
                self._start(task)
        elif task.state is _LAUNCHED and task.executor is None:
            # Only after an interrupt in the middle of `_start`: an executor may have it, so no other gets it.
            reason = "was interrupted while being handed to an executor; whether it ran is unknown"
            self.finish(task, _FAILED, TaskAbandonedError(f"{task} {reason}"))

    def _start(self, task: Task) -> None:
        """Hand the task to the executor that it has a place on."""
        slot: Slot = task.slot  # type: ignore[assignment]  # `cast` would be one call more for every task; so below
        args, kwargs, attempt = task.args, task.kwargs, task.attempt
        if task.depends:
            try:
                args, kwargs = substitute(self.resolver, args, kwargs)
            except Exception as error:  # noqa: BLE001 - the user's own resolver, which may raise anything
                # Not at once: the end of this task may start the next, and so on, each a level deeper.
                self._mailbox.post(self.not_begun, task, attempt, error)
                return
        task.executor = None
        self.tell(_tuple(Move, (task, attempt, _LAUNCHED, self.now(), None)))
        func: Callable[..., Any] = task.func  # type: ignore[assignment]  # it has one until it has ended
        try:
            if task.options.command:
                func = run_of(task, self._scratch, self._commands)
                if isinstance(slot.executor, ThreadPoolExecutor):
                    task.exec_future = task.command_run
            slot.handover.give(task, attempt, func, args, kwargs)
        except Exception as error:  # noqa: BLE001 - whatever an executor refuses with is the attempt's failure
            self.backstage.defer(self._verdicts.on, task, attempt, error)
        task.executor = slot.label

    def _propagate(self, broken: Broken) -> None:
        """End a task for which something failed that it waits for."""
        task = cast("Task", broken.unit)
        if task.leader is not None:
            self.memo.share_failure(task, task.leader)
            return
        terms = [term for term in broken.gate.broken_terms() if isinstance(term, Reached)]
        causes = [(_error_of(term.unit), str(term.unit)) for term in terms]
        if broken.action == LAUNCH:
            self.finish(task, _DEP_FAIL, DependencyError(causes, task.id, task.name))
        else:
            self.finish(task, _FAILED, JoinError(causes, task.id, task.name))

    # --- shared steps -------------------------------------------------------------------------------------------------

    def finish(self, task: Task, state: State, error: BaseException | None, value: Any = None) -> None:  # noqa: ANN401
        """End the task: its state first, then its future, so that whoever sees the future done sees the state too."""
        self._ending = (task, state, error, value)
        if not task.ended:
            task.error = error
            if task.memo_key is not None:
                self.memo.end(task, state, value, error)
            self.tell(_tuple(Move, (task, task.attempt, state, self.now(), error)))
        self.give_back(task)
        if task.unsaved is not None and error is None and self.saving is not None:
            self.saving.hold(task)
        else:
            self.settle(task, state, error, value)
        self._ending = None

    def settle(self, task: Task, state: State, error: BaseException | None, value: Any) -> None:  # noqa: ANN401
        """Settle the future of a task that has ended, and let go of what the task held."""
        future = task.future
        if future is not None:
            future._settle(self._unused_lock, value, error, cancelled=state is _CANCELLED)  # noqa: SLF001 - a part of the kernel
            if future._callbacks or future._parts:  # noqa: SLF001 - a part of the kernel
                self._settled.add(future)
            if self._room is not None:
                self._room.leave(task)
            task.let_go()

    def _resume(self) -> None:
        """Finish what was cut short, and no message would do again: a task's end, and the start of others."""
        for task in self._dispatcher.placed():
            # The others have gates, for which the scheduler asks again; or are about to give their places back.
            if task.attempt == 0 and not task.gates:
                self._mailbox.ask(Perform(task, 0, LAUNCH))
        if self._ending is None:
            return
        try:
            self.finish(*self._ending)
        except (RecursionError, MemoryError):
            raise  # Another thread, with a stack of its own, does it again.
        except Exception:
            # A defect of ours: told, and not tried for ever, since nothing else would be done any more.
            logger.critical("the end of %s could not be finished", self._ending[0], exc_info=True)
            self._ending = None

    def give_back(self, task: Task) -> None:
        """Give the place that the task no longer needs to the next."""
        slot = task.slot
        if task.turn and task.ended:
            self._dispatcher.withdraw(task)
            for kept in self._dispatcher.take_let_go():
                self._fill(kept)
        if slot is not None:
            slot.give_back(task)
            self._fill(slot)
            # Last: as long as it stands, doing this again does all of it.
            task.slot = None

    def _fill(self, slot: Slot) -> None:
        while (task := self._dispatcher.next_for(slot)) is not None:
            self._start(task)
        for other in self._dispatcher.take_let_go():
            self._fill(other)

    def wait_for(self, future: Future[Any]) -> Reached:
        """Return the term that is satisfied when the future ends well, and breaks when it does not."""
        if isinstance(future, AppFuture) and future.task_record.flow is self:
            return Reached(future.task_record, DONE)
        unit = self._foreign.get(id(future))
        if unit is None or unit.future is not future:
            unit = ForeignFuture(next(self._foreign_numbers), future)
            # First, since it may raise. Should the future be done already, what this posts follows this message.
            future.add_done_callback(partial(_post_foreign_ended, weakref.ref(self), unit))
            self.tell(Add(unit, self.now()))
            self._foreign[id(future)] = unit
        return Reached(unit, _FUTURE_DONE)

    def _tasks(self) -> list[Task]:
        return [unit for unit in list(self._scheduler.units.values()) if isinstance(unit, Task)]

    def _give_up(self, step: Step, error: BaseException) -> None:
        """Fail, loudly, whatever a step was for that has raised twice."""
        logger.critical("a step of the kernel failed: %r", step, exc_info=error)
        _, args = step
        for subject in (one for arg in args for one in (arg if type(arg) is tuple else (arg,))):
            task = subject.unit if isinstance(subject, Perform | Broken) else subject
            if isinstance(task, Task):
                if task.id not in self._scheduler.units and not task.ended:
                    self.tell(Add(task, self.now()))
                self.finish(task, _FAILED, error)
            elif isinstance(task, Reply):
                task.fail(error)


def _error_of(unit: Unit) -> BaseException:
    error = cast("Task | ForeignFuture", unit).error
    return error if error is not None else CancelledError()


def _post_foreign_ended(flow_ref: weakref.ref[Flow], unit: ForeignFuture, _: Future[Any]) -> None:
    flow = flow_ref()
    if flow is not None:
        flow.post(flow._foreign_ended, unit)  # noqa: SLF001 - a part of the flow
