"""``kill -9`` of whoever submitted, of the process that forks, and of a supervisor."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.engines import owner
from tests.integration.engines.helpers import Mark, end_of, status_of, until

from headrace.compute.engines import JobState, ProcessEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.compute.engines import CommandSpec

pytestmark = pytest.mark.slow

CLONE = Path(__file__).parents[3]


@contextmanager
def owning(mark: Mark, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A program that submits; killed, if it has not been, when the block is left."""
    command = [sys.executable, "-m", "tests.integration.engines.owner", *arguments]
    with subprocess.Popen(command, env=mark.env, cwd=CLONE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], what: str, count: int = 1) -> list[str]:
    """Read what it says until it has said this so often; return the keys, or whatever it was said of."""
    assert process.stdout is not None
    found: list[str] = []
    while len(found) < count:
        line = process.stdout.readline()
        assert line, "it ended"
        said, key = json.loads(line)
        if said == what:
            found.append(key)
    return found


# --- the owner --------------------------------------------------------------------------------------------------------


def test_commands_end_with_a_killed_owner(mark: Mark, tmp_path: Path) -> None:
    line = "trap '' TERM; sleep 3600 & setsid sleep 3600 & wait"
    with owning(mark, str(tmp_path), "kill", "4", line) as process:
        wait_for(process, "running", 4)
        process.kill()

    until(lambda: not mark.processes(), "the end of everything")


def test_a_copy_of_a_killed_owner_keeps_nothing_alive(mark: Mark, tmp_path: Path) -> None:
    with owning(mark, str(tmp_path), "fork", "1", "sleep 3600") as process:
        (copy,) = wait_for(process, "copied")
        process.kill()
    try:
        until(lambda: mark.processes() == [int(copy)], "the end of all but the copy")
    finally:
        os.kill(int(copy), signal.SIGKILL)


def test_whenever_an_owner_is_killed_nothing_is_left(mark: Mark, tmp_path: Path) -> None:
    chance = random.Random(4711)  # noqa: S311 - no secret
    for _ in range(10):
        with owning(mark, str(tmp_path), "kill", "8", "sleep 0.01; sleep 3600 & sleep 3600") as process:
            wait_for(process, chance.choice(["submitted", "running"]), chance.randint(1, 8))
            process.kill()

        until(lambda: not mark.processes(), "the end of everything")


def test_a_kept_command_goes_on_without_its_owner_and_is_found_again(mark: Mark, tmp_path: Path) -> None:
    line = f"until test -e {tmp_path}/go; do sleep 0.01; done; echo done; exit 3"
    with owning(mark, str(tmp_path / "jobs"), "keep", "1", line) as process:
        wait_for(process, "running")
        process.kill()
    with ProcessEngine(tmp_path / "jobs") as engine:
        handle = engine.submit(owner.spec("keep", line), "0")
        assert status_of(engine, handle).state is JobState.running

        (tmp_path / "go").touch()

        status = end_of(engine, handle)
        assert (status.state, status.exit_code) == (JobState.failed, 3)
        assert engine.logs(handle) == b"done\n"


def test_whenever_an_owner_is_killed_each_kept_command_runs_once(mark: Mark, tmp_path: Path) -> None:
    """At any moment: while the intent is written, while a supervisor is made, while it runs, after the end."""
    chance = random.Random(1147)  # noqa: S311 - no secret
    count = 6
    for round_ in range(24 if os.environ.get("HEADRACE_THOROUGH") else 6):
        place = tmp_path / str(round_)
        place.mkdir()
        line = f"echo $$ >> {place}/ran; sleep 0.05; exit 7"
        with owning(mark, str(place / "jobs"), "keep", str(count), line) as process:
            if round_ % 3:
                wait_for(process, chance.choice(["submitted", "running", "failed"]), chance.randint(1, count))
            else:  # In the middle of anything.
                until((place / "jobs").exists, "the directory")
                folders = chance.randint(0, count)
                until(partial(_holds, place / "jobs", folders), "some folders")
            process.kill()
        # Two lives later, without letting the first engine see the end.
        ProcessEngine(place / "jobs").close()
        with ProcessEngine(place / "jobs") as engine:
            handles = [engine.submit(owner.spec("keep", line), str(number)) for number in range(count)]
            codes = [end_of(engine, handle).exit_code for handle in handles]

            assert codes == [7] * count, engine.poll(handles)
        assert len((place / "ran").read_text().splitlines()) == count


def _holds(folder: Path, count: int) -> bool:
    return len(list(folder.iterdir())) >= count


def test_all_that_a_killed_owner_left_is_listed(mark: Mark, tmp_path: Path) -> None:
    with owning(mark, str(tmp_path), "keep", "3", "exit 2") as process:
        wait_for(process, "failed", 3)
        process.kill()

    with ProcessEngine(tmp_path) as engine:
        handles = engine.handles()

        assert sorted(handle.key for handle in handles) == ["0", "1", "2"]
        assert {status.exit_code for status in engine.poll(handles).values()} == {2}


# --- the process that forks -------------------------------------------------------------------------------------------


def nursery_of(engine: ProcessEngine) -> int:
    """The process id of the process that forks supervisors."""
    assert engine._crew is not None
    nursery = engine._crew._lines._nursery
    assert nursery is not None
    return nursery.pid


def test_commands_go_on_without_the_process_that_forks(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    handle = engine.submit(shell(f"until test -e {tmp_path}/go; do sleep 0.01; done; exit 3"), "key")
    until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")

    os.kill(nursery_of(engine), signal.SIGKILL)
    other = engine.run(shell("exit 4"))
    (tmp_path / "go").touch()

    assert end_of(engine, handle).exit_code == 3
    assert other.exit_code == 4


def test_a_command_can_be_cancelled_without_the_process_that_forked_its_supervisor(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    handle = engine.submit(shell("sleep 3600 & sleep 3600"), "key")
    until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")
    os.kill(nursery_of(engine), signal.SIGKILL)

    engine.cancel(handle)

    assert end_of(engine, handle).state is JobState.cancelled
    assert mark.processes() == []


def test_whenever_the_process_that_forks_is_killed_each_command_runs_once(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    chance = random.Random(2718)  # noqa: S311 - no secret
    engine.run(shell("true"))
    handles = []
    for number in range(60):
        handles.append(engine.submit(shell(f"echo {number} >> {tmp_path}/ran; exit 5"), str(number)))
        if chance.random() < 0.15:
            nursery = engine._crew._lines._nursery if engine._crew is not None else None
            if nursery is not None:
                os.kill(nursery.pid, signal.SIGKILL)

    codes = [end_of(engine, handle).exit_code for handle in handles]

    assert codes == [5] * 60, engine.poll(handles)
    assert sorted(map(int, (tmp_path / "ran").read_text().split())) == list(range(60))


def test_where_nothing_can_be_forked_a_command_fails_and_says_why(
    shell: Callable[..., CommandSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProcessEngine() as engine:
        monkeypatch.setattr(sys, "executable", "/nowhere/python")

        status = engine.run(shell("true"))

        assert status.state is JobState.failed
        assert "cannot be started" in status.reason


def test_where_the_process_that_forks_ends_at_once_a_command_fails_and_says_why(
    shell: Callable[..., CommandSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProcessEngine() as engine:
        monkeypatch.setattr(sys, "executable", "/bin/true")

        status = engine.run(shell("true"))

        assert status.state is JobState.failed
        assert "ends at once" in status.reason


# --- a supervisor -----------------------------------------------------------------------------------------------------


def parent_of(pid: int | None) -> int:
    """The supervisor of a command."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_command_whose_supervisor_was_killed_is_lost_and_has_ended(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    handle = engine.submit(shell("trap '' TERM; sleep 3600 & setsid sleep 3600 & wait"), "key")
    until(lambda: status_of(engine, handle).pid, "the command to run")
    until(lambda: len(mark.processes()) == 3, "the command and its children")
    supervisor = parent_of(status_of(engine, handle).pid)

    os.kill(supervisor, signal.SIGKILL)

    status = end_of(engine, handle)
    assert status.state is JobState.lost
    assert (
        status.reason
        == f"its supervisor (process {supervisor}) was ended by SIGKILL without a word of how the command did"
    )
    until(lambda: not mark.processes(), "the end of what it had started")


def test_a_kept_command_whose_supervisor_was_killed_stays_lost(
    tmp_path: Path, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    spec = shell("sleep 3600", orphan="keep")
    with ProcessEngine(tmp_path) as engine:
        handle = engine.submit(spec, "key")
        until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")
        os.kill(parent_of(status_of(engine, handle).pid), signal.SIGKILL)
        assert end_of(engine, handle).state is JobState.lost

    with ProcessEngine(tmp_path) as engine:
        assert engine.submit(spec, "key") == handle
        status = end_of(engine, handle)
        assert status.state is JobState.lost
        assert "ended without a word of how the command did" in status.reason


def test_a_supervisor_that_was_killed_without_work_is_replaced(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    handle = engine.submit(shell(f"until test -e {tmp_path}/go; do sleep 0.01; done"), "key")
    until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")
    supervisor = parent_of(status_of(engine, handle).pid)
    (tmp_path / "go").touch()
    end_of(engine, handle)

    os.kill(supervisor, signal.SIGKILL)

    assert engine.run(shell("exit 3")).exit_code == 3


def test_a_supervisor_that_is_told_to_end_ends_its_command(
    engine: ProcessEngine, shell: Callable[..., CommandSpec]
) -> None:
    handle = engine.submit(shell("sleep 3600"), "key")
    until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")

    os.kill(parent_of(status_of(engine, handle).pid), signal.SIGTERM)

    status = end_of(engine, handle)
    assert (status.state, status.reason) == (JobState.cancelled, "its supervisor was told to end it (SIGTERM)")
