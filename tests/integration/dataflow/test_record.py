"""What a kernel writes into its journal."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from headrace import Config, ConfigurationError, DataFlowKernel, ThreadPoolExecutor, join_app, python_app
from headrace.journal import JournalReader
from headrace.journal.sqlite import SQLiteStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.dataflow.conftest import MakeKernel


def reader_of(kernel: DataFlowKernel) -> JournalReader:
    return JournalReader.open(kernel.run_dir.parent / "journal.db")


def test_a_run_is_written_down_with_what_it_takes_to_find_it_again(make_kernel: MakeKernel) -> None:
    kernel = make_kernel()
    kernel.cleanup()

    with reader_of(kernel) as reader:
        run = reader.run()
    assert (run.id, run.how, run.pid) == (kernel.run_id, "ended", os.getpid())
    assert run.extra["run_dir"] == str(kernel.run_dir)
    assert run.extra["command"] == sys.orig_argv
    assert (run.extra["lineage"], run.extra["resumed"]) == (run.id, None)
    assert set(run.versions) == {"python", "headrace"}


def test_the_kernels_of_a_process_are_numbered(make_kernel: MakeKernel) -> None:
    first, second = make_kernel(), make_kernel()

    with reader_of(first) as reader:
        one, other = reader.run(first.run_id).extra, reader.run(second.run_id).extra
    assert other["ordinal"] == one["ordinal"] + 1
    assert other["launch"] == one["launch"]


def test_every_move_of_every_task_is_there_with_its_executor(make_kernel: MakeKernel) -> None:
    kernel = make_kernel(ThreadPoolExecutor("here", 1))
    kernel.submit(int, "1").result()
    kernel.cleanup()

    with reader_of(kernel) as reader:
        moves = [(move.state, move.executor) for move in reader.transitions("task", 0)]
        unit = reader.unit("task", 0)
    assert moves == [("pending", None), ("launched", "here"), ("exec_done", "here")]
    assert unit is not None
    assert (unit.name, unit.app, unit.labels, unit.ended, unit.failed) == ("int", "int", (), True, False)


def test_what_a_task_waits_for_and_what_a_join_app_waits_for_are_edges(make_kernel: MakeKernel) -> None:
    kernel = make_kernel()

    @python_app(data_flow_kernel=kernel)
    def leaf() -> int:
        return 1

    @join_app(data_flow_kernel=kernel)
    def join(_: int) -> Any:
        return [leaf(), leaf()]

    join(leaf()).result()
    kernel.cleanup()

    with reader_of(kernel) as reader:
        edges = [(edge.action, edge.needs) for edge in reader.needs("task", 1)]
    assert sorted(edges) == [("join", 2), ("join", 3), ("launch", 0)]


def test_a_failure_is_there_with_its_cause_and_those_that_depended_on_it(make_kernel: MakeKernel) -> None:
    kernel = make_kernel(retries=1)
    failed = kernel.submit(int, "x")
    kernel.submit(abs, failed).exception()
    kernel.cleanup()

    with reader_of(kernel) as reader:
        first, second = reader.failures()
        states = [move.state for move in reader.transitions("task", 0)]
    assert states == ["pending", "launched", "pending", "launched", "failed"]
    assert (first.state, first.cause) == ("failed", "ValueError: invalid literal for int() with base 10: 'x'")
    assert second.state == "dep_fail"
    assert "task 0 (int) failed with ValueError" in str(second.cause)


def test_the_labels_asked_for_and_the_streams_are_there(make_kernel: MakeKernel, tmp_path: Path) -> None:
    kernel = make_kernel(ThreadPoolExecutor("a", 1), ThreadPoolExecutor("b", 1))

    @python_app(data_flow_kernel=kernel, executors=["b"])
    def app(stdout: Any = None, stderr: Any = None) -> None: ...

    app(stdout=str(tmp_path / "out"), stderr=(str(tmp_path / "err"), "w")).result()
    kernel.cleanup()

    with reader_of(kernel) as reader:
        unit = reader.unit("task", 0)
    assert unit is not None
    assert (unit.labels, unit.stdout, unit.stderr) == (("b",), str(tmp_path / "out"), str(tmp_path / "err"))


def test_a_block_that_raises_is_how_the_run_ended(make_kernel: MakeKernel) -> None:
    kernel = make_kernel()
    with pytest.raises(ZeroDivisionError), kernel:
        raise ZeroDivisionError

    with reader_of(kernel) as reader:
        assert reader.run().how == "raised ZeroDivisionError"


def test_a_run_may_have_no_journal(make_kernel: MakeKernel) -> None:
    kernel = make_kernel(journal=False)
    assert kernel.submit(int).result() == 0

    assert not (kernel.run_dir.parent / "journal.db").exists()
    with pytest.raises(ConfigurationError, match="needs a journal"):
        kernel.checkpoint()


def test_the_journal_may_be_elsewhere(make_kernel: MakeKernel, tmp_path: Path) -> None:
    kernel = make_kernel(journal=tmp_path / "mine.db")
    kernel.cleanup()

    with JournalReader.open(tmp_path / "mine.db") as reader:
        assert reader.run().id == kernel.run_id


def test_a_place_that_was_asked_for_and_cannot_be_used_is_an_error(make_kernel: MakeKernel, tmp_path: Path) -> None:
    place = tmp_path / "nowhere" / "j.db"

    with pytest.raises(ConfigurationError, match=str(place.parent)):
        make_kernel(journal=place)


def test_where_the_default_place_cannot_be_used_the_run_goes_on_and_says_so(
    make_kernel: MakeKernel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs" / "journal.db").mkdir(parents=True)

    with caplog.at_level(logging.WARNING):
        kernel = make_kernel()

    assert kernel.submit(int).result() == 0
    assert "this run is not recorded" in caplog.text


def test_but_not_where_there_is_something_to_resume(make_kernel: MakeKernel, tmp_path: Path) -> None:
    (tmp_path / "runs" / "journal.db").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match="choose another place with Config"):
        make_kernel(resume="last")


def test_submitting_waits_while_the_disk_is_far_behind(
    make_kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be written never grows beyond what is allowed, and nothing is lost."""
    seen: list[int] = []
    kernel = make_kernel()
    journal = kernel._record.journal  # type: ignore[union-attr]
    monkeypatch.setattr(journal, "_buffer_bytes", 200_000)
    write = SQLiteStore.append

    def slow(store: SQLiteStore, group: Any, **how: Any) -> None:
        seen.append(journal.waiting_bytes)
        write(store, group, **how)

    monkeypatch.setattr(SQLiteStore, "append", slow)
    for _ in range(5_000):
        kernel.submit(int)
    kernel.wait_for_current_tasks()
    kernel.cleanup()

    # A task that is in when the bound is reached still makes its moves.
    assert max(seen) < 1_000_000
    with reader_of(kernel) as reader:
        assert [(count.state, count.number) for count in reader.counters()] == [("exec_done", 5_000)]


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("journal", 3, "True, False, a path or a postgresql:// URL"),
        ("journal", "", "True, False, a path or a postgresql:// URL"),
        ("resume", 3, "'last', 'auto', a run's id or directory, or None"),
        ("checkpoint_mode", "always", "one of 'task_exit', 'periodic', 'dfk_exit', 'manual'"),
        ("checkpoint_failure", "ignore", "one of 'fail', 'warn'"),
        ("checkpoint_period", "soon", "a number of seconds or 'HH:MM:SS', more than 0"),
        ("checkpoint_period", float("inf"), "a number of seconds or 'HH:MM:SS', more than 0"),
        ("cleanup_timeout", float("inf"), "a number of seconds, at least 0, or None"),
        ("checkpoint_period", 0, "a number of seconds or 'HH:MM:SS', more than 0"),
        ("checkpoint_files", "runinfo/000/checkpoint", "a list of checkpoint directories"),
    ],
)
def test_a_wrong_option_is_refused_by_name_with_what_would_be_right(option: str, value: Any, wanted: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Config(**{option: value})

    assert str(refused.value) == f"Config option {option!r} must be {wanted}, not {value!r}"


@pytest.mark.parametrize("option", [{"resume": "last"}, {"checkpoint_files": ["x"]}])
def test_what_needs_a_journal_is_refused_without_one(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="needs a journal: leave journal=False out"):
        Config(journal=False, **option)


@pytest.mark.parametrize(("period", "seconds"), [(5, 5.0), ("00:30:00", 1800.0), ("100:00:01", 360_001.0)])
def test_a_period_is_in_seconds_or_in_hours_minutes_and_seconds(period: Any, seconds: float) -> None:
    assert Config(checkpoint_period=period).checkpoint_seconds == seconds
