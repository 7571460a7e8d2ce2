"""Runs that share a run directory and a store, at the same time: each goes on, whatever becomes of the other."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.integration.crashes.harness import FUTURES, Lineage, Strike

from headrace.journal import JournalReader

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def beside(lineage: Lineage, folder: Path, *options: str) -> Lineage:
    """Another with the same run directory and store."""
    other = Lineage(folder, lineage.shape, lineage.place, options)
    other.run_dir = lineage.run_dir
    return other


@pytest.mark.parametrize("shape", ["threads", "large"])
def test_two_runs_at_once_write_to_one_store_and_neither_takes_the_other_for_itself(tmp_path: Path, shape: str) -> None:
    one = Lineage(tmp_path / "one", shape, options=("--resume", "none"))
    other = beside(one, tmp_path / "other", "--resume", "none")
    with one.start() as first, other.start() as second:
        assert (first.end(), second.end()) == (0, 0), first.errors + second.errors

    for lineage in (one, other):
        lineage.check()
        assert len(lineage.ledger.names(kind="run")) == FUTURES[shape]
        assert len(lineage.ledger.names(kind="ack")) == FUTURES[shape]
    with JournalReader.open(one.place) as reader:
        runs = reader.runs()
        assert len({run.extra["run_dir"] for run in runs}) == 2
        assert [sum(count.number for count in reader.counters(run.number)) for run in runs] == [FUTURES[shape]] * 2
        assert [run.how for run in runs] == ["ended", "ended"]


def test_whoever_would_resume_a_run_that_goes_on_is_refused(tmp_path: Path) -> None:
    """Both would store results of the same calls, and one would replace what the other had promised."""
    one = Lineage(tmp_path / "one", "threads")
    other = beside(one, tmp_path / "other")
    with one.start("--hold") as first:
        first.read(FUTURES["threads"] + 1)
        with JournalReader.open(one.place) as reader:
            going_on = reader.run()
            assert reader.is_alive()
        second = other.run(code=1)
        assert first.end() == 0

    assert other.ledger.entries(kind="run") == []
    assert "ConfigurationError" in second.errors
    assert going_on.id in second.errors


def test_of_two_runs_that_resume_the_same_one_at_once_none_replaces_what_the_other_has_promised(tmp_path: Path) -> None:
    one = Lineage(tmp_path / "one", "threads")
    with one.start() as killed:
        killed.strike(Strike("everything", 5, 0.0))
        killed.end()
    other = beside(one, tmp_path / "other")
    with one.start() as first, other.start() as second:
        codes = {first.end(), second.end()}
    assert codes in ({0}, {0, 1}), first.errors + second.errors
    one.run()

    one.check()
    now = {entry.name: entry.detail for entry in one.ledger.entries(2, "ack")}
    promised = {entry.name: entry.detail for entry in other.ledger.entries(kind="ack")}
    assert {name for name in promised if promised[name] != now[name]} == set()


@pytest.mark.parametrize("shape", ["threads", "large"])
def test_a_run_is_not_harmed_by_the_kill_of_another_that_shares_its_store(tmp_path: Path, shape: str) -> None:
    one = Lineage(tmp_path / "one", shape, options=("--resume", "none"))
    other = beside(one, tmp_path / "other", "--resume", "none")
    chance = random.Random()  # noqa: S311 - any moment will do
    with one.start() as first:
        with other.start() as second:
            second.strike(Strike("everything", chance.randrange(1, FUTURES[shape]), 0.0))
            second.end()
        assert first.end() == 0, first.errors

    one.check()
    other.check()
    assert len(one.ledger.names(kind="ack")) == FUTURES[shape]
