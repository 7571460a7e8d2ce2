"""Any executor that the user brings."""

from __future__ import annotations

import concurrent.futures
import uuid
from typing import TYPE_CHECKING, Any

from headrace.compute.executors.portable import Portable
from headrace.compute.executors.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["ExternalExecutor"]

# While one task runs, one more waits beside it: enough to hide the way to another process.
_PREFETCH = 2


class ExternalExecutor(concurrent.futures.Executor):
    """Gives a label to a `concurrent.futures.Executor`: the standard library's, Dask's, mpi4py's, your own.

    What it can do is what that executor can do: whether arguments must pickle, whether running calls can be cancelled.

    Args:
        label: the name by which apps choose it.
        executor: the executor.
        capacity: how many tasks to hand over at a time. Unless said, twice the executor's number of workers where it
            tells it in the standard library's way, else without limit.
        managed: whether the kernel shuts it down at cleanup. Unless said, no: who made it ends it.

    Raises:
        ValueError: `label` is empty or `capacity` less than 1.
        TypeError: `executor` is no `concurrent.futures.Executor`.
    """

    #: See `LabelledExecutor`. What is running there may or may not heed a cancel; we know of none that must.
    stops_running_work = False

    def __init__(
        self,
        label: str,
        executor: concurrent.futures.Executor,
        *,
        capacity: int | None = None,
        managed: bool = False,
    ) -> None:
        if not isinstance(label, str) or not label:
            msg = f"an executor's label must be a non-empty string, not {label!r}"
            raise ValueError(msg)
        if not isinstance(executor, concurrent.futures.Executor):
            msg = f"executor {label!r} must be a concurrent.futures.Executor, not {type(executor).__name__}"
            raise TypeError(msg)
        if capacity is not None and capacity < 1:
            msg = f"executor {label!r}: capacity must be at least 1, not {capacity!r}"
            raise ValueError(msg)
        self.label = label
        self.capacity = capacity if capacity is not None else _guess_capacity(executor)
        self.managed = managed
        self.owner: object = None
        #: What `worker_of` returns on its threads: the executor itself may not pickle.
        self.mark = f"{label}-{uuid.uuid4()}"
        self._executor = executor

    def start(self) -> None:
        """Do nothing: it came running."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - any callable's
        """Have ``fn(*args, **kwargs)`` run there. Raises what that executor's `submit` raises."""
        return self._executor.submit(_run, self.mark, Portable(fn), args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the stdlib's signature
        """Shut that executor down if it is `managed`; leave it alone otherwise."""
        if self.managed:
            self._executor.shutdown(wait=wait, cancel_futures=cancel_futures)

    def __repr__(self) -> str:
        return f"ExternalExecutor({self.label!r}, {self._executor!r})"


def _guess_capacity(executor: concurrent.futures.Executor) -> int | None:
    workers = getattr(executor, "_max_workers", None)
    return workers * _PREFETCH if isinstance(workers, int) and workers > 0 else None


def _run(mark: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - any callable's
    with working(mark):
        return fn(*args, **kwargs)
