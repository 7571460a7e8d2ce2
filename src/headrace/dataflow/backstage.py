"""The kernel's own threads for work that may be long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.compute.executors import ThreadPoolExecutor
from headrace.compute.executors.workers import worker_of
from headrace.dataflow.handover import log_error

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backstage"]

# What they do is bound by Python's interpreter lock, or by a disk.
_KEY_THREADS = 4


class Backstage:
    """Two pools: one for what may wait for other tasks, and one for what they may wait for.

    Args:
        name: the threads' names begin with it.
        threads: how many run join bodies, callbacks and retry handlers, which are the user's.
    """

    def __init__(self, name: str, threads: int) -> None:
        #: Runs the bodies of join apps, callbacks, and retry handlers.
        self.internal = ThreadPoolExecutor("_internal", threads, thread_name_prefix=f"{name}-internal")
        #: Works out what makes calls equal, and pickles results. Nothing that it does waits for a task.
        self.keys = ThreadPoolExecutor("_keys", _KEY_THREADS, thread_name_prefix=f"{name}-keys")
        for pool in self.pools:
            pool.start()

    @property
    def pools(self) -> tuple[ThreadPoolExecutor, ...]:
        """Both, in the order in which they are to be shut down."""
        return (self.keys, self.internal)

    @property
    def is_open(self) -> bool:
        """Whether there are threads for users' code."""
        return self.internal.is_running

    @property
    def may_call_back(self) -> bool:
        """Whether the calling thread is a worker that may be kept by a user's callback."""
        return worker_of() not in {None, self.keys}

    def defer(self, work: Callable[..., None], *args: Any) -> None:  # noqa: ANN401 - handed through to the work
        """Have work of the user's done, or here when the pool is gone."""
        _give(self.internal, work, args)

    def work_out(self, work: Callable[..., None], *args: Any) -> None:  # noqa: ANN401 - handed through to the work
        """Have work done that waits for no task, or here when the pool is gone."""
        _give(self.keys, work, args)


def _give(pool: ThreadPoolExecutor, work: Callable[..., None], args: tuple[Any, ...]) -> None:
    try:
        pool.execute(work, args, {}, log_error)
    except RuntimeError:
        work(*args)
