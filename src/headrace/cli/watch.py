"""Watches every kernel that starts in this process."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli.tally import Moves, Tally
from headrace.dataflow import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from headrace.core import Transition
    from headrace.dataflow import DataFlowKernel
    from headrace.dataflow.reuse import Reuse

__all__ = ["Watch"]


class _Feed:
    """What one kernel has told and nobody has yet taken in."""

    def __init__(self, kernel: DataFlowKernel, moves: Moves) -> None:
        #: The kernel; None once somebody has begun to clean it up.
        self.kernel: DataFlowKernel | None = kernel
        self._kernel_ref = weakref.ref(kernel)
        self.told: deque[Transition] = deque()
        self._moves = moves
        # All that happens in the middle of the kernel's work is this append. It is one step, which no signal can cut in
        # two.
        self.stop: Callable[[], None] = kernel.observe(self.told.append)

    @property
    def is_busy(self) -> bool:
        """Whether tasks of the kernel have not ended."""
        kernel = self._kernel_ref()
        return kernel is not None and bool(kernel.tasks)

    @property
    def cleanup_timeout(self) -> float | None:
        """For how long the kernel waits for what runs when it is cleaned up; None: for ever, or it is gone."""
        kernel = self._kernel_ref()
        return None if kernel is None else kernel.cleanup_timeout

    @property
    def over(self) -> bool:
        """Whether nothing can come any more."""
        if self.kernel is not None and self.kernel.cleanup_called:
            self.kernel = None
        return self.kernel is None and self._kernel_ref() is None

    def drain(self) -> None:
        """Take in all that has been told."""
        take, told = self._moves.take, self.told
        with suppress(IndexError):
            while True:
                take(told.popleft())


class Watch:
    """A context manager that tallies the tasks of all kernels that start within it.

    What kernels tell is queued; `drain`, called every now and then, takes it into `tally`. So a task costs its kernel
    an append, and the queue holds what a moment brings.
    """

    def __init__(self) -> None:
        #: As of the last `drain`.
        self.tally = Tally()
        self._feeds: list[_Feed] = []
        self._seen = 0
        #: What each kernel has of earlier runs.
        self.reuse: list[Reuse] = []
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None

    @property
    def open_kernels(self) -> list[DataFlowKernel]:
        """The kernels that nobody has cleaned up."""
        kernels = [feed.kernel for feed in tuple(self._feeds)]
        return [kernel for kernel in kernels if kernel is not None and not kernel.cleanup_called]

    def cleanup_timeouts(self) -> list[float | None]:
        """Return for how long each kernel with tasks waits for those that run when it is cleaned up; None: for ever."""
        return [feed.cleanup_timeout for feed in tuple(self._feeds) if feed.is_busy]

    def drain(self) -> None:
        """Take all into the tally that has been told so far."""
        with self._lock:
            for feed in tuple(self._feeds):
                over = feed.over
                feed.drain()
                if over:
                    self._feeds.remove(feed)

    def __enter__(self) -> Self:
        self._stop = current.on_start(self._started)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stop is not None:
            self._stop()
        for feed in tuple(self._feeds):
            feed.stop()
        self.drain()

    def _started(self, kernel: DataFlowKernel) -> None:
        # The first kernel's tasks need no more than their numbers.
        suffix = f" (run {Path(kernel.run_dir).name})" if self._seen else ""
        self._seen += 1
        self.reuse.append(kernel.reuse)
        self._feeds.append(_Feed(kernel, Moves(self.tally, suffix)))
