"""The futures that a workflow holds."""

from __future__ import annotations

import difflib
import logging
import operator
import threading
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Never, TypeVar

from headrace.core.condition import SmallCondition

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Iterator, Sequence

    from headrace.data import File
    from headrace.dataflow.task import Task

__all__ = ["AppFuture", "DataFuture", "DerivedFuture", "UnusedLock", "result_now", "unsaved_results"]

R = TypeVar("R")

logger = logging.getLogger(__name__)

# How many of the last keys and names that led to a derived future its text shows.
_SHOWN_PARTS = 10


class _Seen(threading.local):
    #: Whether this thread sees results before they are on disk.
    unsaved = False


_seen = _Seen()


@contextmanager
def unsaved_results() -> Iterator[None]:
    """Let `AppFuture.result` return, on this thread, results that are still on their way to disk."""
    before = _seen.unsaved
    _seen.unsaved = True
    try:
        yield
    finally:
        _seen.unsaved = before


def result_now(future: Future[R]) -> R:
    """Return the result of a future whose task has ended well, even if that is not on disk yet.

    Raises:
        TimeoutError: it is not done.
    """
    if isinstance(future, AppFuture):
        unsaved = future.task_record.unsaved
        if unsaved is not None:
            value: R = unsaved.value
            return value
    return future.result(timeout=0)


class _WorkflowFuture(Future[R]):
    """What all three have: they can be awaited, and parts of their result can be asked for ahead of time."""

    #: The futures that are worked out from this one's outcome and have not been yet; a dict, for its order.
    _parts: dict[_Part[Any], None] | None = None

    def __await__(self) -> Generator[Any, None, R]:
        """Wait in an event loop. Cancelling the one who waits never cancels the task.

        Raises:
            concurrent.futures.CancelledError: the task was cancelled.
        """
        import asyncio  # noqa: PLC0415 - costs 30 ms, which only those pay who have a loop anyway

        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[R] = loop.create_future()

        def wake(_: Future[R]) -> None:
            try:
                loop.call_soon_threadsafe(_copy_outcome, self, waiter)
            except RuntimeError:
                logger.debug("%r ended after the event loop that waited for it was closed", self)

        self.add_done_callback(wake)
        try:
            return (yield from waiter)
        finally:
            self._forget_callback(wake)

    def _forget_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Let go of a callback that nobody needs any more, if it has not been called."""
        with suppress(ValueError):
            self._done_callbacks.remove(fn)

    # Without these, Python would take __getitem__ for a sequence's, and go through derived futures for ever.
    __iter__ = None
    __contains__ = None

    def __getitem__(self, key: Any) -> DerivedFuture[Any]:  # noqa: ANN401 - any result's key
        """Return a future of ``result[key]``."""
        return DerivedFuture(self, operator.itemgetter(key), f"[{key!r}]")

    def __reduce__(self) -> Any:  # noqa: ANN401 - as object has it
        """Refuse to be pickled: a future is of this process."""
        raise TypeError(f"{self!r} cannot be sent to another process; was it in a container that is not looked into?")

    def __getattr__(self, name: str) -> DerivedFuture[Any]:
        """Return a future of ``result.name``.

        Raises:
            AttributeError: the name begins with an underscore: those are never looked for in a result.
        """
        if name.startswith("_"):
            kind = type(self).__name__
            raise AttributeError(f"{kind!r} object has no attribute {name!r}, and none of its result's may be private")
        return DerivedFuture(self, operator.attrgetter(name), f".{name}")

    def _add_part(self, part: _Part[Any]) -> None:
        parts: dict[_Part[Any], None] = self.__dict__.setdefault("_parts", {})
        parts[part] = None
        if self.done():
            self._complete_parts()

    def _complete_parts(self) -> None:
        """Work out the parts, and theirs, at any depth. Two threads may do so at once, and do it again if cut short."""
        todo: list[_WorkflowFuture[Any]] = [self]
        while todo:
            whole = todo.pop()
            for part in list(whole._parts or ()):  # noqa: SLF001 - our own class
                part._complete(whole)  # noqa: SLF001 - our own class
                todo.append(part)
                (whole._parts or {}).pop(part, None)  # noqa: SLF001 - our own class


class _Part(_WorkflowFuture[R]):
    """A future that is worked out from another's outcome."""

    def _complete(self, whole: Future[Any]) -> None:
        """Settle this one, now that `whole` has ended; harmless when it has been done."""
        if not self.done():
            if whole.cancelled():
                self._cancel_alone()
            else:
                self._settle(whole)

    def _cancel_alone(self) -> bool:
        """Cancel this future, whatever becomes of the one that it is worked out from; whoever waits is told."""
        cancelled = super().cancel()
        with self._condition:
            if self._state == "CANCELLED":
                self.set_running_or_notify_cancel()
        return cancelled

    def _settle(self, whole: Future[Any]) -> None:
        raise NotImplementedError


class UnusedLock(SmallCondition):  # type: ignore[misc]  # see there
    """Stands in all settled futures of a kernel where a lock would be, had anybody waited. See `AppFuture._settle`."""

    __slots__ = ()


class AppFuture(_WorkflowFuture[R]):
    """The future of one call of an app. Made by the kernel only.

    It is a `concurrent.futures.Future`: `result`, `exception`, `done`, `add_done_callback`, and
    ``concurrent.futures.wait`` and ``as_completed``, work as there. Callbacks run on a thread that runs tasks; one
    that blocks takes that task's place for as long, and stops nothing else.
    """

    # Few futures have any of these, and a million futures may be alive: defaults are kept on the class.
    #: Ours, since the base class would call them from whichever thread settles the future, in the kernel's own work.
    _callbacks: list[Callable[[Future[R]], object]] | None = None
    _cancel_refusal: str | None = None
    _streams: tuple[Any, Any] = (None, None)
    _outputs: Sequence[DataFuture] = ()
    # The base class's own, which it would set on each; a test holds that none is missing.
    _state = "PENDING"
    _result: R | None = None
    _exception: BaseException | None = None
    _done_callbacks: Sequence[Any] = ()
    #: What guards the state, from when somebody waits or it is settled; and whom of `wait` and `as_completed` to tell.
    _lock: SmallCondition | None = None
    _late_lock: SmallCondition | None = None
    _told: Sequence[Any] = ()

    def __init__(self, task: Task | None = None) -> None:
        # The kernel makes the future first and the task after it. The garbage collector, which finds the future by way
        # of the task only, then sorts the two kinds apart when it first meets them: walking through a million of one
        # kind at a stretch costs it less than half of what their alternating would.
        if task is not None:
            self._task = task

    def _made_lock(self) -> SmallCondition:
        """The lock that the base class, `wait` and `as_completed` use, made for the first of them.

        Few futures need one, and the garbage collector would go through a million of them again and again.
        """
        lock = self._lock
        if lock is None:
            lock = self.__dict__.setdefault("_lock", SmallCondition())
        if isinstance(lock, UnusedLock):
            # Not this one itself: `wait` takes many locks, in an order that a lock of many futures would not keep to.
            with lock:
                late = self._late_lock  # And whoever settles the future just now has done so.
            lock = late if late is not None else self.__dict__.setdefault("_late_lock", SmallCondition())
        return lock

    def _made_list(self) -> list[Any]:
        """Whom of `wait` and `as_completed` to tell; a list, made for the first of them."""
        waiters: list[Any] = self.__dict__.setdefault("_told", [])
        return waiters

    if not TYPE_CHECKING:  # For type checkers they are attributes, as `as_completed` asks of a future.
        _condition = property(_made_lock)
        _waiters = property(_made_list)

    @property
    def tid(self) -> int:
        """The task's number, unique in its kernel."""
        return self._task.id

    @property
    def task_record(self) -> Task:
        """The task."""
        return self._task

    def task_status(self) -> str:
        """Return the name of the task's state now (see `TaskState`)."""
        return self._task.state.name

    @property
    def stdout(self) -> Any:  # noqa: ANN401 - one of several forms
        """Where standard output goes, as given in the call; None if not given.

        AUTO_LOGNAME is replaced by the path, and a `File` by its `DataFuture`, to be given to other apps.
        """
        return self._streams[0]

    @property
    def stderr(self) -> Any:  # noqa: ANN401 - one of several forms
        """Where the app's standard error goes; see `stdout`."""
        return self._streams[1]

    @property
    def outputs(self) -> list[DataFuture]:
        """A future for each of the files given as `outputs`."""
        return list(self._outputs)

    def cancel(self) -> bool:
        """Cancel the task if it has not begun; return whether it is cancelled.

        What depends on it ends as dep_fail. A join app can also be cancelled while it is joining; what its body
        submitted goes on. For what has begun, the answer is what its executor can do: threads cannot stop a call, so
        False. `cancel_refusal` says why.
        """
        self._cancel_refusal = self._task.flow.cancel(self._task)
        if self._cancel_refusal is not None:
            return False
        self._complete_parts()
        return True

    @property
    def cancel_refusal(self) -> str | None:
        """Why the last `cancel` returned False, in words; None if none did."""
        return self._cancel_refusal

    def result(self, timeout: float | None = None) -> R:
        """Wait for the result and return it, or raise what the task failed with.

        Within a task, this keeps the task's place on its executor, which the awaited one may need: a join app does not.

        Raises:
            TimeoutError: it has not ended within `timeout` seconds.
            CancelledError: it was cancelled.
        """
        if self._state == "PENDING":
            unsaved = self._task.unsaved
            if unsaved is not None and _seen.unsaved:
                value: R = unsaved.value
                return value
            self._task.flow.note_wait(self._task)
            lock = self._made_lock()
            with lock:
                if self._state == "PENDING":
                    lock.wait(timeout)
        if self._state == "FINISHED" and self._exception is None:
            return self._result  # type: ignore[return-value]  # given, since there is no error
        # It raises; and as of now, since it has been waited for.
        return super().result(timeout=0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the task's end; return what it failed with, or None.

        Raises:
            TimeoutError: it has not ended within `timeout` seconds.
            CancelledError: it was cancelled.
        """
        return None if self._is_seen_unsaved() else super().exception(timeout)

    def done(self) -> bool:
        """Tell whether the task has ended: well, failed, or cancelled."""
        return self._state != "PENDING" or self._is_seen_unsaved()

    def _is_seen_unsaved(self) -> bool:
        """Whether it has ended well and is on its way to disk, and the calling thread may see that."""
        return _seen.unsaved and self._state == "PENDING" and self._task.unsaved is not None

    def cancelled(self) -> bool:
        """Tell whether the task was cancelled."""
        return self._state == "CANCELLED_AND_NOTIFIED"

    def running(self) -> bool:
        """Tell whether the task has been handed to an executor, or is joining, and has not ended."""
        return not self.done() and self._task.state.name in {"launched", "running", "joining"}

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Have ``fn(self)`` called once the task has ended; at once, from here, if it has. What it raises is logged."""
        callbacks: list[Callable[[Future[R]], object]] = self.__dict__.setdefault("_callbacks", [])
        callbacks.append(fn)
        if self.done():
            # Unless whoever settled it has taken it out meanwhile, to call it; those of others are left to that one.
            with suppress(ValueError):
                callbacks.remove(fn)
                self._call_back(fn)

    def _forget_callback(self, fn: Callable[[Future[R]], object]) -> None:
        with suppress(ValueError):
            (self._callbacks or []).remove(fn)

    def _run_callbacks(self) -> None:
        self._complete_parts()
        # Whoever takes a callback out of the list calls it, so each is called once although two threads may be here.
        callbacks = self._callbacks
        while callbacks:
            try:
                fn = callbacks.pop(0)
            except IndexError:
                return
            self._call_back(fn)

    def _call_back(self, fn: Callable[[Future[R]], object]) -> None:
        try:
            fn(self)
        except BaseException as error:
            if _is_for_this_thread(error):
                raise
            logger.exception("a callback of %s raised", self._task)

    def _settle(
        self, unused: UnusedLock, result: R | None, error: BaseException | None, *, cancelled: bool = False
    ) -> None:
        """Become done; whoever waits is told. For one thread at a time; may be done again after an interrupt.

        Where nobody has made a lock, `unused` takes its place: nobody who comes later can wait then.
        """
        lock = self._lock
        changes = False
        if lock is None or lock is unused:
            was_cut_short = lock is unused
            with unused:
                lock = self.__dict__.setdefault("_lock", unused)
                changes = lock is unused and self._become_done(result, error, cancelled=cancelled)
            if lock is unused:
                # Else whoever made the one that this is came later, and found the future done.
                lock = self._late_lock if was_cut_short and changes else None
        if lock is not None:
            with lock:
                again = not (self._become_done(result, error, cancelled=cancelled) or changes)
                for waiter in self._told:
                    if not again or self not in waiter.finished_futures:
                        self._tell(waiter)
                lock.notify_all()

    def _become_done(self, result: R | None, error: BaseException | None, *, cancelled: bool) -> bool:
        """Take the outcome, unless there is one; return whether it was taken."""
        if self._state != "PENDING":
            return False
        self._result = result
        self._exception = None if cancelled else error
        # Last: from here on others read the outcome without the lock.
        self._state = "CANCELLED_AND_NOTIFIED" if cancelled else "FINISHED"
        return True

    def _tell(self, waiter: Any) -> None:  # noqa: ANN401 - the standard library's own
        if self._state != "FINISHED":
            waiter.add_cancelled(self)
        elif self._exception is not None:
            waiter.add_exception(self)
        else:
            waiter.add_result(self)

    def __repr__(self) -> str:
        return f"<AppFuture of {self._task} {self._task.state}>"


class DerivedFuture(_Part[R]):
    """The future of something about another future's result, worked out when that one ends. It is no task.

    When that one fails or is cancelled, so is this. Cancelling this one leaves that one alone.
    """

    def __init__(self, parent: _WorkflowFuture[Any], derive: Callable[[Any], R], suffix: str) -> None:
        super().__init__()
        self._condition = SmallCondition()  # type: ignore[assignment]  # see there
        self._of: tuple[_WorkflowFuture[Any], str] = (parent, suffix)
        self._derive = derive
        parent._add_part(self)  # noqa: SLF001 - our own class

    def cancel(self) -> bool:
        """Cancel this future only; return whether it is cancelled."""
        return self._cancel_alone()

    def _settle(self, whole: Future[Any]) -> None:
        try:
            result = self._derive(whole.result())
        except BaseException as error:
            if _is_for_this_thread(error):
                raise
            # The other's error, or whatever its result's own methods raise.
            with suppress(InvalidStateError):
                self.set_exception(error)
        else:
            with suppress(InvalidStateError):
                self.set_result(result)

    def __call__(self, *_: object, **__: object) -> Never:
        """Refuse to be called: that is a slip, of a method's name or of what can be asked for ahead of time."""
        name = self._of[1].removeprefix(".")
        close = difflib.get_close_matches(name, [one for one in dir(AppFuture) if not one.startswith("_")], n=1)
        hint = f"; did you mean {close[0]}()?" if close else ""
        raise TypeError(f"{self!r} is asked for ahead of time, and cannot be called{hint}")

    def __repr__(self) -> str:
        whole: Future[Any] = self
        suffixes: list[str] = []
        while isinstance(whole, DerivedFuture):
            whole, suffix = whole._of  # noqa: SLF001 - our own class
            if len(suffixes) < _SHOWN_PARTS:
                suffixes.append(suffix)
        gap = "..." if isinstance(whole, DerivedFuture) or len(suffixes) == _SHOWN_PARTS else ""
        of = f"the result of {whole.task_record}" if isinstance(whole, AppFuture) else repr(whole)
        return f"<future of {of}{gap}{''.join(reversed(suffixes))}>"


class DataFuture(_Part["File"]):
    """The future of a file that an app writes: its result is the `File`, once the app has ended well."""

    def __init__(self, parent: AppFuture[Any], file: File) -> None:
        super().__init__()
        self._condition = SmallCondition()  # type: ignore[assignment]  # see there
        self._parent = parent
        self._file = file
        parent._add_part(self)  # noqa: SLF001 - our own class

    @property
    def parent(self) -> AppFuture[Any]:
        """The future of the app that writes the file."""
        return self._parent

    @property
    def tid(self) -> int:
        """The number of the task that writes the file."""
        return self._parent.tid

    @property
    def file_obj(self) -> File:
        """The file, which may not be there yet."""
        return self._file

    @property
    def filepath(self) -> str:
        """The file's path."""
        return self._file.filepath

    @property
    def filename(self) -> str:
        """The file's path: the same as `filepath`, as in Parsl."""
        return self._file.filepath

    def cancel(self) -> bool:
        """Cancel the task that writes the file; see `AppFuture.cancel`."""
        return self._parent.cancel()

    def _settle(self, whole: Future[Any]) -> None:
        error = whole.exception()
        with suppress(InvalidStateError):
            if error is not None:
                self.set_exception(error)
            else:
                self.set_result(self._file)

    def __repr__(self) -> str:
        return f"<DataFuture of {self._file!r} by task {self.tid}>"


def _is_for_this_thread(error: BaseException) -> bool:
    """Tell whether an interrupt is the user's to the program, not just something that a worker's callback raised."""
    return not isinstance(error, Exception) and threading.current_thread() is threading.main_thread()


def _copy_outcome(source: Future[Any], waiter: asyncio.Future[Any]) -> None:
    if waiter.done():
        return
    if source.cancelled():
        waiter.set_exception(CancelledError())
        return
    error = source.exception()
    if error is None:
        waiter.set_result(source.result())
    elif isinstance(error, StopIteration):
        # An event loop's future cannot carry one: to a coroutine it would mean "returned".
        wrapped = RuntimeError(f"the task raised {error!r}")
        wrapped.__cause__ = error
        waiter.set_exception(wrapped)
    else:
        waiter.set_exception(error)
