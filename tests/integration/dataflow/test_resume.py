"""Results outlive their run: when they are on disk, how they are found again, and what happens when they are not."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import gc
import json
import logging
import sqlite3
import threading
import weakref
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.dataflow.conftest import WAIT
from tests.integration.helpers import soon

from headrace import (
    DEEP_DEPENDENCY_RESOLVER,
    CheckpointError,
    ConfigurationError,
    DependencyError,
    DependencyResolver,
    JoinError,
    ProcessPoolExecutor,
    bash_app,
    get_all_checkpoints,
    get_last_checkpoint,
    join_app,
    python_app,
)
from headrace.dataflow import current
from headrace.dataflow.checkpoints import Found
from headrace.dataflow.launch import Launch
from headrace.journal import JournalReader, JournalUnavailable
from headrace.journal.sqlite import SQLiteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.dataflow.conftest import MakeKernel

    from headrace import DataFlowKernel


@pytest.fixture
def ran(tmp_path: Path) -> Any:
    """A function that says which calls have been run, and makes no difference to whether calls are equal."""
    file = tmp_path / "ran"
    file.touch()
    return file


def app_of(kernel: DataFlowKernel, ran: Path, **options: Any) -> Any:
    """An app that squares a number, and writes down that it was run."""

    def square(number: int, note: str) -> int:
        with Path(note).open("a") as notes:
            notes.write(f"{number}\n")
        return number * number

    app = python_app(data_flow_kernel=kernel, cache=True, **options)(square)
    return lambda number: app(number, str(ran))


def numbers(ran: Path) -> list[int]:
    return sorted(int(line) for line in ran.read_text().split())


class Disk:
    """A disk that can be held: what is to be written waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.reached = threading.Event()
        self.error: Exception | None = None


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    held = Disk()
    held.go.set()
    write = SQLiteStore.append

    def append(store: SQLiteStore, group: Any, **how: Any) -> None:
        if group.results:
            held.reached.set()
            assert held.go.wait(WAIT)
            if held.error is not None:
                raise held.error
        write(store, group, **how)

    monkeypatch.setattr(SQLiteStore, "append", append)
    yield held
    held.go.set()


# --- when a future is settled -----------------------------------------------------------------------------------------


def test_a_future_is_settled_only_when_its_result_is_on_disk(kernel: DataFlowKernel, disk: Disk, ran: Path) -> None:
    disk.go.clear()
    future = app_of(kernel, ran)(3)
    assert disk.reached.wait(WAIT)

    assert (future.done(), future.task_status()) == (False, "exec_done")
    disk.go.set()
    assert future.result(WAIT) == 9


def test_those_that_depend_on_it_go_on_at_once(kernel: DataFlowKernel, disk: Disk, ran: Path) -> None:
    disk.go.clear()
    square = app_of(kernel, ran)(3)

    assert kernel.submit(abs, square).result(WAIT) == 9
    assert not square.done()


@pytest.mark.parametrize(
    "resolver",
    [
        DEEP_DEPENDENCY_RESOLVER,
        DependencyResolver(
            lambda value: [one for one in value if hasattr(one, "result")] if isinstance(value, list) else [],
            lambda value: (
                [one.result() for one in value if one.done() and one.exception() is None]
                if isinstance(value, list)
                else value
            ),
        ),
    ],
)
def test_so_they_do_with_any_resolver(make_kernel: MakeKernel, disk: Disk, ran: Path, resolver: Any) -> None:
    kernel = make_kernel(dependency_resolver=resolver)
    disk.go.clear()
    square = app_of(kernel, ran)(3)

    assert kernel.submit(sum, [square]).result(WAIT) == 9
    assert not square.done()


def test_so_does_a_join_app_that_waits_for_it(kernel: DataFlowKernel, disk: Disk, ran: Path) -> None:
    square = app_of(kernel, ran)
    disk.go.clear()

    assert join_app(data_flow_kernel=kernel)(lambda: [square(2), square(3)])().result(WAIT) == [4, 9]


def test_an_equal_call_is_held_back_as_long(kernel: DataFlowKernel, disk: Disk, ran: Path) -> None:
    square = app_of(kernel, ran)
    disk.go.clear()
    first = square(3)
    assert disk.reached.wait(WAIT)
    second = square(3)
    # Depends on it, so it has been answered when this is there.
    assert kernel.submit(abs, second).result(WAIT) == 9

    assert (first.done(), second.done()) == (False, False)
    disk.go.set()
    assert (first.result(WAIT), second.result(WAIT), numbers(ran)) == (9, 9, [3])


def test_join_apps_that_wait_for_cached_calls_leave_them_their_threads(make_kernel: MakeKernel, ran: Path) -> None:
    kernel = make_kernel(internal_tasks_max_threads=2)
    square = app_of(kernel, ran)

    def join(number: int) -> Any:
        square(number).result()
        return square(number + 100)

    joins = [join_app(data_flow_kernel=kernel)(join)(number) for number in range(4)]

    assert [one.result(WAIT) for one in joins] == [(number + 100) ** 2 for number in range(4)]


def test_waiting_for_the_tasks_is_waiting_for_the_disk(kernel: DataFlowKernel, disk: Disk, ran: Path) -> None:
    disk.go.clear()
    future = app_of(kernel, ran)(3)
    assert disk.reached.wait(WAIT)
    threading.Timer(0.05, disk.go.set).start()

    kernel.wait_for_current_tasks()

    assert future.done()


def test_a_join_app_s_own_result_is_kept(make_kernel: MakeKernel, ran: Path) -> None:
    kernel: DataFlowKernel | None = None
    for _ in range(2):
        kernel = make_kernel(resume="last")
        square = app_of(kernel, ran)

        @join_app(data_flow_kernel=kernel, cache=True, ignore_for_cache=["square"])
        def join(square: Any) -> Any:
            return [square(1), square(2)]

        assert join(square).result(WAIT) == [1, 4]
        kernel.cleanup()

    assert kernel is not None
    assert (kernel.reuse.calls, numbers(ran)) == (1, [1, 2])


def test_callbacks_come_when_it_is_on_disk(kernel: DataFlowKernel, disk: Disk, ran: Path) -> None:
    called = threading.Event()
    disk.go.clear()
    app_of(kernel, ran)(3).add_done_callback(lambda _: called.set())
    assert disk.reached.wait(WAIT)

    assert not called.is_set()
    disk.go.set()
    assert called.wait(WAIT)


# --- finding results again --------------------------------------------------------------------------------------------


def test_a_run_that_resumes_the_last_one_does_what_is_left(make_kernel: MakeKernel, ran: Path) -> None:
    first = make_kernel()
    square = app_of(first, ran)
    assert [square(n).result() for n in (1, 2)] == [1, 4]
    first.cleanup()

    second = make_kernel(resume="last")
    square = app_of(second, ran)
    assert [square(n).result() for n in (1, 2, 3)] == [1, 4, 9]

    assert numbers(ran) == [1, 2, 3]
    assert (second.reuse.resumed, second.reuse.name, second.reuse.calls) == (first.run_id, "000", 2)


def test_a_run_that_resumes_none_does_everything(make_kernel: MakeKernel, ran: Path) -> None:
    kernel: DataFlowKernel | None = None
    for _ in range(2):
        kernel = make_kernel()
        app_of(kernel, ran)(1).result()
        kernel.cleanup()

    assert kernel is not None
    assert (numbers(ran), kernel.reuse.calls) == ([1, 1], 0)


def test_what_was_resumed_is_found_by_the_one_after(make_kernel: MakeKernel, ran: Path) -> None:
    for last in (1, 2, 3):
        kernel = make_kernel(resume="last")
        square = app_of(kernel, ran)
        assert [square(n).result() for n in range(last)] == [n * n for n in range(last)]
        kernel.cleanup()

    assert numbers(ran) == [0, 1, 2]


@pytest.mark.parametrize("how", ["id", "beginning", "name", "number", "folder"])
def test_a_run_may_be_named(make_kernel: MakeKernel, ran: Path, how: str) -> None:
    first = make_kernel()
    app_of(first, ran)(1).result()
    first.cleanup()
    make_kernel().cleanup()
    named = {
        "id": first.run_id,
        "beginning": first.run_id[:12],
        "name": "000",
        "number": "0",
        "folder": str(first.run_dir),
    }

    kernel = make_kernel(resume=named[how])
    app_of(kernel, ran)(1).result()

    assert (kernel.reuse.resumed, numbers(ran)) == (first.run_id, [1])


def test_a_run_that_is_not_there_is_refused_by_name(make_kernel: MakeKernel) -> None:
    with pytest.raises(ConfigurationError, match="run 'nobody' cannot be resumed: there is no journal"):
        make_kernel(resume="nobody")
    make_kernel().cleanup()
    with pytest.raises(ConfigurationError, match="run 'nobody' cannot be resumed"):
        make_kernel(resume="nobody")


def test_a_run_that_goes_on_is_not_resumed(make_kernel: MakeKernel) -> None:
    first = make_kernel()

    with pytest.raises(ConfigurationError, match="a run that shares the results of the one to be resumed goes on"):
        make_kernel(resume=first.run_id)
    first.cleanup()
    assert make_kernel(resume=first.run_id).reuse.resumed == first.run_id


def test_a_program_that_is_started_twice_at_once_keeps_its_results_apart_and_is_told(
    make_kernel: MakeKernel, ran: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And whoever resumes the second, which was perhaps started by accident, has what the first has stored since."""

    def launched() -> Launch:
        return replace(Launch.here(), resume="last")

    with current.launched_as(launched()):
        first = make_kernel()
        app_of(first, ran)(1).result()
    with current.launched_as(launched()), caplog.at_level(logging.WARNING):
        second = make_kernel()
    assert app_of(second, ran)(1).result() == 1
    assert "This one uses what is there, and keeps its own results apart" in caplog.text
    assert "keeps its own results apart" in (second.run_dir / "headrace.log").read_text()
    second.cleanup()
    app_of(first, ran)(2).result()
    first.cleanup()

    with current.launched_as(launched()):
        third = make_kernel()
    assert [app_of(third, ran)(n).result() for n in (1, 2)] == [1, 4]
    assert numbers(ran) == [1, 2]


def test_resuming_the_last_run_when_there_is_none_begins_a_new_one(make_kernel: MakeKernel, ran: Path) -> None:
    kernel = make_kernel(resume="last")

    assert (app_of(kernel, ran)(3).result(), kernel.reuse.resumed) == (9, None)


def test_a_changed_function_is_not_answered_from_the_old_one(make_kernel: MakeKernel) -> None:
    first = make_kernel()
    assert python_app(data_flow_kernel=first, cache=True)(lambda: 1)().result() == 1
    first.cleanup()

    second = make_kernel(resume="last")

    assert python_app(data_flow_kernel=second, cache=True)(lambda: 2)().result() == 2


def test_results_from_processes_and_of_megabytes_are_found_again(make_kernel: MakeKernel) -> None:
    def large(size: int) -> bytes:
        return bytes(size)

    kernel: DataFlowKernel | None = None
    for _ in range(2):
        kernel = make_kernel(ProcessPoolExecutor("processes", 1), resume="last")
        app = python_app(data_flow_kernel=kernel, cache=True)(large)
        assert len(app(3_000_000).result(WAIT)) == 3_000_000
        kernel.cleanup()

    assert kernel is not None
    assert kernel.reuse.calls == 1
    assert len(list((kernel.run_dir.parent / "journal.db.results").iterdir())) == 1


def test_a_flipped_byte_is_told_and_that_one_is_run_again(
    make_kernel: MakeKernel, ran: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_kernel()
    square = app_of(first, ran)
    assert [square(n).result() for n in (1, 2)] == [1, 4]
    first.cleanup()
    with sqlite3.connect(first.run_dir.parent / "journal.db") as store:
        key = store.execute("SELECT key FROM result ORDER BY stored_at, key").fetchone()[0]
        (payload,) = store.execute("SELECT payload FROM result WHERE key = ?", (key,)).fetchone()
        store.execute("UPDATE result SET payload = ? WHERE key = ?", (payload[:-1] + b"?", key))
    store.close()

    second = make_kernel(resume="last")
    square = app_of(second, ran)
    assert [square(n).result() for n in (1, 2)] == [1, 4]

    assert (second.reuse.calls, len(numbers(ran))) == (1, 3)
    assert "does not have the checksum that it was stored with" in caplog.text
    assert "does not have the checksum that it was stored with" in (second.run_dir / "headrace.log").read_text()


def test_a_result_that_cannot_be_unpickled_any_more_is_told_and_run_again(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tests.integration.dataflow.test_resume.Gone", Gone, raising=False)
    first = make_kernel()
    python_app(data_flow_kernel=first, cache=True)(make_gone)().result()
    first.cleanup()
    monkeypatch.setattr(Gone, "__setstate__", refuse, raising=False)

    second = make_kernel(resume="last")
    python_app(data_flow_kernel=second, cache=True)(make_gone)().result()

    assert second.reuse.calls == 0
    assert "its stored result cannot be unpickled" in caplog.text


class Gone:
    """Something that may change its form."""

    def __init__(self) -> None:
        self.something = 1


def refuse(*_: Any) -> None:
    raise AttributeError("of another version")


def make_gone() -> Any:
    return Gone()


def make_lock() -> Any:
    return threading.Lock()


# --- when nothing can be written --------------------------------------------------------------------------------------


def test_a_result_that_does_not_pickle_fails_its_task_and_says_what_can_be_done(kernel: DataFlowKernel) -> None:
    app = python_app(data_flow_kernel=kernel, cache=True)(make_lock)

    error = app().exception(WAIT)

    assert isinstance(error, CheckpointError)
    assert "cannot pickle '_thread.lock' object; see the cause, declare the app cache=False" in str(error)
    assert isinstance(error.__cause__, TypeError)


def test_or_is_a_warning_where_that_was_asked_for(make_kernel: MakeKernel, caplog: pytest.LogCaptureFixture) -> None:
    kernel = make_kernel(checkpoint_failure="warn")
    app = python_app(data_flow_kernel=kernel, cache=True)(make_lock)

    assert app().exception(WAIT) is None
    assert "could not be stored, and is not found again" in caplog.text


def test_a_full_disk_fails_the_futures_that_promised_more_and_hangs_none(
    make_kernel: MakeKernel, disk: Disk, ran: Path
) -> None:
    kernel = make_kernel()
    square = app_of(kernel, ran)
    disk.error = sqlite3.OperationalError("database or disk is full")

    future = square(3)

    assert isinstance(future.exception(WAIT), CheckpointError)
    assert "database or disk is full" in str(future.exception())
    # Those that depend on it are not kept from their work, and when there is room again nothing is missing.
    assert kernel.submit(abs, 1).result(WAIT) == 1
    disk.error = None
    kernel.cleanup()
    assert app_of(make_kernel(resume="last"), ran)(3).result(WAIT) == 9
    assert numbers(ran) == [3]


def test_a_full_disk_is_a_warning_where_that_was_asked_for(
    make_kernel: MakeKernel, disk: Disk, ran: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kernel = make_kernel(checkpoint_failure="warn")
    disk.error = sqlite3.OperationalError("database or disk is full")

    assert app_of(kernel, ran)(3).result(WAIT) == 9
    assert "could not be stored" in caplog.text
    disk.error = None


def test_an_equal_call_after_that_promises_no_more_than_is_true(make_kernel: MakeKernel, disk: Disk, ran: Path) -> None:
    kernel = make_kernel()
    square = app_of(kernel, ran)
    disk.error = sqlite3.OperationalError("database or disk is full")

    assert isinstance(square(3).exception(WAIT), CheckpointError)
    assert isinstance(square(3).exception(WAIT), CheckpointError)
    disk.error = None


def test_those_that_depend_on_what_could_not_be_stored_and_had_not_begun_say_so(
    make_kernel: MakeKernel, disk: Disk, ran: Path
) -> None:
    kernel = make_kernel()
    square = app_of(kernel, ran)
    gate: Future[int] = Future()
    disk.error = sqlite3.OperationalError("database or disk is full")
    failed = square(3)
    late = kernel.submit(lambda one, _: one, failed, gate)
    join = join_app(data_flow_kernel=kernel)(lambda: [failed, kernel.submit(abs, gate)])()
    assert isinstance(failed.exception(WAIT), CheckpointError)

    gate.set_result(1)

    error = late.exception(WAIT)
    assert isinstance(error, DependencyError)
    assert isinstance(join.exception(WAIT), JoinError)
    assert (error.root_cause, late.task_status()) == (failed.exception(), "dep_fail")
    disk.error = None


def test_a_disk_that_does_not_return_does_not_keep_the_end_from_coming(
    make_kernel: MakeKernel, disk: Disk, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.dataflow.kernel._LEAST_WRITING", 0.1)
    kernel = make_kernel(cleanup_timeout=0)
    disk.go.clear()
    future = app_of(kernel, ran)(3)
    assert disk.reached.wait(WAIT)

    with pytest.raises(JournalUnavailable, match="does not answer"):
        kernel.cleanup()

    assert isinstance(future.exception(0), CheckpointError)
    disk.go.set()


def test_a_cleanup_on_a_full_disk_settles_every_future_and_says_what_is_lost(
    make_kernel: MakeKernel, disk: Disk, ran: Path
) -> None:
    kernel = make_kernel()
    square = app_of(kernel, ran)
    disk.error = sqlite3.OperationalError("database or disk is full")
    futures = [square(n) for n in range(10)]

    with pytest.raises(Exception, match="records of run"):
        kernel.cleanup()

    assert all(future.done() for future in futures)


def test_large_results_are_in_memory_no_longer_than_needed(make_kernel: MakeKernel, tmp_path: Path) -> None:
    kernel = make_kernel()

    def large(size: int, note: str) -> Bytes:
        with Path(note).open("a") as notes:
            notes.write("x")
        return Bytes(size)

    app, note = python_app(data_flow_kernel=kernel, cache=True)(large), str(tmp_path / "note")
    kept = weakref.ref(app(200_000, note).result(WAIT))
    assert soon(lambda: gc.collect() >= 0 and kept() is None)

    assert [len(app(200_000, note).result(WAIT).content) for _ in range(3)] == [200_000] * 3
    assert (Path(note).read_text(), kernel.reuse.shared, kernel.reuse.calls) == ("x", 3, 0)


class Bytes:
    """Something large that can be watched."""

    def __init__(self, size: int) -> None:
        self.content = bytes(size)


def test_callbacks_are_never_called_by_the_journal(make_kernel: MakeKernel, disk: Disk, ran: Path) -> None:
    called: list[str] = []
    kernel = make_kernel(cleanup_timeout=0)
    disk.go.clear()
    app_of(kernel, ran)(3).add_done_callback(lambda _: called.append(threading.current_thread().name))
    assert disk.reached.wait(WAIT)
    threading.Timer(0.5, disk.go.set).start()

    kernel.cleanup()

    assert called
    assert "headrace-journal" not in called


def test_a_kernel_that_cannot_begin_leaves_its_lineage_free(make_kernel: MakeKernel) -> None:
    first = make_kernel()
    first.cleanup()

    def refuse_it(_: Any) -> None:
        raise ZeroDivisionError

    stop = current.on_start(refuse_it)
    with pytest.raises(ZeroDivisionError):
        make_kernel(resume=first.run_id)
    stop()

    assert make_kernel(resume=first.run_id).reuse.resumed == first.run_id


# --- modes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kept"), [("manual", []), ("dfk_exit", [0, 1, 2]), ("periodic", [0, 1, 2])])
def test_what_the_end_of_a_run_keeps_by_mode(make_kernel: MakeKernel, ran: Path, mode: str, kept: list[int]) -> None:
    kernel = make_kernel(checkpoint_mode=mode)
    square = app_of(kernel, ran)
    assert [square(n).result() for n in range(3)] == [0, 1, 4]
    kernel.cleanup()
    ran.write_text("")

    square = app_of(make_kernel(resume="last"), ran)
    assert [square(n).result() for n in range(3)] == [0, 1, 4]

    assert numbers(ran) == [n for n in range(3) if n not in kept]


def test_a_checkpoint_keeps_what_has_been_computed_so_far(make_kernel: MakeKernel, ran: Path) -> None:
    kernel = make_kernel(checkpoint_mode="manual")
    square = app_of(kernel, ran)
    square(1).result()
    folder = kernel.checkpoint()
    square(2).result()
    kernel.cleanup()

    again = app_of(make_kernel(resume="last"), ran)
    assert [again(1).result(), again(2).result()] == [1, 4]

    assert folder == kernel.run_dir / "checkpoint"
    assert numbers(ran) == [1, 2, 2]


def test_a_checkpoint_stores_what_it_can_and_says_what_it_cannot(make_kernel: MakeKernel, ran: Path) -> None:
    kernel = make_kernel(checkpoint_mode="manual")
    python_app(data_flow_kernel=kernel, cache=True)(make_lock)().result()
    app_of(kernel, ran)(1).result()

    with pytest.raises(CheckpointError, match="cannot pickle"):
        kernel.checkpoint()
    kernel.cleanup()

    app_of(make_kernel(resume="last"), ran)(1).result()
    assert numbers(ran) == [1]


def test_a_periodic_checkpoint_comes_by_itself(make_kernel: MakeKernel, disk: Disk, ran: Path) -> None:
    kernel = make_kernel(checkpoint_mode="periodic", checkpoint_period=0.01)

    app_of(kernel, ran)(1).result()

    assert disk.reached.wait(WAIT)


def test_without_a_mode_nothing_is_kept(make_kernel: MakeKernel, ran: Path) -> None:
    kernel = make_kernel(checkpoint_mode=None)
    app_of(kernel, ran)(1).result()
    kernel.cleanup()

    with JournalReader.open(kernel.run_dir.parent / "journal.db") as reader:
        assert list(reader.results.records()) == []


def test_without_a_mode_a_checkpoint_does_not_pretend(make_kernel: MakeKernel) -> None:
    with pytest.raises(ConfigurationError, match="would store nothing"):
        make_kernel(checkpoint_mode=None).checkpoint()


# --- files that calls write ----------------------------------------------------------------------------------------


def test_a_call_whose_file_is_gone_is_done_again_and_no_half_of_it_is_taken_for_whole(
    make_kernel: MakeKernel, tmp_path: Path
) -> None:
    file, half = tmp_path / "out.txt", tmp_path / "half"

    def write(half: str, outputs: Any) -> str:
        Path(outputs[0]).write_text("one")
        if Path(half).exists():
            raise ValueError("half-way")
        Path(outputs[0]).write_text("one two")
        return "all written"

    def call(kernel: DataFlowKernel) -> Any:
        return python_app(data_flow_kernel=kernel, cache=True)(write)(str(half), outputs=[str(file)])

    first = make_kernel()
    assert call(first).result(WAIT) == "all written"
    file.unlink()
    half.touch()
    assert isinstance(call(first).exception(WAIT), ValueError)
    half.unlink()
    first.cleanup()

    second = make_kernel(resume="last")
    assert (call(second).result(WAIT), file.read_text()) == ("all written", "one two")
    assert second.reuse.calls == 0


def test_a_command_whose_stdout_is_gone_is_run_again(make_kernel: MakeKernel, tmp_path: Path) -> None:
    file = tmp_path / "out"
    for reused in (0, 1):
        kernel = make_kernel(resume="last")
        app = bash_app(data_flow_kernel=kernel, cache=True)(echo)
        assert app(stdout=str(file)).result(WAIT) == 0
        assert kernel.reuse.calls == reused
        kernel.cleanup()
    file.unlink()

    kernel = make_kernel(resume="last")
    bash_app(data_flow_kernel=kernel, cache=True)(echo)(stdout=str(file)).result(WAIT)

    assert file.read_text() == "hello\n"


def echo(stdout: Any) -> str:
    return "echo hello"


# --- checkpoints by directory -----------------------------------------------------------------------------------------


def test_checkpoint_directories_are_found_and_their_results_used(make_kernel: MakeKernel, ran: Path) -> None:
    kernels = [make_kernel(), make_kernel()]
    for number, kernel in enumerate(kernels):
        app_of(kernel, ran)(number).result()
        kernel.cleanup()
    runs = kernels[0].run_dir.parent

    assert get_all_checkpoints(runs) == [str(runs / "000" / "checkpoint"), str(runs / "001" / "checkpoint")]
    assert get_last_checkpoint(runs) == [str(runs / "001" / "checkpoint")]
    square = app_of(make_kernel(checkpoint_files=get_all_checkpoints(runs)), ran)
    assert [square(n).result() for n in range(2)] == [0, 1]
    assert numbers(ran) == [0, 1]


def test_where_there_are_none_none_are_found(tmp_path: Path) -> None:
    assert (get_all_checkpoints(tmp_path / "nowhere"), get_last_checkpoint(tmp_path)) == ([], [])


def test_checkpoints_may_be_loaded_later_and_from_another_store(
    make_kernel: MakeKernel, ran: Path, tmp_path: Path
) -> None:
    first = make_kernel(run_dir=tmp_path / "elsewhere")
    app_of(first, ran)(3).result()
    first.cleanup()

    kernel = make_kernel()
    kernel.load_checkpoints([first.run_dir / "checkpoint"])
    app_of(kernel, ran)(3).result()

    assert (numbers(ran), kernel.reuse.calls) == ([3], 1)


def test_what_was_loaded_is_the_run_s_own_from_then_on(make_kernel: MakeKernel, ran: Path, tmp_path: Path) -> None:
    first = make_kernel(run_dir=tmp_path / "elsewhere")
    app_of(first, ran)(3).result()
    first.cleanup()
    second = make_kernel(checkpoint_files=[first.run_dir / "checkpoint"])
    app_of(second, ran)(3).result()
    second.cleanup()

    third = make_kernel(resume="last")
    app_of(third, ran)(3).result()

    assert numbers(ran) == [3]


def test_checkpoints_may_be_moved_with_all_that_belongs_to_them(
    make_kernel: MakeKernel, ran: Path, tmp_path: Path
) -> None:
    first = make_kernel(run_dir=tmp_path / "there" / "runinfo")
    app_of(first, ran)(3).result()
    first.cleanup()
    (tmp_path / "there").rename(tmp_path / "here")

    kernel = make_kernel(checkpoint_files=get_all_checkpoints(tmp_path / "here" / "runinfo"))
    app_of(kernel, ran)(3).result()

    assert numbers(ran) == [3]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is no checkpoint: there is no headrace.json"), ("{", "cannot be read"), ("{}", "cannot be read")],
)
def test_what_is_no_checkpoint_is_refused_by_name(
    make_kernel: MakeKernel, tmp_path: Path, content: str | None, said: str
) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    if content is not None:
        (folder / "headrace.json").write_text(content)

    with pytest.raises(ConfigurationError, match=said) as refused:
        make_kernel(checkpoint_files=[folder])
    assert str(folder) in str(refused.value)


def test_a_checkpoint_whose_store_is_gone_says_so(make_kernel: MakeKernel, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "headrace.json").write_text(json.dumps({"journal": str(tmp_path / "gone.db"), "lineage": "x"}))

    with pytest.raises(ConfigurationError, match=r"gone\.db"):
        make_kernel(checkpoint_files=[folder])


def test_one_that_is_torn_or_whose_store_is_gone_does_not_keep_the_rest_from_being_used(
    make_kernel: MakeKernel, ran: Path
) -> None:
    for number in range(3):
        kernel = make_kernel()
        app_of(kernel, ran)(number).result()
        kernel.cleanup()
    runs = make_kernel().run_dir.parent
    (runs / "000" / "checkpoint" / "headrace.json").write_text('{"jour')
    gone = runs / "001" / "checkpoint" / "headrace.json"
    gone.write_text(json.dumps({**json.loads(gone.read_text()), "journal": "../../gone.db"}))

    assert get_all_checkpoints(runs) == [str(runs / "002" / "checkpoint")]


def test_a_checkpoint_is_a_directory_or_a_source(kernel: DataFlowKernel) -> None:
    with pytest.raises(ConfigurationError, match="a checkpoint is a directory or a ResultSource, not 3"):
        kernel.load_checkpoints([3])  # type: ignore[list-item]  # what is tested


@pytest.mark.parametrize("given", ["runinfo/000/checkpoint", {"a": 1}])
def test_checkpoints_are_a_list(kernel: DataFlowKernel, given: Any) -> None:
    with pytest.raises(ConfigurationError, match="checkpoints are given as a list of directories"):
        kernel.load_checkpoints(given)


# --- other places -----------------------------------------------------------------------------------------------------


class Oracle:
    """Knows a result, and takes copies of others."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.flushed = 0
        self.closed = 0

    def find(self, task: Any, key: str) -> Found | None:  # noqa: ARG002 - the protocol's
        return Found(99) if task.args[0] == 9 else None

    def take(self, key: str, payload: bytes) -> None:  # noqa: ARG002 - the protocol's
        self.taken.append(payload)

    def flush(self) -> None:
        self.flushed += 1

    def close(self) -> None:
        self.closed += 1


def test_results_may_come_from_anywhere_and_are_kept_then(make_kernel: MakeKernel, ran: Path) -> None:
    first = make_kernel()
    first._checkpoints("test").add_source(Oracle())
    assert app_of(first, ran)(9).result() == 99
    first.cleanup()

    assert app_of(make_kernel(resume="last"), ran)(9).result() == 99
    assert numbers(ran) == []


def test_copies_may_go_anywhere(make_kernel: MakeKernel, ran: Path) -> None:
    oracle = Oracle()
    kernel = make_kernel()
    kernel._checkpoints("test").add_sink(oracle)
    app_of(kernel, ran)(2).result()
    kernel.checkpoint()
    kernel.cleanup()

    assert (len(oracle.taken), oracle.flushed, oracle.closed) == (1, 1, 1)


def test_a_place_that_fails_harms_nobody(make_kernel: MakeKernel, ran: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Oracle):
        def find(self, *_: Any) -> Any:
            raise OSError("gone")

        def take(self, *_: Any) -> Any:
            raise OSError("full")

        close = take

    kernel = make_kernel()
    kernel._checkpoints("test").add_source(Broken())
    kernel._checkpoints("test").add_sink(Broken())
    with caplog.at_level(logging.ERROR):
        assert app_of(kernel, ran)(2).result() == 4
        kernel.cleanup()

    assert "could not take a result" in caplog.text
