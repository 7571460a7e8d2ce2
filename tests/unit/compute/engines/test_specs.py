"""Specs, statuses, keys and reports: what is accepted, what is refused, what the reference page says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.compute.engines import INHERIT, JOB, CommandSpec, JobState, Output, Status
from headrace.compute.engines.process.folder import Folder, digest_of
from headrace.compute.engines.process.report import status_from
from headrace.compute.resources import Resources

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "engines.md").read_text(encoding="utf-8")


def test_the_reference_page_has_every_state_with_its_meaning() -> None:
    rows = "\n".join(f"| `{state.name}` | {state.meaning} |" for state in JobState)

    assert rows in PAGE


def test_a_status_is_final_in_the_final_states_of_the_lifecycle() -> None:
    assert {state for state in JobState if Status(state=state).final} == JOB.final


def test_specs_that_differ_in_anything_have_different_digests() -> None:
    specs = [
        CommandSpec(argv=("a", "b")),
        CommandSpec(argv=("a b",)),
        CommandSpec(argv=("a", "b\udcff")),
        CommandSpec(argv=("a", "b"), name="other"),
        CommandSpec(argv=("a", "b"), cwd=Path("/")),
        CommandSpec(argv=("a", "b"), env={}),
        CommandSpec(argv=("a", "b"), env={"A": "1"}),
        CommandSpec(argv=("a", "b"), stdin=Path("x")),
        CommandSpec(argv=("a", "b"), stdout=INHERIT),
        CommandSpec(argv=("a", "b"), stdout=Output(Path("x"))),
        CommandSpec(argv=("a", "b"), stdout=Output(Path("x"), "w")),
        CommandSpec(argv=("a", "b"), stderr=Output(Path("x"))),
        CommandSpec(argv=("a", "b"), resources=Resources(memory=1)),
        CommandSpec(argv=("a", "b"), walltime=1.0),
        CommandSpec(argv=("a", "b"), grace=1.0),
        CommandSpec(argv=("a", "b"), orphan="keep"),
    ]

    assert len({digest_of(spec) for spec in specs}) == len(specs)


def test_equal_specs_have_equal_digests() -> None:
    one = CommandSpec(argv=("a",), env={"A": "1", "B": "2"})
    other = CommandSpec(argv=("a",), env={"B": "2", "A": "1"})

    assert digest_of(one) == digest_of(other)


KEYS = [
    "",
    ".",
    "..",
    "/",
    "a/b",
    "a%2Fb",
    "%",
    "%-",
    "a b",
    "A",
    "a",
    "\0",
    "\n",
    "ключ",
    "\udcff",
    "x" * 300,
    "y" * 300,
]


def test_different_keys_have_different_folders_in_the_directory(tmp_path: Path) -> None:
    paths = [Folder(tmp_path, key).path for key in KEYS]

    assert len(set(paths)) == len(KEYS)
    assert {path.parent for path in paths} == {tmp_path}
    assert all(len(path.name) <= 255 and path.name.isascii() for path in paths)


def test_a_long_key_cannot_be_imitated_by_a_short_one(tmp_path: Path) -> None:
    name = Folder(tmp_path, "x" * 300).path.name

    assert Folder(tmp_path, name.removeprefix("job-")).path.name != name


def test_a_key_is_found_again_in_its_folder(tmp_path: Path) -> None:
    for number, key in enumerate(KEYS):
        folder = Folder(tmp_path, key)
        folder.create(CommandSpec(argv=("a",)), str(number))

        intent = folder.intent()
        assert intent is not None
        assert (intent.key, intent.id) == (key, str(number))


def test_a_second_intent_is_the_first(tmp_path: Path) -> None:
    first = Folder(tmp_path, "key").create(CommandSpec(argv=("a",)), "1")

    assert Folder(tmp_path, "key").create(CommandSpec(argv=("b",)), "2") == first


def test_a_report_of_an_end_is_a_status() -> None:
    told = {"state": "failed", "exit_code": 3, "reason": "", "pid": 5, "started": 1.5, "ended": 2.5}

    status = status_from(json.loads(json.dumps(told)))

    assert status == Status(state=JobState.failed, exit_code=3, pid=5, started=1.5, ended=2.5)


@pytest.mark.parametrize("state", ["cancelled", "timed_out", "over_memory"])
def test_what_was_ended_may_have_said_that_all_was_well(state: str) -> None:
    assert status_from({"state": state, "exit_code": 0}).state is JobState[state]


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        {"state": 1},
        {"state": "submitted"},
        {"state": "succeeded"},
        {"state": "succeeded", "exit_code": True},
        {"state": "failed", "exit_code": 0},
        {"state": "failed", "reason": None},
    ],
)
def test_a_report_that_makes_no_sense_is_refused(told: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        status_from(told)
