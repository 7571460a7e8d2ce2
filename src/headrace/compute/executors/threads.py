"""Threads of this process."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import threading
from collections import deque
from concurrent.futures import CancelledError, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from headrace.compute.executors.workers import become_worker
from headrace.core.thread import Thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.compute.executors.base import Ended

__all__ = ["ThreadPoolExecutor"]

R = TypeVar("R")

logger = logging.getLogger(__name__)

# A call, its arguments, and who is told of its end; None asks the threads to end.
_Work: TypeAlias = "tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Ended] | None"


class ThreadPoolExecutor(concurrent.futures.Executor):
    """Runs calls on threads of this process, started as they are needed.

    Threads share memory, so nothing is copied or pickled, and pure Python runs on one core at a time. A call that has
    begun cannot be stopped. The threads are daemons: one that never returns does not keep the interpreter from ending.

    Why not the standard library's: it makes a future for each call and joins its threads at exit, for ever if need
    be. The kernel has its own future for each task and needs to be told of the end only (`execute`), which halves the
    cost.

    Args:
        label: the name by which apps choose it.
        max_threads: how many calls run at once; as many as the machine has cores unless said.
        thread_name_prefix: the threads' names begin with it; the label unless said.

    Raises:
        ValueError: `max_threads` is less than 1, or `label` is empty.
    """

    #: See `LabelledExecutor`.
    stops_running_work = False

    def __init__(self, label: str = "threads", max_threads: int | None = None, *, thread_name_prefix: str = "") -> None:
        if not isinstance(label, str) or not label:
            raise ValueError(f"an executor's label must be a non-empty string, not {label!r}")
        threads = (os.cpu_count() or 1) if max_threads is None else max_threads
        if not isinstance(threads, int) or threads < 1:
            raise ValueError(
                f"executor {label!r}: max_threads must be a whole number of at least 1, not {max_threads!r}"
            )
        self.label = label
        self.max_threads = threads
        self.owner: object = None
        self._prefix = thread_name_prefix or label
        self._running = False
        self._work: SimpleQueue[_Work] = SimpleQueue()
        self._threads: list[Thread] = []
        # One token for each thread that waits for work.
        self._idle: deque[None] = deque()
        self._starting = threading.RLock()

    @property
    def capacity(self) -> int:
        """One task a thread, so that what waits keeps its priority to the last moment."""
        return self.max_threads

    @property
    def is_running(self) -> bool:
        """Whether it takes calls."""
        return self._running

    def start(self) -> None:
        """Make it ready for `submit`. No thread starts before the first call."""
        self._running = True

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:  # noqa: ANN401 - any callable's
        """Have ``fn(*args, **kwargs)`` run on one of the threads.

        Raises:
            RuntimeError: it has not been started, or has been shut down.
        """
        future: Future[R] = Future()
        self.execute(partial(_unless_cancelled, future, fn), args, kwargs, partial(_settle, future))
        return future

    def execute(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], ended: Ended) -> None:
        """Have ``fn(*args, **kwargs)`` run, then ``ended(value, error)``, both on one of the threads.

        `error` is what the call raised, or None. `ended` must not raise. Nothing can stop the call.

        Raises:
            RuntimeError: it has not been started, or has been shut down.
        """
        if not self._running:
            raise RuntimeError(f"executor {self.label!r} is not running: a DataFlowKernel starts it, or call start()")
        if not self._threads:
            # Before the call is taken: should no thread start, it has not been taken, and may be made elsewhere.
            self._start_thread()
        self._work.put((fn, args, kwargs, ended))
        self._start_threads()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - stdlib's
        """End the threads once the calls at hand have returned; `start` makes it ready again."""
        with self._starting:
            self._running = False
            if cancel_futures:
                self._drop_waiting_work()
            threads, self._threads = self._threads, []
            self._work.put(None)
            self._work, self._idle = SimpleQueue(), deque()
        for thread in threads if wait else ():
            thread.join()

    def _start_threads(self) -> None:
        """Start a thread if more calls wait than threads do. One too many does no harm, one too few might for ever."""
        if len(self._threads) < self.max_threads and self._work.qsize() > len(self._idle):
            try:
                self._start_thread()
            except RuntimeError:
                logger.warning("executor %r can start no more than %d threads", self.label, len(self._threads))

    def _start_thread(self) -> None:
        with self._starting:
            if self._running and len(self._threads) < self.max_threads:
                name = f"{self._prefix}_{len(self._threads)}"
                thread = Thread(target=_serve, args=(self, self._work, self._idle), name=name)
                # Started before it is counted: an interrupt between the two costs a thread too many, not one too few.
                thread.start()
                self._threads.append(thread)

    def _drop_waiting_work(self) -> None:
        while True:
            try:
                work = self._work.get_nowait()
            except Empty:
                return
            if work is not None:
                work[3](None, CancelledError())

    def __repr__(self) -> str:
        return f"ThreadPoolExecutor(label={self.label!r}, max_threads={self.max_threads})"


def _serve(executor: ThreadPoolExecutor, queue: SimpleQueue[_Work], idle: deque[None]) -> None:
    """What each thread does until it is asked to end."""
    become_worker(executor)
    while True:
        if queue.empty():
            idle.append(None)
            work = queue.get()
            idle.pop()
            # Until just now a submit may have counted on this thread, which has got other work.
            executor._start_threads()  # noqa: SLF001 - a part of it
        else:
            # Another thread may be quicker; then this one waits uncounted, and a submit may start one too many.
            work = queue.get()
        if work is None:
            # For the next thread, whether it has been counted or not.
            queue.put(None)
            return
        fn, args, kwargs, ended = work
        try:
            _call(fn, args, kwargs, ended)
        except BaseException:
            logger.exception("executor %r: telling of the end of a call raised", executor.label)
        # While it waits for the next, a thread must hold nothing of the last.
        work = fn = args = kwargs = ended = None  # type: ignore[assignment]


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], ended: Ended) -> None:
    try:
        value = fn(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - whatever the call raises is for whoever asked for it
        ended(None, error)
    else:
        ended(value, None)


def _unless_cancelled(future: Future[Any], fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> R:  # noqa: ANN401 - any
    if not future.set_running_or_notify_cancel():
        raise CancelledError
    return fn(*args, **kwargs)


def _settle(future: Future[Any], value: Any, error: BaseException | None) -> None:  # noqa: ANN401 - any result
    if error is None:
        future.set_result(value)
    elif future.cancelled():
        return
    elif isinstance(error, CancelledError) and not future.running():
        # Dropped before it began: cancelled, and whoever waits is told.
        future.cancel()
        future.set_running_or_notify_cancel()
    else:
        future.set_exception(error)
