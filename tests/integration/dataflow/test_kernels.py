"""Kernels: several at once, the current one, their run directories, observers and counters."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace import (
    Config,
    ConfigurationError,
    DataFlowKernel,
    HeadraceError,
    KernelClosedError,
    NoDataFlowKernelError,
    TaskState,
    python_app,
)
from headrace.dataflow import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WAIT = 10


def fail() -> None:
    raise ValueError("boo")


def config(tmp_path: Path, **options: Any) -> Config:
    return Config(run_dir=tmp_path / "runs", **options)


def test_the_loaded_kernel_is_the_current_one(tmp_path: Path) -> None:
    with headrace.load(config(tmp_path)) as kernel:
        assert headrace.dfk() is kernel


def test_after_its_block_no_kernel_is_the_current_one(tmp_path: Path) -> None:
    with headrace.load(config(tmp_path)):
        pass

    with pytest.raises(NoDataFlowKernelError, match="no DataFlowKernel is loaded"):
        headrace.dfk()


def test_a_second_load_is_refused_saying_what_to_do(tmp_path: Path) -> None:
    with (
        headrace.load(config(tmp_path)),
        pytest.raises(ConfigurationError, match=r"call headrace.dfk\(\).cleanup\(\) first"),
    ):
        headrace.load(config(tmp_path))


def test_after_clear_another_kernel_can_be_loaded(tmp_path: Path) -> None:
    with headrace.load(config(tmp_path)) as first:
        headrace.clear()
        with headrace.load(config(tmp_path)) as second:
            assert headrace.dfk() is second
        assert first.submit(int).result(WAIT) == 0


def test_cleaning_up_a_kernel_that_is_not_the_current_one_leaves_that_loaded(tmp_path: Path) -> None:
    with headrace.load(config(tmp_path)) as loaded:
        DataFlowKernel(config(tmp_path)).cleanup()

        assert headrace.dfk() is loaded


def test_after_a_load_that_failed_another_may_succeed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError):
        headrace.load(Config(run_dir=tmp_path / "file"))

    with headrace.load(config(tmp_path)) as kernel:
        assert kernel.submit(int).result(WAIT) == 0


def test_waiting_without_a_kernel_is_refused() -> None:
    with pytest.raises(NoDataFlowKernelError):
        headrace.wait_for_current_tasks()


def test_waiting_for_current_tasks_waits_for_those_that_fail_too(tmp_path: Path) -> None:
    with headrace.load(config(tmp_path)) as kernel:
        futures = [kernel.submit(app) for app in (int, fail) for _ in range(50)]

        headrace.wait_for_current_tasks()

        assert all(future.done() for future in futures)


def test_waiting_for_current_tasks_does_not_wait_for_later_ones(kernel: DataFlowKernel, make_blocker: Any) -> None:
    first, later = make_blocker(), make_blocker()
    kernel.submit(first)
    waiting, waited = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        kernel.wait_for_current_tasks()
        waited.set()

    waiter = threading.Thread(target=wait)
    tasks = kernel._flow.tasks
    asked = threading.Event()

    def tasks_and_tell() -> Any:
        found = tasks()
        asked.set()
        return found

    kernel._flow.tasks = tasks_and_tell  # type: ignore[method-assign]  # to know when it has looked
    waiter.start()
    asked.wait(WAIT)
    kernel.submit(later)
    first.end.set()

    assert waited.wait(WAIT)
    waiter.join()


def test_waiting_from_within_a_task_is_refused(kernel: DataFlowKernel) -> None:
    error = kernel.submit(kernel.wait_for_current_tasks).exception(WAIT)

    assert isinstance(error, HeadraceError)


def test_with_the_wait_mode_the_block_waits_for_all_tasks(tmp_path: Path, blocker: Any) -> None:
    gate: Future[None] = Future()
    with DataFlowKernel(config(tmp_path, exit_mode="wait")) as kernel:
        future = kernel.submit(lambda _: "ran", gate)
        kernel.submit(lambda: gate.set_result(None))

    assert future.result(0) == "ran"


def test_with_the_wait_mode_a_block_that_raises_does_not_wait(tmp_path: Path, never: Future[Any]) -> None:
    kernel = DataFlowKernel(config(tmp_path, exit_mode="wait"))
    future = kernel.submit(id, never)

    with pytest.raises(LookupError), kernel:
        raise LookupError
    assert future.cancelled()


def test_with_the_wait_mode_an_interrupt_while_waiting_cleans_up_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    kernel = DataFlowKernel(config(tmp_path, exit_mode="wait"))
    monkeypatch.setattr(kernel, "wait_for_current_tasks", interrupted)
    with pytest.raises(KeyboardInterrupt), kernel:
        pass

    assert kernel.cleanup_called


def test_with_the_cleanup_mode_the_block_cancels_what_has_not_begun(tmp_path: Path, never: Future[Any]) -> None:
    with DataFlowKernel(config(tmp_path, exit_mode="cleanup")) as kernel:
        future = kernel.submit(id, never)

    assert future.cancelled()


def test_unless_told_otherwise_the_block_waits_for_its_tasks(tmp_path: Path) -> None:
    with DataFlowKernel(config(tmp_path)) as kernel:
        futures = [kernel.submit(int, number) for number in range(100)]

    assert [future.result(0) for future in futures] == list(range(100))


def test_a_kernel_that_has_been_cleaned_up_is_not_entered(tmp_path: Path) -> None:
    kernel = DataFlowKernel(config(tmp_path))
    kernel.cleanup()

    with pytest.raises(KernelClosedError), kernel:
        pass


def test_with_the_skip_mode_the_kernel_goes_on_after_the_block(tmp_path: Path) -> None:
    with DataFlowKernel(config(tmp_path, exit_mode="skip")) as kernel:
        pass

    assert kernel.submit(int).result(WAIT) == 0
    kernel.cleanup()


def test_a_kernel_may_be_cleaned_up_within_its_block(tmp_path: Path) -> None:
    with DataFlowKernel(config(tmp_path)) as kernel:
        kernel.cleanup()


@pytest.mark.parametrize("wrong", [{"retries": 1}, 3, "config"])
def test_what_is_no_config_is_refused(wrong: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=f"takes a Config, not {wrong!r}".replace("{", r"\{").replace("}", r"\}")
    ):
        DataFlowKernel(wrong)


def test_a_dict_is_refused_saying_how_to_write_it() -> None:
    wrong: Any = {"retries": 1}

    with pytest.raises(ConfigurationError, match=r"write Config\(\*\*options\)"):
        headrace.load(wrong)


def test_each_kernel_has_a_run_directory_and_an_id_of_its_own(make_kernel: Any) -> None:
    kernels = [make_kernel() for _ in range(3)]

    assert [kernel.run_dir.name for kernel in kernels] == ["000", "001", "002"]
    assert len({kernel.run_id for kernel in kernels}) == 3


def test_a_run_directory_that_cannot_be_made_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    threads = set(threading.enumerate())

    with pytest.raises(ConfigurationError, match="no run directory can be made"):
        DataFlowKernel(Config(run_dir=tmp_path / "file" / "runs"))
    assert set(threading.enumerate()) == threads


def test_a_read_only_run_directory_is_refused(tmp_path: Path) -> None:
    """Shown by a process of a user who may not write there; for root there is no such place."""
    tmp_path.chmod(0o555)
    for parent in (*tmp_path.parents,):
        if parent.stat().st_uid == os.getuid() and str(parent).startswith("/tmp/"):  # noqa: S108 - pytest's own
            parent.chmod(0o755)
    script = (
        "import os, sys, json\n"
        f"sys.path[:] = json.loads({json.dumps(json.dumps(sys.path))})\n"
        "from headrace import Config, ConfigurationError, load\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n"
        f"    load(Config(run_dir={str(tmp_path / 'runs')!r}))\n"
        "except ConfigurationError as error:\n"
        "    print(error)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], cwd="/", check=False, capture_output=True, text=True, timeout=20
    )
    tmp_path.chmod(0o755)

    assert (
        f"no run directory can be made in {tmp_path}/runs: Permission denied; choose another with Config(run_dir=...)\n"
        == ended.stdout
    )


def test_a_kernel_for_which_another_s_executor_was_asked_leaves_nothing(make_kernel: Any, tmp_path: Path) -> None:
    executor = headrace.ThreadPoolExecutor("mine", 1)
    make_kernel(executor)

    with pytest.raises(ConfigurationError):
        make_kernel(executor)
    assert [entry.name for entry in (tmp_path / "runs").iterdir() if entry.is_dir() and entry.name.isdecimal()] == [
        "000"
    ]


def test_the_log_tells_of_failures_and_of_the_end(make_kernel: Any) -> None:
    kernel = make_kernel(retries=1)
    kernel.submit(fail).exception(WAIT)
    kernel.submit(int).result(WAIT)
    kernel.cleanup()

    lines = (kernel.run_dir / "headrace.log").read_text()

    assert f"run {kernel.run_id} in {kernel.run_dir}" in lines
    assert "task 0 (fail) failed and is tried again" in lines
    assert "task 0 (fail) failed at attempt 2: ValueError('boo')" in lines
    assert "tasks: 1 exec_done, 1 failed" in lines


def test_without_logging_there_is_no_log(make_kernel: Any) -> None:
    kernel = make_kernel(initialize_logging=False)
    kernel.submit(fail).exception(WAIT)
    kernel.cleanup()

    assert list(kernel.run_dir.iterdir()) == []


def test_kernels_do_not_write_into_one_another_s_logs_nor_into_the_program_s(
    make_kernel: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one, other = make_kernel(), make_kernel()
    one.submit(fail).exception(WAIT)
    one.cleanup()
    other.cleanup()

    assert "boo" not in (other.run_dir / "headrace.log").read_text()
    assert "boo" not in caplog.text


def test_after_cleanup_the_log_is_closed_for_good(make_kernel: Any) -> None:
    kernel = make_kernel()
    kernel.cleanup()

    kernel.log_task_states()

    descriptors = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208
    assert str(kernel.run_dir / "headrace.log") not in descriptors


def test_the_counters_tell_how_many_tasks_are_in_each_state(kernel: DataFlowKernel, never: Future[Any]) -> None:
    failed = kernel.submit(fail)
    futures = [kernel.submit(int), kernel.submit(int), failed, kernel.submit(id, failed)]
    cancelled = kernel.submit(id, never)
    cancelled.cancel()
    kernel.submit(id, never)
    wait_for(futures, WAIT)

    counts = {state.name: number for state, number in kernel.task_state_counts.items() if number}

    assert counts == {"exec_done": 2, "failed": 1, "dep_fail": 1, "cancelled": 1, "pending": 1}
    assert kernel.task_count == 6


def test_the_counters_name_every_state(kernel: DataFlowKernel) -> None:
    assert kernel.task_state_counts == dict.fromkeys(TaskState, 0)


def test_observers_are_told_of_every_move_in_order(kernel: DataFlowKernel) -> None:
    told: list[tuple[int, str | None, str]] = []
    kernel.observe(
        lambda move: told.append((move.unit.id, move.previous.name if move.previous else None, move.state.name))  # type: ignore[arg-type]
    )

    kernel.submit(id, kernel.submit(int)).result(WAIT)
    kernel.wait_for_current_tasks()

    assert [move for move in told if move[0] == 1] == [
        (1, None, "pending"),
        (1, "pending", "launched"),
        (1, "launched", "exec_done"),
    ]


def test_an_observer_that_is_stopped_is_told_no_more(kernel: DataFlowKernel) -> None:
    told: list[Any] = []
    stop = kernel.observe(told.append)
    stop()

    kernel.submit(int).result(WAIT)

    assert told == []


@pytest.mark.parametrize("kind", [LookupError, SystemExit, GeneratorExit])
def test_an_observer_that_raises_is_told_no_more_and_harms_nobody(
    kernel: DataFlowKernel, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []

    def bad(move: Any) -> None:
        told.append(move)
        raise kind

    kernel.observe(bad)

    assert [kernel.submit(int).result(WAIT) for _ in range(5)] == [0] * 5
    assert len(told) == 1
    assert "raised and is told no more" in caplog.text


def test_an_observer_may_submit(kernel: DataFlowKernel) -> None:
    submitted: Future[Any] = Future()

    def observer(move: Any) -> None:
        if not submitted.done():
            submitted.set_result(kernel.submit(int, "7"))

    kernel.observe(observer)
    kernel.submit(int)

    assert submitted.result(WAIT).result(WAIT) == 7


def test_an_observer_may_cancel_but_is_not_told_at_once(kernel: DataFlowKernel, never: Future[Any]) -> None:
    future = kernel.submit(id, never)
    answers: list[bool] = []
    kernel.observe(lambda _: answers.append(future.cancel()) if not answers else None)
    kernel.submit(int).result(WAIT)
    wait_for([future], WAIT)

    assert (answers, future.cancelled()) == ([False], True)


@pytest.mark.parametrize("deed", ["cleanup", "wait_for_current_tasks", "add_executors"])
def test_what_waits_for_the_kernel_is_refused_to_an_observer(run_script: Any, deed: str) -> None:
    """In a process of its own: it would wait for itself for ever."""
    args = "([headrace.ThreadPoolExecutor('new')])" if deed == "add_executors" else "()"
    ended = run_script(f"""
        import headrace

        with headrace.DataFlowKernel(headrace.Config()) as kernel:
            said = []

            def observer(move):
                try:
                    kernel.{deed}{args}
                except headrace.HeadraceError as error:
                    said.append(error)

            stop = kernel.observe(observer)
            result = kernel.submit(int).result(5)
            stop()
            print(result, len(said) > 0)
    """)

    assert ended.stdout == "0 True\n", ended.stderr


def test_watchers_are_told_of_kernels_that_start(tmp_path: Path) -> None:
    started: list[DataFlowKernel] = []
    stop = current.on_start(started.append)
    first = DataFlowKernel(config(tmp_path))
    stop()
    second = DataFlowKernel(config(tmp_path))
    first.cleanup()
    second.cleanup()

    assert started == [first]


def test_a_kernel_says_where_it_runs_and_whether_it_ended(make_kernel: Any) -> None:
    kernel = make_kernel()
    before = repr(kernel)
    kernel.cleanup()

    assert (before, repr(kernel)) == (
        f"<DataFlowKernel {kernel.run_dir}>",
        f"<DataFlowKernel {kernel.run_dir} (cleaned up)>",
    )


def submit_after(kernel: DataFlowKernel) -> None:
    kernel.submit(int)


def call_after(kernel: DataFlowKernel) -> None:
    python_app(data_flow_kernel=kernel)(int)()


@pytest.mark.parametrize("attempt", [submit_after, call_after])
def test_after_cleanup_a_submit_is_refused_saying_what_to_do(
    make_kernel: Any, attempt: Callable[[DataFlowKernel], None]
) -> None:
    kernel = make_kernel()
    kernel.cleanup()

    with pytest.raises(KernelClosedError, match=r"takes no more tasks; load a new one with headrace.load\(\)"):
        attempt(kernel)


@pytest.mark.parametrize("wrong", ["threads", [], [1], None, 3])
def test_executors_that_are_no_list_of_labels_are_refused(kernel: DataFlowKernel, wrong: Any) -> None:
    with pytest.raises(ValueError, match="app 'int': executors must be 'all' or a list of executors' labels"):
        kernel.submit(int, executors=wrong)


def test_many_threads_may_submit_at_once(kernel: DataFlowKernel) -> None:
    together = threading.Barrier(8)
    results: list[int] = []

    def submit(number: int) -> None:
        together.wait(WAIT)
        futures = [kernel.submit(int, number * 500 + each) for each in range(500)]
        results.extend(future.result(WAIT) for future in futures)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)

    assert Counter(results) == Counter(range(4_000))
    assert kernel.task_count == 4_000


def test_many_threads_may_submit_while_the_kernel_is_cleaned_up(make_kernel: Any) -> None:
    """Each submit is either refused, or gives a future that ends."""
    kernel = make_kernel()
    futures: list[Future[int]] = []
    refused = threading.Barrier(5)
    enough = threading.Event()

    def submit() -> None:
        try:
            while True:
                futures.append(kernel.submit(int))
                if len(futures) > 200:
                    enough.set()
        except KernelClosedError:
            refused.wait(WAIT)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    enough.wait(WAIT)
    kernel.cleanup()
    refused.wait(WAIT)
    for thread in threads:
        thread.join(WAIT)

    assert wait_for(futures, WAIT).not_done == set()


def test_a_task_may_submit_and_wait_while_other_threads_are_free(kernel: DataFlowKernel) -> None:
    assert kernel.submit(lambda: kernel.submit(int, "7").result(WAIT)).result(WAIT) == 7
