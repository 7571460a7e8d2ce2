"""The executor that users hold."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import sys
import threading
import uuid
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.compute.resources import InsufficientResourcesError, Resources, gpus_here, memory_here, parse_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.compute.executors.base import CallSpec, Ended
    from headrace.compute.executors.processes.calls import Call
    from headrace.compute.executors.processes.loop import Loop

__all__ = ["ProcessPoolExecutor"]

R = TypeVar("R")


class ProcessPoolExecutor(concurrent.futures.Executor):
    """Runs calls in processes of this machine, started as they are needed, each one call at a time.

    What a call does to its process costs that call only. If the process dies, of whatever, the call ends with
    `WorkerLost` and the process is replaced. A call that is cancelled, or exceeds its walltime, is ended with all that
    it started, whatever it does. If this process dies, the workers and what they started die with it.

    Functions and arguments are sent by `pickle`; what belongs to ``__main__``, and what pickle refuses, by
    `cloudpickle`. The main module is never imported by a worker, so it needs no guard. A function or argument that
    cannot be sent, and a result that cannot be sent back, are the call's `SerializationError`.

    All calls are pickled, and all results read, on one thread of the executor's own. What takes seconds of that, or
    waits for something in its ``__reduce__``, holds up the others meanwhile, their walltimes and cancels too.

    A call finds the working directory and the standard streams as they were when the executor started. What else a call
    leaves behind in its process, environment variables, imports, threads, the next one there will find. The environment
    variable ``HEADRACE_WORKER`` is the worker's place, from 0; a worker that replaces another takes its place.

    Args:
        label: the name by which apps choose it.
        max_workers: how many calls run at once; as many as there are cores unless said.
        cores: how many cores can be lent to calls that ask for them. Unless said, those that this process may use, or
            `max_workers` if that is more: a core then counts for several.
        memory: how much memory can be lent, in bytes or as text such as ``"8GiB"``; the machine's unless said.
        gpus: how many GPUs can be lent, or the names of those. Unless said, all that are here, and calls that ask for
            none see what this process sees; else those see none.
        preload: modules to import before the first worker starts, so that calls need not. The environment variable
            ``HEADRACE_PRELOAD`` names more, separated by commas.

    Raises:
        ValueError: an argument makes no sense; the message names it.
        InsufficientResourcesError: more memory or GPUs than there are.
        ImportError: the packages that it needs are not installed.
    """

    #: See `LabelledExecutor`.
    stops_running_work = True

    def __init__(
        self,
        label: str = "processes",
        max_workers: int | None = None,
        *,
        cores: int | None = None,
        memory: int | str | None = None,
        gpus: int | Sequence[str] | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        if not isinstance(label, str) or not label:
            raise ValueError(f"an executor's label must be a non-empty string, not {label!r}")
        _check_installation(label)
        self.label = label
        self._cores = sorted(os.sched_getaffinity(0))
        self.max_workers = _at_least_one(label, "max_workers", max_workers, len(self._cores))
        self._gpus = _gpus(label, gpus)
        self._hides_gpus = gpus is not None and bool(gpus_here())
        self._resources = Resources(
            cores=_at_least_one(label, "cores", cores, max(len(self._cores), self.max_workers)),
            memory=_memory(label, memory),
            gpus=len(self._gpus),
        )
        self._preload = _names(label, preload)
        #: What `worker_of` returns in its workers.
        self.mark = f"{label}-{uuid.uuid4()}"
        self.owner: object = None
        self._loop: Loop | None = None
        # That of the last loop.
        self._thread: threading.Thread | None = None

    @property
    def capacity(self) -> int:
        """Two tasks a worker: the second is with it when the first ends, and goes to another that is free before."""
        return 2 * self.max_workers

    @property
    def resources(self) -> Resources:
        """What it can lend at one time to calls that ask for it."""
        return self._resources

    def start(self) -> None:
        """Make it ready for `submit`. What can fail while processes start, fails for the calls."""
        if self._loop is None:
            loop = self._make_loop()
            loop.thread.start()
            self._loop = loop

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:  # noqa: ANN401 - any callable's
        """Have ``fn(*args, **kwargs)`` run in a worker. Cancelling the future works also while it runs.

        Raises:
            RuntimeError: it has not been started, or has been shut down.
        """
        future: _PoolFuture[R] = _PoolFuture()
        call = self.execute(fn, args, kwargs, future.end)
        if not future.done():
            future.call = call
        return future

    def execute(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ended: Ended,
        spec: CallSpec | None = None,
    ) -> Call:
        """Have ``fn(*args, **kwargs)`` run in a worker within the limits of `spec`, then ``ended(value, error)``.

        `ended` is called on a thread of the executor's own, on which nothing may block. Arguments are pickled after
        this has returned.

        Raises:
            RuntimeError: it has not been started, or has been shut down.
        """
        loop = self._loop
        if loop is None or loop.closed:
            raise RuntimeError(f"executor {self.label!r} is not running: a DataFlowKernel starts it, or call start()")
        from headrace.compute.executors.processes.calls import Call  # noqa: PLC0415 - loaded by now

        call = Call(loop, fn, args, kwargs, ended, spec)
        loop.post(call)
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - stdlib's
        """End the workers once the calls at hand have ended; `start` makes it ready again.

        Args:
            wait: return only then.
            cancel_futures: calls that have not begun end as cancelled.
        """
        loop, self._loop = self._loop, None
        if loop is not None:
            self._thread = loop.thread
            if not loop.closed:
                loop.end_when_done(drop_waiting=cancel_futures)
        if wait and self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _make_loop(self) -> Loop:
        # Here and not above: importing this module must stay cheap, since `import headrace` does.
        from headrace.compute.executors.processes.crew import Crew  # noqa: PLC0415
        from headrace.compute.nursery import NurseryLost  # noqa: PLC0415

        crew = Crew(self.mark, self._preload)
        # Not on the loop's thread: a fork of this process by its user must not fall into it, since the copy would keep
        # open what tells that the new process has begun. What fails here, the loop tries again.
        with suppress(NurseryLost):
            crew.found()
        # After that, since the nursery needs as long to start as these to be imported.
        from headrace.compute.executors.processes.ledger import Ledger  # noqa: PLC0415
        from headrace.compute.executors.processes.loop import Loop  # noqa: PLC0415

        ledger = Ledger(self._cores, self._resources.cores, self._resources.memory, self._gpus)
        return Loop(self.label, crew, self.max_workers, self._resources, ledger, hides_gpus=self._hides_gpus)

    def __repr__(self) -> str:
        return f"ProcessPoolExecutor(label={self.label!r}, max_workers={self.max_workers})"


class _PoolFuture(Future[R]):
    """A future whose call can be stopped while it runs."""

    #: The call. Not there before `submit` returns, so that nobody can have asked; nor when it has ended.
    call: Call | None = None

    def running(self) -> bool:
        """Tell whether a worker has the call."""
        call = self.call
        return call is not None and call.is_running and not self.done()

    def cancel(self) -> bool:
        """Cancel it, whether the call has begun or not. Return False if it has ended."""
        if not super().cancel():
            return False
        if self.call is not None:
            self.call.cancel()
        return True

    def end(self, value: R, error: BaseException | None) -> None:
        """Take in how the call ended, unless the future was cancelled before."""
        self.call = None
        if isinstance(error, CancelledError):
            super().cancel()
        if not self.set_running_or_notify_cancel():
            return
        if error is None:
            self.set_result(value)
        else:
            self.set_exception(error)


def _check_installation(label: str) -> None:
    if not sys.platform.startswith("linux"):
        raise ImportError(f"executor {label!r}: processes need Linux; use threads, or an ExternalExecutor")
    for name in ("cloudpickle", "tblib"):
        if importlib.util.find_spec(name) is None:
            raise ImportError(
                f"executor {label!r} needs the package {name}: pip install 'headrace[processes]'", name=name
            )


def _at_least_one(label: str, name: str, value: int | None, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"executor {label!r}: {name} must be a whole number of at least 1, not {value!r}")
    return value


def _memory(label: str, memory: int | str | None) -> int:
    here = memory_here()
    if memory is None:
        return here
    try:
        asked = parse_memory(memory)
    except ValueError as error:
        raise ValueError(f"executor {label!r}: {error}") from error
    if asked == 0:
        raise ValueError(f"executor {label!r}: memory must be more than 0; leave it out for all that there is")
    if asked > here:
        raise InsufficientResourcesError(
            f"executor {label!r}: memory={memory!r} is {asked} bytes; this machine lets it have {here}"
        )
    return asked


def _gpus(label: str, gpus: int | Sequence[str] | None) -> tuple[str, ...]:
    here = gpus_here()
    if gpus is None:
        return here
    if isinstance(gpus, int) and not isinstance(gpus, bool) and gpus >= 0:
        if gpus > len(here):
            there = ", ".join(here) or "none"
            raise InsufficientResourcesError(f"executor {label!r}: gpus={gpus}; the GPUs that are here: {there}")
        return here[:gpus]
    if isinstance(gpus, (str, int)) or not all(isinstance(name, str) and name and "," not in name for name in gpus):
        raise ValueError(f"executor {label!r}: gpus must be how many, or a list of their names, not {gpus!r}")
    names = tuple(gpus)
    if len(set(names)) < len(names):
        raise ValueError(f"executor {label!r}: gpus names one twice: {gpus!r}")
    return names


def _names(label: str, preload: Sequence[str]) -> tuple[str, ...]:
    if isinstance(preload, str) or not all(isinstance(name, str) and name for name in preload):
        raise ValueError(f"executor {label!r}: preload must be a list of names of modules, not {preload!r}")
    return tuple(preload)
