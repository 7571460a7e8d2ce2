"""A lease is held by one, and by nobody when its holder is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.journal.lease import FileLease, is_held

if TYPE_CHECKING:
    from pathlib import Path


def test_a_lease_has_one_holder_who_is_named(tmp_path: Path) -> None:
    lease = FileLease(tmp_path / "lock", "the first")

    with pytest.raises(BlockingIOError, match="the first"):
        FileLease(tmp_path / "lock", "the second")

    lease.release()


def test_a_lease_can_be_taken_when_it_was_released(tmp_path: Path) -> None:
    FileLease(tmp_path / "lock", "the first").release()
    lease = FileLease(tmp_path / "lock", "the second")

    assert is_held(tmp_path / "lock")
    lease.release()
    assert not is_held(tmp_path / "lock")


def test_a_file_that_a_killed_holder_left_is_no_lease(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("somebody who was killed")

    assert not is_held(tmp_path / "lock")
    FileLease(tmp_path / "lock", "the next").release()


def test_releasing_twice_does_nothing_more(tmp_path: Path) -> None:
    lease = FileLease(tmp_path / "lock", "me")
    lease.release()
    lease.release()
