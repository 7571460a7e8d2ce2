"""Tasks on an open backend: throughput, round trips, graphs, failures, memory.

What a figure covers is said in the measure's docstring, because that is what makes two sides comparable.
"""

from __future__ import annotations

import resource
import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.backends import tasks
from benchmarks.backends.base import WORKERS
from benchmarks.measures.common import Figures, expect, need, resident, settle, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.backends.base import Backend, Pending

__all__ = [
    "chain",
    "curve",
    "fail_chain",
    "fail_fan",
    "fan_in",
    "fan_in_gate",
    "fan_in_slow",
    "kept",
    "kept_chain",
    "latency",
    "noop",
]


def noop(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the last of `n` results was fetched."""
    gather = backend.gather or _one_by_one
    warm_up(backend)
    start = time.perf_counter()
    futures = [backend.noop() for _ in range(n)]
    submitted = time.perf_counter()
    gather(futures)
    end = time.perf_counter()
    return {"us_per_task": [(end - start) / n * 1e6], "us_per_submit": [(submitted - start) / n * 1e6]}


def latency(backend: Backend, n: int) -> Figures:
    """Time from before a submit until its result is in hand, one task after another."""
    warm_up(backend)
    trips = []
    for _ in range(n):
        start = time.perf_counter()
        backend.noop().result()
        trips.append((time.perf_counter() - start) * 1e6)
    return {"median_us": [statistics.median(trips)], "p95_us": [statistics.quantiles(trips, n=20)[18]]}


def chain(backend: Backend, n: int) -> Figures:
    """Time from before the first submit until the result of the last of `n` links, all submitted without waiting."""
    warm_up(backend)
    start = time.perf_counter()
    newest = backend.link(0)
    for _ in range(n - 1):
        newest = backend.link(newest)
    result = newest.result()
    elapsed = time.perf_counter() - start
    expect(n, result)
    return {"us_per_link": [elapsed / n * 1e6]}


def fan_in(backend: Backend, n: int) -> Figures:
    """Time from before the first of `n` leaves is submitted until the result of the task that waits for all."""
    warm_up(backend)
    start = time.perf_counter()
    result = backend.join([backend.noop() for _ in range(n)]).result()
    elapsed = time.perf_counter() - start
    expect(n, result)
    return {"us_per_edge": [elapsed / n * 1e6]}


def fan_in_gate(backend: Backend, n: int) -> Figures:
    """Time from the release of `n` leaves until the result of the task that waits for all of them.

    The leaves occupy the threads or queue behind those that do, so none has ended when the join is submitted. The
    release happens when the process has come to rest: every side has handed its leaves to its pool by then. The time
    therefore holds what each side does for a leaf that runs and ends, and for the edge to the join; not its submission.
    """
    leaf, open_gate = need(backend.leaf), need(backend.open_gate)
    warm_up(backend)
    join = backend.join([leaf() for _ in range(n)])
    settle()
    start = time.perf_counter()
    open_gate()
    result = join.result()
    elapsed = time.perf_counter() - start
    expect(n, result)
    return {"us_per_edge": [elapsed / n * 1e6], "total_s": [elapsed]}


def fan_in_slow(backend: Backend, n: int) -> Figures:
    """Time from the first of `n` submits of leaves that sleep 1 ms until the result of the task that waits for all.

    Minus the time the leaves take with nothing else to do: as many turns of the threads as it needs, each as long as a
    sleep turned out to be on this machine now. The leaves end one after another while the join waits, which is what
    most workflows look like.
    """
    nap = need(backend.nap)
    warm_up(backend)
    turns = [_timed_nap() for _ in range(20)]
    start = time.perf_counter()
    result = backend.join([nap() for _ in range(n)]).result()
    elapsed = time.perf_counter() - start
    expect(n, result)
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
    warm_up(backend)
    before = resident()
    start = time.perf_counter()
    for _ in range(n):
        backend.noop()
    backend.drain()
    elapsed = time.perf_counter() - start
    kept = resident() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return {"us_per_task": [elapsed / n * 1e6], "kept_bytes": [kept / n], "peak_bytes": [peak / n]}


def kept(backend: Backend, n: int) -> Figures:
    """Growth of the resident set by `n` ended tasks whose futures are all held."""
    warm_up(backend)
    before = resident()
    futures = [backend.noop() for _ in range(n)]
    for future in futures:
        future.result()
    backend.drain()
    return {"kept_bytes": [(resident() - before) / n]}


def kept_chain(backend: Backend, n: int) -> Figures:
    """Growth of the resident set by an ended chain of `n`, of which only the newest future is held."""
    warm_up(backend)
    before = resident()
    newest = backend.link(0)
    for _ in range(n - 1):
        newest = backend.link(newest)
    expect(n, newest.result())
    backend.drain()
    held = resident() - before
    expect(n, newest.result())
    return {"kept_bytes": [held / n]}


def _failure(backend: Backend, n: int, depend: Callable[[Pending], list[Pending]]) -> Figures:
    failing_root, open_gate = need(backend.failing_root), need(backend.open_gate)
    warm_up(backend)
    start = time.perf_counter()
    dependents = depend(failing_root())
    submitting = time.perf_counter() - start
    settle()
    start = time.perf_counter()
    open_gate()
    failed = sum(dependent.exception(120) is not None for dependent in dependents)
    failing = time.perf_counter() - start
    expect(n, failed)
    total = submitting + failing
    return {"fail_s": [failing], "total_s": [total], "us_per_dependent": [total / n * 1e6]}


def _one_by_one(futures: list[Pending]) -> None:
    for future in futures:
        future.result()


def _timed_nap() -> float:
    start = time.perf_counter()
    tasks.nap()
    return time.perf_counter() - start
