"""Tasks on threads.

Headrace as it comes keeps a journal. Parsl with its log off keeps nothing, so in the cells about throughput, round
trips and chains Headrace without its journal is set beside that.

Dask has no part in cells whose leaves wait on an event in the submitter's process, nor in those about one process'
memory.
"""

from __future__ import annotations

from benchmarks.model import Cell, Entry, Figure, Group

__all__ = ["CELLS", "THREADS"]

THREADS = Group(
    name="threads",
    title="Tasks on threads",
    columns={
        "headrace": "Headrace",
        "headrace-nojournal": "Headrace, journal off",
        "futures": "bare pool",
        "parsl-nolog": "Parsl, logging off",
        "parsl": "Parsl",
        "dask": "Dask",
    },
    ratios=(
        ("futures", "headrace"),
        ("parsl-nolog", "headrace-nojournal"),
        ("parsl-nolog", "headrace"),
        ("parsl", "headrace"),
    ),
)

CELLS: tuple[Cell, ...] = (
    Cell(
        name="noop",
        group=THREADS,
        title="No-op throughput: submit 10 000 tasks, wait for all",
        n=10_000,
        figures=(Figure("us_per_task", "each task", "µs"),),
        entries=(
            Entry("headrace", 10_000, 7),
            Entry("headrace-nojournal", 10_000, 7),
            Entry("futures", 10_000, 7),
            Entry("parsl-nolog", 10_000, 5, quick_n=5_000),
            Entry("parsl", 10_000, 3, quick_n=2_000),
            Entry("dask", 1_000, 2, quick_n=500),
        ),
    ),
    Cell(
        name="latency",
        group=THREADS,
        title="One task's round trip, 300 times",
        n=300,
        figures=(Figure("median_us", "median", "µs"), Figure("p95_us", "95th percentile", "µs")),
        entries=(
            Entry("headrace", 300, 7),
            Entry("headrace-nojournal", 300, 7),
            Entry("futures", 300, 7),
            Entry("parsl-nolog", 300),
            Entry("parsl", 300),
            Entry("dask", 100, 2, quick_n=0),
        ),
    ),
    Cell(
        name="chain",
        group=THREADS,
        title="Chain of 5 000, each the next one's argument",
        n=5_000,
        figures=(Figure("us_per_link", "each link", "µs"),),
        entries=(
            Entry("headrace", 5_000, 7),
            Entry("headrace-nojournal", 5_000, 7),
            Entry("futures", 5_000, 7),
            Entry("parsl-nolog", 5_000, 5, quick_n=2_000),
            Entry("parsl", 5_000, 3, quick_n=1_000),
            Entry("dask", 100, 2, quick_n=0),
        ),
    ),
    Cell(
        name="fan-in",
        group=THREADS,
        title="Join of 5 000 no-op leaves, submit to result",
        n=5_000,
        figures=(Figure("us_per_edge", "each edge", "µs"),),
        entries=(
            Entry("headrace", 5_000),
            Entry("futures", 5_000),
            Entry("parsl-nolog", 5_000),
            Entry("parsl", 5_000, 3, quick_n=1_000),
            Entry("dask", 1_000, 2, quick_n=0),
        ),
    ),
    Cell(
        name="fan-in-gate",
        group=THREADS,
        title="Join submitted while all its leaves still run, from their release to its result",
        n=5_000,
        sized=True,
        figures=(Figure("us_per_edge", "each edge", "µs"),),
        entries=(
            *(Entry("headrace", n) for n in (1_000, 2_000, 5_000, 10_000, 20_000)),
            *(Entry("futures", n, 3) for n in (1_000, 2_000, 5_000, 10_000, 20_000)),
            *(Entry("parsl-nolog", n, 3) for n in (1_000, 2_000)),
            Entry("parsl-nolog", 5_000, 2, quick_n=0),
            Entry("parsl", 1_000, 2),
            Entry("parsl", 5_000, 1, quick_n=0),
        ),
    ),
    Cell(
        name="fan-in-slow",
        group=THREADS,
        title="Join over leaves of 1 ms each that end one after another, beyond their own time",
        n=5_000,
        sized=True,
        figures=(Figure("us_per_edge", "each edge", "µs"),),
        entries=(
            *(Entry(backend, n, 3) for backend in ("headrace", "futures") for n in (1_000, 2_000, 5_000)),
            *(Entry("parsl-nolog", n, 2) for n in (1_000, 2_000)),
            Entry("parsl-nolog", 5_000, 1, quick_n=0),
        ),
    ),
    Cell(
        name="fail-fan",
        group=THREADS,
        title="A failing root with 100 000 dependents",
        n=100_000,
        figures=(
            Figure("fail_s", "root fails to last dependent ended", "s"),
            Figure("total_s", "with submitting them", "s"),
            Figure("us_per_dependent", "each dependent, in all", "µs"),
        ),
        entries=(
            Entry("headrace", 100_000, 3),
            Entry("parsl-nolog", 10_000, 2, quick_n=5_000),
            Entry("parsl", 5_000, 1, quick_n=0),
        ),
    ),
    Cell(
        name="fail-chain",
        group=THREADS,
        title="A failing root with a chain of 100 000 behind it",
        n=100_000,
        figures=(
            Figure("fail_s", "root fails to last link ended", "s"),
            Figure("total_s", "with submitting them", "s"),
            Figure("us_per_dependent", "each link, in all", "µs"),
        ),
        entries=(
            Entry("headrace", 100_000, 3),
            Entry("parsl-nolog", 200, 3),
            Entry("parsl", 200, 2, quick_n=0),
        ),
    ),
    Cell(
        name="curve",
        group=THREADS,
        title="Tasks whose futures are dropped at once, submit to all ended",
        n=1_000_000,
        sized=True,
        figures=(
            Figure("us_per_task", "each task", "µs"),
            Figure("kept_bytes", "kept by each after the end", "bytes", from_n=30_000),
        ),
        entries=(
            *(Entry("headrace", n, 5) for n in (1_000, 3_000, 10_000)),
            *(Entry("headrace", n, 3) for n in (30_000, 100_000)),
            Entry("headrace", 300_000, 2, quick_n=0),
            Entry("headrace", 1_000_000, 1, quick_n=0),
            *(Entry("futures", n, 5) for n in (1_000, 3_000, 10_000)),
            *(Entry("futures", n, 3) for n in (30_000, 100_000)),
            Entry("futures", 300_000, 2, quick_n=0),
            Entry("futures", 1_000_000, 1, quick_n=0),
            *(Entry("parsl-nolog", n, 3) for n in (1_000, 3_000, 10_000)),
            Entry("parsl-nolog", 30_000, 1, quick_n=0),
        ),
    ),
    Cell(
        name="kept",
        group=THREADS,
        title="50 000 tasks whose futures are kept",
        n=50_000,
        figures=(Figure("kept_bytes", "held by each", "bytes"),),
        entries=(
            Entry("headrace", 50_000, 3),
            Entry("futures", 50_000, 3),
            Entry("parsl-nolog", 20_000, 1, quick_n=5_000),
        ),
    ),
    Cell(
        name="kept-chain",
        group=THREADS,
        title="Chain of 20 000, only the newest future kept",
        n=20_000,
        figures=(Figure("kept_bytes", "held by each link", "bytes"),),
        entries=(
            Entry("headrace", 20_000, 3),
            Entry("futures", 20_000, 3),
            Entry("parsl-nolog", 10_000, 1, quick_n=3_000),
        ),
    ),
    Cell(
        name="import",
        group=THREADS,
        title="Import, beyond starting the interpreter",
        n=1,
        figures=(Figure("ms", "fresh process", "ms"),),
        entries=tuple(Entry(backend, 1, 3) for backend in ("headrace", "futures", "parsl", "dask")),
    ),
)
