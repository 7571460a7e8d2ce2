"""The durable record of every run: what its units are, every move, what waited for what, and results.

A run's `Journal` writes; a `JournalReader` asks, live or afterwards, from any process. The stores are SQLite files, or
PostgreSQL.
"""

from __future__ import annotations

from headrace.journal.errors import (
    CorruptResultError,
    DamagedStore,
    ForkedJournal,
    JournalClosed,
    JournalError,
    JournalUnavailable,
    NewerSchema,
    RunTaken,
    StoreRefused,
    UnknownRun,
)
from headrace.journal.journal import Durable, Journal
from headrace.journal.reader import AppTime, Count, JournalReader
from headrace.journal.records import EdgeRecord, Ident, ResultRecord, RunRecord, TransitionRecord, UnitRecord
from headrace.journal.results import Result, Results
from headrace.journal.waits import Path, UnmetCount, Waits

__all__ = [
    "AppTime",
    "CorruptResultError",
    "Count",
    "DamagedStore",
    "Durable",
    "EdgeRecord",
    "ForkedJournal",
    "Ident",
    "Journal",
    "JournalClosed",
    "JournalError",
    "JournalReader",
    "JournalUnavailable",
    "NewerSchema",
    "Path",
    "Result",
    "ResultRecord",
    "Results",
    "RunRecord",
    "RunTaken",
    "StoreRefused",
    "TransitionRecord",
    "UnitRecord",
    "UnknownRun",
    "UnmetCount",
    "Waits",
]
