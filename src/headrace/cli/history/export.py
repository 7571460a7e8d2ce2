"""`headrace export RUN`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from headrace.cli.history.graph import write_dot, write_json
from headrace.cli.history.names import find_run
from headrace.cli.history.place import CannotDo, opened
from headrace.cli.history.standing import standing_of
from headrace.cli.history.trace import write_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.cli.history.standing import Standing
    from headrace.journal import JournalReader

__all__ = ["FORMATS", "export"]

FORMATS: Final[dict[str, Callable[[JournalReader, Standing, TextIO], None]]] = {
    "trace": write_trace,
    "dot": write_dot,
    "json": write_json,
}


def export(journal: str | None, which: str, *, form: str, output: str | None) -> int:
    """Write a run as a timeline or a graph, to a file or to stdout.

    Raises:
        CannotDo: there is no such run or format, or the file cannot be written.
    """
    write = FORMATS.get(form)
    if write is None:
        raise CannotDo(f"there is no format {form!r}: one of {', '.join(FORMATS)}")
    with opened(journal, which) as reader:
        standing = standing_of(reader, find_run(reader, which))
        with _to(output) as file:
            write(reader, standing, file)
    return 0


@contextmanager
def _to(output: str | None) -> Iterator[TextIO]:
    if output is None or output == "-":
        yield sys.stdout
        return
    try:
        with Path(output).open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise CannotDo(f"{output} cannot be written: {error.strerror}") from error
