"""What is wrong with a command is told by name, and harms nobody."""

from __future__ import annotations

import errno
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.integration.engines.helpers import end_of, status_of, until

from headrace.compute.engines import CommandSpec, JobState, Output, ProcessEngine, Status, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow


def failure(status: Status) -> tuple[JobState, int | None, int | None]:
    return status.state, status.exit_code, status.errno


def test_a_program_that_does_not_exist(engine: ProcessEngine) -> None:
    status = engine.run(CommandSpec(argv=("frobnicate-nowhere",)))

    assert failure(status) == (JobState.failed, None, errno.ENOENT)
    assert status.reason == "frobnicate-nowhere cannot be run: No such file or directory"
    assert status.pid is None


def test_a_program_that_is_not_executable(engine: ProcessEngine, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("#!/bin/sh\n")

    status = engine.run(CommandSpec(argv=(str(tmp_path / "program"),)))

    assert failure(status) == (JobState.failed, None, errno.EACCES)
    assert status.reason == f"{tmp_path}/program cannot be run: Permission denied"


def test_a_program_that_is_no_program(engine: ProcessEngine, tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\0\1\2")
    (tmp_path / "program").chmod(0o755)

    assert failure(engine.run(CommandSpec(argv=(str(tmp_path / "program"),)))) == (JobState.failed, None, errno.ENOEXEC)


def test_a_program_that_is_a_folder(engine: ProcessEngine, tmp_path: Path) -> None:
    assert failure(engine.run(CommandSpec(argv=(str(tmp_path),)))) == (JobState.failed, None, errno.EACCES)


def test_an_argument_list_that_is_too_long(engine: ProcessEngine) -> None:
    status = engine.run(CommandSpec(argv=("true", "x" * 3_000_000)))

    assert failure(status) == (JobState.failed, None, errno.E2BIG)
    assert status.reason == "true cannot be run: Argument list too long"


def test_a_working_directory_that_is_not_there(engine: ProcessEngine, tmp_path: Path) -> None:
    status = engine.run(CommandSpec(argv=("true",), cwd=tmp_path / "gone"))

    assert failure(status) == (JobState.failed, None, errno.ENOENT)
    assert status.reason == f"its working directory {tmp_path}/gone cannot be entered: No such file or directory"


def test_a_working_directory_that_is_a_file(engine: ProcessEngine) -> None:
    assert failure(engine.run(CommandSpec(argv=("true",), cwd=Path("/dev/null")))) == (
        JobState.failed,
        None,
        errno.ENOTDIR,
    )


def test_after_a_command_that_could_not_begin_the_next_one_does(engine: ProcessEngine) -> None:
    engine.run(CommandSpec(argv=("frobnicate-nowhere",)))

    assert engine.run(CommandSpec(argv=("true",))).state is JobState.succeeded


def test_paths_that_are_no_utf8_work_everywhere(engine: ProcessEngine, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    folder.mkdir()
    program = folder / "pro\udcffgram"
    program.write_text("#!/bin/sh\npwd\ncat\nexit 3\n")
    program.chmod(0o755)
    (folder / "in\udcff").write_text("input")

    spec = CommandSpec(argv=(str(program),), cwd=folder, stdin=folder / "in\udcff", stdout=Output(folder / "out\udcff"))

    assert engine.run(spec).exit_code == 3
    assert (folder / "out\udcff").read_bytes() == os.fsencode(folder) + b"\ninput"


def test_a_missing_program_with_a_name_that_is_no_utf8_is_told_legibly(engine: ProcessEngine) -> None:
    assert engine.run(CommandSpec(argv=("/no\udcff",))).reason == "/no\\xff cannot be run: No such file or directory"


@pytest.mark.parametrize("argv", [(), ("",), "true", ("true", 1), ("true", b"x")])
def test_arguments_that_are_no_text_are_refused(argv: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        CommandSpec(argv=argv)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("argv", [("tr\0ue",), ("true", "a\0")])
def test_a_nul_character_is_refused(argv: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="NUL"):
        CommandSpec(argv=argv)


@pytest.mark.parametrize("env", [{"A=B": "1"}, {"": "1"}, {"A": "\0"}, {"A": 1}, {1: "A"}])
def test_an_environment_that_no_command_can_have_is_refused(env: object) -> None:
    with pytest.raises(ValueError, match=r"environment|env must map"):
        CommandSpec(argv=("true",), env=env)  # type: ignore[arg-type]  # that is the point


def test_a_full_disk_is_the_commands_to_tell(engine: ProcessEngine, tmp_path: Path) -> None:
    spec = CommandSpec(argv=("seq", "1000000"), stdout=Output(Path("/dev/full")), stderr=Output(tmp_path / "err"))

    status = engine.run(spec)

    assert (status.state, status.exit_code) == (JobState.failed, 1)
    assert "No space left on device" in (tmp_path / "err").read_text()


def test_a_file_that_may_not_grow_is_the_commands_to_tell(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    status = engine.run(shell("ulimit -f 8; exec seq 1000000", stdout=Output(out)))

    assert status.state is JobState.failed
    assert out.stat().st_size <= 8 * 1024


@pytest.fixture
def no_file_descriptors() -> Iterator[None]:
    """All file descriptors that this process may have are taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    taken = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_many_open_files_are_told_to_the_submitter(
    engine: ProcessEngine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine.run(CommandSpec(argv=("true",)))
    request.getfixturevalue("no_file_descriptors")

    with pytest.raises(StreamError, match=r"stdout cannot .*: Too many open files; raise the limit \(ulimit -n\)"):
        engine.submit(CommandSpec(argv=("true",), stdout=Output(tmp_path / "out")), "key")


def test_too_many_open_files_in_the_engine_are_the_reason_of_the_failure(
    engine: ProcessEngine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No supervisor can be had for it."""
    blocker = engine.submit(CommandSpec(argv=("sleep", "3600")), "blocker")
    until(lambda: status_of(engine, blocker).state is JobState.running, "the command to run")
    engine.cancel(blocker)
    end_of(engine, blocker)
    blocker = engine.submit(CommandSpec(argv=("sleep", "3600")), "another")
    until(lambda: status_of(engine, blocker).state is JobState.running, "the command to run")
    request.getfixturevalue("no_file_descriptors")

    handle = engine.submit(CommandSpec(argv=("true",)), "key")
    engine.cancel(blocker)

    assert end_of(engine, handle).state is JobState.succeeded
