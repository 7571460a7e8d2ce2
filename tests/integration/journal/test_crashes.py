"""A writer that is killed loses nothing that it was told is on disk, and leaves a store that opens."""

from __future__ import annotations

import os
import random
import sqlite3
from typing import TYPE_CHECKING

import pytest
from tests.integration.journal.things import journal_at, payload_of, start
from tests.integration.journal.writer import write_and_be_killed

from headrace.journal import JournalReader

if TYPE_CHECKING:
    from pathlib import Path

#: More of them with HEADRACE_KILLS=200.
KILLS = int(os.environ.get("HEADRACE_KILLS", "30"))


@pytest.mark.slow
@pytest.mark.timeout(60 + 2 * KILLS)
def test_what_was_told_to_be_durable_is_found_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    place = str(tmp_path / "journal.db")
    chance = random.Random()  # noqa: S311 - any moment will do
    first = 0
    for kill in range(KILLS):
        told = write_and_be_killed(place, f"run-{kill}", first, lines=chance.randrange(1, 200))

        with JournalReader.open(place) as reader:
            for number in told:
                found = reader.results.find(f"key-{number}")
                assert found is not None, f"result {number} is lost"
                assert found.payload == payload_of(number)
            # A durable result implies what was told before it.
            out = sum(count.number for count in reader.counters() if count.state == "out")
            assert out >= len(told)
            assert reader.damage() == 0
            assert reader.run().ended is None
            assert not reader.is_alive()
        first = max(told) + 1000

    check_soundness(place)


def check_soundness(place: str) -> None:
    connection = sqlite3.connect(place)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.slow
def test_a_killed_run_can_be_gone_on_with(tmp_path: Path) -> None:
    place = str(tmp_path / "journal.db")
    told = write_and_be_killed(place, "the-run", 0, lines=5)

    with journal_at(place, "the-run") as journal:
        assert journal.results.find(f"key-{told[0]}") is not None


@pytest.mark.slow
def test_a_child_that_the_killed_writer_forked_does_not_keep_its_run(tmp_path: Path) -> None:
    place = str(tmp_path / "journal.db")
    script = """
import os, sys, time
from headrace.journal import Journal, RunRecord
journal = Journal.open(sys.argv[1], RunRecord.here("the-run"))
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""
    with start(script, place) as writer:
        assert writer.stdout is not None
        child = int(writer.stdout.readline())
        writer.kill()
    try:
        with journal_at(place, "the-run"):
            pass
    finally:
        os.kill(child, 9)
