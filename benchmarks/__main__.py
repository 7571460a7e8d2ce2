"""`python -m benchmarks`: take the samples, write the table, the curve and, if wanted, everything as JSON."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import chart, report, schedule
from benchmarks.cells import BACKENDS, CELLS
from benchmarks.cells.threads import THREADS
from benchmarks.machine import describe
from benchmarks.runner import run
from benchmarks.summary import Summary
from benchmarks.targets import TARGETS, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.model import Cell, Sample

__all__ = ["main"]

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_BUDGET, _QUICK_BUDGET = 960.0, 150.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; 0 unless a sample failed or the command line is wrong. A missed target is no failure."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        cells = schedule.select(CELLS, arguments.only, arguments.backend)
    except ValueError as error:
        parser.error(str(error))
    if arguments.quick:
        cells = schedule.quick(cells)
    started = time.monotonic()
    budget = arguments.budget or (_QUICK_BUDGET if arguments.quick else _BUDGET)
    jobs = schedule.interleave(cells, random.Random(arguments.seed))  # noqa: S311 - an order, no secret
    samples = run(jobs, budget=budget, patience=arguments.patience, tell=_progress)
    _write(arguments, cells, samples, skipped=len(jobs) - len(samples), seconds=time.monotonic() - started)
    return int(any(sample.error for sample in samples))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Headrace beside its peers.")
    parser.add_argument(
        "--quick", action="store_true", help="one round, smaller sizes: two or three minutes, and rough"
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this cell (repeatable)")
    parser.add_argument("--backend", action="append", default=[], choices=BACKENDS, help="only this one (repeatable)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there too")
    parser.add_argument("--docs", type=Path, default=None, help="where the table and the curve go (default: docs/)")
    parser.add_argument("--budget", type=float, default=0.0, help="seconds after which no further round is started")
    parser.add_argument("--patience", type=float, default=0.0, help="seconds to wait for quiet before each sample")
    parser.add_argument("--seed", type=int, default=None, help="repeat the order of an earlier run")
    return parser


def _write(
    arguments: argparse.Namespace, cells: Sequence[Cell], samples: Sequence[Sample], *, skipped: int, seconds: float
) -> None:
    summary, machine = Summary(samples), describe()
    chosen = {cell.name for cell in cells}
    verdicts = judge(summary, [target for target in TARGETS if target.cell in chosen])
    page = report.markdown(cells, summary, verdicts, machine, _note(arguments, samples, skipped, seconds))
    if arguments.json:
        text = json.dumps(report.as_json(samples, verdicts, machine), indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(page)
    # A part of the suite never overwrites the whole suite's table.
    docs = arguments.docs or (None if arguments.only or arguments.backend else _DOCS)
    if docs is None:
        return
    (docs / "performance-table.md").write_text(page, encoding="utf-8")
    lines = {
        THREADS.columns[backend]: summary.series("curve", "us_per_task", backend)
        for backend in ("headrace", "futures", "parsl-nolog")
    }
    if any(lines.values()):
        (docs / "performance-curve.svg").write_text(chart.svg(lines), encoding="utf-8")


def _note(arguments: argparse.Namespace, samples: Sequence[Sample], skipped: int, seconds: float) -> str:
    quiet = sum(sample.quiet for sample in samples)
    slow = statistics.median(sample.spin for sample in samples) if samples else 1.0
    journal = (
        "Headrace keeps its journal, as it comes, unless its column says otherwise: set Parsl with its log beside "
        "Headrace, and Parsl without beside Headrace without its journal, where there is such a column."
    )
    parts = [
        f"{'A quick run: ' if arguments.quick else ''}{len(samples)} samples in {seconds:.0f} s, each a fresh process;",
        f"{quiet} on a quiet machine. A fixed loop beside them took {slow:.2f} times its best time (median).",
        journal,
    ]
    if skipped:
        parts.append(f"{skipped} further samples were left out to keep to the time.")
    return " ".join(parts)


def _progress(sample: Sample) -> None:
    figures = ", ".join(f"{key} {values[0]:.4g}" for key, values in sample.figures.items())
    left = f"  ({sample.left} processes left behind)" if sample.left else ""
    busy = "" if sample.quiet else f"  (busy: loop {sample.spin:.2f}, others {sample.others:.0%})"
    sys.stderr.write(
        f"{sample.round + 1} {sample.cell:<18} {sample.backend:<13} {sample.n:>13,} {sample.wall:6.1f} s  "
        f"{sample.error or figures}{busy}{left}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
