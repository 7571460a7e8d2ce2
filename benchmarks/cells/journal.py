"""Nothing lost: what the journal and durable results cost, and asking about a long run afterwards.

Parsl's side stores results likewise when each task ends, with `BasicMemoizer(checkpoint_mode="task_exit")`.
"""

from __future__ import annotations

from benchmarks.model import Cell, Entry, Figure, Group

__all__ = ["CELLS", "FLOOD", "HISTORY", "JOURNAL"]

JOURNAL = Group(
    name="journal",
    title="Nothing lost, on threads",
    columns={"headrace": "Headrace", "parsl-nolog": "Parsl, logging off", "parsl": "Parsl"},
    ratios=(("parsl-nolog", "headrace"), ("parsl", "headrace")),
)

HISTORY = Group(name="history", title="Looking back", columns={"headrace": "Headrace"}, ratios=())

FLOOD = Group(name="flood", title="The first look after a kill", columns={"headrace": "Headrace"}, ratios=())

_OVERHEAD = (
    Figure("on_us", "each task with a journal", "µs"),
    Figure("off_us", "without", "µs"),
    Figure("over_us", "difference", "µs", compared=False),
    Figure("written_us", "difference until all of it is on disk", "µs", compared=False),
)
_CPU = Figure("cpu_us", "of processor time until then, difference", "µs", compared=False)

CELLS: tuple[Cell, ...] = (
    Cell(
        name="journal-noop",
        group=JOURNAL,
        title="No-op throughput with a journal and without, in turns: 10 000 tasks, 4 times each",
        n=10_000,
        figures=(*_OVERHEAD, _CPU),
        entries=(Entry("headrace", 10_000),),
    ),
    Cell(
        name="journal-beside",
        group=JOURNAL,
        title="The same while another thread computes",
        n=10_000,
        figures=_OVERHEAD,
        entries=(Entry("headrace", 10_000, 4, quick_n=5_000),),
    ),
    Cell(
        name="durable",
        group=JOURNAL,
        title="Stored results: 10 000 tasks, 1 000 in flight",
        n=10_000,
        figures=(Figure("us_per_task", "each task", "µs"),),
        entries=(
            Entry("headrace", 10_000),
            Entry("parsl-nolog", 5_000, 3, quick_n=2_000),
            Entry("parsl", 3_000, 3, quick_n=2_000),
        ),
    ),
    Cell(
        name="durable-chain",
        group=JOURNAL,
        title="Stored results: chain of 5 000, each the next one's argument",
        n=5_000,
        figures=(Figure("us_per_link", "each link", "µs"),),
        entries=(
            Entry("headrace", 5_000),
            Entry("parsl-nolog", 5_000, 3, quick_n=2_000),
            Entry("parsl", 3_000, 2, quick_n=1_000),
        ),
    ),
    Cell(
        name="durable-latency",
        group=JOURNAL,
        title="Stored results: one task's round trip, 300 times",
        n=300,
        figures=(Figure("median_us", "median", "µs"), Figure("p95_us", "95th percentile", "µs")),
        entries=(Entry("headrace", 300), Entry("parsl-nolog", 300, 3), Entry("parsl", 300, 3)),
    ),
    Cell(
        name="memo",
        group=JOURNAL,
        title="Calls answered with results that the run has: 10 000 different ones",
        n=10_000,
        figures=(Figure("us_per_hit", "each call", "µs"),),
        entries=(
            Entry("headrace", 10_000),
            Entry("parsl-nolog", 5_000, 3, quick_n=2_000),
            Entry("parsl", 2_000, 2, quick_n=1_000),
        ),
    ),
    Cell(
        name="resume",
        group=JOURNAL,
        title="An earlier run resumed: 10 000 results found again",
        n=10_000,
        figures=(
            Figure("us_per_result", "each result, from before the start", "µs"),
            Figure("load_ms", "ready for tasks", "ms"),
        ),
        entries=(
            Entry("headrace", 10_000, quick_n=5_000),
            Entry("parsl-nolog", 10_000, 3, quick_n=5_000),
            Entry("parsl", 3_000, 1, quick_n=0),
        ),
    ),
    Cell(
        name="disk",
        group=JOURNAL,
        title="Files of a run of 20 000 tasks, looked at",
        n=20_000,
        figures=(
            Figure("bytes_per_task", "each task", "bytes", compared=False),
            Figure("bytes_per_result", "a small stored result besides", "bytes", compared=False),
        ),
        entries=(
            Entry("headrace", 20_000, 2, quick_n=5_000),
            Entry("parsl-nolog", 5_000, 1, quick_n=0),
            Entry("parsl", 2_000, 1, quick_n=0),
        ),
    ),
    Cell(
        name="views",
        group=HISTORY,
        title="A run of 1 000 000 tasks",
        n=1_000_000,
        figures=(
            Figure("write_us", "writing it, each task", "µs"),
            Figure("first_ms", "the first question of all, which brings its tables up to date", "ms"),
            Figure("counters_ms", "how many tasks are in which state", "ms"),
            Figure("runs_ms", "all runs", "ms"),
            Figure("times_ms", "how long the tasks of each app took", "ms"),
            Figure("failures_ms", "the first 100 failures", "ms"),
            Figure("slowest_ms", "the 20 slowest tasks", "ms"),
            Figure("page_ms", "a page of tasks, from near the end", "ms"),
            Figure("unit_ms", "one task", "ms"),
            Figure("moves_ms", "its moves", "ms"),
            Figure("needs_ms", "the 1 000 tasks that one waited for", "ms"),
            Figure("why_ms", "why that one did not run, down to the first failure", "ms"),
            Figure("worst_ms", "the slowest of these questions but the first", "ms"),
            Figure("cli_runs_ms", "`headrace runs`", "ms"),
            Figure("cli_show_ms", "`headrace show`", "ms"),
            Figure("cli_failed_ms", "`headrace show --state failed`", "ms"),
            Figure("cli_task_ms", "`headrace show last TASK`", "ms"),
            Figure("cli_why_ms", "`headrace why TASK`, of that one", "ms"),
            Figure("cli_log_ms", "`headrace log TASK`", "ms"),
            Figure("worst_command_ms", "the slowest of these commands", "ms"),
        ),
        entries=(Entry("headrace", 1_000_000, 1, quick_n=100_000),),
    ),
    Cell(
        name="flood",
        group=FLOOD,
        title="1 000 000 no-op tasks submitted at once, killed with SIGKILL when half of them had ended",
        n=1_000_000,
        figures=(
            Figure("first_runs_ms", "`headrace runs`", "ms"),
            Figure("first_show_ms", "`headrace show`", "ms"),
            Figure("first_list_ms", "`headrace show --state done`", "ms"),
            Figure("first_task_ms", "`headrace show last TASK`", "ms"),
            Figure("first_why_ms", "`headrace why TASK`", "ms"),
            Figure("first_log_ms", "`headrace log TASK`", "ms"),
            Figure("worst_first_ms", "the slowest of these", "ms"),
        ),
        entries=(Entry("headrace", 1_000_000, 3, quick_n=100_000),),
    ),
)
