"""How calls get to an executor, and what can be done about them afterwards.

There are three ways, by what the executor can do: one that tells of a call's end directly, one that does so within
limits, and any other, whose `submit` may block or pickle for long and so is called by a thread that does nothing else.
"""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from headrace.compute.executors import (
    CallSpec,
    DirectExecutor,
    LimitingExecutor,
    StandardStreamError,
    ThreadPoolExecutor,
    WalltimeExceeded,
)
from headrace.core.condition import SmallCondition
from headrace.dataflow.errors import AppTimeout, BadStdStreamFile
from headrace.dataflow.streams import file_of_stream
from headrace.dataflow.walltime import WithWalltime

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.compute.executors import LabelledExecutor
    from headrace.dataflow.task import Task

    #: Told of the end of an attempt, on any thread: the task, which attempt, its value, what it raised.
    _AttemptEnded = Callable[[Task, int, Any, BaseException | None], None]

__all__ = ["Handover", "HandoverByThread", "HandoverWithLimits", "handover_to", "in_terms_of_apps", "log_error", "stop"]

logger = logging.getLogger(__name__)


class Handover:
    """To an executor that tells of a call's end directly."""

    def __init__(self, executor: DirectExecutor, ended: _AttemptEnded) -> None:
        self._executor = executor
        self._ended = ended

    def give(
        self, task: Task, attempt: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Hand one attempt over. Does not block. Raises whatever the executor refuses it with."""
        if task.options.walltime is not None:
            func = _within_walltime(task, func)
        stoppable = self._executor.execute(func, args, kwargs, partial(self._ended, task, attempt))
        if stoppable is not None:
            task.exec_future = stoppable

    @property
    def threads(self) -> tuple[ThreadPoolExecutor, ...]:
        """What is kept for handing over, to be shut down before the executor is."""
        return ()

    def is_under_way(self, task: Task) -> bool:  # noqa: ARG002 - for all kinds alike
        """Tell whether another thread is just about to hand the task over."""
        return False

    def after_it(self, do: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Call `do` when a handing over that is under way is done; or `dropped`, if the executor is shut down first."""
        raise NotImplementedError


class HandoverWithLimits(Handover):
    """To an executor that enforces what a call needs, and how long it may take."""

    def give(
        self, task: Task, attempt: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Hand one attempt over, with its limits."""
        executor = cast("LimitingExecutor", self._executor)
        task.exec_future = executor.execute(
            func, args, kwargs, partial(self._ended, task, attempt), _limits(task, kwargs)
        )


class HandoverByThread(Handover):
    """To any other executor, by a thread kept for that."""

    def __init__(self, executor: LabelledExecutor, ended: _AttemptEnded) -> None:
        self._other = executor
        self._thread = ThreadPoolExecutor(f"submits-to-{executor.label}", 1)
        self._thread.start()
        super().__init__(self._thread, ended)

    def give(
        self, task: Task, attempt: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Have the thread hand one attempt over."""
        func = _within_walltime(task, func)
        task.exec_future = handing_over = _HandingOver()
        self._thread.execute(self._submit, (task, attempt, handing_over, func, args, kwargs), {}, log_error)

    @property
    def threads(self) -> tuple[ThreadPoolExecutor, ...]:
        """The thread that hands over."""
        return (self._thread,)

    def is_under_way(self, task: Task) -> bool:
        """Tell whether the thread is in the executor's `submit` with the task, or has not come to it."""
        return isinstance(task.exec_future, _HandingOver)

    def after_it(self, do: Callable[[], None], dropped: Callable[[], None]) -> None:
        """Have the thread call `do` next."""

        def ended(_: object, error: BaseException | None) -> None:
            if error is not None:
                dropped()

        self._thread.execute(do, (), {}, ended)

    def _submit(  # noqa: PLR0917 - executed, so by position
        self,
        task: Task,
        attempt: int,
        handing_over: _HandingOver,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        if not handing_over.set_running_or_notify_cancel():
            return
        try:
            future = self._other.submit(func, *args, **kwargs)
            task.exec_future = future
            future.add_done_callback(partial(self._future_ended, task, attempt))
        except BaseException as error:  # noqa: BLE001 - whatever an executor refuses with is the attempt's failure
            self._ended(task, attempt, None, error)

    def _future_ended(self, task: Task, attempt: int, future: Future[Any]) -> None:
        value = None
        try:
            if future.cancelled():
                error: BaseException | None = CancelledError(f"executor {self._other.label!r} cancelled {task}")
            else:
                error = future.exception()
                value = future.result() if error is None else None
        except BaseException as raised:  # noqa: BLE001 - a future of another library's, which may raise anything
            error = raised
        self._ended(task, attempt, value, error)


class _HandingOver(Future[Any]):
    """Stands for an executor's future until there is one: cancelled before it runs, the task is not handed over."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = SmallCondition()  # type: ignore[assignment]  # see there


def handover_to(executor: LabelledExecutor, ended: _AttemptEnded) -> Handover:
    """Return the way to an executor; `ended` must not raise."""
    if isinstance(executor, LimitingExecutor):
        return HandoverWithLimits(executor, ended)
    if isinstance(executor, DirectExecutor):
        return Handover(executor, ended)
    return HandoverByThread(executor, ended)


def log_error(_: object, error: BaseException | None) -> None:
    """Log what the kernel's own work on a thread raised."""
    # What is dropped at shutdown is cancelled, and done by whoever shuts down.
    if error is not None and not isinstance(error, CancelledError):
        logger.error("the kernel's own work raised", exc_info=error)


def stop(task: Task) -> bool:
    """Stop what runs of a task; return False if that cannot be done. Does not block."""
    at_work, run = task.exec_future, task.command_run
    return (at_work is not None and at_work.cancel()) or (run is not None and run.has_begun and run.cancel())


def in_terms_of_apps(error: BaseException) -> BaseException:
    """Return the error that apps' users know for one of an executor's."""
    if not isinstance(error, WalltimeExceeded | StandardStreamError):
        return error
    known = AppTimeout(str(error)) if isinstance(error, WalltimeExceeded) else BadStdStreamFile(str(error))
    known.__cause__ = error
    return known


def _within_walltime(task: Task, func: Callable[..., Any]) -> Callable[..., Any]:
    """Return what is to be called where the executor enforces no walltime; a command's supervisor does."""
    walltime = task.options.walltime
    return func if walltime is None or task.options.command else WithWalltime(func, walltime, str(task))


def _limits(task: Task, kwargs: dict[str, Any]) -> CallSpec:
    options = task.options
    if options.command:
        # Its supervisor sees to its walltime, its memory and its streams.
        need = options.resources
        return CallSpec(name=str(task), resources=None if need is None else replace(need, memory=0))
    return CallSpec(
        name=str(task),
        resources=options.resources,
        walltime=options.walltime,
        stdout=file_of_stream("stdout", kwargs.get("stdout")),
        stderr=file_of_stream("stderr", kwargs.get("stderr")),
    )
