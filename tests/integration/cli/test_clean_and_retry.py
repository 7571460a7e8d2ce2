"""`headrace clean` removes runs, `headrace retry` runs one again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.cli.stores import Story, begin, tell_all
from tests.integration.helpers import until

from headrace.journal import JournalReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.cli.conftest import Run

pytestmark = pytest.mark.slow


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


def three_runs(place: Path) -> None:
    """Runs 000 and 001, which goes on with 000, and 002, each with its directory and a result."""
    for number, run, lineage in ((0, "first", "first"), (1, "second", "first"), (2, "third", "third")):
        (place.parent / f"{number:03}").mkdir()
        with begin(place, run, number=number, lineage=lineage) as journal:
            tell_all(Story(journal))
            journal.result(f"{lineage}/{run}", b"x" * 70_000)
            journal.result(f"other/{run}", b"not of a run")


def runs_left(place: Path) -> list[str]:
    with JournalReader.open(place) as reader:
        return [run.id for run in reader.runs()]


def results_left(place: Path) -> list[str]:
    with JournalReader.open(place) as reader:
        return [record.key for record in reader.results.records() if not record.key.startswith("other/")]


def test_without_yes_nothing_is_removed(place: Path, headrace: Run) -> None:
    three_runs(place)

    done = headrace("clean", "--keep", "1")

    assert [line.split()[0] for line in done.stdout.splitlines()[1:3]] == ["001", "000"]
    assert "nothing is removed yet: --yes removes these 2 runs" in done.stdout
    assert runs_left(place) == ["third", "second", "first"]


def test_results_go_with_the_last_run_that_can_be_resumed_from_them(place: Path, headrace: Run) -> None:
    three_runs(place)
    files = place.with_name("journal.db.results")

    headrace("clean", "0", "--yes")
    after_one = (runs_left(place), results_left(place))
    headrace("clean", "1", "--yes")

    assert after_one == (["third", "second"], ["first/first", "first/second", "third/third"])
    assert (runs_left(place), results_left(place)) == (["third"], ["third/third"])
    assert len(list(files.iterdir())) == 1


def test_the_file_gets_smaller_when_nobody_else_has_it_open(place: Path, headrace: Run) -> None:
    with begin(place, "large", number=0) as journal:
        for number in range(200):
            journal.result(f"large/{number}", os.urandom(20_000))
    before = place.stat().st_size

    done = headrace("clean", "--keep", "0", "--yes", "--json")

    assert json.loads(done.stdout)["compacted"] is True
    assert place.stat().st_size < before / 10


def test_runs_are_chosen_by_age(place: Path, headrace: Run) -> None:
    three_runs(place)

    old = json.loads(headrace("clean", "--older-than", "1h", "--json").stdout)
    every = json.loads(headrace("clean", "--older-than", "0s", "--keep", "1", "--json").stdout)

    assert old["would_remove"] == []
    assert [one["run"] for one in every["would_remove"]] == ["001", "000"]


def test_run_directories_are_removed_if_that_is_asked_for(place: Path, headrace: Run) -> None:
    three_runs(place)

    headrace("clean", "0", "--yes")
    headrace("clean", "1", "--yes", "--run-dirs")

    assert sorted(one.name for one in place.parent.iterdir() if one.is_dir() and one.name.isdecimal()) == ["000", "002"]


def test_a_directory_that_is_no_run_directory_is_left_and_told(place: Path, headrace: Run, folder: Path) -> None:
    (folder / "mine").mkdir()
    with begin(place, "odd", run_dir=str(folder / "mine")):
        pass

    done = headrace("clean", "odd", "--yes", "--run-dirs")

    assert "does not look like a run directory" in done.stdout
    assert done.returncode == 1
    assert (folder / "mine").is_dir()


def test_a_run_that_goes_on_is_never_removed(place: Path, headrace: Run) -> None:
    with begin(place, "living", number=0) as journal:
        tell_all(Story(journal))
        journal.flush()

        named = headrace("clean", "0", "--yes")
        every = headrace("clean", "--keep", "0", "--yes")

        assert "still running, and so not to be removed: 000" in named.stderr
        assert named.returncode == 2
        assert "still running, and so kept: 000" in every.stdout
        assert runs_left(place) == ["living"]


def test_which_runs_are_to_go_must_be_said(place: Path, headrace: Run) -> None:
    three_runs(place)

    assert "say which runs" in headrace("clean").stderr
    assert "not both" in headrace("clean", "0", "--keep", "1").stderr
    assert headrace("clean", "--keep", "-1").returncode == 2


# --- retry ------------------------------------------------------------------------------------------------------------

FLOW = """
import os, sys


@python_app(cache=True)
def count(n):
    with open("counted.txt", "a", encoding="utf-8") as file:
        file.write(f"{n}\\n")
    return n


with headrace.load(config()):
    numbers = [count(n).result() for n in range(3)]
    if not os.path.exists("mended"):
        os._exit(9)
print(sys.argv[1:], numbers, os.environ.get("HEADRACE_RESUME"))
sys.exit(5)
"""


def test_a_killed_run_is_done_again_with_what_it_had_done(
    script: Callable[..., str], python: Run, headrace: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(FLOW)
    python("flow.py", "--some", "argument")
    (folder / "mended").touch()
    monkeypatch.chdir("/")

    done = headrace("retry", str(folder / "runinfo" / "000"))

    assert done.stdout == "['--some', 'argument'] [0, 1, 2] None\n"
    assert done.returncode == 5
    assert "going on with run 000" in done.stderr
    assert (folder / "counted.txt").read_text(encoding="utf-8") == "0\n1\n2\n"
    monkeypatch.chdir(folder)
    first, second = reversed(json.loads(headrace("runs", "--json").stdout))
    assert (first["status"], second["status"], second["resumed"]) == ("killed", "ended", first["id"])
    assert second["states"] == {"memo_done": 3}


def test_what_would_be_run_is_told(place: Path, headrace: Run, folder: Path) -> None:
    begin(place, "one", number=0, command=[sys.executable, "a b.py"]).close()

    done = headrace("retry", "0", "--dry-run")

    assert done.stdout == f"HEADRACE_RESUME=one; cd {folder} && {sys.executable} 'a b.py'\n"


@pytest.mark.parametrize(
    ("command", "gone", "told"),
    [
        (None, None, "does not say by which command run 000 was started"),
        (["no-such-program", "flow.py"], None, "no-such-program, which run 000 was started with, is not there"),
        ([sys.executable, "-c", "pass"], "folder", "which is not there any more"),
    ],
)
def test_what_cannot_be_done_again_is_refused(
    command: list[str] | None, gone: str | None, told: str, place: Path, headrace: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gone:
        (place.parent.parent / gone).mkdir()
        monkeypatch.chdir(place.parent.parent / gone)
    begin(place, "one", number=0, command=command).close()
    monkeypatch.chdir(place.parent.parent)
    if gone:
        (place.parent.parent / gone).rmdir()

    done = headrace("retry", "0")

    assert told in done.stderr
    assert (done.stdout, done.returncode) == ("", 2)


def test_a_script_that_is_gone_is_named(script: Callable[..., str], python: Run, headrace: Run, folder: Path) -> None:
    script("with headrace.load(config()): good(1).result()")
    python("flow.py")
    (folder / "flow.py").unlink()

    done = headrace("retry")

    assert f"the script of run 000, {folder}/flow.py, is not there any more" in done.stderr
    assert done.returncode == 2


def test_a_run_that_goes_on_is_not_done_again(place: Path, headrace: Run) -> None:
    with begin(place, "living", number=0, command=[sys.executable, "-c", "pass"]):
        done = headrace("retry", "0")

    assert "run 000 goes on" in done.stderr
    assert done.returncode == 2


def test_a_real_run_is_seen_while_it_goes_on(script: Callable[..., str], headrace: Run, folder: Path) -> None:
    script(
        "import pathlib\n"
        "@python_app\n"
        "def wait(_):\n"
        "    while not pathlib.Path('go').exists(): pass\n"
        "with headrace.load(config()):\n"
        "    last = after(after(wait(1)))\n"
        "    print('begun', flush=True)\n"
        "    last.result()\n".replace("pass", "__import__('time').sleep(0.01)")
    )
    with subprocess.Popen([sys.executable, "flow.py"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: "running" in headrace("show", "--state", "running").stdout, "a task that runs")
        why = headrace("why", "2")
        (folder / "go").touch()
        process.wait(50)

    assert "waits for 1 of the 1 task" in why.stdout
    assert "after #2 <- after #1 (waiting) <- wait #0 (running)" in why.stdout
    assert json.loads(headrace("runs", "--json").stdout)[0]["status"] == "ended"
