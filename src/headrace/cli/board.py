"""The live view: a row for each app, and the latest failures below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from headrace.cli.counts import Counts
from headrace.cli.text import count, duration, per_second

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from headrace.cli.failures import Cause
    from headrace.cli.progress import Moment
    from headrace.cli.tally import AppTally

__all__ = ["Board", "bar"]

#: The parts of a bar, and of the columns beside it: the field of `Counts`, its heading, its style.
_PARTS = (
    ("done", "done", "green"),
    ("failed", "failed", "red"),
    ("not_run", "not run", "yellow"),
    ("cancelled", "cancelled", "magenta"),
    ("running", "running", "cyan"),
    ("joining", "joining", "blue"),
    ("waiting", "waiting", "bright_black"),
)
_COLUMNS = ("done", "running", "joining", "waiting", "failed", "not_run", "cancelled")
# Those are always there, so that the table keeps its shape while it matters.
_ALWAYS = {"done", "running", "waiting"}
_MOST_APPS = 12
_MOST_CAUSES = 5
_WIDEST_BAR = 40
_NARROWEST_BAR = 8
_COLUMN_WIDTH = 11
_LONGEST_NAME = 24


class Board:
    """What a moment looks like on a terminal of any size: never higher than about half of it, never wrapped."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        tally = self._moment.tally
        apps = list(tally.apps.values())
        rows = max(3, min(_MOST_APPS, options.size.height // 2 - 3))
        yield Text()
        yield _headline(self._moment, tally.counts)
        yield _table(apps, rows, options)
        yield from _failures(tally.failures.latest(_MOST_CAUSES), len(tally.failures.causes), options)
        if self._moment.notice:
            yield _cut(Text(self._moment.notice, style="bold yellow"), options)


def bar(counts: Counts, width: int, block: str = "\u2501") -> Text:
    """Return a bar of that many blocks, coloured by the share of each part. No part is left out while there is room."""
    sizes = [(getattr(counts, name), style) for name, _, style in _PARTS]
    total = counts.total
    if not total:
        return Text(block * width, style=_PARTS[-1][2])
    blocks = [max(1, number * width // total) if number else 0 for number, _ in sizes]
    while (room := width - sum(blocks)) < 0:
        # The small parts' blocks are taken from the largest.
        blocks[blocks.index(max(blocks))] -= 1
    blocks[blocks.index(max(blocks))] += room
    return Text.assemble(*((block * length, style) for length, (_, style) in zip(blocks, sizes, strict=True)))


def _headline(moment: Moment, counts: Counts) -> RenderableType:
    line = Text.assemble(
        (moment.name, "bold"),
        f"  {duration(moment.elapsed)}  ",
        (f"{counts.ended:,} of {count(counts.total, 'task')} ended", ""),
        (f"  {per_second(moment.rate)}", "dim"),
    )
    if counts.failed:
        line.append(f"  {counts.failed:,} failed", "red")
    if moment.tally.retries:
        line.append(f"  {count(moment.tally.retries, 'retry', 'retries')}", "yellow")
    line.no_wrap = True
    return line


def _table(apps: Sequence[AppTally], rows: int, options: ConsoleOptions) -> RenderableType:
    shown, others = _chosen([(app.name, app.counts) for app in apps], rows)
    everything = sum((counts for _, counts in shown), others)
    columns = [part for part in _COLUMNS if part in _ALWAYS or getattr(everything, part)]
    longest = max(len(name) for name, _ in shown)
    width = min(_WIDEST_BAR, options.max_width - min(longest, _LONGEST_NAME) - 6 - _COLUMN_WIDTH * len(columns))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, max_width=_LONGEST_NAME, overflow="ellipsis")
    if width >= _NARROWEST_BAR:
        table.add_column(no_wrap=True)
    for _ in columns:
        table.add_column(no_wrap=True, justify="right", min_width=7)
    headings = {name: heading for name, heading, _ in _PARTS}
    bars = [""] if width >= _NARROWEST_BAR else []
    table.add_row("", *bars, *(Text(headings[column], style="dim") for column in columns))
    block = "-" if options.ascii_only else "\u2501"
    for name, counts in shown:
        drawn = [bar(counts, width, block)] if width >= _NARROWEST_BAR else []
        table.add_row(Text(name), *drawn, *(_number(counts, column) for column in columns))
    if len(apps) > len(shown):
        more = Text(f"and {count(len(apps) - len(shown), 'app')} more", style="dim")
        table.add_row(more, *bars, *(_number(others, column) for column in columns))
    return table


def _chosen(apps: Sequence[tuple[str, Counts]], rows: int) -> tuple[Sequence[tuple[str, Counts]], Counts]:
    """Return the rows to show, in their order, and what the others come to; apps at work go before ended ones."""
    if len(apps) <= rows:
        return apps, Counts()
    at_work = sorted(range(len(apps)), key=lambda place: _rank(apps[place][1]))
    chosen = set(at_work[: rows - 1])
    others = sum((counts for place, (_, counts) in enumerate(apps) if place not in chosen), Counts())
    return [apps[place] for place in sorted(chosen)], others


def _rank(counts: Counts) -> int:
    if counts.running:
        return 0
    return 1 if counts.ended < counts.total else 2


def _number(counts: Counts, column: str) -> Text:
    number = getattr(counts, column)
    if column == "done":
        return Text(f"{number:,}/{counts.total:,}")
    style = next(style for name, _, style in _PARTS if name == column)
    return Text(f"{number:,}", style=style) if number else Text("\u00b7", style="bright_black")


def _failures(causes: Sequence[Cause], number: int, options: ConsoleOptions) -> Sequence[Text]:
    if not causes:
        return []
    mark = "x" if options.ascii_only else "\u2717"
    lines = [Text(), *(_cut(_failure(cause, mark), options) for cause in causes)]
    if number > len(causes):
        lines.insert(1, Text(f"{count(number - len(causes), 'earlier cause')} of failure, and:", style="dim"))
    return lines


def _failure(cause: Cause, mark: str) -> Text:
    latest = cause.latest
    message = f": {latest.message}" if latest is not None and latest.message else ""
    counts = [f"{cause.failed:,} times"] if cause.failed > 1 else []
    counts += [f"{cause.not_run:,} not run for it"] if cause.not_run else []
    counts += [f"{count(cause.joins, 'join')} failed for it"] if cause.joins else []
    return Text.assemble(
        (f"{mark} ", "bold red"),
        ("" if latest is None else f"{latest.task}  ", "bold"),
        (", ".join(counts) + ("  " if counts else ""), "yellow"),
        (cause.kind, "red"),
        message,
        ("" if cause.place is None else f"  {cause.place}", "dim"),
    )


def _cut(line: Text, options: ConsoleOptions) -> Text:
    line.truncate(options.max_width, overflow="ellipsis")
    return line
