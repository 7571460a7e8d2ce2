"""A store in PostgreSQL does what every store does, and outlives its server's crash."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from tests.integration.journal.suite import *  # noqa: F403 - the tests
from tests.integration.journal.things import burn, journal_at, lamp, payload_of, wait_until
from tests.integration.journal.writer import write_and_be_killed

from headrace.journal import (
    CorruptResultError,
    Journal,
    JournalReader,
    JournalUnavailable,
    NewerSchema,
    RunRecord,
)
from headrace.journal.key import KEY_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.journal.conftest import Server

KILLS = int(os.environ.get("HEADRACE_KILLS", "20"))


@pytest.mark.timeout(60 + 4 * KILLS)
def test_what_was_told_to_be_durable_is_found_after_a_kill_at_any_moment(place: str) -> None:
    first = 0
    for kill in range(KILLS):
        told = write_and_be_killed(place, f"run-{kill}", first, lines=1 + 7 * kill)

        with JournalReader.open(place) as reader:
            for number in told:
                found = reader.results.find(f"key-{number}")
                assert found is not None, f"result {number} is lost"
                assert found.payload == payload_of(number)
            assert sum(count.number for count in reader.counters() if count.state == "out") >= len(told)
            wait_until(lambda reader=reader: not reader.is_alive())
        first = max(told) + 1000


def test_what_is_durable_outlives_the_server_and_writing_goes_on_when_it_is_back(place: str, server: Server) -> None:
    with Journal.open(place, RunRecord.here("the-run"), patience=2.0) as journal:
        journal.result("before", b"value")
        journal.flush()
        server.stop()
        try:
            burn(journal, lamp(1))
            with pytest.raises(JournalUnavailable):
                journal.flush()
        finally:
            server.start()
        wait_until(lambda: journal.failing is None)
        journal.flush()

        assert journal.results.find("before") is not None
    with JournalReader.open(place) as reader:
        assert [unit.state for unit in reader.units()] == ["out"]


def test_a_store_of_a_newer_version_is_refused(place: str) -> None:
    psycopg = import_module("psycopg")

    with journal_at(place):
        pass
    with psycopg.connect(place) as connection:
        connection.execute("UPDATE headrace.meta SET value = '99' WHERE key = 'schema'")

    with pytest.raises(NewerSchema, match="99"):
        JournalReader.open(place)


def test_a_password_is_not_repeated_in_messages() -> None:
    with pytest.raises(JournalUnavailable) as caught:
        JournalReader.open("postgresql://someone:secret@127.0.0.1:1/nowhere", patience=1.0)

    assert "someone" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_was_written_without_the_user_s_key_is_not_read(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(place, RunRecord.here()) as journal:
        journal.result("mine", b"value")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "another"))
    with Journal.open(place, RunRecord.here()) as journal:
        journal.result("theirs", b"value")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key"))

    with JournalReader.open(place) as reader:
        found = reader.results.find("mine")
        assert found is not None
        assert found.payload == b"value"
        with pytest.raises(CorruptResultError):
            reader.results.find("theirs")
