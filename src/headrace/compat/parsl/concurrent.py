"""Stands for `parsl.concurrent`."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

from headrace.compat.parsl.kernel import load
from headrace.dataflow import App, python_app

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.compat.parsl.config import Config
    from headrace.dataflow import AppFuture, DataFlowKernel

__all__ = ["ParslPoolExecutor"]


class ParslPoolExecutor(concurrent.futures.Executor):
    """A kernel as a `concurrent.futures.Executor`: `submit` and `map` make tasks, and futures are dependencies.

    Args:
        config: the options of a kernel that it loads, and ends at its own `shutdown`.
        dfk: a kernel that is running; its `shutdown` leaves that alone.
        executors: the labels of the executors that run what is submitted, or ``"all"``.

    Raises:
        ValueError: not exactly one of `config` and `dfk` is given.
        ConfigurationError: a kernel is loaded already.
    """

    def __init__(
        self,
        config: Config | None = None,
        dfk: DataFlowKernel | None = None,
        executors: Sequence[str] | str = "all",
    ) -> None:
        if (config is None) == (dfk is None):
            raise ValueError("ParslPoolExecutor needs either config= or dfk=, and not both")
        self.executors = executors
        self._owned = config is not None
        self._dfk: DataFlowKernel | None = load(config) if config is not None else dfk
        self._apps: dict[Callable[..., Any], App[..., Any]] = {}

    @property
    def app_count(self) -> int:
        """How many functions have been submitted."""
        return len(self._apps)

    def get_app(self, fn: Callable[..., Any]) -> App[..., Any]:
        """Return the function's app, the same each time."""
        if fn not in self._apps:
            self._apps[fn] = python_app(data_flow_kernel=self._dfk, executors=self.executors)(fn)
        return self._apps[fn]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AppFuture[Any]:  # noqa: ANN401 - any callable's
        """Submit ``fn(*args, **kwargs)`` as a task.

        Raises:
            RuntimeError: it has been shut down.
        """
        if self._dfk is None:
            raise RuntimeError("this ParslPoolExecutor has been shut down")
        return self.get_app(fn)(*args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the stdlib's signature
        """Take no more tasks. Wait for those at hand, if `wait` and not `cancel_futures`; end a kernel of its own."""
        kernel, self._dfk = self._dfk, None
        if kernel is None:
            return
        if wait and not cancel_futures:
            kernel.wait_for_current_tasks()
        if self._owned:
            kernel.cleanup()
