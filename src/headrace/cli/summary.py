"""What is said at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from headrace.cli.text import count, duration, per_second

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from headrace.cli.failures import Cause
    from headrace.cli.tally import AppTally, Tally
    from headrace.dataflow.reuse import Reuse

__all__ = ["failure_lines", "print_summary", "reuse_lines"]

_MOST_APPS = 10
_MOST_CAUSES = 20


def print_summary(
    console: Console,
    name: str,
    tally: Tally,
    elapsed: float,
    *,
    interrupted: bool,
    only_failures: bool,
    reuse: Sequence[Reuse] = (),
) -> None:
    """Print the summary of a run; nothing for one without tasks.

    Args:
        console: where to.
        name: what ran, as people call it.
        tally: all that happened.
        elapsed: the whole run, in seconds.
        interrupted: whether it was ended by a signal.
        only_failures: leave out all but what failed.
        reuse: what each kernel had of earlier runs.
    """
    counts = tally.counts
    if not counts.total:
        return
    if not only_failures:
        console.print(_headline(name, tally, elapsed, interrupted=interrupted), soft_wrap=True)
        for line in reuse_lines(reuse, ended=counts.done + counts.failed):
            console.print(line, soft_wrap=True)
        if slowest := tally.slowest(_MOST_APPS):
            console.print()
            console.print(_slowest(slowest))
            if (others := sum(1 for app in tally.apps.values() if app.timed) - len(slowest)) > 0:
                console.print(Text(f"and {count(others, 'app')} more", style="dim"))
    lines = list(failure_lines(tally.failures.causes))
    if lines and not only_failures:
        console.print()
    for line in lines:
        console.print(line, soft_wrap=True)


def reuse_lines(reuse: Sequence[Reuse], ended: int) -> Iterator[Text]:
    """Yield what was resumed, and what was run again all the same.

    Args:
        reuse: what each kernel had of earlier runs.
        ended: how many tasks have ended well, or by an error of their own.
    """
    resumed = [one for one in reuse if one.resumed is not None]
    if not resumed:
        return
    names = ", ".join(dict.fromkeys(one.name or "" for one in resumed))
    ran = ended - sum(one.calls + one.shared for one in reuse)
    uncached = max(0, ran - sum(one.run for one in reuse))
    again = f", {uncached:,} of them of apps that are not cached" if uncached else ""
    reused = count(sum(one.calls for one in resumed), "result")
    yield Text(f"Resumed run {names}: {reused} reused, {count(ran, 'task')} run{again}.")


def failure_lines(causes: Sequence[Cause]) -> Iterator[Text]:
    """Yield what failed, by cause; those that took most tasks with them first."""
    if not causes:
        return
    failed = sum(cause.failed + cause.joins for cause in causes)
    not_run = sum(cause.not_run for cause in causes)
    heading = f"{count(failed, 'task')} failed" if failed else f"{count(not_run, 'task')} did not run"
    yield Text(
        f"{heading}, for {count(len(causes), 'reason')}:" if len(causes) > 1 else f"{heading}:", style="bold red"
    )
    ranked = sorted(causes, key=lambda cause: -cause.weight)
    for cause in ranked[:_MOST_CAUSES]:
        yield from _cause_lines(cause)
    if others := ranked[_MOST_CAUSES:]:
        lost = sum(cause.weight for cause in others)
        yield Text(f"  and {count(len(others), 'reason')} more, that {count(lost, 'task')} did not end well for")


def _headline(name: str, tally: Tally, elapsed: float, *, interrupted: bool) -> Text:
    counts = tally.counts
    retries = f", after {count(tally.retries, 'retry', 'retries')}" if tally.retries else ""
    style = "bold yellow" if interrupted else "bold red" if counts.failed or counts.not_run else "bold green"
    rate = f" ({per_second(counts.ended / elapsed)})" if elapsed else ""
    return Text.assemble(
        (f"{name}{' was interrupted' if interrupted else ''}: ", "bold"),
        f"{count(counts.total, 'task')} in {duration(elapsed)}{rate}: ",
        (counts.describe(), style),
        retries,
    )


def _slowest(apps: Sequence[AppTally]) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=40)
    for _ in range(4):
        table.add_column(no_wrap=True, justify="right")
    table.add_row(*(Text(heading, style="dim") for heading in ("slowest apps", "tasks", "total", "mean", "max")))
    for app in apps:
        table.add_row(
            Text(app.name), f"{app.counts.total:,}", duration(app.total), duration(app.mean), duration(app.longest)
        )
    return table


def _cause_lines(cause: Cause) -> Iterator[Text]:
    several = f": {count(cause.failed, 'task')}" if cause.failed > 1 else ""
    yield Text.assemble("  ", (cause.title, "red"), several)
    for failure in cause.examples:
        message = f": {failure.message}" if failure.message else ""
        yield Text.assemble("    ", (failure.task, "bold"), message)
    if (more := cause.failed - len(cause.examples)) > 0:
        yield Text(f"    and {more:,} more")
    if cause.not_run:
        yield Text(
            f"    {count(cause.not_run, 'task')} did not run because of {'these' if cause.failed > 1 else 'it'}",
            style="yellow",
        )
    if cause.joins:
        yield Text(
            f"    {count(cause.joins, 'join app')} waited for what failed so, and failed with it", style="yellow"
        )
