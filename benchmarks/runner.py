"""Takes the samples: one fresh process each, in the order it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.model import Sample
from benchmarks.noise import Gauge, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.schedule import Job

__all__ = ["run"]

_ROOT = Path(__file__).resolve().parent.parent
_SAMPLE_TIMEOUT = 150.0


def run(
    jobs: Iterable[Job], *, budget: float, patience: float = 0.0, tell: Callable[[Sample], None] = lambda _: None
) -> list[Sample]:
    """Take a sample for every job, in order; `tell` is called with each.

    After `budget` seconds only the first round is completed: the table then rests on fewer samples, never on none.
    Before each sample the machine is given `patience` seconds to become quiet. A process that fails or takes too long
    gives a sample with an error. Nothing a backend writes outlives its sample.
    """
    deadline = time.monotonic() + budget
    gauge = Gauge()
    samples = []
    for job in _within(jobs, deadline):
        samples.append(_take(job, gauge, patience))
        tell(samples[-1])
    return samples


def _within(jobs: Iterable[Job], deadline: float) -> Iterator[Job]:
    for job in jobs:
        if job.round == 0 or time.monotonic() < deadline:
            yield job


def _take(job: Job, gauge: Gauge, patience: float) -> Sample:
    spin = gauge.wait_for_quiet(patience)
    before = Usage.now()
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", ignore_cleanup_errors=True) as scratch:
        figures, error = _measure(job, Path(scratch))
    after = Usage.now()
    return Sample(
        cell=job.cell,
        backend=job.backend,
        n=job.n,
        round=job.round,
        figures=figures,
        error=error,
        spin=max(spin, gauge.read()),
        others=after.others_since(before, os.cpu_count() or 1),
        wall=after.at - before.at,
    )


def _measure(job: Job, scratch: Path) -> tuple[dict[str, list[float]], str | None]:
    out = scratch / "figures.json"
    command = [sys.executable, "-m", "benchmarks.driver", job.cell, job.backend, str(job.n)]
    command += ["--scratch", str(scratch), "--out", str(out)]
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_SAMPLE_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"not done after {_SAMPLE_TIMEOUT:.0f} s"
    if done.returncode == 0 and out.exists():
        return json.loads(out.read_text(encoding="utf-8")), None
    last_line = (done.stderr.strip().splitlines() or [""])[-1]
    return {}, f"exit {done.returncode}: {last_line}"
