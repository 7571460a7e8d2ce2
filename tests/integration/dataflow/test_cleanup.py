"""Cleanup ends every future, never hangs, and leaves nothing behind."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import headrace.dataflow.kernel as kernel_module
from headrace import (
    AppFuture,
    Backoff,
    ExternalExecutor,
    HeadraceError,
    KernelClosedError,
    TaskAbandonedError,
    ThreadPoolExecutor,
    bash_app,
    join_app,
)

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 10


def fail() -> None:
    raise ValueError("boo")


def test_what_has_not_begun_is_cancelled(make_kernel: Any, never: Future[Any], blocker: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("one", 1))
    running = kernel.submit(blocker)
    waiting = [kernel.submit(id, never), kernel.submit(int), kernel.submit(id, running)]
    blocker.begun.wait(WAIT)
    cleaner = threading.Thread(target=kernel.cleanup)
    cleaner.start()
    wait_for(waiting, WAIT)
    blocker.end.set()
    cleaner.join(WAIT)

    assert [future.cancelled() for future in waiting] == [True] * 3


def test_what_runs_is_waited_for(make_kernel: Any, blocker: Any) -> None:
    kernel = make_kernel()
    running = kernel.submit(blocker)
    pending = kernel.submit(id, Future())
    blocker.begun.wait(WAIT)
    pending.add_done_callback(lambda _: blocker.end.set())

    kernel.cleanup()

    assert running.result(0) == "ended"


def test_a_future_that_never_ends_keeps_nobody_waiting(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel(cleanup_timeout=None)
    future = kernel.submit(id, never)

    kernel.cleanup()

    assert future.cancelled()


def test_a_join_app_that_waits_for_a_future_that_never_ends_is_cancelled(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel(cleanup_timeout=None)
    joining = threading.Event()
    kernel.observe(lambda move: joining.set() if move.state.name == "joining" else None)
    future = join_app(data_flow_kernel=kernel)(lambda: never)()
    joining.wait(WAIT)

    kernel.cleanup()

    assert future.cancelled()


def test_a_join_app_whose_body_returns_when_cleanup_has_begun_is_not_joined(
    make_kernel: Any, never: Future[Any], blocker: Any
) -> None:
    kernel = make_kernel(cleanup_timeout=None)
    future = join_app(data_flow_kernel=kernel)(lambda: [blocker(), never][1:])()
    blocker.begun.wait(WAIT)
    kernel.submit(id, never).add_done_callback(lambda _: blocker.end.set())

    kernel.cleanup()

    assert future.done()


def test_a_delay_before_a_retry_keeps_nobody_waiting(make_kernel: Any) -> None:
    kernel = make_kernel(retries=1, backoff=Backoff(initial=3600, maximum=3600), cleanup_timeout=None)
    retried = threading.Event()
    kernel.observe(lambda move: retried.set() if move.attempt else None)
    future = kernel.submit(fail)
    retried.wait(WAIT)

    kernel.cleanup()

    assert future.cancelled()


def test_a_task_that_fails_during_cleanup_is_not_tried_again(make_kernel: Any, blocker: Any, never: Any) -> None:
    kernel = make_kernel(retries=100)
    calls: list[int] = []

    def app() -> None:
        calls.append(1)
        blocker()
        raise ValueError("boo")

    future = kernel.submit(app)
    blocker.begun.wait(WAIT)
    kernel.submit(id, never).add_done_callback(lambda _: blocker.end.set())

    kernel.cleanup()

    assert (len(calls), repr(future.exception(0))) == (1, "ValueError('boo')")


def test_a_task_that_never_ends_is_abandoned_when_the_time_is_up(
    make_kernel: Any, blocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kernel = make_kernel(cleanup_timeout=0)
    future = kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    kernel.cleanup()
    blocker.end.set()

    with pytest.raises(TaskAbandonedError, match=r"task 0 .* was still running on executor 'threads'.*is unknown"):
        future.result(0)
    assert "wait for your tasks, or raise Config(cleanup_timeout=...)" in caplog.text


def test_an_abandoned_task_that_ends_after_all_changes_nothing(
    make_kernel: Any, blocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kernel = make_kernel(cleanup_timeout=0)
    thread: list[threading.Thread] = []

    def app() -> None:
        thread.append(threading.current_thread())
        blocker()

    future = kernel.submit(app)
    blocker.begun.wait(WAIT)
    kernel.cleanup()

    blocker.end.set()
    thread[0].join(WAIT)

    assert isinstance(future.exception(0), TaskAbandonedError)
    assert future.task_status() == "failed"


def test_what_depends_on_an_abandoned_task_is_cancelled(make_kernel: Any, blocker: Any, caplog: Any) -> None:
    kernel = make_kernel(cleanup_timeout=0)
    dependent = kernel.submit(id, kernel.submit(blocker))
    blocker.begun.wait(WAIT)

    kernel.cleanup()
    blocker.end.set()

    assert dependent.cancelled()


def test_a_task_that_never_ends_keeps_the_interpreter_from_nothing(run_script: Any) -> None:
    ended = run_script("""
        import threading
        from headrace import Config, DataFlowKernel

        kernel = DataFlowKernel(Config(cleanup_timeout=0))
        begun = threading.Event()
        kernel.submit(lambda: begun.set() or threading.Event().wait())
        begun.wait()
        kernel.cleanup()
        print("the end")
    """)

    assert (ended.stdout, ended.returncode) == ("the end\n", 0)


def test_a_kernel_that_nobody_cleaned_up_ends_with_the_interpreter_and_is_told(run_script: Any) -> None:
    ended = run_script("""
        from concurrent.futures import Future
        from headrace import Config, DataFlowKernel

        kernel = DataFlowKernel(Config(cleanup_timeout=0.1))
        print(kernel.submit(int).result())
        pending = kernel.submit(id, Future())
    """)

    assert (ended.stdout, ended.returncode) == ("0\n", 0)
    assert "1 tasks had not ended after 0.1 s" in ended.stderr
    assert "was not cleaned up: use it in a with block, or call cleanup()" in ended.stderr


def test_what_nobody_waited_for_still_runs_when_the_interpreter_ends(run_script: Any) -> None:
    ended = run_script("""
        from headrace import Config, DataFlowKernel, ThreadPoolExecutor

        kernel = DataFlowKernel(Config(executors=[ThreadPoolExecutor("one", 1)]))
        for number in range(20):
            kernel.submit(print, number, flush=True)
    """)

    assert ended.stdout.split() == [str(number) for number in range(20)]


def test_an_interrupt_while_executors_are_shut_down_leaves_nothing_undone(
    make_kernel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = make_kernel(ThreadPoolExecutor("a", 1), ThreadPoolExecutor("b", 1))
    shut_down = kernel_module._shut_down
    interrupts = [KeyboardInterrupt()]

    def interrupted(*args: Any) -> None:
        if interrupts:
            raise interrupts.pop()
        shut_down(*args)

    monkeypatch.setattr(kernel_module, "_shut_down", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kernel.cleanup()

    assert [executor.owner for executor in kernel.executors.values()] == [None, None]
    with pytest.raises(RuntimeError, match="not running"):
        kernel.executors["b"].submit(int)


def test_a_second_cleanup_is_refused(make_kernel: Any) -> None:
    kernel = make_kernel()
    kernel.cleanup()

    with pytest.raises(KernelClosedError):
        kernel.cleanup()


def test_of_two_cleanups_at_once_one_is_refused(make_kernel: Any) -> None:
    kernel = make_kernel()
    together = threading.Barrier(2)
    outcomes: list[str] = []

    def clean() -> None:
        together.wait(WAIT)
        try:
            kernel.cleanup()
        except KernelClosedError:
            outcomes.append("refused")
        else:
            outcomes.append("done")

    threads = [threading.Thread(target=clean) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)

    assert sorted(outcomes) == ["done", "refused"]


def test_from_within_a_task_it_is_refused_and_the_kernel_goes_on(kernel: DataFlowKernel) -> None:
    error = kernel.submit(kernel.cleanup).exception(WAIT)

    assert isinstance(error, HeadraceError)
    assert kernel.submit(int).result(WAIT) == 0


def test_from_within_a_join_app_it_is_refused(kernel: DataFlowKernel) -> None:
    clean_up: Any = kernel.cleanup

    error = join_app(data_flow_kernel=kernel)(clean_up)().exception(WAIT)

    assert isinstance(error, HeadraceError)


def test_from_within_a_task_on_an_external_executor_s_threads_it_is_refused(
    make_kernel: Any, standard_pool: Any
) -> None:
    kernel = make_kernel(ExternalExecutor("pool", standard_pool), cleanup_timeout=1)

    error = kernel.submit(kernel.cleanup).exception(WAIT)

    assert type(error) is HeadraceError


def test_from_within_a_callback_it_is_refused(kernel: DataFlowKernel, blocker: Any) -> None:
    outcome: Future[BaseException | None] = Future()

    def callback(_: object) -> None:
        try:
            kernel.cleanup()
        except HeadraceError as error:
            outcome.set_result(error)
        else:
            outcome.set_result(None)

    kernel.submit(blocker).add_done_callback(callback)
    blocker.end.set()

    assert type(outcome.result(WAIT)) is HeadraceError


def test_a_task_may_clean_up_another_kernel(make_kernel: Any) -> None:
    here, there = make_kernel(), make_kernel()

    assert here.submit(there.cleanup).exception(WAIT) is None
    assert there.cleanup_called


def test_callbacks_of_what_it_cancels_are_called_before_it_returns(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel()
    called: list[bool] = []
    for _ in range(100):
        kernel.submit(id, never).add_done_callback(lambda future: called.append(future.cancelled()))

    kernel.cleanup()

    assert called == [True] * 100


def test_a_callback_may_try_to_submit_meanwhile_and_is_refused(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel()
    refused: list[type[BaseException]] = []

    def callback(_: object) -> None:
        try:
            kernel.submit(int)
        except KernelClosedError as error:
            refused.append(type(error))

    kernel.submit(id, never).add_done_callback(callback)

    kernel.cleanup()

    assert refused == [KernelClosedError]


def test_a_callback_that_never_ends_keeps_it_no_longer_than_the_time_limit(
    make_kernel: Any, make_blocker: Any, caplog: Any
) -> None:
    kernel = make_kernel(cleanup_timeout=0)
    first, callback = make_blocker(), make_blocker()
    kernel.submit(first).add_done_callback(callback)
    first.end.set()
    callback.begun.wait(WAIT)

    kernel.cleanup()
    callback.end.set()

    assert "executor 'threads' did not end in time" in caplog.text


def test_an_interrupt_ends_the_waiting_and_not_the_cleaning(
    make_kernel: Any, blocker: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    kernel = make_kernel(cleanup_timeout=0)
    future = kernel.submit(blocker)
    blocker.begun.wait(WAIT)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("headrace.dataflow.kernel._wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kernel.cleanup()
    blocker.end.set()

    assert isinstance(future.exception(0), TaskAbandonedError)


def test_10_000_pending_tasks_are_cancelled(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel()
    futures = [kernel.submit(id, never) for _ in range(10_000)]

    kernel.cleanup()

    assert all(future.cancelled() for future in futures)


def test_every_future_has_ended_when_it_returns_whatever_was_going_on(make_kernel: Any, never: Future[Any]) -> None:
    """Running, ready, waiting, joining, failing, and a thread that goes on submitting."""
    kernel = make_kernel(ThreadPoolExecutor("two", 2), retries=1)
    futures: list[AppFuture[Any]] = []

    @join_app(data_flow_kernel=kernel)
    def nest(depth: int) -> AppFuture[Any]:
        future: AppFuture[Any] = nest(depth - 1) if depth else kernel.submit(id, never)
        return future

    enough = threading.Event()

    def submit() -> None:
        try:
            for number in range(10_000_000):
                futures.append(kernel.submit(int))
                futures.append(kernel.submit(fail))
                futures.append(kernel.submit(lambda *_: 1, futures[-1], futures[-2]))
                futures.append(nest(3))
                if number > 100:
                    enough.set()
        except KernelClosedError:
            pass

    submitter = threading.Thread(target=submit)
    submitter.start()
    enough.wait(WAIT)
    kernel.cleanup()
    submitter.join(WAIT)

    assert [future for future in futures if not future.done()] == []
    assert kernel.tasks == {}
    assert sum(kernel.task_state_counts.values()) == kernel.task_count


def test_it_leaves_no_thread_no_child_no_open_file_and_no_temporary_file(run_script: Any, tmp_path: Path) -> None:
    ended = run_script("""
        import os, tempfile, threading
        from pathlib import Path
        tempfile.tempdir = os.path.abspath("temporary")
        os.mkdir(tempfile.tempdir)
        import headrace
        from headrace import bash_app, join_app, python_app, Config, Backoff, AUTO_LOGNAME

        def look():
            return (
                {thread.name for thread in threading.enumerate()},
                set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
                {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")},
                set(os.listdir(tempfile.tempdir)),
            )

        @bash_app
        def shell(stdout=AUTO_LOGNAME): return "sleep 0; exit 1"

        @join_app
        def fan_out(): return [shell() for _ in range(3)]

        before = look()
        with headrace.load(Config(retries=1, backoff=Backoff(0.001), exit_mode="wait")) as kernel:
            kernel.observe(lambda move: None)
            for _ in range(20):
                fan_out()
                kernel.submit(int)
        print(look() == before or (before, look()))
    """)

    assert ended.stdout == "True\n", ended.stdout + ended.stderr


def test_a_command_that_runs_is_waited_for(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    @bash_app(data_flow_kernel=kernel)
    def read() -> str:
        return f"read line < {fifo}; test $line = go"

    future = read()
    with fifo.open("w") as writing:  # Opens when the command reads.
        kernel.submit(id, Future()).add_done_callback(lambda _: print("go", file=writing, flush=True))
        kernel.cleanup()

    assert future.result(0) == 0


def test_nothing_is_left_in_the_temporary_folder(make_kernel: Any) -> None:
    before = set(Path(tempfile.gettempdir()).glob("*headrace*"))
    kernel = make_kernel()
    kernel.submit(int).result(WAIT)
    kernel.cleanup()

    assert set(Path(tempfile.gettempdir()).glob("*headrace*")) == before


def test_a_cancelled_future_raises_cancelled_error(make_kernel: Any, never: Future[Any]) -> None:
    kernel = make_kernel()
    future = kernel.submit(id, never)
    kernel.cleanup()

    with pytest.raises(CancelledError):
        future.result(0)
