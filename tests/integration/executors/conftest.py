"""Pools for tests: each is shut down at the end, and must leave no process, no thread and no open file behind."""

# ruff: noqa: ANN401 - calls, their arguments and their results may be anything

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from tests.integration.helpers import soon

from headrace.compute.executors import ProcessPoolExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.compute.executors import CallSpec, Stoppable

#: How long to wait, in seconds, for what should come soon. No good test waits so long.
WAIT = 20


class Told:
    """What `execute` is given to tell of a call's end."""

    def __init__(self) -> None:
        self._ends: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.stoppable: Stoppable | None = None

    def __call__(self, value: Any, error: BaseException | None) -> None:
        """Take note."""
        self._ends.put((value, error))

    def value(self) -> Any:
        """Wait for the end: return the value, or raise the error."""
        value, error = self._ends.get(timeout=WAIT)
        if error is not None:
            raise error
        return value

    def error(self) -> BaseException | None:
        """Wait for the end: return the error."""
        return self._ends.get(timeout=WAIT)[1]

    @property
    def further(self) -> int:
        """How many ends were told and not looked at."""
        return self._ends.qsize()


class Run(Protocol):
    """Hands a call with a spec to a pool."""

    def __call__(self, fn: Callable[..., Any], *args: Any, spec: CallSpec | None = None, **kwargs: Any) -> Told: ...


class MakePool(Protocol):
    """Makes and starts a pool."""

    def __call__(self, max_workers: int = ..., **options: Any) -> ProcessPoolExecutor: ...


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    threads, children, files = set(threading.enumerate()), children_of_ours(), open_files()
    pools: list[ProcessPoolExecutor] = []

    def make(max_workers: int = 2, **options: Any) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor("pool", max_workers, **options)
        pool.start()
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.shutdown(cancel_futures=True)
    pools.clear()
    assert set(threading.enumerate()) - threads == set()
    assert children_of_ours() - children == set()
    assert open_files() - files == set()


@pytest.fixture
def pool(make_pool: MakePool) -> ProcessPoolExecutor:
    """Return a pool of two workers."""
    return make_pool()


@pytest.fixture
def run(pool: ProcessPoolExecutor) -> Run:
    """Hand calls to that pool."""
    return runner(pool)


def runner(pool: ProcessPoolExecutor) -> Run:
    """Return what hands calls with a spec to this pool."""

    def run(fn: Callable[..., Any], *args: Any, spec: CallSpec | None = None, **kwargs: Any) -> Told:
        told = Told()
        told.stoppable = pool.execute(fn, args, kwargs, told, spec)
        return told

    return run


class RunScript(Protocol):
    """Runs a Python script in a process of its own, and kills it if it takes too long."""

    def __call__(self, script: str, *, timeout: float = ...) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run_script(tmp_path: Path) -> RunScript:
    """For what must be a main module, or would end this very process."""

    def run(script: str, *, timeout: float = 40) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(script))
        command = [sys.executable, "-W", "error", str(path)]
        return subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=timeout)

    return run


def children_of_ours() -> set[int]:
    """Return the process ids of this process's children."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # That thread has just ended.
            found.update(map(int, (task / "children").read_text(encoding="ascii").split()))
    return found


def open_files() -> set[str]:
    """Return the numbers of this process's open files, but for that which lists them."""
    fds = Path("/proc/self/fd")
    return {fd.name for fd in fds.iterdir() if fd.exists() or fd.is_symlink()}


def pid_in(file: Path) -> int:
    """Wait until a process id stands in the file, and return it."""
    assert soon(lambda: file.exists() and file.read_text(encoding="ascii").endswith("\n"))
    return int(file.read_text(encoding="ascii"))


def own_pid() -> int:
    """Return the process id of whatever calls it."""
    return os.getpid()
