"""`headrace runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from headrace.cli.history.names import run_name
from headrace.cli.history.output import date_and_minute, print_json, print_lines, table
from headrace.cli.history.place import opened
from headrace.cli.history.standing import standing_of
from headrace.cli.text import count, duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.cli.history.standing import Standing
    from headrace.journal import RunRecord

__all__ = ["runs"]

# The words of tasks, and the states of resources, which have no others.
_DONE: Final = ("done", "STOPPED", "FINISHED", "RELEASED")
_FAILED: Final = ("failed", "FAILED")


def runs(journal: str | None, *, limit: int, as_json: bool) -> int:
    """Print the latest runs of a journal, the latest first."""
    with opened(journal) as reader:
        found = reader.runs()
        shown = [standing_of(reader, run) for run in found[: limit or None]]
    if as_json:
        print_json([one.values() for one in shown])
    else:
        print_lines(_lines(shown, found))
    return 0


def _lines(shown: Sequence[Standing], found: Sequence[RunRecord]) -> Iterator[Text | str]:
    if not shown:
        yield "no runs yet"
        return
    names = {run.id: run_name(run) for run in found}
    yield from table(
        ("run", "is", "began", "took", "tasks", "done", "failed", "what"),
        [_row(one, names) for one in shown],
        right=("took", "tasks", "done", "failed"),
    )
    if (more := len(found) - len(shown)) > 0:
        yield Text(f"and {count(more, 'earlier run')}: --limit 0 shows all", style="dim")


def _row(one: Standing, names: dict[str, str]) -> tuple[Text | str, ...]:
    words = one.words
    done = sum(words.get(word, 0) for word in _DONE)
    failed = sum(words.get(word, 0) for word in _FAILED)
    resumed = one.run.extra.get("resumed")
    return (
        Text(run_name(one.run), style="bold"),
        one.styled(),
        date_and_minute(one.run.began),
        "" if one.seconds is None else duration(one.seconds),
        f"{one.total:,}",
        f"{done:,}",
        Text(f"{failed:,}", style="red" if failed else ""),
        f"{one.what} (resumes {names.get(resumed, resumed[:8])})" if isinstance(resumed, str) else one.what,
    )
