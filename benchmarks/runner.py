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
from benchmarks.strays import Strays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.schedule import Job

__all__ = ["run"]

_ROOT = Path(__file__).resolve().parent.parent
_SAMPLE_TIMEOUT = 150.0
_STRAYS_PATIENCE = 1.0


def run(
    jobs: Iterable[Job], *, budget: float, patience: float = 0.0, tell: Callable[[Sample], None] = lambda _: None
) -> list[Sample]:
    """Take a sample for every job, in order; `tell` is called with each.

    After `budget` seconds only the first round is completed: the table then rests on fewer samples, never on none.
    Before each sample the machine is given `patience` seconds to become quiet. A process that fails or takes too long
    gives a sample with an error. Nothing a backend writes or starts outlives its sample.
    """
    deadline = time.monotonic() + budget
    gauge = Gauge()
    samples = []
    with Strays() as strays:
        for job in _within(jobs, deadline):
            samples.append(_take(job, gauge, patience, strays))
            tell(samples[-1])
    return samples


def _within(jobs: Iterable[Job], deadline: float) -> Iterator[Job]:
    for job in jobs:
        if job.round == 0 or time.monotonic() < deadline:
            yield job


def _take(job: Job, gauge: Gauge, patience: float, strays: Strays) -> Sample:
    spin = gauge.wait_for_quiet(patience)
    before = Usage.now()
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", ignore_cleanup_errors=True) as scratch:
        figures, error = _measure(job, Path(scratch))
        left = 0
        try:
            left = strays.end(_STRAYS_PATIENCE)
        except TimeoutError as problem:  # tells all that is wrong; the other samples are still worth taking
            figures, error = {}, str(problem)
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
        left=left,
    )


def _measure(job: Job, scratch: Path) -> tuple[dict[str, list[float]], str | None]:
    out = scratch / "figures.json"
    # Byte code is cached, as it is for users: a backend may start interpreters of its own.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "benchmarks.driver", job.cell, job.backend, str(job.n)]
    command += ["--scratch", str(scratch), "--out", str(out)]
    # A file, no pipe: a process that is left behind may hold it open for ever.
    with (scratch / "stderr").open("w+", encoding="utf-8", errors="replace") as stderr:
        try:
            done = subprocess.run(
                command,
                cwd=_ROOT,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                timeout=_SAMPLE_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {}, f"not done after {_SAMPLE_TIMEOUT:.0f} s"
        if done.returncode == 0 and out.exists():
            return json.loads(out.read_text(encoding="utf-8")), None
        stderr.seek(0)
        last_line = (stderr.read().strip().splitlines() or [""])[-1]
    return {}, f"exit {done.returncode}: {last_line}"
