"""What the journal asks of a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from headrace.journal.group import Group
    from headrace.journal.records import Ident, RunRecord
    from headrace.journal.results import ResultFiles

__all__ = ["OpenedRun", "Store"]


class OpenedRun(NamedTuple):
    """Where the writing of a run goes on."""

    #: The run's number in the store.
    number: int
    #: The number of the next group, of its first line, and of the next word.
    next_seq: int
    next_line: int
    next_word: int
    #: Whether anything in its log has not been derived from yet.
    behind: bool = False


class Store(Protocol):
    """A database that holds the log, what is derived from it, and the results.

    Every method may be called from any thread, but those of the writer from one at a time. Those that reach for the
    database raise `JournalUnavailable` when it cannot be reached, read or written now, and change nothing then.
    """

    #: What people call it.
    place: str
    #: Under which all checksums are made.
    signing_key: bytes
    #: Where results go that are too large for a row; None: rows hold them all.
    files: ResultFiles | None
    #: Whether `append` can derive, too.
    derives: bool

    def begin(self, run: RunRecord) -> OpenedRun:
        """Take the run for writing. Raises `RunTaken` while another writer has it."""
        ...

    def end(self, number: int, ended: float, how: str) -> None:
        """Note, on disk, that a run has ended; give it up."""
        ...

    def append(self, group: Group, *, sync: bool, derive_to: int = 0) -> None:
        """Write a group: all of it or nothing. With `sync` it is on disk on return, and so is all before it.

        Where that is cheap (`derives`), also bring up to date what is derived, up to the group of the number
        `derive_to`. All groups up to that must have been written by this store, so that they are known to be whole.
        """
        ...

    def sync(self) -> None:
        """Have all that was appended on disk on return."""
        ...

    def project(self, number: int, lines: int) -> int:
        """Bring what is derived up to date by about so many lines of the run, unless somebody else does.

        Return the number of the group up to which it is now; 0 if there was nothing to do.
        """
        ...

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a question. Values are marked by ``?``."""
        ...

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Do one statement as one transaction; return how many rows it changed."""
        ...

    def ident(self, ident: Ident) -> Ident:
        """Return a unit's id as the tables hold it."""
        ...

    def ident_from(self, value: Ident) -> Ident:
        """Return the id that the tables hold as this."""
        ...

    def is_written(self, run_id: str) -> bool:
        """Whether a living writer has the run open."""
        ...

    def claim(self, name: str) -> None:
        """Take a name that one open store has at a time, until it is closed. Raises `RunTaken`."""
        ...

    def taken(self, run_id: str) -> AbstractContextManager[None]:
        """While this is entered, nobody writes the run. Raises `RunTaken` while a living writer has it."""
        ...

    def compact(self) -> bool:
        """Give the space of what was removed back, if nobody else has the store open; tell whether it is done."""
        ...

    def new_files(self) -> AbstractContextManager[None]:
        """While this is entered, no `sweep` runs: a file may be written, and then referred to."""
        ...

    def no_new_files(self) -> AbstractContextManager[None]:
        """While this is entered, nobody is between the writing of a file and referring to it."""
        ...

    def forked(self) -> None:
        """Let go, in a forked child, of what belongs to the parent, without disturbing it."""
        ...

    def close(self) -> None:
        """Give everything up."""
        ...
