"""How the answers are printed: for people, and as JSON for programs."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from headrace.cli.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["date_and_minute", "date_and_time", "print_json", "print_lines", "table", "time_of_day"]

_GAP = "  "


def print_json(values: Any) -> None:  # noqa: ANN401 - what JSON can say
    """Print values for programs."""
    json.dump(values, sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_lines(lines: Iterable[Text | str]) -> None:
    """Print lines for people: on a terminal in colour, with tables cut to its width, else plain and whole."""
    console = Console(file=sys.stdout, highlight=False)
    for line in lines:
        text = Text(line) if isinstance(line, str) else line
        if console.is_terminal:
            console.print(text, no_wrap=text.no_wrap, overflow=text.overflow)
        else:
            sys.stdout.write(f"{text.plain.rstrip()}\n")


def table(
    headings: Sequence[str], rows: Iterable[Sequence[Text | str]], *, right: Sequence[str] = ()
) -> Iterator[Text]:
    """Yield the lines of a table; nothing if it has no rows. The headings in `right` head numbers."""
    cells = [[one if isinstance(one, Text) else Text(one_line(one)) for one in row] for row in rows]
    if not cells:
        return
    cells.insert(0, [Text(heading, style="dim") for heading in headings])
    widths = [max(len(row[index].plain) for row in cells) for index in range(len(headings))]
    to_the_right = [heading in right for heading in headings]
    for row in cells:
        line = Text()
        for index, cell in enumerate(row):
            padding = " " * (widths[index] - len(cell.plain))
            line.append_text(Text.assemble(padding, cell) if to_the_right[index] else Text.assemble(cell, padding))
            line.append(_GAP)
        line.rstrip()
        line.no_wrap, line.overflow = True, "ellipsis"
        yield line


def date_and_time(at: float | None) -> str:
    """Return a wall time as people here read it, to the second."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def date_and_minute(at: float) -> str:
    """Return a wall time to the minute."""
    return date_and_time(at)[:-3]


def time_of_day(at: float | None) -> str:
    """Return the time of day, to the millisecond."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]
