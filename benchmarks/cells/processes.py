"""Tasks on two worker processes.

Parsl's, Ray's and Dask's samples take seconds to start and to end, so they get few rounds; what starting takes has
nothing to do with how Parsl logs or encrypts. The standard library's pool
has no part in `process-replace`: the death of one worker breaks it for good.
"""

from __future__ import annotations

from benchmarks.model import Cell, Entry, Figure, Group

__all__ = ["CELLS", "PROCESSES"]

PROCESSES = Group(
    name="processes",
    title="Tasks on processes",
    columns={
        "headrace": "Headrace",
        "futures": "bare pool",
        "pebble": "pebble",
        "parsl-nolog": "Parsl, bare",
        "parsl": "Parsl",
        "ray": "Ray",
        "dask": "Dask",
    },
    ratios=tuple((peer, "headrace") for peer in ("futures", "pebble", "parsl-nolog", "parsl", "ray", "dask")),
)

CELLS: tuple[Cell, ...] = (
    Cell(
        name="process-noop",
        group=PROCESSES,
        title="No-op throughput: submit 10 000 tasks, wait for all",
        n=10_000,
        figures=(Figure("us_per_task", "each task", "µs"),),
        entries=(
            Entry("headrace", 10_000, 7, quick_n=5_000),
            Entry("futures", 10_000, 7, quick_n=5_000),
            Entry("pebble", 10_000, 5, quick_n=5_000),
            Entry("parsl-nolog", 2_000, 2, quick_n=0),
            Entry("parsl", 2_000, 2, quick_n=1_000),
            Entry("ray", 5_000, 3, quick_n=2_000),
            Entry("dask", 2_000, 2, quick_n=1_000),
        ),
    ),
    Cell(
        name="process-latency",
        group=PROCESSES,
        title="One task's round trip, 300 times",
        n=300,
        figures=(Figure("median_us", "median", "µs"), Figure("p95_us", "95th percentile", "µs")),
        entries=(
            Entry("headrace", 300),
            Entry("futures", 300),
            Entry("pebble", 300, 3),
            Entry("parsl-nolog", 300, 1, quick_n=0),
            Entry("parsl", 300, 1, quick_n=0),
            Entry("ray", 300, 2, quick_n=0),
            Entry("dask", 100, 2, quick_n=0),
        ),
    ),
    Cell(
        name="process-chain",
        group=PROCESSES,
        title="Chain of 1 000, each the next one's argument",
        n=1_000,
        figures=(Figure("us_per_link", "each link", "µs"),),
        entries=(
            Entry("headrace", 1_000),
            Entry("futures", 1_000),
            Entry("pebble", 1_000, 3),
            Entry("parsl-nolog", 1_000, 1, quick_n=0),
            Entry("parsl", 1_000, 1, quick_n=0),
            Entry("ray", 1_000, 2, quick_n=0),
            Entry("dask", 300, 2, quick_n=0),
        ),
    ),
    Cell(
        name="process-start",
        group=PROCESSES,
        title="Starting two workers, imports done",
        n=1,
        figures=(Figure("first_ms", "to the first result", "ms"), Figure("close_ms", "ending them again", "ms")),
        entries=(
            Entry("headrace", 1, 7),
            Entry("futures", 1, 7),
            Entry("pebble", 1),
            Entry("parsl", 1, 2),
            Entry("ray", 1, 2),
            Entry("dask", 1, 2),
        ),
    ),
    Cell(
        name="process-replace",
        group=PROCESSES,
        title="The only worker is killed, 10 times",
        n=10,
        figures=(
            Figure("error_ms", "until its task's failure is known", "ms"),
            Figure("next_ms", "until a task submitted then has its result", "ms"),
        ),
        entries=(
            Entry("headrace", 10, 3),
            Entry("pebble", 10, 3),
            Entry("parsl", 1, 1, quick_n=0),
            Entry("ray", 3, 2, quick_n=0),
            Entry("dask", 3, 2),
        ),
    ),
)
