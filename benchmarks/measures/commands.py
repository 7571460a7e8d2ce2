"""Commands as tasks: what one costs beyond being run, how many a second, and what a long output costs."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measures.common import expect, resident

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.backends.base import Commands
    from benchmarks.measures.common import Figures, Start

__all__ = ["latency", "output", "throughput"]

_WARM_UP = 8
_MEGABYTE = 1e6


def latency(system: Commands, n: int) -> Figures:
    """Time of a command's round trip, in turns with `subprocess.run` of what it starts, here and now.

    `over_ms` is the difference of their medians: what the system adds. Which of the two comes first changes each time,
    so that neither always runs in the other's wake.
    """

    def as_task() -> None:
        expect(0, system.true().result())

    def bare() -> None:
        subprocess.run(system.bare, check=True)

    _warm_up(system)
    trips: list[float] = []
    alone: list[float] = []
    turns = ((as_task, trips), (bare, alone))
    for number in range(n):
        for run, times in turns if number % 2 else reversed(turns):
            times.append(_milliseconds(run))
    trip, floor = statistics.median(trips), statistics.median(alone)
    return {"trip_ms": [trip], "over_ms": [trip - floor], "bare_ms": [floor]}


def throughput(system: Commands, n: int) -> Figures:
    """Time from before the first submit of `n` commands until the last has its result."""
    _warm_up(system)
    start = time.perf_counter()
    codes = [future.result() for future in [system.true() for _ in range(n)]]
    elapsed = time.perf_counter() - start
    expect([0] * n, codes)
    return {"ms_per_command": [elapsed / n * 1e3]}


def output(start: Start, n: int) -> Figures:
    """Growth of this process' resident set, at its highest, while a command prints `n` bytes to a file."""
    system: Commands = start()
    try:
        _warm_up(system)
        path = start.scratch / "output"
        before = resident()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from now
        begin = time.perf_counter()
        code = system.output(n, str(path)).result()
        elapsed = time.perf_counter() - begin
        peak = _peak()
    finally:
        system.close()
    expect(0, code)
    expect(n, path.stat().st_size)
    return {"grown_mb": [max(0, peak - before) / _MEGABYTE], "seconds": [elapsed]}


def _milliseconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def _peak() -> int:
    """Bytes of the process in memory at most, since that was last reset."""
    found = re.search(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise LookupError("/proc/self/status tells no VmHWM")
    return int(found.group(1)) * 1024


def _warm_up(system: Commands) -> None:
    for future in [system.true() for _ in range(_WARM_UP)]:
        expect(0, future.result())
