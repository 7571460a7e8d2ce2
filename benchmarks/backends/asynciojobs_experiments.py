"""asynciojobs: jobs of one scheduler, each required by the next. It has no states, no delays, and no conditions."""

from __future__ import annotations

import asyncio
import importlib
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks.backends.base import Experiments

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_backend"]

_asynciojobs: Any = importlib.import_module("asynciojobs")


def open_backend(scratch: Path) -> Experiments:  # noqa: ARG001 - it writes nothing
    """Offer schedulers."""

    def start_many(n: int) -> float:
        async def nothing() -> None:
            pass

        scheduler = _asynciojobs.Scheduler(*(_asynciojobs.Job(nothing()) for _ in range(n)))
        start = time.perf_counter()
        _run(scheduler)
        return time.perf_counter() - start

    def chained(n: int, seconds: float) -> list[tuple[float, float]]:
        times: list[tuple[float, float]] = []

        async def link() -> None:
            begun = time.perf_counter()
            if seconds:
                await asyncio.sleep(seconds)
            times.append((begun, time.perf_counter()))

        before = None
        scheduler = _asynciojobs.Scheduler()
        for _ in range(n):
            before = _asynciojobs.Job(link(), scheduler=scheduler, required=before)
        _run(scheduler)
        return times

    def chain(n: int, seconds: float) -> float:
        times = chained(n, seconds)
        return times[-1][1] - times[0][0]

    def reactions(n: int) -> list[float]:
        times = chained(n + 1, 0.0)
        return [after[0] - before[1] for before, after in pairwise(times)]

    return Experiments(start_many=start_many, chain=chain, close=lambda: None, reactions=reactions)


def _run(scheduler: Any) -> None:  # noqa: ANN401 - as imported
    if not scheduler.run():
        message = "its jobs did not all run"
        raise RuntimeError(message)
