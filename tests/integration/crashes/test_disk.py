"""Where a workflow's store cannot be written: each future ends, says why, and nothing that was promised is lost."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.integration.crashes.harness import FUTURES, Lineage

from headrace.dataflow import get_last_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.crashes.conftest import Disk

pytestmark = pytest.mark.slow


def errors_of(lineage: Lineage) -> set[str]:
    """The errors that futures failed with, without what they say."""
    return {str(entry.detail).partition(":")[0] for entry in lineage.ledger.entries(kind="fail")}


def test_on_a_full_disk_futures_fail_and_with_room_again_the_rest_is_done(tmp_path: Path, disk: Disk) -> None:
    lineage = Lineage(tmp_path / "lineage", "large", str(disk.folder / "journal.db"))
    full = lineage.run(code=None)
    done, failed = (lineage.ledger.names(0, kind) for kind in ("ack", "fail"))

    assert len(done) + len(failed) == FUTURES["large"]
    assert len(done) > 0
    assert len(failed) > 0
    assert errors_of(lineage) == {"CheckpointError"}
    assert all(
        "No space left" in str(entry.detail) or "full" in str(entry.detail)
        for entry in lineage.ledger.entries(kind="fail")
    )

    disk.become("size=64m")
    lineage.run()
    lineage.check()
    assert len(lineage.ledger.names(1, "ack")) == FUTURES["large"], full.errors


def test_with_only_warnings_on_a_full_disk_futures_resolve_and_what_is_not_stored_is_named(
    tmp_path: Path, disk: Disk
) -> None:
    lineage = Lineage(tmp_path / "lineage", "large", str(disk.folder / "journal.db"), ("--failure", "warn"))
    full = lineage.run()
    warnings = set(re.findall(r"the result of (task \d+) .*could not be stored", lineage.said(full)))

    assert len(lineage.ledger.names(0, "ack")) == FUTURES["large"], full.errors
    assert len(warnings) > 0

    disk.become("size=64m")
    lineage.run()
    assert len(lineage.ledger.names(1, "ack")) == FUTURES["large"]
    assert len(set(lineage.ledger.names(1, "run"))) <= len(warnings)


def test_where_the_run_directory_is_full_too_no_future_hangs(disk: Disk, tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "large")
    lineage.run_dir, lineage.place = str(disk.folder / "runinfo"), str(disk.folder / "runinfo" / "journal.db")
    lineage.run(code=None)
    assert len(lineage.ledger.entries(0, "ack")) + len(lineage.ledger.entries(0, "fail")) == FUTURES["large"]

    disk.become("size=64m")
    lineage.run()
    lineage.check()


def test_with_only_warnings_a_full_disk_does_not_fail_the_run(disk: Disk, tmp_path: Path) -> None:
    """Not even its own log, which cannot be written either."""
    disk.become("size=250k")
    lineage = Lineage(tmp_path / "lineage", "threads", str(disk.folder / "journal.db"), ("--failure", "warn"))
    lineage.run_dir = str(disk.folder / "runinfo")
    run = lineage.run()

    assert len(lineage.ledger.names(0, "ack")) == FUTURES["threads"]
    assert "Traceback" not in run.errors


def test_on_a_read_only_disk_a_run_is_refused_before_it_begins(tmp_path: Path, disk: Disk) -> None:
    disk.become("ro")
    lineage = Lineage(tmp_path / "lineage", "threads", str(disk.folder / "journal.db"))
    run = lineage.run(code=1)

    assert lineage.ledger.entries(kind="run") == []
    assert "ConfigurationError" in run.errors
    assert str(disk.folder / "journal.db") in run.errors
    assert "journal=" in run.errors


def test_a_store_on_a_read_only_disk_is_not_written_and_that_is_said(tmp_path: Path, disk: Disk) -> None:
    lineage = Lineage(tmp_path / "lineage", "threads", str(disk.folder / "journal.db"))
    lineage.run()
    disk.become("ro")
    run = lineage.run(code=1)

    assert lineage.ledger.entries(1, "run") == []
    assert "ConfigurationError" in run.errors
    lineage.check()


def test_checkpoints_on_a_read_only_disk_can_be_used(tmp_path: Path, disk: Disk) -> None:
    lineage = Lineage(tmp_path / "lineage", "threads", str(disk.folder / "journal.db"))
    lineage.run_dir = str(disk.folder / "runinfo")
    lineage.run()
    disk.become("ro")
    (checkpoint,) = get_last_checkpoint(lineage.run_dir)
    lineage.run_dir, lineage.place = str(tmp_path / "runinfo"), str(tmp_path / "journal.db")
    lineage.run("--checkpoint", checkpoint)

    assert lineage.ledger.entries(1, "run") == []
    assert lineage.ledger.breaches() == []


@pytest.fixture
def as_anybody() -> tuple[str, ...]:
    """What runs a command without root's right to write anywhere."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


def test_in_a_folder_that_may_not_be_written_a_run_is_refused_before_it_begins(
    tmp_path: Path, as_anybody: tuple[str, ...]
) -> None:
    lineage = Lineage(tmp_path / "lineage", "threads", str(tmp_path / "closed" / "journal.db"))
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o500)
    run = lineage.run(code=1, within=as_anybody)

    assert lineage.ledger.entries(kind="run") == []
    assert "ConfigurationError" in run.errors
    assert str(tmp_path / "closed" / "journal.db") in run.errors


def test_while_the_store_is_locked_for_long_futures_fail_and_the_run_goes_on_after_it(tmp_path: Path) -> None:
    """Longer than others are waited for."""
    lineage = Lineage(tmp_path / "lineage", "chain")
    with lineage.start() as run:
        run.read(5)
        with closing(sqlite3.connect(lineage.place, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            # As many again may be on their way.
            run.read(FUTURES["chain"] - 5)
            other.execute("ROLLBACK")
        assert run.end() == 0, run.errors
    failures = lineage.ledger.entries(0, "fail")

    assert failures != []
    assert all("locked" in str(entry.detail) for entry in failures)
    lineage.run()
    lineage.check()
    assert len(lineage.ledger.entries(1, "ack")) == FUTURES["chain"]


@pytest.mark.parametrize("place", ["", "default"])
def test_while_the_store_is_locked_a_run_that_would_resume_does_not_begin_and_says_why(
    tmp_path: Path, place: str
) -> None:
    """It would make all calls again."""
    lineage = Lineage(tmp_path / "lineage", "threads", place and str(tmp_path / "lineage" / "runinfo" / "journal.db"))
    lineage.names_place = not place
    lineage.run()
    with closing(sqlite3.connect(lineage.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        run = lineage.run(code=1)

    assert lineage.ledger.entries(1, "run") == []
    assert "ConfigurationError" in run.errors
    assert "locked" in run.errors
