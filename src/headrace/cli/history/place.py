"""Where the journal is that a command asks."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headrace.journal import JournalError, JournalReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["DEFAULT_PLACE", "JOURNAL_VARIABLE", "CannotDo", "guarded", "opened", "place_of"]

JOURNAL_VARIABLE: Final = "HEADRACE_JOURNAL"
DEFAULT_PLACE: Final = "runinfo/journal.db"

_USAGE_ERROR: Final = 2
_FAILED: Final = 1
_NAME: Final = "journal.db"


class CannotDo(Exception):
    """What was asked for cannot be done: its message names the place and the remedy."""


def guarded(command: Callable[[], int]) -> int:
    """Return what the command does: its exit code; 2, and told on stderr, if it cannot be done, 1 if it went wrong."""
    try:
        return command()
    except CannotDo as error:
        sys.stderr.write(f"headrace: {error}\n")
        return _USAGE_ERROR
    except JournalError as error:
        sys.stderr.write(f"headrace: {error}\n")
        return _FAILED


def place_of(given: str | None, run: str | None = None) -> tuple[str, str]:
    """Return the place of the journal, and in a few words who says so.

    Args:
        given: what the option says.
        run: which run is asked about: if it is the path of a run directory, the journal beside it is meant, unless
            another is named.
    """
    if given:
        return _file_in(given), "--journal"
    if named := os.environ.get(JOURNAL_VARIABLE):
        return _file_in(named), JOURNAL_VARIABLE
    if run is not None and os.sep in run and (beside := Path(run).resolve().parent / _NAME).is_file():
        return str(beside), run
    return DEFAULT_PLACE, ""


@contextmanager
def opened(given: str | None, run: str | None = None) -> Iterator[JournalReader]:
    """Open the journal for reading.

    Raises:
        CannotDo: there is none.
        JournalError: it cannot be read.
    """
    place, source = place_of(given, run)
    try:
        reader = JournalReader.open(place)
    except FileNotFoundError:
        remedy = (
            f"{source} names it"
            if source
            else f"go to the folder that the workflow ran in, or name a journal with --journal or {JOURNAL_VARIABLE}"
        )
        raise CannotDo(f"there is no journal {Path(place).absolute()}: {remedy}") from None
    with reader:
        yield reader


def _file_in(place: str) -> str:
    """The journal in a folder, if a folder is named."""
    return str(Path(place) / _NAME) if Path(place).is_dir() else place
