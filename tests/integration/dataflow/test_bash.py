"""Bash apps, and what `stdout`, `stderr` and `outputs` mean."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from headrace import (
    AUTO_LOGNAME,
    AppBadFormatting,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    DataFuture,
    DependencyError,
    File,
    MissingOutputs,
    bash_app,
    python_app,
)

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 10


@pytest.fixture
def run(kernel: DataFlowKernel) -> Any:
    """An app that runs the command that it is given."""

    @bash_app(data_flow_kernel=kernel)
    def run(command: Any, stdout: Any = None, stderr: Any = None, outputs: Any = (), label: str = "") -> str:
        return command  # type: ignore[no-any-return]  # wrong ones too

    return run


def test_a_command_that_succeeds_gives_0(run: Any) -> None:
    assert run("exit 0").result(WAIT) == 0


def test_a_command_that_fails_tells_its_exit_code(run: Any) -> None:
    error = run("exit 3").exception(WAIT)

    assert isinstance(error, BashExitFailure)
    assert (error.app_name, error.exitcode) == ("run", 3)


def test_a_command_ended_by_a_signal_tells_which(run: Any) -> None:
    error = run("kill -TERM $$").exception(WAIT)

    assert isinstance(error, BashExitFailure)
    assert error.exitcode == -15


def test_it_is_bash_that_runs_the_command(run: Any) -> None:
    assert run("[[ a == a ]] && values=(1 2 3) && test ${#values[@]} = 3").result(WAIT) == 0


def test_a_command_reads_nothing_from_the_terminal(run: Any) -> None:
    assert run("! read line").result(WAIT) == 0


@pytest.mark.parametrize("nothing", [None, "", "  \n", 3, ["ls"]])
def test_an_app_that_returns_no_command_fails_saying_so(run: Any, nothing: Any) -> None:
    with pytest.raises(BashAppNoReturn, match="bash app run must return a command line"):
        run(nothing).result(WAIT)


@pytest.mark.parametrize("error", [KeyError("x"), IndexError("x")])
def test_a_template_that_does_not_fit_its_values_fails_saying_so(kernel: DataFlowKernel, error: Exception) -> None:
    @bash_app(data_flow_kernel=kernel)
    def broken() -> str:
        raise error

    failure = broken().exception(WAIT)

    assert isinstance(failure, AppBadFormatting)
    assert failure.__cause__ is error


def test_what_else_the_function_raises_is_the_task_s_error(kernel: DataFlowKernel) -> None:
    @bash_app(data_flow_kernel=kernel)
    def broken() -> str:
        raise LookupError("its own")

    assert isinstance(broken().exception(WAIT), LookupError)


def test_output_goes_to_the_files_that_were_named(run: Any, tmp_path: Path) -> None:
    out, err = tmp_path / "new" / "out.txt", tmp_path / "err.txt"

    run("echo hello; echo oh >&2", stdout=str(out), stderr=err).result(WAIT)

    assert (out.read_text(), err.read_text()) == ("hello\n", "oh\n")


@pytest.mark.parametrize(("mode", "expected"), [("a", "old\nnew\n"), ("w", "new\n"), ("a+", "old\nnew\n")])
def test_a_mode_says_what_becomes_of_what_is_there(run: Any, tmp_path: Path, mode: str, expected: str) -> None:
    (tmp_path / "out").write_text("old\n")

    run("echo new", stdout=(str(tmp_path / "out"), mode)).result(WAIT)

    assert expected == (tmp_path / "out").read_text()


def test_unless_said_output_is_added_to_what_is_there(run: Any, tmp_path: Path) -> None:
    for word in ("one", "two"):
        run(f"echo {word}", stdout=tmp_path / "out").result(WAIT)

    assert (tmp_path / "out").read_text() == "one\ntwo\n"


def test_a_local_file_can_take_the_output(run: Any, tmp_path: Path) -> None:
    run("echo hello", stdout=File(str(tmp_path / "out"))).result(WAIT)

    assert (tmp_path / "out").read_text() == "hello\n"


@pytest.mark.parametrize(
    "stream", [3, ("out", "r"), ("out", "wb", 0), ("out",), b"out", "/dev/null/out", "a\0b", ("/", "w")], ids=repr
)
def test_a_stream_that_cannot_be_opened_fails_the_task_before_the_command_runs(
    run: Any, tmp_path: Path, stream: Any
) -> None:
    failure = run(f"touch {tmp_path}/ran", stdout=stream).exception(WAIT)

    assert isinstance(failure, BadStdStreamFile)
    assert "stdout " in str(failure)
    assert not (tmp_path / "ran").exists()


def test_an_automatic_name_is_a_file_of_the_task_s_own_under_the_run_directory(
    run: Any, kernel: DataFlowKernel
) -> None:
    future = run("echo hello; echo oh >&2", stdout=AUTO_LOGNAME, stderr=AUTO_LOGNAME)
    future.result(WAIT)

    directory = kernel.run_dir / "task_logs" / "0000"
    assert (future.stdout, future.stderr) == (
        str(directory / "task_0_run.stdout"),
        str(directory / "task_0_run.stderr"),
    )
    assert (Path(future.stdout).read_text(), Path(future.stderr).read_text()) == ("hello\n", "oh\n")


def test_a_label_is_part_of_an_automatic_name(run: Any) -> None:
    assert run("true", stdout=AUTO_LOGNAME, label="first").stdout.endswith("task_0_run_first.stdout")


def test_automatic_names_of_many_tasks_are_spread_over_directories(run: Any, kernel: DataFlowKernel) -> None:
    kernel._tids = iter([9_999, 10_000])  # type: ignore[assignment]  # to come to the second directory at once

    directories = [Path(run("true", stdout=AUTO_LOGNAME).stdout).parent.name for _ in range(2)]

    assert directories == ["0000", "0001"]


def test_an_automatic_name_may_be_the_function_s_default(kernel: DataFlowKernel) -> None:
    @bash_app(data_flow_kernel=kernel)
    def hello(stdout: Any = AUTO_LOGNAME) -> str:
        return "echo hello"

    future = hello()
    future.result(WAIT)

    assert Path(future.stdout).read_text() == "hello\n"


def test_a_python_app_is_given_the_path_that_an_automatic_name_stands_for(kernel: DataFlowKernel) -> None:
    @python_app(data_flow_kernel=kernel)
    def where(stdout: Any = None) -> Any:
        return stdout

    future = where(stdout=AUTO_LOGNAME)

    assert future.result(WAIT) == future.stdout


def test_a_future_tells_where_output_goes_as_it_was_given(run: Any) -> None:
    future = run("true", stdout=("out", "w"))

    assert (future.stdout, future.stderr) == (("out", "w"), None)


def test_each_declared_output_has_a_future_of_its_file(run: Any, tmp_path: Path) -> None:
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    future = run(f"touch {' '.join(paths)}", outputs=[paths[0], File(paths[1])])

    assert [type(one) for one in future.outputs] == [DataFuture, DataFuture]
    assert [one.result(WAIT) for one in future.outputs] == [File(path) for path in paths]


def test_a_file_s_future_knows_its_file_and_task_before_there_is_a_file(kernel: DataFlowKernel, never: Any) -> None:
    @python_app(data_flow_kernel=kernel)
    def write(_: Any, outputs: Any) -> None: ...

    future = write(never, outputs=["some/where.txt"])
    (output,) = future.outputs

    assert (output.filepath, output.filename, output.file_obj, output.tid, output.parent, output.done()) == (
        "some/where.txt",
        "some/where.txt",
        File("some/where.txt"),
        0,
        future,
        False,
    )


def test_a_file_is_a_dependency_that_the_next_task_can_open(run: Any, kernel: DataFlowKernel, tmp_path: Path) -> None:
    @python_app(data_flow_kernel=kernel)
    def read(file: Any) -> str:
        return Path(file).read_text()

    (written,) = run(f"echo hello > {tmp_path}/a", outputs=[str(tmp_path / "a")]).outputs

    assert read(written).result(WAIT) == "hello\n"


def test_a_command_that_does_not_write_its_outputs_fails_naming_them(run: Any, tmp_path: Path) -> None:
    future = run(f"touch {tmp_path}/a", outputs=[str(tmp_path / "a"), str(tmp_path / "b")])

    error = future.exception(WAIT)
    assert isinstance(error, MissingOutputs)
    assert error.outputs == [str(tmp_path / "b")]


def test_the_future_of_a_file_fails_as_its_task_does(run: Any) -> None:
    future = run("exit 1", outputs=["a"])

    assert future.outputs[0].exception(WAIT) is future.exception(WAIT)


def test_what_depends_on_a_file_whose_task_failed_tells_the_root_cause(run: Any, kernel: DataFlowKernel) -> None:
    future = run("exit 1", outputs=["a"])

    error = kernel.submit(id, future.outputs[0]).exception(WAIT)

    assert isinstance(error, DependencyError)
    assert error.root_cause is future.exception()


def test_the_caller_s_outputs_are_not_changed(run: Any, tmp_path: Path) -> None:
    outputs = [str(tmp_path / "a")]

    run(f"touch {tmp_path}/a", outputs=outputs).result(WAIT)

    assert outputs == [str(tmp_path / "a")]


def test_an_output_that_is_no_file_is_refused_at_the_call(run: Any, kernel: DataFlowKernel) -> None:
    with pytest.raises(TypeError, match="outputs must be Files or paths, not 3"):
        run("true", outputs=[3])
    assert kernel.task_count == 0
