"""The DataFlowKernel: what a workflow submits its calls to."""

from __future__ import annotations

import atexit
import inspect
import logging
import os
import threading
import time
import uuid
from collections import deque
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.core import HeadraceError
from headrace.core.thread import Thread
from headrace.dataflow import current
from headrace.dataflow.command import CommandCall
from headrace.dataflow.config import Config, labelled
from headrace.dataflow.errors import ConfigurationError, DuplicateLabelError, KernelClosedError
from headrace.dataflow.flow import Flow
from headrace.dataflow.future import AppFuture
from headrace.dataflow.options import executor_labels, options_of_call
from headrace.dataflow.resolver import gather
from headrace.dataflow.rundir import make_run_dir
from headrace.dataflow.runlog import open_run_log
from headrace.dataflow.streams import name_outputs, name_streams
from headrace.dataflow.task import CallOptions, Task, TaskState
from headrace.observers.audience import PATIENCE

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from headrace.compute.executors import LabelledExecutor
    from headrace.core import Transition, Wait
    from headrace.dataflow.checkpoints import Checkpoints, ResultSource
    from headrace.dataflow.record import Record
    from headrace.dataflow.reuse import Reuse
    from headrace.observers import Observer

__all__ = ["DataFlowKernel", "check_function"]

logger = logging.getLogger(__name__)

# Threads that have nothing to do still need a moment to end.
_LEAST_TIMEOUT = 1.0
# How long a disk may take, at least, to write what it has been told.
_LEAST_WRITING = 30.0


class DataFlowKernel:
    """Runs tasks when what they depend on is there.

    Args:
        config: the options; the defaults unless given.

    Raises:
        ConfigurationError: `config` is no `Config`, two executors have one label, an executor works for another
            kernel, or no run directory can be made. Nothing is left running then.
    """

    def __init__(self, config: Config | None = None) -> None:
        if config is None:
            config = Config()
        if not isinstance(config, Config):
            hint = ": write Config(**options)" if isinstance(config, dict) else ""
            raise ConfigurationError(f"a kernel takes a Config, not {config!r}{hint}")
        self._config = config
        _check_executors(config.labelled_executors, new=config.labelled_executors)
        self._run_dir = make_run_dir(Path(config.run_dir))
        self._run_id = str(uuid.uuid4())
        self._resolver = config.dependency_resolver
        self._closed = False
        self._cleanup_timeout = config.cleanup_timeout
        self._closing = threading.Lock()
        self._tids = count()
        self._log, self._close_log = open_run_log(self._run_dir, to_file=config.initialize_logging)
        self._log.info("run %s in %s", self._run_id, self._run_dir)
        self._how: str | None = None
        self._record: Record | None = None
        try:
            self._record = _record_of(config, self._run_dir, self._run_id, self._log)
        except BaseException:
            self._close_log()
            raise
        try:
            self._flow = Flow(config, self._run_dir, self._log, self._record)
            self._audience = self._flow.observers.audience(self._run_id, self._run_dir, self._flow.counts)
        except BaseException:
            if self._record is not None:
                self._record.close("not begun", _LEAST_WRITING)
            self._close_log()
            raise
        self._at_exit = _register_at_exit(self)
        try:
            if self.reuse.resumed is not None:
                self._log.info("run %s (%s) is resumed", self.reuse.name, self.reuse.resumed)
            self.add_executors(config.labelled_executors)
            for observer in config.observers:
                self._audience.add(observer)
            current.started(self)
        except BaseException:
            self.note_ending("not begun")
            self._close(timeout=0.0)
            raise

    @property
    def config(self) -> Config:
        """The options it was made with."""
        return self._config

    @property
    def run_dir(self) -> Path:
        """This run's own directory, under ``config.run_dir``."""
        return self._run_dir

    @property
    def run_id(self) -> str:
        """What this run is called, unique in the world."""
        return self._run_id

    @property
    def tasks(self) -> dict[int, Task]:
        """The tasks that have not ended, by number. A copy."""
        return {task.id: task for task in self._flow.tasks()}

    @property
    def task_count(self) -> int:
        """How many tasks have been submitted."""
        return sum(self.task_state_counts.values())

    @property
    def task_state_counts(self) -> dict[TaskState, int]:
        """How many tasks are in each state now; those that have ended stay counted."""
        return self._flow.counts()

    @property
    def executors(self) -> dict[str, LabelledExecutor]:
        """The executors by label."""
        return self._flow.executors()

    @property
    def reuse(self) -> Reuse:
        """Which run it resumes, and how much of earlier runs has been of use so far."""
        return self._flow.reuse

    @property
    def cleanup_timeout(self) -> float | None:
        """How many seconds `cleanup` waits for tasks that are running; None: for ever. May be set."""
        return self._cleanup_timeout

    @cleanup_timeout.setter
    def cleanup_timeout(self, seconds: float | None) -> None:
        self._cleanup_timeout = seconds

    @property
    def cleanup_called(self) -> bool:
        """Whether it has been cleaned up, and takes no more tasks."""
        return self._closed

    def submit(
        self,
        func: Callable[..., Any],
        *args: Any,  # noqa: ANN401 - handed through to the function
        executors: Sequence[str] | str = "all",
        fn_hash: str | None = None,
        cache: bool | None = None,
        **kwargs: Any,  # noqa: ANN401 - handed through to the function
    ) -> AppFuture[Any]:
        """Have ``func(*args, **kwargs)`` run once every future among its arguments has ended well.

        Their results take their place. Returns at once, unless `Config.max_in_flight` tasks are in flight already and
        the caller is no task itself. May be called from any thread, also from within tasks and callbacks.

        Args:
            func: the function.
            *args: its arguments.
            executors: the labels of the executors that may run it, or ``"all"``.
            fn_hash: what stands for the function in telling whether calls are equal; unless given, its name and source.
            cache: whether equal calls share a result; as `Config.cache_default` says unless given.
            **kwargs: its keyword arguments.

        Raises:
            KernelClosedError: the kernel has been cleaned up.
            ConfigurationError: `executors` is neither ``"all"`` nor a list of labels of executors that it has, or
                `func` is no function that can be run as a task.
        """
        check_function(func)
        name = getattr(func, "__name__", type(func).__name__)
        options = CallOptions(name=name, executors=executor_labels(executors, name), cache=cache, fn_hash=fn_hash)
        return self.call(func, args, kwargs, options)

    def call(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions,
    ) -> AppFuture[Any]:
        """Submit one call of an app: `submit` without reserved argument names."""
        if self._closed:
            raise self._closed_error()
        if kwargs:
            options = options_of_call(options, kwargs)
            inputs = kwargs.get("inputs")
            if isinstance(inputs, list):
                # As it is now: the caller may go on appending to it.
                kwargs = {**kwargs, "inputs": inputs.copy()}
        if options.executors != "all" or options.resources is not None:
            self._flow.check(options)
        if isinstance(func, CommandCall):
            func = func.at_call()
        future: AppFuture[Any] = AppFuture()
        task = Task(next(self._tids), func, args, kwargs, options, self._flow)
        if args or kwargs:
            # An empty list for each task would be one object more for the garbage collector to look at.
            task.depends = gather(self._resolver, args, kwargs) or ()
        future._task = task  # noqa: SLF001 - a part of the kernel
        task.future = future
        if kwargs:
            task.kwargs = name_streams(task, future, self._run_dir, self._config.std_autopath)
            name_outputs(task, future)
        self._flow.submit(task)
        return future

    def add_executors(self, executors: Iterable[LabelledExecutor | concurrent.futures.Executor]) -> None:
        """Start more executors; apps that may run anywhere use them from now on.

        Raises:
            DuplicateLabelError: a label is taken. Executors before it in the list have been added.
            ConfigurationError: one is no executor, has no label, or works for another kernel.
            KernelClosedError: the kernel has been cleaned up.
        """
        self._refuse_in_own_work("add_executors")
        for given in executors:
            if self._closed:
                raise self._closed_error()
            executor = labelled(given)
            _check_executors([*self.executors.values(), executor], new=[executor])
            executor.start()
            executor.owner = self
            self._flow.add_executor(executor)
            self._log.info("executor %s: %r", executor.label, executor)

    def wait_for_current_tasks(self) -> None:
        """Wait until every task submitted before this call has ended, well or not.

        Raises:
            HeadraceError: it was called from within one of the kernel's own tasks or callbacks.
        """
        self._refuse_in_own_work("wait_for_current_tasks")
        _wait_for(self._flow.unsettled(), None)

    def why(self, future: AppFuture[Any]) -> list[Wait]:
        """Return what a task waits for, what those wait for, and so on; empty when nothing is in its way."""
        return self._flow.why(future.task_record)

    def observe(self, callback: Callable[[Transition], None]) -> Callable[[], None]:
        """Have `callback` told of every move of every task from now on, in order; return what ends that.

        It is called in the middle of the kernel's work: it must be quick and must not block. One that raises is logged
        and told no more.
        """
        return self._flow.observe(callback)

    def add_observer(self, observer: Observer) -> Callable[[], None]:
        """Have an observer told of the run from now on, on a thread of its own; return what ends that.

        It is told of every move of every task, in order, in batches; it may block, and can harm nothing but itself.

        Raises:
            ObserverRefused: it is no `headrace.observers.Observer`, it observes this run already, or the kernel has
                been cleaned up.
        """
        return self._audience.add(observer)

    def log_task_states(self) -> None:
        """Write to the run's log how many tasks are in each state."""
        counts = [f"{number} {state}" for state, number in self.task_state_counts.items() if number]
        self._log.info("tasks: %s", ", ".join(counts) or "none")

    def note_ending(self, how: str) -> None:
        """Have its journal say, in a few words, how the run ended, unless that has been said."""
        self._how = self._how or how

    def checkpoint(self) -> Path:
        """Have the results of all cached calls that have ended so far on disk; return the checkpoint's directory.

        Raises:
            ConfigurationError: the kernel keeps no journal.
            CheckpointError: a result does not pickle; the others have been stored.
            JournalUnavailable: the store cannot be written to.
        """
        return self._checkpoints("checkpoint").checkpoint()

    def load_checkpoints(self, checkpoint_dirs: Sequence[str | os.PathLike[str] | ResultSource]) -> None:
        """Answer equal calls of cached apps with the results of these checkpoints, too, from now on.

        Raises:
            ConfigurationError: it is no list, one of them is no checkpoint, or the kernel keeps no journal.
        """
        self._checkpoints("load_checkpoints").load(checkpoint_dirs)

    def cleanup(self) -> None:
        """End the kernel: cancel what has not begun, wait for what runs, free everything.

        It waits for at most `Config.cleanup_timeout`. On return every future has ended, the executors are shut down,
        and no thread of theirs is left but those of calls that could not be stopped in time. These are named in a
        warning, and their futures end with TaskAbandonedError. Commands, and calls on processes, are stopped then. An
        interrupt ends the waiting, not the cleaning, and is raised at the end.

        Raises:
            KernelClosedError: it has been cleaned up before.
            HeadraceError: it was called from within one of its own tasks or callbacks, and would wait for itself.
        """
        self._refuse_in_own_work("cleanup")
        with self._closing:
            if self._closed:
                raise KernelClosedError(f"{self!r} has been cleaned up already")
            self._closed = True
        self._close(self._cleanup_timeout)

    def __enter__(self) -> Self:
        if self._closed:
            raise self._closed_error()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode = self._config.exit_mode
        if self._closed or mode == "skip":
            return
        if kind is not None:
            self.note_ending(f"raised {kind.__name__}")
        try:
            if mode == "wait" and error is None:
                self.wait_for_current_tasks()
        finally:
            self.cleanup()

    def __repr__(self) -> str:
        return f"<DataFlowKernel {self._run_dir}{' (cleaned up)' if self._closed else ''}>"

    def _close(self, timeout: float | None) -> None:
        """Set everything down in the reverse order of setting it up; if a step raises, do the rest all the same."""
        self._closed = True
        deadline = None if timeout is None else time.monotonic() + timeout
        raised: BaseException | None = None
        for step in (
            self._end_tasks,
            self._abandon_tasks,
            self._shut_down_executors,
            self._end_run,
            self._end_observing,
        ):
            try:
                step(deadline)
            except BaseException as error:  # noqa: BLE001 - the first is raised below
                raised = raised or error
                deadline = time.monotonic()
                with suppress(BaseException):
                    step(deadline)
        if raised is not None:
            raise raised

    def _end_tasks(self, deadline: float | None) -> None:
        self._flow.cancel_all()
        _wait_for(self._flow.unsettled(), deadline)

    def _abandon_tasks(self, _: float | None) -> None:
        for task in self._flow.tasks():
            where = f"on executor {task.executor!r}"
            reason = f"was still running {where} when its kernel was cleaned up"
            logger.warning("%s %s; wait for your tasks, or raise Config(cleanup_timeout=...)", task, reason)
            self._flow.abandon(task, reason)

    def _shut_down_executors(self, deadline: float | None) -> None:
        self._flow.end_commands(None if deadline is None else max(0.0, deadline - time.monotonic()))
        for executor in self._flow.to_shut_down():
            executor.owner = None
            _shut_down(executor, deadline)

    def _end_run(self, deadline: float | None) -> None:
        try:
            if self._record is not None:
                # However short the wait for tasks was to be: what has been told is not lost lightly.
                left = None if deadline is None else max(_LEAST_WRITING, deadline - time.monotonic())
                self._record.close(self._how or "ended", left)
        finally:
            self._flow.close()
            self._record = None
        self.log_task_states()
        self._close_log()
        atexit.unregister(self._at_exit)
        current.ended(self)

    def _end_observing(self, deadline: float | None) -> None:
        # Last: one that hangs keeps nothing else from its end.
        left = PATIENCE if deadline is None else deadline - time.monotonic()
        self._audience.close(min(PATIENCE, max(_LEAST_TIMEOUT, left)))

    def _checkpoints(self, what: str) -> Checkpoints:
        if self._record is None:
            raise ConfigurationError(f"{what} needs a journal, which {self!r} does not keep")
        return self._record.checkpoints

    def _refuse_in_own_work(self, what: str) -> None:
        if self._flow.in_own_work:
            raise HeadraceError(f"{what} was called from within the kernel's own work, a task or a callback of its own")

    def _closed_error(self) -> KernelClosedError:
        return KernelClosedError(f"{self!r} takes no more tasks; load a new one with headrace.load()")


def check_function(func: object) -> None:
    """Raise ConfigurationError unless calling it runs something to its end, as a task must."""
    if not callable(func):
        raise ConfigurationError(f"an app is made of a function, not of {func!r}; options are given by name")
    kinds = {
        "a coroutine": inspect.iscoroutinefunction,
        "a generator": inspect.isgeneratorfunction,
        "an asynchronous generator": inspect.isasyncgenfunction,
    }
    for kind, is_kind in kinds.items():
        if is_kind(func):
            name = getattr(func, "__name__", func)
            raise ConfigurationError(f"calling {name!r} only makes {kind}, which nothing would run; make it a function")


def _check_executors(executors: Iterable[LabelledExecutor], *, new: Iterable[LabelledExecutor]) -> None:
    """Raise unless each has a label of its own, and the new ones work for nobody yet."""
    for executor in new:
        if executor.owner is not None:
            raise ConfigurationError(
                f"executor {executor.label!r} works for {executor.owner} already; give each kernel its own"
            )
    seen: dict[str, LabelledExecutor] = {}
    for executor in executors:
        other = seen.setdefault(executor.label, executor)
        if other is not executor:
            raise DuplicateLabelError(
                f"two executors are labelled {executor.label!r}: {other!r} and {executor!r}; give each its own label"
            )


def _record_of(config: Config, run_dir: Path, run_id: str, log: logging.Logger) -> Record | None:
    from headrace.dataflow.record import open_record  # noqa: PLC0415 - a database takes long to import

    return open_record(config, run_dir, run_id, log)


def _wait_for(tasks: Iterable[Task], deadline: float | None) -> None:
    """Wait until the futures of all are done, or it is `deadline`."""
    futures = deque([task.future for task in tasks if task.future is not None])
    # A million that have ended should not live on until the last one has.
    del tasks
    while futures:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        with suppress(CancelledError, TimeoutError):
            futures.popleft().exception(left)


def _shut_down(executor: LabelledExecutor, deadline: float | None) -> None:
    """Shut an executor down; wait for its threads no longer than the deadline, and tell if that was not enough."""
    ender = Thread(target=partial(executor.shutdown, cancel_futures=True), name=f"headrace-ends-{executor.label}")
    try:
        ender.start()
    except RuntimeError:
        # The interpreter is ending, and starts no more threads: then nothing waits.
        executor.shutdown(wait=False, cancel_futures=True)
        return
    ender.join(None if deadline is None else max(_LEAST_TIMEOUT, deadline - time.monotonic()))
    if ender.is_alive():
        logger.warning("executor %r did not end in time; its threads end when what they run returns", executor.label)


def _register_at_exit(kernel: DataFlowKernel) -> Callable[[], None]:
    """Have a kernel that nobody cleans up wait for its tasks, as long as a cleanup would, when the interpreter ends."""
    owner = os.getpid()

    def at_exit() -> None:
        if os.getpid() != owner:
            return  # A forked copy has the record of the tasks, not what runs them.
        logger.warning("%r was not cleaned up: use it in a with block, or call cleanup()", kernel)
        kernel.note_ending("not cleaned up")
        timeout = kernel.cleanup_timeout
        tasks = kernel.tasks.values()
        _wait_for(tasks, None if timeout is None else time.monotonic() + timeout)
        left = sum(not task.ended for task in tasks)
        if left:
            logger.warning("%d tasks had not ended after %g s, and are given up", left, timeout)
        kernel._close(timeout=0.0)  # noqa: SLF001 - a part of the kernel

    atexit.register(at_exit)
    return at_exit
