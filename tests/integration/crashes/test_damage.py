"""A store that was damaged between two runs costs what was hit, and it is told: nothing else is run again."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from tests.integration.crashes.harness import FUTURES, Lineage, Run

pytestmark = pytest.mark.slow

#: So many cuts; 30 in `make real`.
CUTS = max(2, int(os.environ.get("HEADRACE_DAMAGES", "0")) // 10)


def run_again(lineage: Lineage) -> tuple[Run, set[str]]:
    """Run it once more, to its end; return also what was run again. All else must have its value of before."""
    run = lineage.run()
    again = set(lineage.ledger.names(run.generation, "run"))
    assert len(lineage.ledger.names(run.generation, "ack")) == FUTURES[lineage.shape]
    before = {entry.name: entry.detail for entry in lineage.ledger.entries(0, "ack")}
    now = {entry.name: entry.detail for entry in lineage.ledger.entries(run.generation, "ack")}
    assert {name for name in before if before[name] != now[name]} == again
    return run, again


def flip(path: Path, at: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_in_one_result_has_that_one_run_again(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "threads")
    lineage.run()
    store = Path(lineage.place)
    flip(store, store.read_bytes().index(b"work-17"))
    run, again = run_again(lineage)

    assert again == {"work-17"}
    assert "work" in lineage.said(run)
    assert "checksum" in lineage.said(run)


def test_a_flipped_bit_in_the_file_of_one_result_has_that_one_run_again(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "large")
    lineage.run()
    file = max(Path(f"{lineage.place}.results").iterdir())
    flip(file, file.stat().st_size // 2)
    run, again = run_again(lineage)

    assert len(again) == 1
    assert file.name in lineage.said(run)
    assert "checksum" in lineage.said(run)


def test_a_missing_file_of_one_result_has_that_one_run_again(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "large")
    lineage.run()
    file = max(Path(f"{lineage.place}.results").iterdir())
    file.unlink()
    run, again = run_again(lineage)

    assert len(again) == 1
    assert file.name in lineage.said(run)


@pytest.mark.timeout(60 + 4 * CUTS)
@pytest.mark.parametrize("ended", ["by itself", "by a kill"])
def test_of_a_store_that_is_cut_off_what_is_left_is_used(tmp_path: Path, ended: str) -> None:
    """Wherever: in the database, or in the log of a run that was killed."""
    original = Lineage(tmp_path / "original", "threads")
    if ended == "by itself":
        original.run()
    else:
        with original.start() as run:
            run.read(FUTURES["threads"])
            run.process.kill()
            run.end()
    cut = Path(original.place if ended == "by itself" else f"{original.place}-wal")
    chance = random.Random(3)  # noqa: S311 - the same each time, so that a failure can be looked at
    for number in range(CUTS):
        folder = tmp_path / f"cut-{number}"
        shutil.copytree(original.folder, folder)
        lineage = Lineage(folder, "threads", generations=1)
        size = chance.randrange(1, cut.stat().st_size)
        os.truncate(folder / cut.name, size)

        run, _ = run_again(lineage)

        assert ended == "by a kill" or "damaged" in lineage.said(run), f"cut to {size} bytes"
        lineage.run()
        assert lineage.ledger.entries(2, "run") == []


def test_a_store_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "threads")
    lineage.run()
    Path(lineage.place).unlink()
    _, again = run_again(lineage)

    assert len(again) == FUTURES["threads"]


def test_what_is_no_store_is_left_as_it_is(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "threads")
    Path(lineage.place).write_text("my notes\n")
    Path(lineage.place).chmod(0o600)
    run = lineage.run(code=1)

    assert "ConfigurationError" in run.errors
    assert lineage.ledger.entries(kind="run") == []
    assert Path(lineage.place).read_text() == "my notes\n"
