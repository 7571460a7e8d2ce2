"""What the folder of a kept command says, and what is made of it when it says odd things."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import stat
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.integration.engines.helpers import NOWHERE, Mark, end_of, status_of, until

from headrace.compute.engines import (
    CommandSpec,
    EngineError,
    Handle,
    JobState,
    KeyTakenError,
    Output,
    ProcessEngine,
    Status,
    StreamError,
    UnknownJobError,
)
from headrace.compute.engines.process.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

WELL = CommandSpec(argv=("true",), orphan="keep", name="well")


def run_and_leave(place: Path, spec: CommandSpec, key: str = "key") -> tuple[Handle, Path]:
    """Run a kept command to its end, and leave; return its folder too."""
    with ProcessEngine(place) as engine:
        handle = engine.submit(spec, key)
        end_of(engine, handle)
    return handle, Folder(place, key).path


def intend_only(place: Path, spec: CommandSpec, key: str = "key") -> Handle:
    """What a crash leaves between writing the intent and starting anything."""
    place.mkdir(exist_ok=True)
    Folder(place, key).create(spec, "0123")
    return Handle("process", key, "0123")


# --- what is written --------------------------------------------------------------------------------------------------


def test_a_folder_says_what_was_asked_for_and_how_it_ended(tmp_path: Path) -> None:
    _, folder = run_and_leave(tmp_path, WELL)

    assert json.loads((folder / "spec.json").read_text())["spec"]["argv"] == ["true"]
    status = json.loads((folder / "status.json").read_text())
    assert (status["state"], status["exit_code"]) == ("succeeded", 0)


def test_a_folder_holds_no_secret_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    spec = CommandSpec(argv=("true",), orphan="keep", env={"PASSWORD": "squeamish ossifrage"})

    _, folder = run_and_leave(tmp_path, spec)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not any(b"ossifrage" in file.read_bytes() for file in folder.iterdir())


def test_a_command_does_not_hold_the_lock_that_proves_its_supervisor_alive(tmp_path: Path) -> None:
    spec = CommandSpec(
        argv=("sh", "-c", "ls -l /proc/self/fd; ls -l /proc/$$/fd"), orphan="keep", stdout=Output(tmp_path / "out")
    )

    run_and_leave(tmp_path / "jobs", spec)

    assert "lock" not in (tmp_path / "out").read_text()


def test_logs_can_be_read_by_whoever_comes_after(tmp_path: Path) -> None:
    spec = CommandSpec(argv=("sh", "-c", "echo out; echo err >&2"), orphan="keep")
    handle, _ = run_and_leave(tmp_path, spec)

    with ProcessEngine(tmp_path) as engine:
        assert engine.logs(handle) == b"out\n"
        assert engine.logs(handle, "stderr") == b"err\n"


def test_a_kept_command_holds_nothing_of_its_owner_open(mark: Mark, tmp_path: Path) -> None:
    """Else whoever reads the owner's output would wait for the command's end."""
    program = (
        "import sys; from pathlib import Path\n"
        "from headrace.compute.engines import *\n"
        "spec = CommandSpec(argv=('sleep', '3600'), orphan='keep')\n"
        "with ProcessEngine(Path(sys.argv[1])) as engine: engine.submit(spec, 'key')\n"
    )

    command = [os.sys.executable, "-c", program, str(tmp_path)]  # type: ignore[attr-defined]  # it is there
    subprocess.run(command, capture_output=True, env=mark.env, timeout=20, check=True)

    with ProcessEngine(tmp_path) as engine:
        (handle,) = engine.handles()
        assert status_of(engine, handle).state is JobState.running
        engine.remove(handle)


# --- what is found ----------------------------------------------------------------------------------------------------


def test_the_same_key_with_another_command_is_refused_by_whoever_comes_after(tmp_path: Path) -> None:
    run_and_leave(tmp_path, WELL)

    with ProcessEngine(tmp_path) as engine, pytest.raises(KeyTakenError, match="'key'"):
        engine.submit(CommandSpec(argv=("false",), orphan="keep", name="well"), "key")


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"state": "succ',
        "[]",
        "\0" * 100,
        '{"state": "great"}',
        '{"state": "running"}',
        '{"state": "succeeded"}',
        '{"state": "succeeded", "exit_code": 1}',
        '{"state": "failed", "exit_code": 0}',
        '{"state": "succeeded", "exit_code": "0"}',
        '{"state": "succeeded", "exit_code": 0, "mood": 1}',
        '"\udcff"',
    ],
)
def test_a_status_that_makes_no_sense_is_a_loss_and_no_success(tmp_path: Path, content: str) -> None:
    handle, folder = run_and_leave(tmp_path, WELL)
    (folder / "status.json").write_bytes(content.encode(errors="surrogateescape"))

    with ProcessEngine(tmp_path) as engine:
        status = status_of(engine, handle)

        assert status.state is JobState.lost
        assert "status.json cannot be read" in status.reason


def test_a_status_that_cannot_be_read_is_a_loss(tmp_path: Path) -> None:
    handle, folder = run_and_leave(tmp_path, WELL)
    (folder / "status.json").unlink()
    (folder / "status.json").mkdir()

    with ProcessEngine(tmp_path) as engine:
        assert status_of(engine, handle).state is JobState.lost


def test_a_process_without_a_status_and_without_a_supervisor_is_a_loss(tmp_path: Path) -> None:
    handle, folder = run_and_leave(tmp_path, WELL)
    (folder / "status.json").unlink()

    with ProcessEngine(tmp_path) as engine:
        status = status_of(engine, handle)
        assert status.state is JobState.lost
        assert "ended without a word" in status.reason
        assert engine.submit(WELL, "key") == handle
        assert status_of(engine, handle).state is JobState.lost


def test_an_intent_without_a_process_is_run_by_whoever_submits_it_again(tmp_path: Path) -> None:
    handle = intend_only(tmp_path, WELL)

    with ProcessEngine(tmp_path) as engine:
        assert status_of(engine, handle).state is JobState.submitted
        assert engine.submit(WELL, "key") == handle
        assert end_of(engine, handle).state is JobState.succeeded


def test_an_intent_that_nobody_submits_again_can_be_cancelled_for_good(tmp_path: Path) -> None:
    handle = intend_only(tmp_path, WELL)
    with ProcessEngine(tmp_path) as engine:
        engine.cancel(handle)
        assert end_of(engine, handle).state is JobState.cancelled

    with ProcessEngine(tmp_path) as engine:
        engine.submit(WELL, "key")
        assert end_of(engine, handle).state is JobState.cancelled
    assert not (Folder(tmp_path, "key").path / "process.json").exists()


def test_an_intent_can_be_removed(tmp_path: Path) -> None:
    handle = intend_only(tmp_path, WELL)

    with ProcessEngine(tmp_path) as engine:
        engine.remove(handle)

        assert engine.handles() == []


def test_an_intent_that_is_torn_is_told_and_not_run(tmp_path: Path) -> None:
    intend_only(tmp_path, WELL)
    (Folder(tmp_path, "key").path / "spec.json").write_text('{"key": ')

    with ProcessEngine(tmp_path) as engine:
        with pytest.raises(EngineError, match=r"spec\.json cannot be read"):
            engine.submit(WELL, "key")
        with pytest.raises(EngineError, match=r"spec\.json cannot be read"):
            engine.handles()


def test_while_somebody_holds_the_lock_a_command_is_not_started(tmp_path: Path) -> None:
    """A supervisor that has just begun, say, of an owner that was killed."""
    handle = intend_only(tmp_path, WELL)
    lock = Folder(tmp_path, "key").path / "lock"
    with lock.open("w") as holder, ProcessEngine(tmp_path) as engine:
        fcntl.flock(holder, fcntl.LOCK_EX)
        engine.submit(WELL, "key")
        until(lambda: engine._crew is not None, "the engine to be at work")

        assert status_of(engine, handle).state is JobState.submitted
        (lock.parent / "process.json").write_text(json.dumps({"pid": 1, "start": 0, "boot": "another"}))
        (lock.parent / "status.json").write_text(json.dumps({"state": "failed", "exit_code": 9}))
        fcntl.flock(holder, fcntl.LOCK_UN)

        assert end_of(engine, handle).exit_code == 9


def test_a_process_of_before_the_machine_was_started_anew_is_a_loss(tmp_path: Path) -> None:
    handle = intend_only(tmp_path, WELL)
    process = {"pid": os.getpid(), "start": 1, "boot": "another", "command": os.getpid()}
    (Folder(tmp_path, "key").path / "process.json").write_text(json.dumps(process))

    with ProcessEngine(tmp_path) as engine:
        assert status_of(engine, handle).state is JobState.lost
        engine.cancel(handle)  # And this process is not signalled.


def test_a_removed_command_leaves_no_folder_and_is_unknown_to_all(tmp_path: Path) -> None:
    handle, folder = run_and_leave(tmp_path, WELL)

    with ProcessEngine(tmp_path) as one, ProcessEngine(tmp_path) as other:
        one.remove(handle)

        assert not folder.exists()
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(UnknownJobError):
            other.poll([handle])


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EngineError, match=r"engine process: .*file/jobs cannot be made"):
        ProcessEngine(tmp_path / "file" / "jobs")


def test_output_that_cannot_be_opened_leaves_a_command_that_can_be_submitted_again(tmp_path: Path) -> None:
    spec = CommandSpec(argv=("true",), orphan="keep", stdout=Output(tmp_path / "later" / "out"))
    with ProcessEngine(tmp_path / "jobs") as engine:
        with pytest.raises(StreamError):
            engine.submit(spec, "key")
        (tmp_path / "later").mkdir()

        assert end_of(engine, engine.submit(spec, "key")).state is JobState.succeeded


# --- several engines --------------------------------------------------------------------------------------------------


def test_two_engines_on_one_directory_run_each_command_once(tmp_path: Path, mark: Mark) -> None:
    line = f"echo $$ >> {tmp_path}/ran; exit 4"
    spec = CommandSpec(argv=("bash", "-c", line), orphan="keep", stdout=NOWHERE, stderr=NOWHERE, env=mark.env)
    codes: list[int | None] = []

    def submit() -> None:
        with ProcessEngine(tmp_path / "jobs") as engine:
            handles = [engine.submit(spec, str(number)) for number in range(15)]
            codes.extend(end_of(engine, handle).exit_code for handle in handles)

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [4] * 30
    assert len((tmp_path / "ran").read_text().splitlines()) == 15


def test_one_engine_sees_and_ends_what_another_runs(
    tmp_path: Path, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    with ProcessEngine(tmp_path) as one, ProcessEngine(tmp_path) as other:
        handle = one.submit(shell("sleep 3600 & sleep 3600", orphan="keep"), "key")
        until(lambda: status_of(other, handle).state is JobState.running, "the other to see it run")

        other.cancel(handle)

        assert end_of(other, handle).state is JobState.cancelled
        assert end_of(one, handle).state is JobState.cancelled
        assert mark.processes() == []


def test_a_command_that_another_engine_removed_is_lost(tmp_path: Path, shell: Callable[..., CommandSpec]) -> None:
    with ProcessEngine(tmp_path) as one, ProcessEngine(tmp_path) as other:
        handle = one.submit(shell("sleep 3600", orphan="keep"), "key")
        until(lambda: status_of(other, handle).state is JobState.running, "the other to see it run")
        told: list[Status] = []
        other.submit(shell("sleep 3600", orphan="keep"), "key", lambda _, status: told.append(status))

        one.remove(handle)

        until(lambda: told and told[-1].final, "the other to see it end")
        assert told[-1].state in {JobState.lost, JobState.cancelled}


def test_after_closing_what_is_kept_is_said_to_be_out_of_sight(
    tmp_path: Path, shell: Callable[..., CommandSpec]
) -> None:
    engine = ProcessEngine(tmp_path)
    handle = engine.submit(shell("sleep 3600", orphan="keep"), "key")
    until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")
    engine.close()

    status = status_of(engine, handle)

    assert (status.state, status.reachable) == (JobState.running, False)
    with ProcessEngine(tmp_path) as later:
        later.remove(handle)


def test_closing_at_once_does_not_keep_a_kept_command_from_running(tmp_path: Path) -> None:
    with ProcessEngine(tmp_path) as engine:
        handle = engine.submit(WELL, "key")

    with ProcessEngine(tmp_path) as engine:
        until(lambda: status_of(engine, handle).final, "its end")
        assert status_of(engine, handle).state is JobState.succeeded


# --- a full disk ------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    place.mkdir()
    done = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["/bin/umount", "-l", place], check=True)


def test_the_end_of_a_command_that_fills_the_disk_is_not_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        spec = CommandSpec(argv=("bash", "-c", "head -c 1000000 /dev/zero; exit 5"), orphan="keep")
        with ProcessEngine(disk) as engine:
            handle = engine.submit(spec, "key")
            assert end_of(engine, handle).exit_code == 5

        with ProcessEngine(disk) as engine:
            assert status_of(engine, handle).exit_code == 5


def test_on_a_full_disk_a_command_is_not_taken(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        engine = ProcessEngine(disk)
        with pytest.raises(OSError, match="No space"):
            (disk / "full").write_bytes(b"x" * 1_000_000)

        with pytest.raises(EngineError, match=r"well: .* cannot be written: No space left on device"):
            engine.submit(WELL, "key")
        engine.close()


class Stop(BaseException):
    """What a signal handler raises."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[float], None]]:
    """Interrupts this thread in so many seconds; with 0, no more."""

    def handler(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupt_of_a_run_ends_the_command(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark, interrupt: Callable[[float], None]
) -> None:
    interrupt(0.3)
    with pytest.raises(Stop):
        engine.run(shell("sleep 3600 & sleep 3600"))

    assert mark.processes() == []


def test_whenever_a_run_is_interrupted_nothing_of_it_is_left(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark, interrupt: Callable[[float], None]
) -> None:
    """In the middle of submitting, launching, waiting, ending."""
    chance = random.Random(161)  # noqa: S311 - no secret
    for _ in range(100):
        with suppress(Stop):
            try:
                interrupt(chance.uniform(2e-5, 5e-3))
                assert engine.run(shell("sleep 0.001; exit 3")).exit_code == 3
            finally:
                interrupt(0)

    assert engine.run(shell("exit 4")).exit_code == 4
    assert engine._jobs == {}
