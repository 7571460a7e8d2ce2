"""Who is killed while putting a damaged store right has lost nothing that would have been found."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.integration.journal.things import payload_of, start
from tests.integration.journal.writer import write_and_be_killed

from headrace.journal import CorruptResultError, JournalReader

pytestmark = pytest.mark.slow

#: Of so many operations one is tried; each of them in `make real`.
STEP = 1 if os.environ.get("HEADRACE_THOROUGH") else 3

OPENS = """
import os, sys
from headrace.journal import JournalReader
from tests.integration.crashes.dying import die_before
os.chdir(sys.argv[1])
die_before(int(sys.argv[2]))
JournalReader.open("journal.db").close()
"""


def damaged_store(folder: Path, damage: str) -> list[int]:
    """Make a store of results in the database and in its log, and damage it; return what its writers were told."""
    folder.mkdir()
    place = folder / "journal.db"
    told = write_and_be_killed(str(place), "first", 0, lines=60)
    JournalReader.open(place).close()
    told += write_and_be_killed(str(place), "second", 1000, lines=60)
    if "database" in damage:
        with place.open("r+b") as file:
            file.seek(4096)
            file.write(bytes(10 * 4096))
    if "log" in damage:
        log = Path(f"{place}-wal")
        with log.open("r+b") as file:
            file.seek(log.stat().st_size // 2)
            file.write(bytes(16))
    return told


def found_in(folder: Path, told: list[int]) -> set[int]:
    """Those of the results that read as they were stored."""
    found = set()
    with JournalReader.open(folder / "journal.db") as reader:
        for number in told:
            try:
                result = reader.results.find(f"key-{number}")
            except CorruptResultError:
                continue
            if result is not None:
                assert result.payload == payload_of(number)
                found.add(number)
    return found


def open_and_die(folder: Path, operation: int) -> bool:
    """Open the store in a process that is killed before that operation on a file; tell whether there is one."""
    with start(OPENS, str(folder), str(operation)) as opening:
        opening.communicate(timeout=50)
    assert opening.returncode in {0, -signal.SIGKILL}
    return opening.returncode != 0


@pytest.mark.parametrize("damage", ["database", "log", "database and log"])
def test_a_kill_at_any_file_operation_of_a_salvage_costs_nothing(tmp_path: Path, damage: str) -> None:
    told = damaged_store(tmp_path / "damaged", damage)
    shutil.copytree(tmp_path / "damaged", tmp_path / "undisturbed")
    undisturbed = found_in(tmp_path / "undisturbed", told)
    lost = {}
    for operation in itertools.count(0, STEP):
        folder = tmp_path / f"killed-{operation}"
        shutil.copytree(tmp_path / "damaged", folder)
        if not open_and_die(folder, operation):
            break
        lost[operation] = len(undisturbed - found_in(folder, told))
        if not lost[operation]:
            shutil.rmtree(folder)

    assert len(lost) > 1
    assert {operation: number for operation, number in lost.items() if number} == {}


def test_a_salvage_that_was_killed_leaves_nothing_that_the_next_one_does_not_remove(tmp_path: Path) -> None:
    damaged_store(tmp_path / "damaged", "database")
    shutil.copytree(tmp_path / "damaged", tmp_path / "undisturbed")
    found_in(tmp_path / "undisturbed", [])
    kept = {file.name for file in (tmp_path / "undisturbed").iterdir() if "salvage" in file.name}
    for operation in itertools.count(0, STEP):
        folder = tmp_path / f"killed-{operation}"
        shutil.copytree(tmp_path / "damaged", folder)
        if not open_and_die(folder, operation):
            break
        found_in(folder, [])
        assert {file.name for file in folder.iterdir() if "salvage" in file.name} == kept, operation
        shutil.rmtree(folder)
