"""What a command gets: arguments, environment, folder, streams, processors; and what is told of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.engines.helpers import NOWHERE, until

from headrace.compute.engines import (
    INHERIT,
    CommandSpec,
    EngineClosedError,
    EngineError,
    Handle,
    JobState,
    Output,
    ProcessEngine,
    Status,
    StreamError,
    UnsupportedSpecError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

Shell = "Callable[..., CommandSpec]"


def test_arguments_arrive_as_they_are(engine: ProcessEngine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    odd = ("", " ", "*", "$HOME", "a\nb", "\udcff", "ключ")

    status = engine.run(CommandSpec(argv=("printf", "%s\\0", *odd), stdout=Output(out)))

    assert status.state is JobState.succeeded
    assert out.read_bytes().split(b"\0")[:-1] == [os.fsencode(each) for each in odd]


def test_the_environment_is_that_of_the_moment_of_submitting(
    engine: ProcessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run(CommandSpec(argv=("true",)))  # The engine's own processes are there already.
    monkeypatch.setenv("HEADRACE_LATE", "set later")

    engine.run(CommandSpec(argv=("sh", "-c", "echo $HEADRACE_LATE"), stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").read_text() == "set later\n"


def test_a_given_environment_is_the_whole_environment(engine: ProcessEngine, tmp_path: Path) -> None:
    spec = CommandSpec(argv=("/usr/bin/env",), env={"ONE": "1", "BYTES": "\udcff"}, stdout=Output(tmp_path / "out"))

    engine.run(spec)

    assert sorted((tmp_path / "out").read_bytes().split(b"\n")) == [b"", b"BYTES=\xff", b"ONE=1"]


def test_the_program_is_looked_up_in_the_path_of_its_own_environment(engine: ProcessEngine, tmp_path: Path) -> None:
    program = tmp_path / "frobnicate"
    program.write_text("#!/bin/sh\nexit 5\n")
    program.chmod(0o755)

    status = engine.run(CommandSpec(argv=("frobnicate",), env={"PATH": str(tmp_path)}))

    assert status.exit_code == 5


def test_the_working_directory_is_that_of_the_moment_of_submitting(
    engine: ProcessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run(CommandSpec(argv=("true",)))
    monkeypatch.chdir(tmp_path)

    engine.run(CommandSpec(argv=("pwd",), stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").read_text() == f"{tmp_path}\n"


def test_a_relative_working_directory_and_program_are_found_from_there(
    engine: ProcessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "program").write_text("#!/bin/sh\npwd\n")
    (inner / "program").chmod(0o755)

    status = engine.run(
        CommandSpec(argv=("./program",), cwd=inner.relative_to(tmp_path), stdout=Output(tmp_path / "o"))
    )

    assert status.state is JobState.succeeded
    assert (tmp_path / "o").read_text() == f"{inner}\n"


def test_a_working_directory_that_was_deleted_under_the_submitter_is_still_its_own(
    engine: ProcessEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    try:
        status = engine.run(CommandSpec(argv=("/bin/sh", "-c", "test ! -e . || exit 4; exit 6")))
    finally:
        monkeypatch.chdir(tmp_path)

    assert status.exit_code in {4, 6}


def test_nothing_is_read_unless_said(engine: ProcessEngine, tmp_path: Path) -> None:
    assert engine.run(CommandSpec(argv=("cat",), stdout=Output(tmp_path / "out"))).exit_code == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_it_reads_a_given_file(engine: ProcessEngine, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("read me")

    engine.run(CommandSpec(argv=("cat",), stdin=tmp_path / "in", stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").read_text() == "read me"


@pytest.mark.parametrize(("mode", "left"), [("a", "before after\n"), ("w", "after\n")])
def test_output_is_appended_or_written_anew(engine: ProcessEngine, tmp_path: Path, mode: str, left: str) -> None:
    out = tmp_path / "out"
    out.write_text("before ")

    engine.run(CommandSpec(argv=("echo", "after"), stdout=Output(out, mode)))  # type: ignore[arg-type]  # a parameter

    assert out.read_text() == left


def test_output_to_a_file_that_is_there_can_be_refused(engine: ProcessEngine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("before")

    with pytest.raises(StreamError, match=r"a command: stdout cannot be opened at .*out'.*exists") as caught:
        engine.submit(CommandSpec(argv=("echo", "after"), stdout=Output(out, "x")), "key")

    assert (caught.value.stream, caught.value.path) == ("stdout", out)
    assert out.read_text() == "before"


def test_a_key_whose_submit_was_refused_is_free(engine: ProcessEngine, tmp_path: Path) -> None:
    with pytest.raises(StreamError):
        engine.submit(CommandSpec(argv=("true",), stdout=Output(tmp_path / "no" / "such")), "key")

    assert engine.run(CommandSpec(argv=("true",)), "key").state is JobState.succeeded


def test_a_command_that_cannot_begin_leaves_its_files_as_they_were(engine: ProcessEngine, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("before")

    engine.run(CommandSpec(argv=("true",), cwd=tmp_path / "nowhere", stdout=Output(out, "w")))

    assert out.read_text() == "before"


def test_output_and_error_of_one_file_do_not_overwrite_each_other(engine: ProcessEngine, tmp_path: Path) -> None:
    both = Output(tmp_path / "both", "w")

    engine.run(CommandSpec(argv=("sh", "-c", "echo one; echo two >&2; echo three"), stdout=both, stderr=both))

    assert both.path.read_text() == "one\ntwo\nthree\n"


def test_inherited_output_goes_where_that_of_the_submitter_goes(
    engine: ProcessEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.run(CommandSpec(argv=("sh", "-c", "echo out; echo err >&2"), stdout=INHERIT, stderr=INHERIT))

    assert capfd.readouterr() == ("out\n", "err\n")


def test_inherited_output_cannot_be_asked_for(engine: ProcessEngine) -> None:
    handle = engine.submit(CommandSpec(argv=("true",), stdout=INHERIT), "key")

    with pytest.raises(EngineError, match=r"is that of the process that submitted it"):
        engine.logs(handle)


def test_a_program_without_standard_streams_shares_none_of_its_files_with_its_commands(tmp_path: Path) -> None:
    """Under their numbers it has files of its own, and commands must not write into these."""
    program = (
        "import os, sys; from headrace.compute.engines import *; from pathlib import Path\n"
        "mine = [os.open(sys.argv[1] + f'/mine{n}', os.O_WRONLY | os.O_CREAT) for n in range(3)]\n"
        "engine = ProcessEngine()\n"
        "spec = CommandSpec(argv=('sh', '-c', 'echo out; echo err >&2'), stdout=INHERIT, stderr=INHERIT)\n"
        "status = engine.run(spec)\n"
        "names = [os.readlink(f'/proc/self/fd/{n}') for n in range(3)]\n"
        "Path(sys.argv[1], 'told').write_text(repr((mine, status.exit_code, names)))\n"
        "engine.close()\n"
    )

    line = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    subprocess.run(["/bin/sh", "-c", line, sys.executable, program, str(tmp_path)], timeout=20, check=True)

    files = [str(tmp_path / f"mine{number}") for number in range(3)]
    assert (tmp_path / "told").read_text() == repr(([0, 1, 2], 0, files))
    assert [Path(file).read_text() for file in files] == ["", "", ""]


def test_a_program_without_standard_streams_has_none_of_the_engines_files_under_their_numbers(tmp_path: Path) -> None:
    program = (
        "import os, sys; from headrace.compute.engines import *; from pathlib import Path\n"
        "engine = ProcessEngine()\n"
        "engine.run(CommandSpec(argv=('true',), stdout=INHERIT, stderr=INHERIT))\n"
        "there = [n for n in range(3) if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "engine.close()\n"
        "Path(sys.argv[1], 'told').write_text(repr(there))\n"
    )

    line = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    subprocess.run(["/bin/sh", "-c", line, sys.executable, program, str(tmp_path)], timeout=20, check=True)

    assert (tmp_path / "told").read_text() == "[]"


def test_a_pipe_that_nobody_reads_is_refused_at_once(engine: ProcessEngine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(StreamError, match=r"stderr cannot be opened at .*pipe"):
        engine.submit(CommandSpec(argv=("true",), stderr=Output(tmp_path / "pipe")), "key")


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_it_runs_on_the_processors_of_the_submitting_thread(engine: ProcessEngine, tmp_path: Path) -> None:
    program = "import os; print(sorted(os.sched_getaffinity(0)))"
    some = min(os.sched_getaffinity(0))

    def submit() -> None:
        os.sched_setaffinity(0, {some})
        engine.run(CommandSpec(argv=(sys.executable, "-c", program), stdout=Output(tmp_path / "one")))

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join()
    engine.run(CommandSpec(argv=(sys.executable, "-c", program), stdout=Output(tmp_path / "all")))

    assert (tmp_path / "one").read_text() == f"[{some}]\n"
    assert (tmp_path / "all").read_text() == f"{sorted(os.sched_getaffinity(0))}\n"


def test_commands_get_no_open_files_but_their_streams(engine: ProcessEngine, tmp_path: Path) -> None:
    program = "import os; print([fd for fd in range(3, 100) if os.path.exists(f'/proc/self/fd/{fd}')])"
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        engine.run(CommandSpec(argv=(sys.executable, "-S", "-c", program), stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").read_text() == "[]\n"


def test_signals_are_as_they_are_for_any_command(engine: ProcessEngine, tmp_path: Path) -> None:
    program = ("grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status")

    engine.run(CommandSpec(argv=program, stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").read_bytes() == subprocess.run(program, capture_output=True, check=True).stdout


def test_an_order_larger_than_a_datagram_arrives(engine: ProcessEngine, tmp_path: Path) -> None:
    env = {f"VARIABLE_{number}": "x" * 100_000 for number in range(10)}

    engine.run(CommandSpec(argv=("/usr/bin/env",), env=env, stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").stat().st_size > 1_000_000


def test_keeping_without_a_directory_is_refused_by_name(engine: ProcessEngine) -> None:
    with pytest.raises(UnsupportedSpecError, match=r"orphan='keep' needs a directory"):
        engine.submit(CommandSpec(argv=("true",), orphan="keep"), "key")


def test_commands_with_places_for_their_output_touch_no_directory(
    tmp_path: Path, shell: Callable[..., CommandSpec]
) -> None:
    with ProcessEngine(tmp_path / "jobs") as engine:
        engine.run(shell("true"))

        assert list((tmp_path / "jobs").iterdir()) == []


def test_output_without_a_place_ends_with_the_engine(tmp_path: Path) -> None:
    with ProcessEngine(tmp_path / "jobs") as engine:
        engine.run(CommandSpec(argv=("true",)))
        handle = engine.submit(CommandSpec(argv=("echo", "hi")), "key")
        assert handle.key == "key"

    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_watcher_that_raises_harms_nobody(engine: ProcessEngine, caplog: pytest.LogCaptureFixture) -> None:
    def watcher(*_: object) -> None:
        raise RuntimeError("the watcher's own fault")

    engine.submit(CommandSpec(argv=("true",)), "key", watcher)

    assert engine.run(CommandSpec(argv=("true",))).state is JobState.succeeded
    until(lambda: "the watcher's own fault" in caplog.text, "what it raised to be logged")


def test_many_threads_may_submit(engine: ProcessEngine) -> None:
    codes: list[int | None] = []

    def submit(code: int) -> None:
        codes.extend(engine.run(CommandSpec(argv=("sh", "-c", f"exit {code}"))).exit_code for _ in range(5))

    threads = [threading.Thread(target=submit, args=(code,)) for code in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(code for code in codes if code is not None) == sorted(list(range(8)) * 5)


def test_what_is_submitted_while_the_engine_is_closed_is_refused_or_told_of() -> None:
    """Never neither."""
    engine = ProcessEngine()
    taken: list[str] = []
    ended: list[str] = []

    def watch(handle: Handle, status: Status) -> None:
        if status.final:
            ended.append(handle.key)

    def submit() -> None:
        with suppress(EngineClosedError):
            while True:
                key = str(len(taken))
                engine.submit(CommandSpec(argv=("true",), stdout=NOWHERE, stderr=NOWHERE), key, watch)
                taken.append(key)

    thread = threading.Thread(target=submit)
    thread.start()
    until(lambda: len(taken) > 20, "some commands to be taken")
    engine.close()
    thread.join()

    assert set(taken) <= set(ended)


def test_nothing_of_an_engine_is_left_when_it_was_closed() -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are compared
    threads = threading.active_count()
    with ProcessEngine() as engine:
        for _ in range(5):
            engine.run(CommandSpec(argv=("true",)))

    assert threading.active_count() == threads
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise


def test_where_no_thread_can_be_started_a_submit_says_so_and_a_later_one_works(
    engine: ProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            engine.submit(CommandSpec(argv=("true",)), "first")

    assert engine.run(CommandSpec(argv=("true",))).state is JobState.succeeded
