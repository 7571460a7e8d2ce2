"""Kernels for tests: each runs in the test's own folder, and leaves nothing behind."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import Future
from concurrent.futures import ThreadPoolExecutor as StandardPool
from typing import TYPE_CHECKING, Any, Protocol

import pytest

import headrace
from headrace import Config, DataFlowKernel, ThreadPoolExecutor

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: How long to wait, in seconds, for what should come at once. No good test waits so long.
WAIT = 10


class MakeKernel(Protocol):
    """Makes a kernel with these executors and options."""

    def __call__(self, *executors: concurrent.futures.Executor, **options: Any) -> DataFlowKernel: ...


@pytest.fixture
def make_kernel(tmp_path: Path) -> Iterator[MakeKernel]:
    """Make kernels that are cleaned up at the end; then no thread and no child of theirs may be left."""
    threads, children = set(threading.enumerate()), children_of_ours()
    kernels: list[DataFlowKernel] = []

    def make(*executors: concurrent.futures.Executor, **options: Any) -> DataFlowKernel:
        given = executors or (ThreadPoolExecutor("threads", 4),)
        kernel = DataFlowKernel(
            Config(**{"executors": given, "run_dir": tmp_path / "runs", "cleanup_timeout": WAIT, **options})
        )
        kernels.append(kernel)
        return kernel

    yield make
    for kernel in kernels:
        if not kernel.cleanup_called:
            kernel.cleanup()
    left = [thread for thread in threading.enumerate() if thread not in threads]
    if any(kernel.config.cleanup_timeout == 0 for kernel in kernels):
        # It was asked not to wait for its threads; the test has told what they run to end.
        for thread in left:
            thread.join(WAIT)
            assert not thread.is_alive()
    else:
        assert left == []
    assert children_of_ours() <= children


@pytest.fixture
def kernel(make_kernel: MakeKernel) -> DataFlowKernel:
    """Return a kernel with four threads."""
    return make_kernel()


@pytest.fixture(autouse=True)
def _no_kernel_loaded() -> Iterator[None]:
    yield
    headrace.clear()


class ToldPool(StandardPool):
    """A pool of the standard library's that says how often `submit` has been called."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.submitted = threading.Semaphore(0)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Pass the call on, and tell."""
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            self.submitted.release()

    def await_submits(self, calls: int) -> None:
        """Wait until `submit` has been called so many times since the last time that was waited for."""
        for _ in range(calls):
            self.submitted.acquire(timeout=WAIT)


@pytest.fixture
def standard_pool(make_kernel: MakeKernel) -> Iterator[ToldPool]:
    """Two threads of the standard library's, ended before the kernels' leftovers are counted."""
    with ToldPool(2) as pool:
        yield pool


class Blocker:
    """A call that says when it has begun, and goes on when told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = threading.Event()

    def __call__(self, *_: Any, **__: Any) -> str:
        """Wait, at most for a while, to be told to end."""
        self.begun.set()
        self.end.wait(WAIT)
        return "ended"


@pytest.fixture
def make_blocker() -> Iterator[Callable[[], Blocker]]:
    """Make blockers, which are told to end at the end of the test."""
    blockers: list[Blocker] = []

    def make() -> Blocker:
        blockers.append(Blocker())
        return blockers[-1]

    yield make
    for blocker in blockers:
        blocker.end.set()


@pytest.fixture
def blocker(make_blocker: Callable[[], Blocker]) -> Blocker:
    """Return one blocker."""
    return make_blocker()


@pytest.fixture
def never() -> Future[Any]:
    """Return a future that nobody ever completes."""
    return Future()


class RunScript(Protocol):
    """Runs a Python script in a process of its own, and kills it if it takes too long."""

    def __call__(self, script: str, *, timeout: float = ...) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """For what would hang or upset this very process, were it not done right."""

    def run(script: str, *, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(script))
        return subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            cwd=tmp_path,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


def children_of_ours() -> set[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as children:  # noqa: PTH123 - no file of a disk's
        return set(children.read().split())
