"""Command apps, and what holds of every command: how it is started, limited, stopped, and what it leaves."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from concurrent.futures import CancelledError
from concurrent.futures import ProcessPoolExecutor as StandardPool
from concurrent.futures import ThreadPoolExecutor as ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.helpers import alive, soon

from headrace import (
    AppBadFormatting,
    AppTimeout,
    BadSandboxPath,
    BashAppNoReturn,
    BashExitFailure,
    Command,
    CommandNotStarted,
    ExternalExecutor,
    File,
    MissingOutputs,
    TaskAbandonedError,
    ThreadPoolExecutor,
    bash_app,
    command_app,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace import DataFlowKernel

WAIT = 20


def pids_in(file: Path, count: int) -> list[int]:
    """Return the process ids that a command has written to a file, once they are there."""
    assert soon(lambda: file.exists() and len(file.read_text().split()) >= count)
    return [int(pid) for pid in file.read_text().split()]


@pytest.fixture
def run(kernel: DataFlowKernel) -> Any:
    """An app that runs the argv that it is given."""

    @command_app(data_flow_kernel=kernel, grace=0.2)
    def run(
        *argv: Any, stdout: Any = None, stderr: Any = None, outputs: Any = (), inputs: Any = (), walltime: Any = None
    ) -> list[str]:
        return list(argv)

    return run


@pytest.fixture
def shell(kernel: DataFlowKernel) -> Any:
    """An app that runs the command line that it is given."""

    @bash_app(data_flow_kernel=kernel, grace=0.2)
    def shell(command: str, stdout: Any = None, walltime: Any = None, outputs: Any = ()) -> str:
        return command

    return shell


# --- without a shell ----------------------------------------------------------------------------------------------


def test_a_command_app_runs_a_program(run: Any) -> None:
    assert run("true").result(WAIT) == 0


def test_no_argument_is_taken_apart_or_expanded(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["a b", "$HOME", "*", "", "'\"", "; exit 1"]

    run(sys.executable, "-c", "import sys; print(sys.argv[1:])", *arguments, stdout=out).result(WAIT)

    assert out.read_text() == f"{arguments}\n"


def test_paths_are_good_arguments(run: Any, tmp_path: Path) -> None:
    (tmp_path / "there").touch()

    assert run("test", "-f", tmp_path / "there").result(WAIT) == 0


def test_a_program_that_fails_tells_its_exit_code(run: Any) -> None:
    error = run("sh", "-c", "exit 7").exception(WAIT)

    assert isinstance(error, BashExitFailure)
    assert error.exitcode == 7


@pytest.mark.parametrize("nothing", [None, "true", [], [1], ["true", None], {"true"}, Command([])])
def test_a_command_app_that_returns_no_argv_fails_saying_so(kernel: DataFlowKernel, nothing: Any) -> None:
    @command_app(data_flow_kernel=kernel)
    def wrong() -> list[str]:
        return nothing  # type: ignore[no-any-return]  # the point

    with pytest.raises(BashAppNoReturn, match="command app wrong must return a list of a program and its arguments"):
        wrong().result(WAIT)


def test_an_argument_with_a_nul_is_refused_by_name(run: Any) -> None:
    with pytest.raises(AppBadFormatting, match="holds a NUL character"):
        run("echo", "a\0b").result(WAIT)


def test_a_program_that_is_not_there_is_named(run: Any) -> None:
    error = run("no-such-program", "x").exception(WAIT)

    assert isinstance(error, CommandNotStarted)
    assert "no-such-program" in str(error)


def test_a_program_that_may_not_be_run_is_named(run: Any, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no program")

    error = run(tmp_path / "data").exception(WAIT)

    assert isinstance(error, CommandNotStarted)
    assert str(tmp_path / "data") in str(error)


def test_a_path_that_is_no_text_is_handed_on_as_it_is(run: Any, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")

    run("touch", odd).result(WAIT)

    assert [os.fsencode(name) for name in os.listdir(tmp_path) if name.startswith("caf")] == [b"caf\xe9"]  # noqa: PTH208 - names as they are


def test_output_goes_to_a_file_whose_name_is_no_text(run: Any, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")

    run("echo", "hello", stdout=odd).result(WAIT)

    assert Path(odd).read_text() == "hello\n"


# --- environment and directory ------------------------------------------------------------------------------------


def test_variables_come_beside_those_that_there_are(
    kernel: DataFlowKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERE", "before")

    @command_app(data_flow_kernel=kernel, env={"APP": "app", "BOTH": "app"})
    def show(stdout: Any) -> Command:
        return Command(["sh", "-c", "echo $THERE $APP $BOTH $CALL"], env={"BOTH": "call", "CALL": "call"})

    show(stdout=tmp_path / "out").result(WAIT)

    assert (tmp_path / "out").read_text() == "before app call call\n"


def test_the_environment_is_that_of_the_moment_of_the_call(
    kernel: DataFlowKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @bash_app(data_flow_kernel=kernel)
    def show(stdout: Any) -> str:
        return "echo $NOW"

    for now in ("first", "second"):
        monkeypatch.setenv("NOW", now)
        show(stdout=(tmp_path / now, "w")).result(WAIT)

    assert [(tmp_path / now).read_text() for now in ("first", "second")] == ["first\n", "second\n"]


def test_a_command_runs_in_the_directory_that_its_app_names(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @bash_app(data_flow_kernel=kernel, cwd=tmp_path)
    def where(stdout: Any) -> str:
        return "pwd"

    where(stdout=tmp_path / "out").result(WAIT)

    assert (tmp_path / "out").read_text() == f"{tmp_path}\n"


def test_a_directory_that_is_not_there_is_named(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @bash_app(data_flow_kernel=kernel, cwd=tmp_path / "gone")
    def where() -> str:
        return "pwd"

    with pytest.raises(CommandNotStarted, match="gone"):
        where().result(WAIT)


def test_a_command_reads_the_file_that_it_is_given(kernel: DataFlowKernel, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("read me\n")

    @command_app(data_flow_kernel=kernel)
    def copy(stdout: Any) -> Command:
        return Command(["cat"], stdin=tmp_path / "in")

    copy(stdout=tmp_path / "out").result(WAIT)

    assert (tmp_path / "out").read_text() == "read me\n"


def test_the_directory_of_an_output_is_made(shell: Any, tmp_path: Path) -> None:
    output = tmp_path / "new" / "deep" / "out"

    shell(f"echo x > {output}", outputs=[output]).result(WAIT)

    assert output.read_text() == "x\n"


def test_a_file_given_as_stdout_is_a_future_for_other_apps(shell: Any, run: Any, tmp_path: Path) -> None:
    first = shell("echo x", stdout=File(str(tmp_path / "out")))

    assert run("grep", "-q", "x", first.stdout).result(WAIT) == 0


# --- sandboxes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def boxed(kernel: DataFlowKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An app whose commands run in sandboxes; the workflow's directory is `tmp_path`."""
    monkeypatch.chdir(tmp_path)

    @bash_app(data_flow_kernel=kernel, sandbox=True, grace=0.2)
    def boxed(command: str, inputs: Any = (), outputs: Any = (), stdout: Any = None) -> str:
        return command

    return boxed


def sandboxes(kernel: DataFlowKernel) -> list[Path]:
    folder = kernel.run_dir / "sandboxes"
    return list(folder.iterdir()) if folder.exists() else []


def test_of_a_sandbox_only_the_declared_outputs_are_kept(boxed: Any, kernel: DataFlowKernel, tmp_path: Path) -> None:
    boxed("echo kept > kept; echo junk > junk", outputs=["kept"]).result(WAIT)

    assert (tmp_path / "kept").read_text() == "kept\n"
    assert not (tmp_path / "junk").exists()
    assert sandboxes(kernel) == []


def test_each_task_has_a_sandbox_of_its_own(boxed: Any, tmp_path: Path) -> None:
    futures = [boxed(f"test ! -e same && echo {n} > same && cp same out{n}", outputs=[f"out{n}"]) for n in range(4)]

    assert [future.result(WAIT) for future in futures] == [0, 0, 0, 0]
    assert [(tmp_path / f"out{n}").read_text() for n in range(4)] == [f"{n}\n" for n in range(4)]


def test_inputs_are_there_under_the_same_relative_path(boxed: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "in").write_text("42")

    boxed("cat data/in > deep/out", inputs=[File("data/in")], outputs=[File("deep/out")]).result(WAIT)

    assert (tmp_path / "deep" / "out").read_text() == "42"


def test_a_directory_can_be_an_output(boxed: Any, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old").touch()

    boxed("mkdir -p results && touch results/new", outputs=["results"]).result(WAIT)

    assert [path.name for path in (tmp_path / "results").iterdir()] == ["new"]


def test_what_is_input_and_output_is_changed_when_the_command_has_succeeded(boxed: Any, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("old\n")
    both = {"inputs": [File("data")], "outputs": [File("data")]}

    assert isinstance(boxed("echo new >> data; exit 1", **both).exception(WAIT), BashExitFailure)
    assert (tmp_path / "data").read_text() == "old\n"
    boxed("echo new >> data", **both).result(WAIT)
    assert (tmp_path / "data").read_text() == "old\nnew\n"


def test_an_output_that_links_to_what_is_not_kept_is_kept_whole(boxed: Any, tmp_path: Path) -> None:
    command = "echo real > real; ln -s real out; mkdir dir; ln -s ../real dir/far; echo x > dir/x; ln -s x dir/near"

    boxed(command, outputs=["out", "dir"]).result(WAIT)

    assert [(tmp_path / name).read_text() for name in ("out", "dir/far", "dir/near")] == ["real\n", "real\n", "x\n"]
    assert (tmp_path / "dir" / "near").is_symlink()


@pytest.mark.parametrize(("there", "made"), [("mkdir", "touch"), ("touch", "mkdir")])
def test_a_file_never_takes_the_place_of_a_directory_nor_the_other_way_round(
    boxed: Any, tmp_path: Path, there: str, made: str
) -> None:
    getattr(tmp_path / "results", there)()

    with pytest.raises(BadSandboxPath, match="of that name is there"):
        boxed(f"{made} results", outputs=["results"]).result(WAIT)


def test_an_absolute_output_is_where_it_says(boxed: Any, tmp_path: Path) -> None:
    boxed(f"echo x > {tmp_path}/out", outputs=[tmp_path / "out"]).result(WAIT)

    assert (tmp_path / "out").read_text() == "x\n"


def test_if_an_output_is_missing_none_is_kept(boxed: Any, kernel: DataFlowKernel, tmp_path: Path) -> None:
    error = boxed("touch there", outputs=["there", "missing"]).exception(WAIT)

    assert isinstance(error, MissingOutputs)
    assert [str(output) for output in error.outputs] == ["missing"]
    assert not (tmp_path / "there").exists()
    assert sandboxes(kernel) == []


def test_a_command_that_fails_leaves_no_sandbox(boxed: Any, kernel: DataFlowKernel) -> None:
    assert isinstance(boxed("touch x; exit 1").exception(WAIT), BashExitFailure)
    assert sandboxes(kernel) == []


@pytest.mark.parametrize("path", ["../out", "a/../../out", ".", "a/.."])
def test_a_relative_path_cannot_lead_out_of_a_sandbox(boxed: Any, path: str) -> None:
    with pytest.raises(BadSandboxPath, match="leads out of the sandbox"):
        boxed("true", outputs=[path]).result(WAIT)


# --- ends ---------------------------------------------------------------------------------------------------------

TREE = "sh -c 'echo $$; setsid sh -c \"echo \\$\\$; sleep 600\" & sleep 600' & echo $$; sleep 600"


def test_a_running_command_can_be_cancelled_with_every_process_it_started(shell: Any, tmp_path: Path) -> None:
    out = tmp_path / "pids"
    future = shell(TREE, stdout=out)
    pids = pids_in(out, 3)

    assert future.cancel()
    assert future.cancelled()
    with pytest.raises(CancelledError):
        future.result(WAIT)
    assert soon(lambda: not any(alive(pid) for pid in pids))


def test_a_command_that_exceeds_its_walltime_ends_with_every_process_it_started(shell: Any, tmp_path: Path) -> None:
    out = tmp_path / "pids"

    error = shell(TREE, stdout=out, walltime=0.5).exception(WAIT)

    assert isinstance(error, AppTimeout)
    assert "walltime of 0.5 s" in str(error)
    assert not any(alive(pid) for pid in pids_in(out, 3))


def test_a_command_that_ignores_to_be_asked_is_ended_all_the_same(shell: Any, tmp_path: Path) -> None:
    out = tmp_path / "pid"

    error = shell("trap '' TERM; echo $$; while true; do sleep 0.1; done", stdout=out, walltime=0.5).exception(WAIT)

    assert isinstance(error, AppTimeout)
    assert not alive(pids_in(out, 1)[0])


def test_a_walltime_may_be_the_app_s_own(kernel: DataFlowKernel) -> None:
    @command_app(data_flow_kernel=kernel, walltime=0.3, grace=0.1)
    def slow() -> list[str]:
        return ["sleep", "600"]

    assert isinstance(slow().exception(WAIT), AppTimeout)


def test_what_a_command_leaves_in_the_background_ends_with_it(shell: Any, tmp_path: Path) -> None:
    out = tmp_path / "pid"

    assert shell("setsid sleep 600 & echo $!", stdout=out).result(WAIT) == 0

    assert not alive(pids_in(out, 1)[0])


def test_a_command_waiting_for_a_thread_can_be_cancelled(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))

    @bash_app(data_flow_kernel=kernel, grace=0.1)
    def touch(name: str) -> str:
        return f"touch {tmp_path}/{name}; sleep 600"

    first, second = touch("first"), touch("second")
    assert soon((tmp_path / "first").exists)

    assert second.cancel()
    assert first.cancel()
    kernel.cleanup()
    assert not (tmp_path / "second").exists()


def test_a_cancelled_command_is_not_tried_again(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(retries=3)

    @bash_app(data_flow_kernel=kernel, grace=0.1)
    def slow() -> str:
        return f"echo x >> {tmp_path}/begun; sleep 600"

    future = slow()
    assert soon((tmp_path / "begun").exists)
    future.cancel()
    kernel.cleanup()

    assert (tmp_path / "begun").read_text() == "x\n"


def test_a_command_still_running_when_cleanup_gives_up_is_ended(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(cleanup_timeout=0.2)
    out = tmp_path / "pids"

    @bash_app(data_flow_kernel=kernel, grace=0.1)
    def slow(stdout: Any) -> str:
        return TREE

    future = slow(stdout=out)
    pids = pids_in(out, 3)
    kernel.cleanup()

    assert not any(alive(pid) for pid in pids)
    with pytest.raises(TaskAbandonedError, match="has been stopped"):
        future.result(WAIT)


def test_cleanup_gives_a_command_no_longer_than_its_own_patience(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(cleanup_timeout=0.3)

    @bash_app(data_flow_kernel=kernel, grace=3600)
    def stubborn(stdout: Any) -> str:
        return "trap '' TERM; echo $$; while true; do sleep 0.05; done"

    stubborn(stdout=tmp_path / "pid")
    (pid,) = pids_in(tmp_path / "pid", 1)
    kernel.cleanup()

    assert not alive(pid)


def test_a_command_that_closes_its_output_is_waited_for(shell: Any, tmp_path: Path) -> None:
    shell(f"exec 1>&- 2>&-; sleep 0.2; touch {tmp_path}/done", stdout=tmp_path / "out").result(WAIT)

    assert (tmp_path / "done").exists()


def test_the_first_of_many_commands_to_end_is_told_first(shell: Any) -> None:
    order: list[str] = []
    slow, quick = shell("sleep 0.6"), shell("true")
    both = threading.Barrier(3)

    def note(name: str) -> None:
        order.append(name)
        both.wait(WAIT)

    for name, future in (("slow", slow), ("quick", quick)):
        future.add_done_callback(lambda _, name=name: note(name))
    both.wait(WAIT)

    assert order == ["quick", "slow"]


# --- elsewhere ----------------------------------------------------------------------------------------------------


@command_app
def seq(last: int, stdout: Any = None) -> list[str]:
    return ["seq", str(last)]


@bash_app
def fails() -> str:
    return "kill -KILL $$"


@pytest.fixture
def processes() -> Iterator[StandardPool]:
    """A pool of the standard library's, started before anything is counted: its resource tracker stays."""
    with StandardPool(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(int).result(WAIT)
        yield pool


def test_commands_run_on_an_executor_of_another_library(
    processes: StandardPool, make_kernel: Any, tmp_path: Path
) -> None:
    kernel = make_kernel(ExternalExecutor("pool", processes))
    run = kernel.call(seq._run, (3,), {"stdout": str(tmp_path / "out")}, seq.options)
    failed = kernel.call(fails._run, (), {}, fails.options)

    assert run.result(WAIT) == 0
    assert (tmp_path / "out").read_text() == "1\n2\n3\n"
    error = failed.exception(WAIT)
    assert isinstance(error, BashExitFailure)
    assert error.exitcode == -signal.SIGKILL


def test_a_command_on_another_library_s_thread_can_be_cancelled_and_ends_at_cleanup(
    make_kernel: Any, tmp_path: Path
) -> None:
    with ThreadPool(2) as threads:
        kernel = make_kernel(ExternalExecutor("threads", threads), cleanup_timeout=0.2)

        @bash_app(data_flow_kernel=kernel, grace=0.1)
        def stay(stdout: Any) -> str:
            return "echo $$; sleep 600"

        cancelled, abandoned = stay(stdout=tmp_path / "one"), stay(stdout=tmp_path / "two")
        pids = pids_in(tmp_path / "one", 1) + pids_in(tmp_path / "two", 1)
        assert cancelled.cancel()
        kernel.cleanup()

    assert isinstance(abandoned.exception(WAIT), TaskAbandonedError)
    assert not any(alive(pid) for pid in pids)
