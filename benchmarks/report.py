"""The run as Markdown and as JSON. Pure: everything is handed in."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from benchmarks.targets import TIMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.machine import Machine
    from benchmarks.model import Cell, Figure, Group, Sample
    from benchmarks.summary import Summary, Value
    from benchmarks.targets import Verdict

__all__ = ["as_json", "markdown", "number", "spread"]


def number(value: float) -> str:
    """Three significant digits at least, no exponent, a narrow space between thousands: 9.31, 34.2, 690, 13 800."""
    magnitude = abs(value)
    digits = 0 if magnitude >= 99.95 else 1 if magnitude >= 9.995 else 2
    return f"{value:,.{digits}f}".replace(",", "\u202f")


def spread(value: Value) -> str:
    """A median with its range; `~` says that the machine was busy."""
    mark = "~" if value.noisy else ""
    if value.count == 1:
        return f"{mark}{number(value.median)}"
    return f"{mark}{number(value.median)} [{number(value.low)}..{number(value.high)}]"


def markdown(cells: Sequence[Cell], summary: Summary, verdicts: Iterable[Verdict], machine: Machine, note: str) -> str:
    """The page's table: the machine, the targets, every figure, the curve; `note` says how the run was made."""
    parts = [
        "<!-- Written by `make bench`: edit benchmarks/, not this file. -->",
        f"**Machine.** {machine.sentence()}.",
        note,
        "### Against the targets",
        _table(("", "target", "measured", ""), (_verdict_row(verdict) for verdict in verdicts)),
    ]
    for group, members in groupby(cells, key=attrgetter("group")):
        rows = [row for cell in members for row in _cell_rows(cell, summary)]
        parts += [f"### {group.title}", _table(_heading(group), rows)]
    if summary.sizes("curve", "headrace") or summary.sizes("curve", "futures"):
        parts += ["### Cost of a task by the number of tasks", "![Cost of a task](performance-curve.svg)"]
    return "\n\n".join(parts) + "\n"


def as_json(samples: Iterable[Sample], verdicts: Iterable[Verdict], machine: Machine) -> dict[str, Any]:
    """Everything that was measured, for whoever wants to compute with it."""
    return {
        "machine": machine.sentence(),
        "verdicts": [
            {"title": verdict.target.title, "measured": verdict.measured, "outcome": verdict.outcome.name.lower()}
            for verdict in verdicts
        ],
        "samples": [sample.to_json() for sample in samples],
    }


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("--:" for _ in heading[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heading, rule, *rows))


def _verdict_row(verdict: Verdict) -> tuple[str, ...]:
    target, measured = verdict.target, "-"
    if verdict.measured is not None:
        unit = target.unit if target.unit in {"", TIMES} else f" {target.unit}"
        measured = f"{'~' if verdict.noisy else ''}{number(verdict.measured)}{unit}"
    return target.title, target.wanted, measured, verdict.outcome.value


def _heading(group: Group) -> tuple[str, ...]:
    columns = group.columns
    return ("", "", *columns.values(), *(f"{columns[peer]} ÷ {columns[ours]}" for peer, ours in group.ratios))


def _cell_rows(cell: Cell, summary: Summary) -> Iterable[tuple[str, ...]]:
    """The rows of a cell: one a figure and size; only the first carries the title."""
    title = cell.title
    for figure in cell.figures:
        for size in _row_sizes(cell, figure, summary):
            what = figure.title if size is None else f"{_grouped(size)}: {figure.title}"
            columns = (_column(cell, figure, backend, size, summary) for backend in cell.group.columns)
            yield (title, f"{what}, {figure.unit}", *columns, *_ratios(cell, figure, size, summary))
            title = ""


def _row_sizes(cell: Cell, figure: Figure, summary: Summary) -> list[int | None]:
    if not cell.sized:
        return [None]
    sizes = {n for backend in cell.group.columns for n in summary.sizes(cell.name, backend)}
    return [*sorted(n for n in sizes if n >= figure.from_n)]


def _size(cell: Cell, backend: str, size: int | None, summary: Summary) -> int | None:
    """The size a backend was measured at for this row: the row's own, or where rows have none, its largest."""
    sizes = summary.sizes(cell.name, backend)
    if size is None:
        return sizes[-1] if sizes else None
    return size if size in sizes else None


def _column(cell: Cell, figure: Figure, backend: str, size: int | None, summary: Summary) -> str:
    n = _size(cell, backend, size, summary)
    if n is None:
        return "-"
    value = summary.value(cell.name, figure.key, backend, n)
    if value is None:
        reason = summary.error(cell.name, backend, n) or "no figure"
        return f"failed ({reason.replace('|', '/')})"
    foreign = "" if size is not None or n == cell.n else f" (n = {_grouped(n)})"
    failed, tried = summary.failed(cell.name, backend, n)
    return spread(value) + foreign + (f" ({failed} of {tried} failed)" if failed else "")


def _ratios(cell: Cell, figure: Figure, size: int | None, summary: Summary) -> Iterable[str]:
    for peer, own in cell.group.ratios:
        ours, theirs = _size(cell, own, size, summary), _size(cell, peer, size, summary)
        # Whole seconds compare only at one size; what is per task compares at any.
        comparable = figure.compared and (figure.unit != "s" or ours == theirs)
        if ours is None or theirs is None or not comparable:
            yield "-"
            continue
        found = summary.ratio(cell.name, figure.key, (peer, theirs), (own, ours))
        yield f"{'~' if found[1] else ''}{number(found[0])}{TIMES}" if found else "-"


def _grouped(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")
