"""What can go wrong with the durable record.

::

    HeadraceError
     └── JournalError
          ├── JournalUnavailable   it cannot be written or read now: full, read-only, locked (transient)
          ├── JournalClosed        asked of a journal that has been closed
          ├── ForkedJournal        asked of the copy that a fork made
          ├── RunTaken             another writer has this run open
          ├── StoreRefused         the store belongs to another user, or others may write to it
          ├── NewerSchema          the store was written by a newer Headrace
          ├── DamagedStore         the store itself does not read, and cannot be salvaged now
          ├── CorruptResultError   a stored result is not what was stored
          └── UnknownRun           no run of that name in the store
"""

from __future__ import annotations

from typing import ClassVar

from headrace.core import HeadraceError

__all__ = [
    "CorruptResultError",
    "DamagedStore",
    "ForkedJournal",
    "JournalClosed",
    "JournalError",
    "JournalUnavailable",
    "NewerSchema",
    "RunTaken",
    "StoreRefused",
    "UnknownRun",
]


class JournalError(HeadraceError):
    """The base of all that the journal raises."""


class JournalUnavailable(JournalError):
    """The store could not be written or read just now. Nothing has been dropped: what is to be written is kept."""

    transient: ClassVar[bool] = True


class JournalClosed(JournalError):
    """The journal takes no more records."""


class ForkedJournal(JournalError):
    """This is a forked process's copy of a journal; only the process that opened it writes."""


class RunTaken(JournalError):
    """A run has one writer at a time, and another one has it."""


class StoreRefused(JournalError):
    """Whoever can write to a store can have its reader load what they like, so it must be the reader's own."""


class NewerSchema(JournalError):
    """The store's tables are of a version that this Headrace does not know."""


class DamagedStore(JournalError):
    """The store itself is damaged."""


class CorruptResultError(JournalError):
    """What is stored under a key is not what was stored there: it must be computed again."""

    def __init__(self, key: str, place: str, reason: str) -> None:
        super().__init__(key, place, reason)
        self.key = key
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return f"the result {self.key!r} in {self.place} {self.reason}; it is not used, and must be computed again"


class UnknownRun(JournalError):
    """No run of that name is in the store."""
