"""A store whose bytes were changed or cut off: what is whole is found, what is not is told, and nothing is made up."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.journal.things import burn, journal_at, lamp

from headrace.journal import CorruptResultError, JournalReader, StoreRefused, TransitionRecord, UnknownRun

#: More of them with HEADRACE_DAMAGES=1000.
DAMAGES = int(os.environ.get("HEADRACE_DAMAGES", "40"))

LAMPS = 200
GROUPS = 10


def value_of(number: int) -> bytes:
    """What is stored for each lamp: sometimes more than fits on a page."""
    chance = random.Random(number)  # noqa: S311 - to be told apart
    return chance.randbytes(chance.choice([10, 200, 3000, 9000]))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One store as closing leaves it, and as a kill leaves it: nearly all in the write-ahead log."""
    folder = tmp_path_factory.mktemp("originals")
    place = folder / "journal.db"
    killed = folder / "killed"
    killed.mkdir()
    with journal_at(str(place), "the-run") as journal:
        for number in range(LAMPS):
            burn(journal, lamp(number))
            journal.result(f"key-{number}", value_of(number))
            if number % (LAMPS // GROUPS) == LAMPS // GROUPS - 1:
                journal.flush()
        for end in ("", "-wal"):
            shutil.copy(f"{place}{end}", killed / f"journal.db{end}")
    return {"closed": place, "killed": killed / "journal.db"}


@dataclass
class Found:
    """What a damaged store still has."""

    results: int = 0
    corrupt: int = 0
    lamps: int = 0


def look(place: Path) -> Found:
    """Read all of a store; fail if anything is not what was stored."""
    found = Found()
    with JournalReader.open(place) as reader:
        for number in range(LAMPS):
            try:
                result = reader.results.find(f"key-{number}")
            except CorruptResultError as error:
                found.corrupt += error.key == f"key-{number}"
            else:
                if result is not None:
                    assert result.payload == value_of(number)
                    found.results += 1
        try:
            found.lamps = sum(count.number for count in reader.counters("the-run") if count.state == "out")
            moves = [line for line in reader.log("the-run") if isinstance(line, TransitionRecord)]
            out = {one.unit for one in moves if one.state == "out"}
            assert len(out) == found.lamps
        except UnknownRun:
            pass
    return found


def copy(original: Path, folder: Path) -> Path:
    folder.mkdir()
    for end in ("", "-wal"):
        if Path(f"{original}{end}").exists():
            shutil.copy(f"{original}{end}", folder / f"journal.db{end}")
    return folder / "journal.db"


@pytest.mark.slow
@pytest.mark.timeout(60 + DAMAGES)
@pytest.mark.parametrize("ended", ["closed", "killed"])
def test_one_flipped_bit_costs_one_result_or_one_group_at_most(
    originals: dict[str, Path], tmp_path: Path, ended: str
) -> None:
    chance = random.Random(1)  # noqa: S311 - the same each time, so that a failure can be looked at
    end = "-wal" if ended == "killed" else ""
    for number in range(DAMAGES):
        place = copy(originals[ended], tmp_path / str(number))
        data = bytearray(Path(f"{place}{end}").read_bytes())
        # Every fourth near the beginning, where all hangs on few bytes.
        at = chance.randrange(200 if number % 4 == 0 else len(data))
        data[at] ^= 1 << chance.randrange(8)
        Path(f"{place}{end}").write_bytes(data)

        found = look(place)

        assert found.results >= LAMPS - 1, f"byte {at}"
        assert found.lamps >= LAMPS - LAMPS // GROUPS, f"byte {at}"
        shutil.rmtree(place.parent)


@pytest.mark.slow
@pytest.mark.timeout(60 + DAMAGES)
@pytest.mark.parametrize("ended", ["closed", "killed"])
def test_a_torn_tail_costs_what_was_in_it(originals: dict[str, Path], tmp_path: Path, ended: str) -> None:
    chance = random.Random(2)  # noqa: S311 - the same each time
    end = "-wal" if ended == "killed" else ""
    size = Path(f"{originals[ended]}{end}").stat().st_size
    before = Found()
    for number, at in enumerate(sorted(chance.randrange(size) for _ in range(DAMAGES))):
        place = copy(originals[ended], tmp_path / str(number))
        os.truncate(f"{place}{end}", at)

        found = look(place)

        # The more is left, the more is found; and what is left is found in the proportion that it was written in.
        assert found.results >= before.results, f"cut at {at}"
        assert found.results >= LAMPS * (at / size) - LAMPS / GROUPS * 2.5, f"cut at {at}"
        before = found
        shutil.rmtree(place.parent)


def test_a_damaged_store_is_kept_aside_and_that_is_said(
    originals: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = copy(originals["closed"], tmp_path / "store")
    os.truncate(place, place.stat().st_size // 2)
    damaged = place.read_bytes()

    look(place)

    assert Path(f"{place}.damaged-1").read_bytes() == damaged
    assert any("was damaged" in record.getMessage() for record in caplog.records)
    assert look(place) == look(place)


def test_one_can_go_on_writing_to_what_was_salvaged(originals: dict[str, Path], tmp_path: Path) -> None:
    place = copy(originals["closed"], tmp_path / "store")
    os.truncate(place, place.stat().st_size // 2)

    with journal_at(str(place), "the-run") as journal:
        burn(journal, lamp("after"))

    with JournalReader.open(place) as reader:
        after = reader.unit("lamp", "after", "the-run")
    assert after is not None
    assert after.state == "out"


def test_what_never_was_a_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "diary.txt"
    place.write_text("Dear diary, " * 1000)
    place.chmod(0o600)

    with pytest.raises(StoreRefused, match="diary"):
        journal_at(str(place)).__enter__()

    assert place.read_text() == "Dear diary, " * 1000


def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "other.db"
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE run (pace)")
    connection.close()
    place.chmod(0o600)

    with pytest.raises(StoreRefused, match="another program"):
        journal_at(str(place)).__enter__()

    assert [path.name for path in tmp_path.glob("other.db*") if path.is_file()] == ["other.db"]


def test_a_damaged_file_of_a_large_result_is_found_out_and_replaced_by_storing_it_again(tmp_path: Path) -> None:
    with journal_at(str(tmp_path / "journal.db")) as journal:
        journal.result("key", bytes(100_000))
        journal.flush()
        (file,) = (tmp_path / "journal.db.results").iterdir()
        file.write_bytes(bytes(99_999) + b"\1")

        with pytest.raises(CorruptResultError, match="key") as caught:
            journal.results.find("key")
        assert str(file) in str(caught.value)
        assert [error.key for error in journal.results.verify()] == ["key"]

        journal.result("key", bytes(100_000))
        journal.flush()
        assert journal.results.find("key") is not None


def test_a_missing_file_of_a_large_result_is_told(tmp_path: Path) -> None:
    with journal_at(str(tmp_path / "journal.db")) as journal:
        journal.result("key", bytes(100_000))
        journal.flush()
        for file in (tmp_path / "journal.db.results").iterdir():
            file.unlink()

        with pytest.raises(CorruptResultError, match="No such file"):
            journal.results.find("key")
