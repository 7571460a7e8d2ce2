"""A kernel tells its observers of every move, and nothing that they do harms a task."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.observers.lamps import WAIT, Notes, numbers

from headrace import Config, ConfigurationError, DataFlowKernel, ThreadPoolExecutor
from headrace.journal import JournalReader
from headrace.observers import (
    CallbackObserver,
    JsonLog,
    Observation,
    Observer,
    ObserverRefused,
    PrometheusObserver,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from headrace.observers import RunInfo


@pytest.fixture
def make_kernel(tmp_path: Path) -> Iterator[Callable[..., DataFlowKernel]]:
    """Make kernels, which are cleaned up at the end."""
    kernels: list[DataFlowKernel] = []

    def make(*observers: object, **options: Any) -> DataFlowKernel:  # noqa: ANN401 - the Config's own
        threads = ThreadPoolExecutor("threads", 2)
        config = Config(
            **{
                "executors": [threads],
                "run_dir": tmp_path / "runs",
                "journal": False,
                "observers": observers,
                **options,
            }
        )
        kernels.append(DataFlowKernel(config))
        return kernels[-1]

    yield make
    for kernel in kernels:
        if not kernel.cleanup_called:
            kernel.cleanup()


class Moves(CallbackObserver):
    """Keeps all moves, by task."""

    def __init__(self) -> None:
        self.by_task: defaultdict[Any, list[Observation]] = defaultdict(list)
        super().__init__(lambda move: self.by_task[move.unit.id].append(move))

    def states(self, number: int) -> list[str]:
        """The states of a task, in order."""
        return [move.state.name for move in self.by_task[number]]


def fail() -> None:
    raise ValueError("boo")


def test_an_observer_is_told_of_every_move_of_every_task(make_kernel: Callable[..., DataFlowKernel]) -> None:
    moves = Moves()
    kernel = make_kernel(moves)
    for _ in range(50):
        kernel.submit(id, kernel.submit(int))
    kernel.wait_for_current_tasks()
    kernel.cleanup()

    assert [moves.states(number) for number in range(100)] == [["pending", "launched", "exec_done"]] * 100


def test_it_is_told_of_the_run_and_of_its_end_when_the_kernel_is_cleaned_up(
    make_kernel: Callable[..., DataFlowKernel],
) -> None:
    notes = Notes()
    kernel = make_kernel(notes)
    kernel.submit(int).result(WAIT)
    kernel.cleanup()

    moves = [("transitions", 0)] * 3
    assert notes.told == [("started", kernel.run_id), *moves, ("ended", kernel.run_id)]


def test_moves_say_where_each_attempt_ran(make_kernel: Callable[..., DataFlowKernel]) -> None:
    moves = Moves()
    kernel = make_kernel(moves, retries=1)
    kernel.submit(fail).exception(WAIT)
    kernel.cleanup()

    told = [(move.attempt, move.state.name, move.executor, type(move.cause)) for move in moves.by_task[0]]
    nothing = type(None)
    assert told == [
        (0, "pending", None, nothing),
        (0, "launched", "threads", nothing),
        (1, "pending", "threads", ValueError),
        (1, "launched", "threads", nothing),
        (1, "failed", "threads", ValueError),
    ]


def test_futures_of_others_are_no_units_that_it_is_told_of(make_kernel: Callable[..., DataFlowKernel]) -> None:
    moves, foreign = Moves(), Future[int]()
    kernel = make_kernel(moves)
    future = kernel.submit(id, foreign)
    foreign.set_result(1)
    future.result(WAIT)
    kernel.cleanup()

    assert set(moves.by_task) == {0}


def test_an_observer_that_is_added_is_told_until_it_is_removed(make_kernel: Callable[..., DataFlowKernel]) -> None:
    kernel, notes = make_kernel(), Notes()
    kernel.submit(int).result(WAIT)
    remove = kernel.add_observer(notes)
    kernel.submit(int).result(WAIT)
    remove()
    kernel.submit(int).result(WAIT)

    assert numbers(notes) == [1, 1, 1]


def test_an_observer_that_blocks_holds_up_no_task(make_kernel: Callable[..., DataFlowKernel]) -> None:
    notes = Notes()
    notes.go_on.clear()
    kernel = make_kernel(notes)
    assert notes.held.wait(WAIT)

    assert [kernel.submit(int).result(WAIT) for _ in range(100)] == [0] * 100
    notes.go_on.set()
    kernel.cleanup()
    assert Counter(numbers(notes)) == dict.fromkeys(range(100), 3)


def test_an_observer_that_raises_harms_no_task(
    make_kernel: Callable[..., DataFlowKernel], caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    notes.raises["transitions"] = ValueError("my own fault")
    kernel = make_kernel(notes)

    assert [kernel.submit(int).result(WAIT) for _ in range(100)] == [0] * 100
    kernel.cleanup()
    assert "Notes() raised in transitions()" in caplog.text


@pytest.mark.slow
def test_an_observer_that_hangs_is_left_behind_when_the_kernel_is_cleaned_up(
    make_kernel: Callable[..., DataFlowKernel], caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    notes.go_on.clear()
    kernel = make_kernel(notes, cleanup_timeout=0)
    assert notes.held.wait(WAIT)
    with caplog.at_level(logging.WARNING):
        kernel.cleanup()
    notes.go_on.set()
    for thread in notes.threads:
        thread.join(WAIT)

    assert f"observer Notes() of run {kernel.run_id} had not taken all in" in caplog.text


@pytest.mark.slow
def test_the_journal_has_ended_before_observers_are_waited_for(
    make_kernel: Callable[..., DataFlowKernel], tmp_path: Path
) -> None:
    how: list[str | None] = []

    class AsksAtTheEnd(Observer):
        def ended(self, run: RunInfo) -> None:
            with JournalReader.open(tmp_path / "journal.db") as reader:
                how.append(reader.run(run.id).how)

    kernel = make_kernel(AsksAtTheEnd(), journal=tmp_path / "journal.db")
    kernel.submit(int).result(WAIT)
    kernel.cleanup()

    assert how == ["ended"]


def test_an_observer_may_submit(make_kernel: Callable[..., DataFlowKernel]) -> None:
    submitted: Future[Future[int]] = Future()

    def once(_: Observation) -> None:
        if not submitted.done():
            submitted.set_result(kernel.submit(int, "7"))

    kernel = make_kernel()
    kernel.add_observer(CallbackObserver(once))
    kernel.submit(int)

    assert submitted.result(WAIT).result(WAIT) == 7


def test_an_observer_may_ask_how_many_tasks_are_where(make_kernel: Callable[..., DataFlowKernel]) -> None:
    with PrometheusObserver(port=None) as observer:
        kernel = make_kernel(observer)
        kernel.submit(int).result(WAIT)

        labels = {"kind": "task", "state": "exec_done"}
        assert observer.registry.get_sample_value("headrace_units", labels) == 1


def test_the_log_of_a_run_is_in_its_directory(make_kernel: Callable[..., DataFlowKernel]) -> None:
    kernel = make_kernel(JsonLog())
    kernel.submit(int).result(WAIT)
    kernel.cleanup()

    assert (kernel.run_dir / "events.jsonl").read_text(encoding="utf-8").count("\n") == 5


def test_one_observer_may_serve_several_kernels_at_once(make_kernel: Callable[..., DataFlowKernel]) -> None:
    observer = PrometheusObserver()
    kernels = [make_kernel(observer) for _ in range(3)]
    for kernel in kernels:
        kernel.submit(int).result(WAIT)
    for kernel in kernels:
        kernel.cleanup()

    labels = {"kind": "task", "name": "int", "state": "exec_done"}
    assert observer.registry.get_sample_value("headrace_moves_total", labels) == 3


def test_after_cleanup_no_thread_of_an_observer_is_left(make_kernel: Callable[..., DataFlowKernel]) -> None:
    before = threading.active_count()
    make_kernel(Notes(), Notes()).cleanup()

    assert threading.active_count() == before


@pytest.mark.parametrize("wrong", [print, Notes, None])
def test_what_is_no_observer_is_refused(make_kernel: Callable[..., DataFlowKernel], wrong: object) -> None:
    with pytest.raises(ConfigurationError, match=r"'observers' must be a list of headrace\.observers\.Observer"):
        make_kernel(wrong)


def test_an_observer_that_is_given_twice_is_refused(make_kernel: Callable[..., DataFlowKernel]) -> None:
    notes = Notes()

    with pytest.raises(ObserverRefused, match=r"observes run .* already"):
        make_kernel(notes, notes)


def test_an_observer_that_comes_after_the_end_is_refused(make_kernel: Callable[..., DataFlowKernel]) -> None:
    kernel = make_kernel()
    kernel.cleanup()

    with pytest.raises(ObserverRefused, match="has ended"):
        kernel.add_observer(Notes())
