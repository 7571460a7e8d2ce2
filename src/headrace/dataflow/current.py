"""The current kernel: the one that apps submit to unless they say otherwise. This module is its only holder."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headrace.dataflow.errors import ConfigurationError, NoDataFlowKernelError
from headrace.dataflow.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.dataflow.kernel import DataFlowKernel

__all__ = [
    "begin",
    "claim",
    "clear",
    "dfk",
    "ended",
    "launched_as",
    "on_start",
    "started",
    "wait_for_current_tasks",
]


class _Holder:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.kernel: DataFlowKernel | None = None
        self.watchers: list[Callable[[DataFlowKernel], None]] = []
        self.launch: Launch | None = None
        self.begun = 0


_holder = _Holder()


def claim(make: Callable[[], DataFlowKernel]) -> DataFlowKernel:
    """Make a kernel and make it the current one; return it.

    Raises:
        ConfigurationError: one is loaded already; `make` is not called then.
    """
    if _holder.kernel is not None:
        raise _loaded_already(_holder.kernel)
    kernel = make()
    with _holder.lock:
        quicker = _holder.kernel
        if quicker is None:
            _holder.kernel = kernel
    if quicker is not None:
        kernel.cleanup()
        raise _loaded_already(quicker)
    return kernel


def _loaded_already(kernel: DataFlowKernel) -> ConfigurationError:
    return ConfigurationError(
        f"{kernel!r} is loaded already: call headrace.dfk().cleanup() first, "
        "or make a second one with DataFlowKernel(config)"
    )


def clear() -> None:
    """Make no kernel the current one. The kernel itself goes on, and is not cleaned up."""
    with _holder.lock:
        _holder.kernel = None


def dfk() -> DataFlowKernel:
    """Return the current kernel.

    Raises:
        NoDataFlowKernelError: none is loaded.
    """
    kernel = _holder.kernel
    if kernel is None:
        msg = "no DataFlowKernel is loaded: call headrace.load() first"
        raise NoDataFlowKernelError(msg)
    return kernel


def wait_for_current_tasks() -> None:
    """Wait until every task submitted to the current kernel before this call has ended, well or not.

    Raises:
        NoDataFlowKernelError: none is loaded.
    """
    dfk().wait_for_current_tasks()


def on_start(watcher: Callable[[DataFlowKernel], None]) -> Callable[[], None]:
    """Have `watcher` told of every kernel that starts in this process from now on; return what ends that."""
    with _holder.lock:
        _holder.watchers.append(watcher)

    def stop() -> None:
        with _holder.lock:
            _holder.watchers.remove(watcher)

    return stop


def begin() -> tuple[Launch, int]:
    """Return how this process was launched, and how many kernels have begun in it before; called by one that does."""
    with _holder.lock:
        if _holder.launch is None:
            _holder.launch = Launch.here()
        _holder.begun += 1
        return _holder.launch, _holder.begun - 1


@contextmanager
def launched_as(launch: Launch) -> Iterator[None]:
    """Have kernels that begin within the block know the program by this, and be counted from 0."""
    with _holder.lock:
        before = (_holder.launch, _holder.begun)
        _holder.launch, _holder.begun = launch, 0
    try:
        yield
    finally:
        with _holder.lock:
            _holder.launch, _holder.begun = before


def started(kernel: DataFlowKernel) -> None:
    """Tell the watchers; called by a kernel that is ready."""
    for watcher in tuple(_holder.watchers):
        watcher(kernel)


def ended(kernel: DataFlowKernel) -> None:
    """Make this kernel the current one no more, if it is; called by a kernel that has been cleaned up."""
    with _holder.lock:
        if _holder.kernel is kernel:
            _holder.kernel = None
