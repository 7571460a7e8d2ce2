"""How each cell is measured, on any backend, in a process of its own.

A measure is called with a started backend and a size; it gives figures by key. It warms the backend up first (threads
started, lazy imports done), checks every result, and times with the monotonic clock. What a figure covers is said in
the measure's docstring, because that is what makes two sides comparable.
"""

from __future__ import annotations

import gc
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.backends.base import Backend, Pending

__all__ = ["MEASURES", "import_time"]

Figures = dict[str, list[float]]
T = TypeVar("T")

_PAGE = resource.getpagesize()
_WARM_UP = 200
_IMPORTS_A_SAMPLE = 4


class WrongResultError(Exception):
    """A backend gave a result that is not the task's: its timing would be worth nothing."""


def noop(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the last of `n` results was fetched."""
    _warm_up(backend)
    start = time.perf_counter()
    futures = [backend.noop() for _ in range(n)]
    submitted = time.perf_counter()
    for future in futures:
        future.result()
    end = time.perf_counter()
    return {"us_per_task": [(end - start) / n * 1e6], "us_per_submit": [(submitted - start) / n * 1e6]}


def latency(backend: Backend, n: int) -> Figures:
    """Time from before a submit until its result is in hand, one task after another."""
    _warm_up(backend)
    trips = []
    for _ in range(n):
        start = time.perf_counter()
        backend.noop().result()
        trips.append((time.perf_counter() - start) * 1e6)
    return {"median_us": [statistics.median(trips)], "p95_us": [statistics.quantiles(trips, n=20)[18]]}


def chain(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the result of the last of `n` links, all submitted without waiting."""
    _warm_up(backend)
    start = time.perf_counter()
    newest = backend.link(0)
    for _ in range(n - 1):
        newest = backend.link(newest)
    result = newest.result()
    elapsed = time.perf_counter() - start
    _expect(n, result)
    return {"us_per_link": [elapsed / n * 1e6]}


def fan_in(backend: Backend, n: int) -> Figures:
    """Time from before the first of `n` leaves is submitted until the result of the task that waits for all."""
    _warm_up(backend)
    start = time.perf_counter()
    result = backend.join([backend.noop() for _ in range(n)]).result()
    elapsed = time.perf_counter() - start
    _expect(n, result)
    return {"us_per_edge": [elapsed / n * 1e6]}


def fan_in_gate(backend: Backend, n: int) -> Figures:
    """Time from the release of `n` leaves until the result of the task that waits for all of them.

    The leaves occupy the threads or queue behind those that do, so none has ended when the join is submitted. The
    release happens when the process has come to rest: every side has handed its leaves to its pool by then. The time
    therefore holds what each side does for a leaf that runs and ends, and for the edge to the join; not its submission.
    """
    leaf, open_gate = _need(backend.leaf), _need(backend.open_gate)
    _warm_up(backend)
    join = backend.join([leaf() for _ in range(n)])
    _settle()
    start = time.perf_counter()
    open_gate()
    result = join.result()
    elapsed = time.perf_counter() - start
    _expect(n, result)
    return {"us_per_edge": [elapsed / n * 1e6], "total_s": [elapsed]}


def fan_in_slow(backend: Backend, n: int) -> Figures:
    """Time from the first of `n` submits of leaves that sleep 1 ms until the result of the task that waits for all.

    Minus the time the leaves take with nothing else to do: as many turns of the threads as it needs, each as long as a
    sleep turned out to be on this machine now. The leaves end one after another while the join waits, which is what
    most workflows look like.
    """
    nap = _need(backend.nap)
    _warm_up(backend)
    turns = [_timed_nap() for _ in range(20)]
    start = time.perf_counter()
    result = backend.join([nap() for _ in range(n)]).result()
    elapsed = time.perf_counter() - start
    _expect(n, result)
    ideal = n / WORKERS * statistics.median(turns)
    return {"us_per_edge": [(elapsed - ideal) / n * 1e6], "total_s": [elapsed]}


def fail_fan(backend: Backend, n: int) -> Figures:
    """`n` tasks depend on one that fails; it fails once they are all submitted and the process has come to rest.

    `fail_s` runs from that moment until the last dependent's exception is in hand; `total_s` adds the submitting.
    """
    return _failure(backend, n, lambda root: [backend.link(root) for _ in range(n)])


def fail_chain(backend: Backend, n: int) -> Figures:
    """As `fail_fan`, the dependents being a chain: each depends on the one before."""

    def links(root: Pending) -> list[Pending]:
        made = [backend.link(root)]
        for _ in range(n - 1):
            made.append(backend.link(made[-1]))
        return made

    return _failure(backend, n, links)


def curve(backend: Backend, n: int) -> Figures:
    """Time from before the first of `n` submits, every future dropped at once, until all have ended; memory kept then.

    `kept_bytes` is the growth of the resident set after a collection, over the number of tasks; it includes what the
    allocator does not give back.
    """
    _warm_up(backend)
    before = _resident()
    start = time.perf_counter()
    for _ in range(n):
        backend.noop()
    backend.drain()
    elapsed = time.perf_counter() - start
    kept = _resident() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return {"us_per_task": [elapsed / n * 1e6], "kept_bytes": [kept / n], "peak_bytes": [peak / n]}


def kept(backend: Backend, n: int) -> Figures:
    """Growth of the resident set by `n` ended tasks whose futures are all held."""
    _warm_up(backend)
    before = _resident()
    futures = [backend.noop() for _ in range(n)]
    for future in futures:
        future.result()
    backend.drain()
    return {"kept_bytes": [(_resident() - before) / n]}


def kept_chain(backend: Backend, n: int) -> Figures:
    """Growth of the resident set by an ended chain of `n`, of which only the newest future is held."""
    _warm_up(backend)
    before = _resident()
    newest = backend.link(0)
    for _ in range(n - 1):
        newest = backend.link(newest)
    _expect(n, newest.result())
    backend.drain()
    held = _resident() - before
    _expect(n, newest.result())
    return {"kept_bytes": [held / n]}


MEASURES: dict[str, Callable[[Backend, int], Figures]] = {
    "noop": noop,
    "latency": latency,
    "chain": chain,
    "fan-in": fan_in,
    "fan-in-gate": fan_in_gate,
    "fan-in-slow": fan_in_slow,
    "fail-fan": fail_fan,
    "fail-chain": fail_chain,
    "curve": curve,
    "kept": kept,
    "kept-chain": kept_chain,
}


def import_time(module: str) -> Figures:
    """Wall time of a fresh interpreter that imports `module`, minus that of one started just before that does not.

    Byte code is cached, as it is for whoever imports a second time: a first import, not counted, sees to that.
    """
    _interpreter(f"import {module}")
    return {"ms": [-_interpreter("pass") + _interpreter(f"import {module}") for _ in range(_IMPORTS_A_SAMPLE)]}


def _interpreter(statement: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, timeout=60, env=environment)
    return (time.perf_counter() - start) * 1e3


def _failure(backend: Backend, n: int, depend: Callable[[Pending], list[Pending]]) -> Figures:
    failing_root, open_gate = _need(backend.failing_root), _need(backend.open_gate)
    _warm_up(backend)
    start = time.perf_counter()
    dependents = depend(failing_root())
    submitting = time.perf_counter() - start
    _settle()
    start = time.perf_counter()
    open_gate()
    failed = sum(dependent.exception(120) is not None for dependent in dependents)
    failing = time.perf_counter() - start
    _expect(n, failed)
    total = submitting + failing
    return {"fail_s": [failing], "total_s": [total], "us_per_dependent": [total / n * 1e6]}


def _warm_up(backend: Backend) -> None:
    for future in [backend.noop() for _ in range(_WARM_UP)]:
        future.result()
    _expect(2, backend.join([backend.noop(), backend.noop()]).result())


def _timed_nap() -> float:
    start = time.perf_counter()
    tasks.nap()
    return time.perf_counter() - start


def _settle() -> None:
    """Return when the process has used no processor time for 50 ms: nothing is left to do before the gate opens."""
    used = time.process_time()
    while True:
        time.sleep(0.05)
        before, used = used, time.process_time()
        if used - before < 0.002:
            return


def _resident() -> int:
    """Bytes of the process in memory, after a full collection and when nothing more is going on."""
    _settle()
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def _expect(expected: object, actual: object) -> None:
    if actual != expected:
        message = f"expected {expected!r}, got {actual!r}"
        raise WrongResultError(message)


def _need(part: T | None) -> T:
    if part is None:
        message = "the backend has no part in this cell"
        raise LookupError(message)
    return part
