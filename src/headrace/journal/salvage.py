"""A damaged store: what is left of it goes into a new one, the damaged one is kept beside it, and both are told."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.journal.carving import rows_of
from headrace.journal.group import log_checksum, result_checksum
from headrace.journal.lines import Word, words_in

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["Findings", "find", "put", "set_aside"]

logger = logging.getLogger(__name__)

_RUN_COLUMNS: Final = 15
_LOG_COLUMNS: Final = 11
_WORD_COLUMNS: Final = 9
_RESULT_COLUMNS: Final = 8


@dataclass
class Findings:
    """What was found, and found whole."""

    #: Groups by run and number; results by key.
    groups: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    results: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    #: These have no checksums. Without them the groups and results above still read.
    runs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    words: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)


def find(database: bytes, logs: Iterable[bytes], signing_key: bytes) -> Findings:
    """Look for rows that are what they were when they were written, in a file and what has been its write-ahead log."""
    findings = Findings()
    for row in chain.from_iterable(rows_of(database, log) for log in logs):
        try:
            _sort(findings, row, signing_key)
        except (TypeError, ValueError, AttributeError, UnicodeEncodeError):
            continue  # It has as many columns as one of ours, and is none.
    return findings


def _sort(findings: Findings, row: tuple[Any, ...], signing_key: bytes) -> None:
    if len(row) == _LOG_COLUMNS:
        _, run_id, run, seq, first, lines, offset, form, length, checksum, body = row
        if log_checksum(run_id, seq, first, float(offset), body=body.encode(), key=signing_key) == checksum:
            findings.groups[run_id, seq] = (run_id, run, seq, first, lines, float(offset), form, length, checksum, body)
            findings.words.update(
                {(run, number): (run, *word) for number, word in words_in(body).items()} if '["w"' in body else {}
            )
    elif len(row) == _RESULT_COLUMNS:
        key, codec, length, checksum, place, payload, _, stored_at = row
        whole = payload is None and isinstance(place, str) and len(checksum) > 0
        if whole or result_checksum(key, codec, payload, signing_key) == checksum:
            known = findings.results.get(key)
            if known is None or known[-1] <= stored_at:
                findings.results[key] = row
    elif len(row) == _RUN_COLUMNS and isinstance(row[1], str) and isinstance(row[8], int):
        # A later copy knows more: that the run has ended.
        known = findings.runs.get(row[1])
        if known is None or (known[10] is None and row[10] is not None):
            findings.runs[row[1]] = row
    elif len(row) == _WORD_COLUMNS and row[2] in {"t", "u"}:
        findings.words.setdefault((row[0], row[1]), (row[0], *Word(*row[1:])))


def put(findings: Findings, connection: sqlite3.Connection) -> tuple[int, int]:
    """Put what was found and is not there into a store; return how many groups and results that was."""
    before = connection.total_changes
    numbers = {run_id: group[1] for (run_id, _), group in findings.groups.items()}
    known = {number for (number,) in connection.execute("SELECT number FROM run")}
    known_ids = {run_id for (run_id,) in connection.execute("SELECT id FROM run")}
    for run_id, row in findings.runs.items():
        number = numbers.pop(run_id, None) or _number_of(findings, known)
        if run_id not in known_ids and number not in known:
            known.add(number)
            values = (number, *row[1:12], row[14])
            connection.execute(
                "INSERT INTO run "
                "(number, id, argv, cwd, script, versions, host, username, pid, began, ended, how, extra) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
    for run_id, number in numbers.items():
        connection.execute("INSERT OR IGNORE INTO run (number, id) VALUES (?, ?)", (number, run_id))
    before = connection.total_changes
    _insert(
        connection, "log (run_id, run, seq, first, lines, wall_offset, format, length, checksum, body)", findings.groups
    )
    groups = connection.total_changes - before
    _insert(connection, "word", findings.words)
    before = connection.total_changes
    _insert(connection, "result", findings.results)
    return groups, connection.total_changes - before


def _number_of(findings: Findings, known: set[int]) -> int:
    """A number for a run none of whose groups was found: its row's own is not among its values."""
    taken = (
        known | {group[1] for group in findings.groups.values()} | {result[6] for result in findings.results.values()}
    )
    return next(number for number in count(1) if number not in taken)


def _insert(connection: sqlite3.Connection, into: str, rows: dict[Any, tuple[Any, ...]]) -> None:
    ordered: Iterable[tuple[Any, ...]] = (rows[key] for key in sorted(rows))
    for row in ordered:
        connection.execute(
            f"INSERT OR IGNORE INTO {into} VALUES ({', '.join('?' * len(row))})",  # noqa: S608 - constants
            row,
        )


def set_aside(path: Path, log: Path) -> Path:
    """Keep a damaged file, and a copy of its write-ahead log, under another name too; return that.

    The file is to be replaced by another, which SQLite will not take its log for: that is removed.
    """
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    # It has one already if this was begun before.
    kept = next(name for name in names if not name.exists() or name.samefile(path))
    for there, name in ((f"{path}-wal", f"{kept}-wal"), (log, f"{kept}-wal"), (path, kept)):
        with suppress(FileNotFoundError, FileExistsError):
            os.link(there, name)
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").unlink()
    return kept
