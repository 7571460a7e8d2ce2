"""The commands over the journal ask PostgreSQL as they ask a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.cli.stores import Story, begin, tell_all

from headrace.cli import main
from headrace.journal import JournalReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.journal import Journal


@pytest.fixture
def living(place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """Run 004, which goes on, in the journal that the environment names, beside one that has ended."""
    monkeypatch.setenv("HEADRACE_JOURNAL", place)
    with begin(place, "ended", run_dir="/data/runinfo/003") as journal:
        tell_all(Story(journal))
        journal.result("ended/key", b"value")
    with begin(place, "living", run_dir="/data/runinfo/004") as journal:
        tell_all(Story(journal))
        journal.flush()
        yield journal


@pytest.mark.usefixtures("living")
def test_a_run_that_goes_on_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "4", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["tasks"]) == ("running", 12)
    assert {one["app"]: one["timed"] for one in shown["apps"]}["fetch"] == 4


@pytest.mark.usefixtures("living")
def test_whose_fault_it_is_and_what_is_waited_for_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "5"]) == 0
    assert main(["why", "10"]) == 0

    told = capsys.readouterr().out
    assert "parse #5 <- parse #4 (not run) <- fetch #3 (failed)" in told
    assert "it waits for 2 of the 5 tasks that it needs" in told


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize("form", ["trace", "dot", "json"])
def test_a_run_is_exported(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "3", "--format", form]) == 0
    assert "fetch" in capsys.readouterr().out


@pytest.mark.usefixtures("living")
def test_what_has_ended_is_removed_and_what_goes_on_is_kept(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "--keep", "0", "--yes", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["alive"] == ["004"]
    with JournalReader.open(place) as reader:
        assert [run.id for run in reader.runs()] == ["living"]
        assert list(reader.results.records()) == []
