"""A store that an earlier version made is opened, and says what it said."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from tests.integration.journal.things import LampState, burn, journal_at, lamp, move

from headrace.journal import JournalReader
from headrace.journal.schema import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.journal import Journal


def _as_version_1(place: Path) -> None:
    """Take out of a store what came with version 2."""
    with JournalReader.open(place) as reader:
        reader.catch_up()
    connection = sqlite3.connect(place, isolation_level=None)
    for statement in (
        "DROP TABLE duration",
        "DROP TABLE summed",
        "ALTER TABLE unit DROP COLUMN started",
        "UPDATE meta SET value = '1' WHERE key = 'schema'",
        "PRAGMA user_version = 1",
    ):
        connection.execute(statement)
    connection.close()


def _burn_some(journal: Journal) -> None:
    for number in range(5):
        burn(journal, lamp(number))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="its SQLite cannot drop a column")
def test_a_store_of_version_1_says_what_it_said(place: Path) -> None:
    with journal_at(place, "the-run") as journal:
        _burn_some(journal)
    with JournalReader.open(place) as reader:
        before = (reader.units(), reader.counters(), reader.times(), reader.slowest())
    _as_version_1(place)

    with JournalReader.open(place) as reader:
        assert (reader.units(), reader.counters(), reader.times(), reader.slowest()) == before
        assert reader._store.query("SELECT value FROM meta WHERE key = 'schema'") == [(str(VERSION),)]


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="its SQLite cannot drop a column")
def test_a_run_in_a_store_of_version_1_is_gone_on_with(place: Path) -> None:
    """How long a lamp burned that was lit before the change is not known: it is not guessed, either."""
    lit = lamp("lit")
    with journal_at(place, "the-run") as journal:
        _burn_some(journal)
        journal.unit(lit, app="light")
        journal.moved(move(lit, LampState.dark))
        journal.moved(move(lit, LampState.lit, at=2.0))
    _as_version_1(place)

    with journal_at(place, "the-run") as journal:
        burn(journal, lamp(5))
        journal.moved(move(lit, LampState.out, at=7.0))

    with JournalReader.open(place) as reader:
        unit = reader.unit("lamp", "lit")
        (times,) = reader.times()
    assert unit is not None
    assert (unit.state, unit.seconds) == ("out", None)
    assert (times.number, times.longest) == (6, 0.5)


def test_what_a_writer_of_version_1_derives_meanwhile_is_not_left_out(place: Path) -> None:
    """Such a one may have had the store open when it was changed: it knows nothing of what came with the change."""
    with journal_at(place) as journal:
        _burn_some(journal)
    with JournalReader.open(place) as reader:
        reader.catch_up()
        reader._store.execute("UPDATE unit SET seconds = 8.0 WHERE id = 3")
        reader._store.execute("UPDATE run SET projected = projected + 1")

        (times,) = reader.times()

    assert (times.number, times.total, times.longest) == (5, 10.0, 8.0)
