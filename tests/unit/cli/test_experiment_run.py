"""`headrace experiment run`: what it does with a file, what it says, and how it exits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from headrace.cli.experiment.metric import number_in
from headrace.cli.experiment.request import parse_assignment, parse_runs, parse_timeout
from headrace.cli.history.place import CannotDo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Headrace, Write

TWO = """
  ground: {type: "test::Ground"}
  first: {type: "test::Probe"}
  second:
    type: test::Probe
    conditions: [{action: START, group: first, state: FINISHED, delay: 10ms}]
"""
BAD = """
  good: {type: "test::Probe", attributes: {does: lasts}}
  bad: {type: "test::Probe", attributes: {does: badly}}
"""


def test_all_that_got_there_is_exit_code_0(
    headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("run", write(TWO)) == 0

    said = capsys.readouterr().err
    assert "second (3) FINISHED" in said
    assert "lab: all of them got there, in " in said
    assert "  1 STARTED, 2 FINISHED, then released\n" in said


def test_the_summary_says_where_the_run_is_and_how_to_look_at_it_again(
    headrace: Headrace, write: Write, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headrace("run", write(TWO), "--run-id", "first", "--quiet")

    assert capsys.readouterr().err.endswith(
        f"run directory: {root / 'lab' / 'first'}\nlook at it again: headrace experiment status lab --run first\n"
    )


def test_what_stands_until_it_is_released_is_not_waited_for(headrace: Headrace, write: Write) -> None:
    assert headrace("run", write(TWO), "--timeout", "20", "-q") == 0


def test_a_failure_is_exit_code_1_with_its_cause_and_the_place_of_its_trace(
    headrace: Headrace, write: Write, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("run", write(BAD), "--run-id", "first", "-q") == 1

    said = capsys.readouterr().err
    assert "lab: given up, since what is critical failed" in said
    assert f"  bad (2) test::Probe: it does badly\n    {root / 'lab' / 'first' / '2' / 'out'}\n" in said


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--allow-failures"], 0)])
def test_a_failure_of_what_is_not_critical_can_be_allowed(
    headrace: Headrace, write: Write, options: list[str], code: int
) -> None:
    file = write(BAD, "wait: [bad]")

    assert headrace("run", file, "--set", "bad.critical=false", "-q", *options) == code


def test_what_takes_too_long_is_exit_code_124_and_says_what_was_in_the_way(
    headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    resources = """
  first: {type: "test::Probe", attributes: {does: lasts}}
  second: {type: "test::Probe", conditions: [{action: START, group: first, state: FINISHED}]}
"""
    assert headrace("run", write(resources), "--timeout", "10ms", "-q") == 124

    said = capsys.readouterr().err
    assert "2 resources did not get to STOPPED:\n" in said
    assert "second (2) is READY: START waits: first (1), now STARTED, to be FINISHED" in said


@pytest.mark.parametrize(
    ("resources", "options", "expected"),
    [
        ('  one: {type: "test::Prob"}', [], "line 4, resources.one.type: there is no resource type test::Prob"),
        ('  one: {typ: "test::Probe"}', [], "resources.one"),
        (
            '  one: {type: "test::Probe"}',
            ["--set", "two.does=well"],
            "--set two.does: experiment lab has no ",
        ),
        ('  one: {type: "test::Probe"}', ["--set", "one.doe=well"], "has no attribute doe (did you mean does?)"),
        ('  one: {type: "test::Probe"}', ["--set", "one.critical=maybe"], "--set one.critical: "),
        ('  one: {type: "test::Probe"}', ["--set", "one"], "--set takes RESOURCE.ATTRIBUTE=VALUE"),
        ('  one: {type: "test::Probe"}', ["--runs", "3:2"], "--runs takes MIN:MAX"),
        ('  one: {type: "test::Probe"}', ["--runs", "2", "--run-id", "a"], "--run-id names one run"),
        ('  one: {type: "test::Probe"}', ["--exp-id", "no/name"], "exp_id names a folder"),
        ('  one: {type: "test::Probe"}', ["--timeout", "soon"], "soon"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_place_and_is_exit_code_2(
    headrace: Headrace,
    write: Write,
    capsys: pytest.CaptureFixture[str],
    resources: str,
    options: list[str],
    expected: str,
) -> None:
    assert headrace("run", write(resources), *options) == 2

    assert expected in capsys.readouterr().err


def test_a_file_that_is_not_there_is_exit_code_2(headrace: Headrace, capsys: pytest.CaptureFixture[str]) -> None:
    assert headrace("run", "nowhere.yaml") == 2

    assert capsys.readouterr().err == "headrace: nowhere.yaml cannot be read: No such file or directory\n"


def test_a_run_is_told_for_programs(headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    headrace("run", write(TWO), "--run-id", "first", "-q", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["experiment"], told["run"], told["exit_code"], told["reason"]) == ("lab", "first", 0, "REACHED")
    assert told["states"] == {"STARTED": 1, "FINISHED": 2}


def test_runs_are_repeated_and_measured_as_the_file_says(
    headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    resources = '  one: {type: "test::Probe", attributes: {says: "rtt=7 rtt=9"}}'
    runs = 'runs: {min_runs: 2, max_runs: 3, metric: {resource: one, trace: out, pattern: "rtt=([0-9]+)", take: mean}}'

    assert headrace("run", write(resources, runs), "-q", "--json") == 0

    told = json.loads(capsys.readouterr().out)["runs"]
    assert (told["count"], told["samples"], told["reason"]) == (2, [8.0, 8.0], "CONVERGED")


def test_each_of_several_runs_can_be_looked_at(
    headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert headrace("run", write('  one: {type: "test::Probe"}'), "--runs", "2", "-q") == 0
    capsys.readouterr()

    assert headrace("list", "lab", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert headrace("trace", "last", "one", "out") == 0
    assert capsys.readouterr().out == "42"


def test_runs_that_fail_are_exit_code_1(headrace: Headrace, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert headrace("run", write(BAD), "--runs", "2", "-q") == 1

    assert "runs failed after 1 run" in capsys.readouterr().err


def test_a_number_of_runs_is_exact_or_a_range() -> None:
    assert [parse_runs(text) for text in ("5", "3:20", "3:")] == [(5, 5), (3, 20), (3, None)]


def test_a_value_may_have_anything_in_it() -> None:
    each = parse_assignment("client.command=echo a=b.c")

    assert (each.resource, each.attribute, each.value) == ("client", "command", "echo a=b.c")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5", 1.5), ("2m30s", 150)])
def test_a_timeout_is_seconds_or_has_units(text: str, seconds: float) -> None:
    assert parse_timeout(text) == seconds


@pytest.mark.parametrize("text", ["one", "one=1", ".a=1", "a.=1"])
def test_what_is_no_assignment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CannotDo, match="as in client"):
        parse_assignment(text)


@pytest.mark.parametrize(
    ("take", "number"), [("first", 3), ("last", 5), ("mean", 4), ("min", 3), ("max", 5), ("sum", 8)]
)
def test_of_several_numbers_one_is_taken_as_it_is_said(take: str, number: float) -> None:
    assert number_in("t=3 ms\nt=5 ms\n", r"t=(\S+)", take) == number


def test_a_pattern_without_a_group_is_the_number_and_no_pattern_the_whole_text() -> None:
    assert (number_in("after 3 s", "[0-9]+", "last"), number_in(" 3.5\n", None, "last")) == (3, 3.5)


def test_a_trace_without_a_number_says_what_was_looked_for() -> None:
    with pytest.raises(ValueError, match="nothing in it is like 't=5'"):
        number_in("t=4", "t=5", "last")
