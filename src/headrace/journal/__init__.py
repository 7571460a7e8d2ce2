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
from headrace.journal.reader import Count, JournalReader
from headrace.journal.records import EdgeRecord, Ident, ResultRecord, RunRecord, TransitionRecord, UnitRecord
from headrace.journal.results import Result, Results

__all__ = [
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
    "Result",
    "ResultRecord",
    "Results",
    "RunRecord",
    "RunTaken",
    "StoreRefused",
    "TransitionRecord",
    "UnitRecord",
    "UnknownRun",
]
