"""A pool of processes: its beginning, its end, and what the death of a worker costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.measures.common import WrongResultError, expect, need

if TYPE_CHECKING:
    from benchmarks.backends.base import Backend
    from benchmarks.measures.common import Figures, Start

__all__ = ["replace", "start_up"]


def start_up(start: Start, n: int) -> Figures:
    """Time from before the system is made, all imports done, until its first result; and that of ending it again."""
    expect(1, n)  # a second start in this process would find things warm
    begin = time.perf_counter()
    backend: Backend = start()
    try:
        backend.noop().result()
        first = time.perf_counter() - begin
    finally:
        begin = time.perf_counter()
        backend.close()
    return {"first_ms": [first * 1e3], "close_ms": [(time.perf_counter() - begin) * 1e3]}


def replace(start: Start, n: int) -> Figures:
    """Times from the moment at which the only worker kills itself, `n` times.

    First until the failure of its task is known; then until a task submitted as soon as that is known has its result.
    """
    backend: Backend = start(workers=1)
    try:
        die = need(backend.die)
        backend.noop().result()
        known, replaced = [], []
        for number in range(n):
            mark = start.scratch / f"killed-{number}"
            if die(str(mark)).exception(120) is None:
                raise WrongResultError("a task whose worker was killed has a result")
            failed = time.monotonic()
            backend.noop().result()
            result = time.monotonic()
            killed = float(mark.read_text(encoding="ascii"))
            known.append((failed - killed) * 1e3)
            replaced.append((result - killed) * 1e3)
    finally:
        backend.close()
    return {"error_ms": known, "next_ms": replaced}
