"""Commands as tasks, on four threads.

A shell costs a millisecond of its own. So there are two bare counterparts, and each side is set against its own.
"""

from __future__ import annotations

from benchmarks.model import Cell, Entry, Figure, Group

__all__ = ["CELLS", "COMMANDS"]

COMMANDS = Group(
    name="commands",
    title="Commands",
    columns={
        "headrace": "Headrace, shell",
        "headrace-argv": "Headrace, no shell",
        "futures": "bare, shell",
        "futures-argv": "bare, no shell",
        "parsl-nolog": "Parsl, logging off",
        "parsl": "Parsl",
    },
    ratios=(
        ("futures", "headrace"),
        ("futures-argv", "headrace-argv"),
        ("parsl-nolog", "headrace"),
        ("parsl", "headrace"),
    ),
)

_GIGABYTE = 1_000_000_000

CELLS: tuple[Cell, ...] = (
    Cell(
        name="command-latency",
        group=COMMANDS,
        title="`true`, one after another, 100 times",
        n=100,
        figures=(
            Figure("trip_ms", "round trip, median", "ms"),
            Figure("over_ms", "of that, over `subprocess.run` of the same", "ms", compared=False),
        ),
        entries=(
            *(Entry(backend, 100) for backend in ("headrace", "headrace-argv")),
            *(Entry(backend, 100, 3) for backend in ("futures", "futures-argv", "parsl-nolog", "parsl")),
        ),
    ),
    Cell(
        name="command-throughput",
        group=COMMANDS,
        title="`true`, 200 submitted at once",
        n=200,
        figures=(Figure("ms_per_command", "each command", "ms"),),
        entries=(
            *(Entry(backend, 200) for backend in ("headrace", "headrace-argv")),
            *(Entry(backend, 200, 3) for backend in ("futures", "futures-argv", "parsl-nolog", "parsl")),
        ),
    ),
    Cell(
        name="command-output",
        group=COMMANDS,
        title="A command that prints a gigabyte to a file",
        n=_GIGABYTE,
        figures=(
            Figure("grown_mb", "peak growth of the workflow's process", "MB", compared=False),
            Figure("seconds", "round trip", "s"),
        ),
        entries=tuple(
            Entry(backend, _GIGABYTE, 2, quick_n=_GIGABYTE // 10)
            for backend in ("headrace", "headrace-argv", "futures", "parsl-nolog")
        ),
    ),
)
