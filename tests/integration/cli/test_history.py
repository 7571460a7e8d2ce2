"""The commands over the journal, on runs as kernels write them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from tests.integration.cli.stores import S, Story, begin, tell_all

from headrace.cli import main
from headrace.journal import JournalReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.journal import Journal

ROOT = Path(__file__).parents[3]


class Ask(Protocol):
    """Runs a command in this process; returns its exit code, stdout and stderr."""

    def __call__(self, *arguments: str) -> tuple[int, str, str]: ...


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are given in."""
    monkeypatch.delenv("HEADRACE_JOURNAL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runinfo").mkdir()
    return tmp_path


@pytest.fixture
def place(folder: Path) -> Path:
    """Where the journal is, in that folder."""
    return folder / "runinfo" / "journal.db"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def ended(place: Path) -> None:
    """Run 003, in which a bit of everything happened."""
    with begin(place, "aaaa-1", number=3, command=["python", "flow.py"]) as journal:
        tell_all(Story(journal))


@pytest.fixture
def living(place: Path) -> Iterator[Journal]:
    """Run 004, of the same, which goes on."""
    with begin(place, "bbbb-2", number=4) as journal:
        tell_all(Story(journal))
        journal.flush()
        yield journal


def killed(place: Path) -> None:
    """Run 005, whose writer is killed."""
    code = (
        f"import os, sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'src')!r}]; from pathlib import Path\n"
        "from tests.integration.cli.stores import Story, begin, tell_all\n"
        "journal = begin(Path(sys.argv[1]), 'cccc-3', number=5); tell_all(Story(journal)); journal.flush(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(place)], timeout=50, check=False)


# --- runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ended", "living")
def test_runs_are_listed_with_the_latest_first(ask: Ask) -> None:
    code, out, _ = ask("runs")

    heading, latest, first = out.splitlines()
    assert heading.split()[:6] == ["run", "is", "began", "took", "tasks", "done"]
    assert latest.split()[:2] == ["004", "running"]
    assert first.split()[:2] == ["003", "ended"]
    assert code == 0


@pytest.mark.usefixtures("ended")
def test_runs_tell_programs_the_same(ask: Ask) -> None:
    _, out, _ = ask("runs", "--json")

    (run,) = json.loads(out)
    assert (run["run"], run["id"], run["status"], run["tasks"]) == ("003", "aaaa-1", "ended", 12)
    assert run["states"]["exec_done"] == 4
    assert run["command"] == ["python", "flow.py"]


def test_a_run_without_end_whose_writer_is_dead_was_killed(place: Path, ask: Ask) -> None:
    killed(place)

    (run,) = json.loads(ask("runs", "--json")[1])
    shown = ask("show")[1]

    assert run["status"] == "killed"
    assert run["last_heard"] is not None
    assert "killed after" in shown
    assert "1 cut off, 2 not begun" in shown
    assert "headrace retry 005" in shown


def test_a_journal_that_is_not_there_is_named_with_the_remedy(ask: Ask, folder: Path) -> None:
    code, out, error = ask("runs")

    assert (code, out) == (2, "")
    assert f"there is no journal {folder}/runinfo/journal.db" in error
    assert "HEADRACE_JOURNAL" in error


def test_a_journal_without_runs_says_so(place: Path, ask: Ask) -> None:
    begin(place, "gone").close()
    with JournalReader.open(place) as reader:
        reader.remove("gone")

    assert ask("runs")[1] == "no runs yet\n"
    assert "no run in the journal" in ask("show")[2]


@pytest.mark.usefixtures("ended")
def test_the_journal_is_named_by_option_or_environment(
    place: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.chdir("/")

    assert ask("runs", "--journal", str(place))[0] == 0
    assert ask("runs", "--journal", str(place.parent))[0] == 0
    assert ask("show", f"{folder}/runinfo/003")[0] == 0
    monkeypatch.setenv("HEADRACE_JOURNAL", str(place))
    assert ask("runs")[0] == 0


# --- which run, which task --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ended", "living")
@pytest.mark.parametrize("which", ["3", "003", "runinfo/003", "./runinfo/003/", "aaaa-1", "a"])
def test_a_run_is_named_by_its_directory_or_its_id(which: str, ask: Ask) -> None:
    _, out, _ = ask("show", which, "--json")

    assert json.loads(out)["id"] == "aaaa-1"


@pytest.mark.usefixtures("ended", "living")
def test_the_last_run_is_meant_unless_one_is_named(ask: Ask) -> None:
    assert json.loads(ask("show", "--json")[1])["run"] == "004"
    assert json.loads(ask("show", "last", "--json")[1])["run"] == "004"


@pytest.mark.usefixtures("ended")
def test_a_run_that_is_not_there_is_told_with_those_that_are(ask: Ask) -> None:
    code, _, error = ask("show", "9")

    assert code == 2
    assert "there is no run 9" in error
    assert "it has 003" in error


def test_a_number_that_two_run_directories_have_is_ambiguous(place: Path, ask: Ask) -> None:
    begin(place, "aaaa-1", number=3).close()
    begin(place, "bbbb-2", run_dir="/elsewhere/runinfo/003").close()

    code, _, error = ask("show", "3")

    assert code == 2
    assert "aaaa-1" in error
    assert "bbbb-2 in /elsewhere/runinfo/003" in error


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize("which", ["3", "#3", "fetch#3", "fetch #3", "task/3"])
def test_a_task_is_named_by_its_number(which: str, ask: Ask) -> None:
    assert json.loads(ask("show", "3", which, "--json")[1])["task"] == 3


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(
    ("which", "told"),
    [
        ("99", "there is no task 99 in run 003, which has 12 tasks; see: headrace show 003 --tasks"),
        ("parse#3", "there is no task parse#3"),
        ("parse", "parse is an app of 5 tasks in run 003; see: headrace show 003 --app parse"),
    ],
)
def test_a_task_that_is_not_there_is_told_with_a_way_to_find_it(which: str, told: str, ask: Ask) -> None:
    code, _, error = ask("why", which)

    assert code == 2
    assert told in error


@pytest.mark.usefixtures("ended")
def test_the_only_task_of_an_app_is_named_by_the_app(ask: Ask) -> None:
    assert json.loads(ask("why", "total", "--json")[1])["task"] == 10


# --- show -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("living")
def test_show_tells_how_a_run_stands(ask: Ask) -> None:
    _, out, _ = ask("show")

    assert "12 tasks: 5 done (1 reused), 1 running, 2 waiting, 2 failed, 2 not run\n" in out
    assert "ConnectionError in fetch: 1 task\n    fetch #3: host 3 is down\n" in out
    assert "2 tasks did not run because of these" in out
    assert "running now\n  slow #8" in out


@pytest.mark.usefixtures("living")
def test_show_tells_programs_about_apps_and_failures(ask: Ask) -> None:
    shown = json.loads(ask("show", "--json")[1])

    apps = {one["app"]: one for one in shown["apps"]}
    assert apps["fetch"]["states"] == {"exec_done": 3, "failed": 1}
    assert apps["fetch"]["timed"] == 4
    assert apps["fetch"]["longest_seconds"] == pytest.approx(0.2, abs=1e-3)
    assert {(one["error"], one["app"], one["number"]) for one in shown["failures"]} == {
        ("ConnectionError", "fetch", 1),
        ("KeyError", "odd", 1),
    }
    assert shown["damaged_groups"] == 0


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        (["--state", "failed"], [3, 11]),
        (["--state", "not run"], [4, 5]),
        (["--state", "waiting"], [9, 10]),
        (["--state", "memo_done"], [7]),
        (["--app", "slow"], [8]),
        (["--state", "done", "--app", "parse"], [6, 7]),
        (["--tasks", "--limit", "2"], [0, 1]),
        (["--tasks", "--limit", "0"], list(range(12))),
    ],
)
def test_tasks_are_listed_by_state_and_app(options: list[str], tasks: list[int], ask: Ask) -> None:
    assert [one["task"] for one in json.loads(ask("show", *options, "--json")[1])] == tasks


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--state", "faild"], "there is no state 'faild'; the tasks of this run are done, failed"),
        (["--app", "fetsh"], "run 003 has no app 'fetsh': it has fetch, odd, parse, slow, total"),
    ],
)
def test_a_state_or_an_app_that_there_is_not_is_no_empty_list(options: list[str], told: str, ask: Ask) -> None:
    code, out, error = ask("show", "3", *options)

    assert (code, out) == (2, "")
    assert told in error


@pytest.mark.usefixtures("ended")
def test_a_list_of_tasks_says_whose_fault_it_is_and_how_many_more_there_are(ask: Ask) -> None:
    _, out, _ = ask("show", "--state", "not run", "--limit", "1")

    assert "fetch #3: ConnectionError: host 3 is down" in out
    assert "and 1 more task" in out


@pytest.mark.usefixtures("ended")
def test_a_task_is_shown_with_each_attempt(ask: Ask) -> None:
    shown = json.loads(ask("show", "3", "3", "--json")[1])
    _, out, _ = ask("show", "3", "3")

    assert [(one["led_to"], one["cause"]) for one in shown["attempts"]] == [
        ("pending", "OSError: not yet"),
        ("failed", "ConnectionError: host 3 is down"),
    ]
    assert [one["to"] for one in shown["moves"]] == ["pending", "launched", "pending", "launched", "failed"]
    assert "fetch #3 of run 003: failed, 200 ms" in out
    assert "needed by  parse #4 (not run)" in out


# --- why --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("living")
@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("3", "it failed by itself, after 2 attempts, with ConnectionError: host 3 is down"),
        ("4", "it did not run because fetch #3 failed with ConnectionError: host 3 is down"),
        ("5", "it did not run because fetch #3 failed with ConnectionError: host 3 is down"),
        ("6", "it ended well on few, in 100 ms"),
        ("7", "it did not have to run: the result of an equal call was there"),
        ("9", "it waits for 1 of the 1 task that it needs"),
        ("10", "it waits for 2 of the 5 tasks that it needs"),
    ],
)
def test_why_a_task_is_where_it_is(task: str, reason: str, ask: Ask) -> None:
    _, out, _ = ask("why", task)

    assert out.splitlines()[1] == reason
    assert json.loads(ask("why", task, "--json")[1])["why"] == reason


@pytest.mark.usefixtures("ended")
def test_the_way_to_what_failed_first_is_told(ask: Ask) -> None:
    _, out, _ = ask("why", "5")

    assert "parse #5 <- parse #4 (not run) <- fetch #3 (failed)" in out
    told = json.loads(ask("why", "5", "--json")[1])
    assert told["root"]["task"] == 3
    assert [one["task"] for one in told["path"]] == [4, 3]


@pytest.mark.usefixtures("living")
def test_what_is_waited_for_is_told_and_who_waits(ask: Ask) -> None:
    _, waits, _ = ask("why", "10")
    _, runs, _ = ask("why", "8")

    assert [line.split()[:3] for line in waits.splitlines()[-2:]] == [
        ["slow", "#8", "running"],
        ["parse", "#9", "waiting"],
    ]
    assert runs.splitlines()[1].startswith("it runs on few, for ")
    assert "2 tasks wait for it: parse #9 (waiting), total #10 (waiting)" in runs


@pytest.mark.usefixtures("ended")
def test_what_a_run_left_behind_is_told_as_that(ask: Ask) -> None:
    assert ask("why", "8")[1].splitlines()[1] == "it ran on few, and the run ended before it ended"
    assert "and the run ended before it ended" in ask("why", "9")[1]


def test_a_task_that_only_waits_for_a_place_says_where(place: Path, ask: Ask) -> None:
    with begin(place, "aaaa-1", number=3) as journal:
        story = Story(journal)
        story.task(0, "one", [S.pending], labels=["gpu"])
        story.task(1, "two", [S.pending, S.launched, OSError("no"), S.pending])
        journal.flush()

        assert "all that it needs is there: it waits for a place on gpu" in ask("why", "0")[1]
        assert "1 attempt of it failed, the last with OSError: no; it waits for its next one" in ask("why", "1")[1]


# --- log --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ended")
def test_log_shows_moves_and_the_end_of_what_was_printed(folder: Path, ask: Ask) -> None:
    (folder / "out.txt").write_text("".join(f"line {n}\n" for n in range(300)), encoding="utf-8")

    _, out, _ = ask("log", "11", "--lines", "2")

    assert [line.split()[4] for line in out.splitlines()[2:5]] == ["pending", "launched", "failed"]
    assert f"stdout: {folder}/out.txt, its last 2 lines: --lines 0 shows all\nline 298\nline 299\n" in out
    assert "stderr: /dev/null, empty" in out


@pytest.mark.usefixtures("ended")
def test_log_gives_one_stream_as_it_is(folder: Path, ask: Ask) -> None:
    (folder / "out.txt").write_bytes(b"as it is, without a line's end")

    assert ask("log", "11", "--stdout") == (0, "as it is, without a line's end", "")


@pytest.mark.usefixtures("ended")
def test_log_tells_programs_where_a_stream_is_and_what_is_wrong_with_it(folder: Path, ask: Ask) -> None:
    told = json.loads(ask("log", "11", "--json")[1])

    assert told["stdout"] == {"path": f"{folder}/out.txt", "error": "No such file or directory"}
    assert told["stderr"] == {"path": "/dev/null", "text": "", "whole": True}


@pytest.mark.usefixtures("ended")
def test_log_says_when_nothing_was_kept(ask: Ask) -> None:
    assert "stdout: not kept" in ask("log", "3")[1]
    code, _, error = ask("log", "3", "--stdout")
    assert code == 2
    assert "was given no stdout file" in error


# --- export -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ended")
def test_a_timeline_has_a_slice_for_each_attempt(folder: Path, ask: Ask) -> None:
    assert ask("export", "3", "-o", "run.json") == (0, "", "")

    events = json.loads((folder / "run.json").read_text(encoding="utf-8"))["traceEvents"]
    slices = [(one["name"], one["args"]["led to"]) for one in events if one["ph"] == "X"]
    assert slices == [
        ("fetch #0", "exec_done"),
        ("fetch #1", "exec_done"),
        ("fetch #2", "exec_done"),
        ("fetch #3", "pending"),
        ("fetch #3", "failed"),
        ("parse #6", "exec_done"),
        ("odd #11", "failed"),
        ("slow #8", "cut off"),
    ]
    assert [one["args"]["name"] for one in events if one["ph"] == "M"] == ["few"]


def test_tasks_that_run_at_once_are_on_different_lines_of_the_timeline(place: Path, ask: Ask) -> None:
    with begin(place, "aaaa-1", number=3) as journal:
        story = Story(journal)
        units = [story.task(n, "one", [S.pending, S.launched]) for n in range(3)]
        for at, unit in enumerate(units):
            journal.moved(_end(unit, 200.0 + at), "few")
        story.task(9, "late", [S.pending])

    events = json.loads(ask("export")[1])["traceEvents"]

    slices = [one for one in events if one["ph"] == "X"]
    assert sorted(one["tid"] for one in slices) == [1, 2, 3]
    assert [one["dur"] for one in slices] == sorted(one["dur"] for one in slices)


def _end(unit: Any, at: float) -> Any:  # noqa: ANN401 - the last move of a task
    from headrace.core import Transition  # noqa: PLC0415 - only here

    return Transition(unit, 0, S.launched, S.exec_done, at, None)


@pytest.mark.usefixtures("ended")
def test_the_graph_leads_from_what_is_needed_to_what_needs_it(ask: Ask) -> None:
    dot = ask("export", "--format", "dot")[1]
    graph = json.loads(ask("export", "--format", "json")[1])

    assert '"task/3" -> "task/4";' in dot
    assert '"task/3" [label="fetch #3", tooltip="failed"' in dot
    assert {"from": "task/3", "to": "task/4"}.items() <= graph["edges"][0].items()
    assert (len(graph["nodes"]), len(graph["edges"])) == (12, 11)


@pytest.mark.usefixtures("ended")
def test_a_format_or_a_file_that_cannot_be_is_refused(ask: Ask) -> None:
    assert "one of trace, dot, json" in ask("export", "-f", "svg")[2]
    assert ask("export", "-o", "no/such/folder")[0] == 2
