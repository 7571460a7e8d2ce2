"""The tables, by version.

Migrations are plain lists of statements, done in one transaction when a store is opened. SQLAlchemy and Alembic would
be two dependencies more, and slower to import than this package, for what is a handful of tables and one writer.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DERIVED", "MIGRATIONS", "VERSION", "WORD_COLUMNS"]

WORD_COLUMNS: Final = "number, what, kind, a, b, flags, executor, ident"

#: The statements that lead from each version to the next, the first from nothing. What the databases call differently
#: is in braces.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE run (
            number {serial}, id TEXT NOT NULL UNIQUE, argv TEXT, cwd TEXT, script TEXT, versions TEXT, host TEXT,
            username TEXT, pid INTEGER, began {real}, ended {real}, how TEXT,
            projected INTEGER NOT NULL DEFAULT 0, damaged INTEGER NOT NULL DEFAULT 0, extra TEXT)""",
        """CREATE TABLE log (
            position {serial}, run_id TEXT NOT NULL, run INTEGER NOT NULL, seq INTEGER NOT NULL, first INTEGER NOT NULL,
            lines INTEGER NOT NULL, wall_offset {real} NOT NULL, format INTEGER NOT NULL, length INTEGER NOT NULL,
            checksum {blob} NOT NULL, body TEXT NOT NULL, UNIQUE (run, seq))""",
        """CREATE TABLE word (
            run INTEGER NOT NULL, number INTEGER NOT NULL, what TEXT NOT NULL, kind TEXT NOT NULL, a TEXT, b TEXT,
            flags INTEGER NOT NULL, executor TEXT, ident TEXT NOT NULL, PRIMARY KEY (run, number))""",
        """CREATE TABLE result (
            key {key} PRIMARY KEY, codec TEXT NOT NULL, length INTEGER NOT NULL, checksum {blob} NOT NULL, place TEXT,
            payload {blob}, run INTEGER NOT NULL, stored_at {real} NOT NULL)""",
        """CREATE TABLE unit (
            run INTEGER NOT NULL, kind TEXT NOT NULL, id {id} NOT NULL, name TEXT, app TEXT NOT NULL DEFAULT '',
            labels TEXT, executor TEXT, stdout TEXT, stderr TEXT, extra TEXT, state TEXT, attempt INTEGER,
            flags INTEGER NOT NULL DEFAULT 0, added {real}, began {real}, ended {real}, seconds {real}, cause TEXT,
            found_in TEXT NOT NULL DEFAULT '', PRIMARY KEY (run, kind, id)) {no_rowid}""",
        "CREATE INDEX unit_by_state ON unit (run, state, app)",
        "CREATE INDEX unit_failed ON unit (run, kind, id) WHERE (flags & 4) <> 0",
        # An index of all units by their seconds would cost more than everything else: it changes all over.
        """CREATE TABLE slow (
            run INTEGER NOT NULL, kind TEXT NOT NULL, id {id} NOT NULL, seconds {real} NOT NULL,
            PRIMARY KEY (run, kind, id)) {no_rowid}""",
        """CREATE TABLE edge (
            run INTEGER NOT NULL, kind TEXT NOT NULL, unit {id} NOT NULL, action TEXT NOT NULL,
            needs_kind TEXT NOT NULL, needs {id} NOT NULL, states TEXT NOT NULL, delay {real} NOT NULL,
            PRIMARY KEY (run, kind, unit, action, needs_kind, needs, states)) {no_rowid}""",
        "CREATE INDEX edge_by_needs ON edge (run, needs_kind, needs)",
        """CREATE TABLE counter (
            run INTEGER NOT NULL, kind TEXT NOT NULL, app TEXT NOT NULL, state TEXT NOT NULL, number INTEGER NOT NULL,
            PRIMARY KEY (run, kind, app, state)) {no_rowid}""",
    ),
    (
        # When its present attempt began, by the monotonic clock: wall times are not subtracted.
        "ALTER TABLE unit ADD COLUMN started {real}",
        """CREATE TABLE duration (
            run INTEGER NOT NULL, kind TEXT NOT NULL, app TEXT NOT NULL, number INTEGER NOT NULL,
            total {real} NOT NULL, longest {real} NOT NULL, PRIMARY KEY (run, kind, app)) {no_rowid}""",
        # Up to which group they are in there: a Headrace that does not know of them may be writing the run still.
        "CREATE TABLE summed (run INTEGER NOT NULL PRIMARY KEY, seq INTEGER NOT NULL) {no_rowid}",
        """INSERT INTO duration SELECT run, kind, app, count(*), sum(seconds), max(seconds) FROM unit
            WHERE seconds > 0 GROUP BY run, kind, app""",
        "INSERT INTO summed SELECT number, projected FROM run",
    ),
)

#: The version that this Headrace writes.
VERSION: Final = len(MIGRATIONS)
#: The tables that are derived from the log.
DERIVED: Final = ("unit", "edge", "counter", "slow", "duration", "summed")
