"""What is derived never lags far behind what is written, whoever tells how much, and it never holds up the log."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

import pytest
from tests.integration.journal.things import burn, journal_at, lamp

from headrace.journal import Journal, JournalReader, RunRecord, UnitRecord

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 300


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, lines in (("_LAG_AT_LEAST", 100), ("_LAG_AT_MOST", LIMIT), ("_AT_ONCE", 100), ("_ITEMS_AT_MOST", 50)):
        monkeypatch.setattr(f"headrace.journal.writer.{name}", lines)
    monkeypatch.setattr("headrace.journal.writer._ITEMS_OF_MANY", 100)


def underived(journal: Journal, place: Path) -> int:
    """How many lines nothing has been derived from, as whoever looks after a kill would find it."""
    connection = sqlite3.connect(place)
    ((lines,),) = connection.execute(
        "SELECT coalesce(sum(l.lines), 0) FROM log l JOIN run r ON r.number = l.run "
        "WHERE r.id = ? AND l.seq > r.projected",
        (journal.run.id,),
    ).fetchall()
    connection.close()
    return int(lines)


def test_it_lags_at_most_so_far_behind_while_much_is_told(place: Path) -> None:
    found = []
    with journal_at(place) as journal:
        for number in range(2_000):
            journal.wait_for_room()
            burn(journal, lamp(number))
            if number % 100 == 0:
                found.append(underived(journal, place))

    # What was told meanwhile comes on top.
    assert max(found) < LIMIT + 3 * 100
    with JournalReader.open(place) as reader:
        assert [(one.state, one.number) for one in reader.counters()] == [("out", 2_000)]
        assert [one.number for one in reader.times()] == [2_000]


def test_of_a_run_that_is_gone_on_with_the_rest_is_derived_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("headrace.journal.writer._LAG_AT_LEAST", 10**9)
        patch.setattr("headrace.journal.writer._LAG_AT_MOST", 10**9)
        patch.setattr("headrace.journal.writer._LAG_WHEN_IDLE", 60.0)
        with journal_at(place, "the-run") as journal:
            for number in range(500):
                burn(journal, lamp(number))
            journal.flush()
            assert underived(journal, place) >= 2_000

    with journal_at(place, "the-run") as journal:
        for number in range(500, 2_000):
            journal.wait_for_room()
            burn(journal, lamp(number))
        journal.flush()
        found = underived(journal, place)

    assert found < LIMIT + 3 * 100
    with JournalReader.open(place) as reader:
        assert [(one.state, one.number) for one in reader.counters()] == [("out", 2_000)]


def test_the_log_is_written_though_nothing_can_be_derived(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), Journal.open(place, RunRecord.here()) as journal:
        connection = sqlite3.connect(place)
        connection.execute("DROP TABLE duration")
        connection.close()
        for number in range(1_000):
            journal.wait_for_room()
            burn(journal, lamp(number))
        journal.flush()

        with JournalReader.open(place) as reader:
            assert sum(isinstance(line, UnitRecord) for line in reader.log()) == 1_000
    assert caplog.text.count("nothing more is derived from the log") == 1
