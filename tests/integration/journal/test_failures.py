"""Where nothing can be written: whoever waits is told, nothing is lost, and writing goes on when it can."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.journal.things import LampState, burn, journal_at, lamp, move, start, wait_until

from headrace.journal import (
    ForkedJournal,
    Journal,
    JournalReader,
    JournalUnavailable,
    NewerSchema,
    RunRecord,
    StoreRefused,
    UnknownRun,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.journal import JournalError


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")


@pytest.fixture
def locked(place: str) -> Iterator[sqlite3.Connection]:
    """Somebody who can keep a store locked."""
    with journal_at(place):
        pass
    connection = sqlite3.connect(place, isolation_level=None)
    yield connection
    connection.close()


def impatient(place: str, **options: object) -> Journal:
    return Journal.open(place, RunRecord.here(), patience=0.05, **options)  # type: ignore[arg-type]  # as Journal.open's


def test_while_the_store_is_locked_those_who_wait_are_told_and_nothing_is_lost(
    place: str, locked: sqlite3.Connection
) -> None:
    errors: list[JournalError] = []
    told: list[BaseException | None] = []
    with impatient(place, on_error=errors.append) as journal:
        locked.execute("BEGIN IMMEDIATE")
        journal.result("during", b"value", durable=told.append)
        wait_until(lambda: told)
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.flush()
        burn(journal, lamp(1))
        locked.execute("ROLLBACK")
        wait_until(lambda: journal.failing is None)
        journal.flush()

        assert isinstance(told[0], JournalUnavailable)
        assert len(errors) == 1
        assert journal.results.find("during") is not None
    with JournalReader.open(place) as reader:
        assert [unit.state for unit in reader.units()] == ["out"]
        assert reader.damage() == 0


def test_to_close_while_nothing_can_be_written_tells_how_much_is_lost(place: str, locked: sqlite3.Connection) -> None:
    journal = impatient(place)
    locked.execute("BEGIN IMMEDIATE")
    burn(journal, lamp(1))

    with pytest.raises(JournalUnavailable, match="records of run"):
        journal.close()


def test_to_warn_is_a_choice(place: str, locked: sqlite3.Connection, caplog: pytest.LogCaptureFixture) -> None:
    journal = impatient(place, failure="warn", buffer_bytes=100)
    locked.execute("BEGIN IMMEDIATE")
    burn(journal, lamp(1))
    wait_until(lambda: journal.failing is not None)

    journal.wait_for_room()
    journal.flush()
    journal.close()

    assert any("are not in" in record.getMessage() for record in caplog.records)


def test_submitters_wait_for_room_and_it_is_said(
    place: str, locked: sqlite3.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with Journal.open(place, RunRecord.here(), patience=30.0, buffer_bytes=1000) as journal:
        locked.execute("BEGIN IMMEDIATE")
        for number in range(20):
            burn(journal, lamp(number))
        caplog.set_level(logging.WARNING)
        waiter = threading.Thread(target=journal.wait_for_room)
        waiter.start()
        wait_until(lambda: any("is behind" in record.getMessage() for record in caplog.records))

        assert waiter.is_alive()

        locked.execute("ROLLBACK")
        waiter.join(30)

        assert not waiter.is_alive()
        assert journal.waiting_bytes < 1000


def test_with_no_room_and_nothing_written_submitting_fails(place: str, locked: sqlite3.Connection) -> None:
    journal = impatient(place, buffer_bytes=100)
    locked.execute("BEGIN IMMEDIATE")
    burn(journal, lamp(1))

    with pytest.raises(JournalUnavailable, match="locked"):
        journal.wait_for_room()

    locked.execute("ROLLBACK")
    journal.close()


FULL = """
import resource, signal, sys, threading
from headrace.journal import Journal, JournalUnavailable, RunRecord
from tests.integration.journal.things import burn, lamp

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal.open(sys.argv[1], RunRecord.here("the-run"))
journal.result("before", b"value")
journal.flush()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, hard))
told = []
try:
    for number in range(100):
        journal.result(f"during-{number}", bytes(30_000), durable=told.append)
        journal.flush()
except JournalUnavailable as error:
    print("full after", number, flush=True)
else:
    sys.exit("it was never full")
assert isinstance(told[-1], JournalUnavailable), told
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
done = threading.Event()
while journal.failing is not None:
    done.wait(0.01)
journal.close()
print(number)
"""


@pytest.mark.slow
def test_on_a_full_disk_those_who_wait_are_told_and_with_room_again_nothing_is_missing(place: str) -> None:
    with start(FULL, place) as writer:
        out, _ = writer.communicate(timeout=50)

    assert writer.returncode == 0
    last = int(out.split()[-1])
    with JournalReader.open(place) as reader:
        found = [reader.results.find(key) for key in ("before", *(f"during-{number}" for number in range(last + 1)))]
    assert None not in found


def test_a_store_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="missing"):
        Journal.open(tmp_path / "missing" / "journal.db", RunRecord.here())


def test_on_a_read_only_mount_one_can_read_and_is_told_that_one_cannot_write(tmp_path: Path) -> None:
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount here")
    folder = tmp_path / "mount"
    folder.mkdir()
    if subprocess.run([mount, "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")
    try:
        with journal_at(str(folder / "journal.db")) as journal:
            burn(journal, lamp(1))
            journal.result("large", bytes(100_000))
        subprocess.run([mount, "-o", "remount,ro", folder], check=True)
        with JournalReader.open(folder / "journal.db") as reader:
            assert [unit.state for unit in reader.units()] == ["out"]
            assert reader.results.find("large") is not None
        with pytest.raises(JournalUnavailable, match=r"journal\.db"):
            Journal.open(folder / "journal.db", RunRecord.here())
    finally:
        subprocess.run([umount, folder], check=True)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_copy_does_not_write(place: str) -> None:
    with journal_at(place) as journal:
        child = os.fork()
        if child == 0:
            try:
                journal.moved(move(lamp(1), LampState.dark))
            except ForkedJournal:
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        burn(journal, lamp(2))

    assert status == 0
    with JournalReader.open(place) as reader:
        assert [unit.id for unit in reader.units()] == [2]


def test_the_store_is_its_owners_alone(place: str) -> None:
    with journal_at(place) as journal:
        journal.result("large", bytes(100_000))
        journal.flush()
        modes = {path: stat.S_IMODE(Path(path).stat().st_mode) for path in (place, f"{place}-wal", f"{place}.results")}

    assert modes == {place: 0o600, f"{place}-wal": 0o600, f"{place}.results": 0o700}


def test_a_store_that_others_may_write_to_is_refused(place: str) -> None:
    with journal_at(place):
        pass
    Path(place).chmod(0o666)

    with pytest.raises(StoreRefused, match="chmod"):
        JournalReader.open(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_another_users_store_is_refused(place: str) -> None:
    with journal_at(place):
        pass
    os.chown(place, 65534, 65534)

    with pytest.raises(StoreRefused, match="65534"):
        JournalReader.open(place)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(place: str) -> None:
    with journal_at(place):
        pass
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(NewerSchema, match="99"):
        JournalReader.open(place)


def test_a_callback_that_raises_harms_nobody(place: str, caplog: pytest.LogCaptureFixture) -> None:
    def raises(_: BaseException | None) -> None:
        raise OSError(errno.EIO, "the callback's own")

    with journal_at(place) as journal:
        journal.barrier(raises)
        journal.flush()

    assert any("called by the journal, raised" in record.getMessage() for record in caplog.records)


def test_an_empty_store_has_no_last_run(place: str) -> None:
    sqlite3.connect(place).close()
    Path(place).chmod(0o600)
    with JournalReader.open(place) as reader, pytest.raises(UnknownRun):
        reader.run()


@pytest.mark.slow
def test_many_processes_write_to_one_store_at_once(place: str) -> None:
    script = """
import sys
from tests.integration.journal.things import burn, journal_at, lamp
with journal_at(sys.argv[1], sys.argv[2]) as journal:
    for number in range(300):
        burn(journal, lamp(number))
        if number % 10 == 0:
            journal.flush()
"""
    writers = [start(script, place, f"run-{number}") for number in range(4)]
    for writer in writers:
        writer.communicate(timeout=50)

    assert [writer.returncode for writer in writers] == [0] * 4
    with JournalReader.open(place) as reader:
        assert [reader.counters(f"run-{number}")[0].number for number in range(4)] == [300] * 4


def test_a_sweep_removes_what_nothing_refers_to_and_nothing_else(place: str) -> None:
    with journal_at(place) as journal:
        for number in range(4):
            journal.result(f"key-{number}", bytes([number]) * 100_000)
        journal.result("same", bytes([0]) * 100_000)
        journal.flush()
        journal.results.forget(["key-0", "key-1"])

        assert journal.results.sweep() == 1
        assert journal.results.sweep() == 0
        assert [record.key for record in journal.results.records()] == ["key-2", "key-3", "same"]
        assert journal.results.verify() == []


def test_a_file_that_is_about_to_be_referred_to_is_not_swept(place: str) -> None:
    with journal_at(place) as journal:
        stop = threading.Event()

        def sweep() -> None:
            while not stop.is_set():
                journal.results.sweep()

        sweeper = threading.Thread(target=sweep)
        sweeper.start()
        for number in range(40):
            journal.result(f"key-{number}", number.to_bytes(4, "big") * 20_000)
        journal.flush()
        stop.set()
        sweeper.join()

        assert journal.results.verify() == []
        assert len(list(journal.results.records())) == 40


def test_a_sweep_that_does_not_end_is_a_failure_like_any_other(place: str) -> None:
    with impatient(place) as journal:
        with journal._store.no_new_files():
            journal.result("large", bytes(100_000))
            with pytest.raises(JournalUnavailable, match=r"results\.lock"):
                journal.flush()
        wait_until(lambda: journal.failing is None)
        journal.flush()

        assert journal.results.find("large") is not None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_if_the_writer_itself_breaks_nobody_waits_for_ever(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException | None] = []
    journal = Journal.open(place, RunRecord.here())

    def breaks() -> bool:
        raise MemoryError

    monkeypatch.setattr(journal._writer, "_step", breaks)
    journal.barrier(told.append)
    wait_until(lambda: journal._writer.ended)

    with pytest.raises(JournalUnavailable, match="writer ended"):
        journal.flush(timeout=10)
    assert isinstance(told[0], JournalUnavailable)
    with contextlib.suppress(JournalUnavailable):
        journal.close()
