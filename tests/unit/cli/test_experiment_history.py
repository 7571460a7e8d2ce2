"""The commands that look at runs of experiments: while they go on, and afterwards."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from tests.unit.cli.conftest import rooted

from headrace.cli import main
from headrace.cli.experiment.place import find_place
from headrace.cli.history.place import CannotDo
from headrace.experiments import ExperimentController

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.cli.conftest import Headrace, Write

LASTS = """
  first: {type: "test::Probe", attributes: {does: lasts, says: hello}}
  second:
    type: test::Probe
    conditions: [{action: START, group: first, state: FINISHED, delay: 5s}]
    sets: [{attribute: says, value: bye, group: first, state: FINISHED}]
  third:
    type: test::Probe
    conditions: [{action: START, group: [first, second], need: any, state: STOPPED}]
  slow: {type: "test::Probe", conditions: [{action: START, group: first, state: STARTED, delay: 1h}]}
"""

BAD = """
version: 1
exp_id: lab
resources:
  good: {type: "test::Probe", attributes: {says: "h\u00e9llo world"}}
  bad: {type: "test::Probe", attributes: {does: badly, critical: false}}
"""


@pytest.fixture
def running(root: Path, write: Write) -> Iterator[ExperimentController]:
    """An experiment that goes on."""
    with ExperimentController.load(write(LASTS), run_id="now", root_dir=root) as ec:
        ec.deploy()
        assert ec.wait_started(1, timeout=20)
        assert ec._recorder is not None
        ec._recorder._journal.flush(20)
        yield ec


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which an experiment ran, and a resource failed."""
    folder = tmp_path_factory.mktemp("ran")
    file = folder / "lab.yaml"
    file.write_text(BAD, encoding="utf-8")
    with rooted(folder):
        assert main(["experiment", "run", str(file), "--run-id", "then", "-q"]) == 1
    return folder


@pytest.fixture
def over(ran: Path, root: Path) -> Iterator[Path]:
    """The root of that; what is asked is asked there."""
    with rooted(ran) as folder:
        yield folder


@pytest.mark.usefixtures("running")
def test_the_resources_of_a_run_that_goes_on_are_shown_with_what_they_wait_for(
    headrace: Headrace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("status") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lab now: running, ")
    assert lines[0].endswith("; 3 READY, 1 STARTED")
    rows = [line.split() for line in lines[3:]]
    assert rows[1][:4] == ["1", "first", "test::Probe", "STARTED"]
    assert "START waits: first (1), now STARTED, to be FINISHED" in lines[5]


@pytest.mark.usefixtures("running")
def test_why_tells_what_a_resource_waits_for(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    assert headrace("why", "third") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("third (3) test::Probe: READY since ")
    assert lines[1:] == [
        "its START waits for 2 things",
        "  START of third (3) waits: first (1), now STARTED, to be STOPPED, 1 of 2 are enough",
        "  START of third (3) waits: second (2), now READY, to be STOPPED, 1 of 2 are enough",
        "    START of second (2) waits: first (1), now STARTED, to be FINISHED",
        "    SET says of second (2) waits: first (1), now STARTED, to be FINISHED",
    ]


@pytest.mark.usefixtures("running")
def test_why_tells_how_much_of_a_delay_is_left(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    headrace("why", "lab", "slow", "--json")

    told = json.loads(capsys.readouterr().out)
    (left,) = (each["needs"] for each in told["waits"])
    assert left in {"1 h 00 min more", "59 min 59 s more"}


@pytest.mark.usefixtures("running")
def test_why_tells_who_waits_for_a_resource(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    headrace("why", "1")

    assert "it runs\n3 resources wait for it: second (2) (START), second (2) (SET says), third (3) (START)" in (
        capsys.readouterr().out
    )


def test_of_a_long_chain_why_tells_the_end(headrace: Headrace, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ExperimentController("chain", root) as ec:
        guids = [ec.register_resource("test::Probe", does="lasts") for _ in range(100)]
        for before, after in itertools.pairwise(guids):
            ec.register_condition(after, "START", before, "FINISHED")
        ec.deploy()
        assert ec.wait_started(1, timeout=20)
        assert ec._recorder is not None
        ec._recorder._journal.flush(20)
        headrace("why", "100")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 23
    assert lines[-4] == "  ... 79 more ..."
    assert lines[-1].endswith("START of test::Probe (2) waits: test::Probe (1), now STARTED, to be FINISHED")


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("verb", ["release", "recover"])
def test_a_run_whose_controller_lives_is_left_alone(
    headrace: Headrace, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    assert headrace(verb, "-q") == 2

    assert "the controller of run now of experiment lab lives, as process" in capsys.readouterr().err


@pytest.mark.usefixtures("over")
def test_what_a_resource_was_before_it_was_released_is_shown_and_what_failed(
    headrace: Headrace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("status", "lab", "--run", "then") == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("; 1 FINISHED, 1 FAILED; all released")
    assert lines[4].endswith("was FINISHED")
    assert lines[5].endswith("ValueError: it does badly")


@pytest.mark.usefixtures("over")
def test_the_status_is_told_for_programs(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    headrace("status", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["experiment"], told["run"], told["status"], told["failed"]) == ("lab", "then", "ended", 1)
    assert [(one["name"], one["state"], one["before"]) for one in told["resources"]] == [
        ("good", "RELEASED", "FINISHED"),
        ("bad", "RELEASED", "FAILED"),
    ]


@pytest.mark.usefixtures("over")
def test_why_tells_what_a_resource_failed_of(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    headrace("why", "bad")

    said = capsys.readouterr().out
    assert "it failed: ValueError: it does badly; it is not critical, so the experiment went on" in said


@pytest.mark.usefixtures("over")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["out"], "h\u00e9llo world"),
        (["out", "--size"], "12\n"),
        (["out", "--block", "4"], "h\u00e9l"),
        (["out", "--block", "4", "--offset", "1"], "lo w"),
        (["out", "--block", "4", "--offset", "9"], ""),
    ],
)
def test_a_trace_is_read_from_the_run_directory(
    headrace: Headrace, capsys: pytest.CaptureFixture[str], options: list[str], expected: str
) -> None:
    assert headrace("trace", "lab", "good", *options) == 0

    assert capsys.readouterr().out == expected


def test_without_a_name_the_traces_that_there_are_are_listed(
    headrace: Headrace, over: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headrace("trace", "last", "good")

    assert capsys.readouterr().out == f"out\t12\t{over / 'lab' / 'then' / '1' / 'out'}\n"


@pytest.mark.usefixtures("over")
@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["trace", "lab", "good", "err"], 1, "trace err of good (1) is not on this machine"),
        (["trace", "lab", "good", "../2/out"], 2, "is no trace's name"),
        (
            ["trace", "lab", "ugly", "out"],
            2,
            "no resource 'ugly' in run then of lab; there are good (1), bad (2)",
        ),
        (["status", "bal"], 2, "there is no run of an experiment bal in "),
        (["status", "l*"], 2, "'l*' names no experiment"),
        (["status", "lab", "--run", "now"], 2, "there is no run 'now' of lab; there are lab then"),
        (["status", "./lab"], 2, "is not there: the folder is no run's"),
        (["plot", "lab", "--what", "nonsense"], 2, "there are: connections, conditions"),
        (["plot", "lab", "-o", "a.txt"], 2, "a.txt"),
    ],
)
def test_what_is_not_there_is_told(
    headrace: Headrace, capsys: pytest.CaptureFixture[str], words: list[str], code: int, expected: str
) -> None:
    assert headrace(*words) == code

    assert expected in capsys.readouterr().err


@pytest.mark.usefixtures("over")
def test_runs_are_listed(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    assert headrace("list") == 0

    line = capsys.readouterr().out.splitlines()[1].split()
    assert line[:3] == ["lab", "then", "ended"]
    assert line[-6:] == ["1", "FINISHED,", "1", "FAILED;", "all", "released"]


@pytest.mark.usefixtures("root")
def test_where_nothing_ran_that_is_told(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    assert (headrace("list"), headrace("status")) == (0, 2)

    said = capsys.readouterr()
    assert said.out.startswith("no runs in ")
    assert "there is no run of any experiment in " in said.err


def test_a_run_whose_journal_is_gone_is_still_listed(
    headrace: Headrace, write: Write, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headrace("run", write('  one: {type: "test::Probe"}'), "--run-id", "then", "-q")
    (root / "journal.db").unlink()

    assert headrace("list", "--json") == 0

    (told,) = json.loads(capsys.readouterr().out)
    assert (told["run"], told["status"]) == ("then", "unknown")


def test_a_run_is_named_by_its_path_or_by_how_its_name_begins(over: Path) -> None:
    path = str(over / "lab" / "then")

    assert {find_place(over, path), find_place(over, "lab", "th"), find_place(over)} == {find_place(over, "lab")}


def test_a_beginning_of_several_names_is_none(root: Path) -> None:
    for name in ("one", "once"):
        (root / "lab" / name).mkdir(parents=True)
        (root / "lab" / name / "experiment.json").touch()

    with pytest.raises(CannotDo, match="on may be any of 2 runs"):
        find_place(root, "lab", "on")


def test_the_conditions_of_a_file_are_drawn(
    headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("plot", write(LASTS), "--what", "conditions") == 0

    dot = capsys.readouterr().out
    assert '"1" -> "2" [label="START: FINISHED + 5s"];' in dot
    assert '"1" -> "2" [label="says = \'bye\': FINISHED"];' in dot
    assert '"2" -> "3" [label="START: any of 2 STOPPED"];' in dot


@pytest.mark.usefixtures("over")
def test_the_connections_of_a_run_are_drawn_with_its_states(
    headrace: Headrace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("plot", "-o", str(tmp_path / "a.dot")) == 0

    assert 'tooltip="FAILED"' in (tmp_path / "a.dot").read_text(encoding="utf-8")
    assert str(tmp_path / "a.dot") in capsys.readouterr().err
