"""Experiments: resources under conditions, against NEPI and asynciojobs.

NEPI 6.1.2 as it comes from PyPI calls `Thread.isAlive`, which Python 3.9 dropped: it is given that name again.
asynciojobs has neither states nor conditions on them: its jobs wait for the end of others. Neither runs shell
commands here: NEPI's wait for ever for their node, and asynciojobs leaves them to another package.
"""

from __future__ import annotations

from benchmarks.model import Cell, Entry, Figure, Group

__all__ = ["CELLS", "EXPERIMENTS"]

EXPERIMENTS = Group(
    name="experiments",
    title="Experiments",
    columns={
        "headrace": "Headrace",
        "headrace-nojournal": "Headrace, no journal",
        "nepi": "NEPI",
        "asynciojobs": "asynciojobs",
    },
    ratios=(("nepi", "headrace"), ("asynciojobs", "headrace")),
)

_OURS = ("headrace", "headrace-nojournal")

CELLS: tuple[Cell, ...] = (
    Cell(
        name="reaction",
        group=EXPERIMENTS,
        title="A resource ends: until one that waited for it is started, 500 times",
        n=500,
        figures=(Figure("median_ms", "median", "ms"), Figure("p99_ms", "99th percentile", "ms")),
        entries=(*(Entry(backend, 500) for backend in _OURS), Entry("nepi", 20, 2), Entry("asynciojobs", 500, 3)),
    ),
    Cell(
        name="resources",
        group=EXPERIMENTS,
        title="1 000 resources that do nothing, deployed, and started when all are ready",
        n=1_000,
        figures=(Figure("ms", "all of them", "ms"),),
        entries=(
            *(Entry(backend, 1_000) for backend in _OURS),
            Entry("nepi", 1_000, 3),
            Entry("asynciojobs", 1_000, 3),
        ),
    ),
    Cell(
        name="resource-chain",
        group=EXPERIMENTS,
        title="20 resources that each end after 30 ms, one after another",
        n=20,
        figures=(Figure("seconds", "the whole chain", "s"),),
        entries=(*(Entry(backend, 20) for backend in _OURS), Entry("nepi", 20, 2), Entry("asynciojobs", 20, 3)),
    ),
    Cell(
        name="timed",
        group=EXPERIMENTS,
        title="Starts due 0.2 s after another, while 1 000 resources are in a start that blocks",
        n=1_000,
        figures=(Figure("late_ms", "lateness, median", "ms", compared=False),),
        entries=(*(Entry(backend, 1_000) for backend in _OURS), Entry("nepi", 40, 2)),
    ),
    Cell(
        name="waiting",
        group=EXPERIMENTS,
        title="1 000 resources wait for another, for two seconds",
        n=1_000,
        figures=(Figure("cpu_percent", "of one core", "%", compared=False),),
        entries=(*(Entry(backend, 1_000, 3) for backend in _OURS), Entry("nepi", 1_000, 2)),
    ),
    Cell(
        name="shells",
        group=EXPERIMENTS,
        title="`echo; sleep 1` on this machine, then `echo`",
        n=2,
        figures=(Figure("seconds", "both", "s"),),
        entries=(Entry("headrace", 2, 3),),
    ),
)
