"""An interrupt, or too deep a stack, in the middle of telling costs an observer no move, and tells it none twice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.observers.lamps import WAIT

from headrace import Config, DataFlowKernel, ThreadPoolExecutor
from headrace.observers import CallbackObserver, Observation, backlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

PUT = backlog.Backlog.put.__code__
#: How many of its lines are done for each move.
LINES = 5


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[DataFlowKernel]:
    config = Config(executors=[ThreadPoolExecutor("one", 1)], run_dir=tmp_path / "runs", journal=False)
    with DataFlowKernel(config) as kernel:
        yield kernel


def cut_short(deed: Callable[[], object], line: int, error: type[BaseException]) -> bool:
    """Do the deed; raise at the so-maniest line of what this thread puts. False if it was another thread that put."""
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - as `sys.settrace` has it
        nonlocal lines
        if frame.f_code is not PUT:
            return trace if event == "call" else None
        if event == "line":
            lines += 1
            if lines == line:
                sys.settrace(None)
                raise error
        return trace

    sys.settrace(trace)
    try:
        deed()
    except error:
        pass
    finally:
        sys.settrace(None)
    return lines >= line


@pytest.mark.parametrize("error", [KeyboardInterrupt, RecursionError, MemoryError])
def test_wherever_it_is_cut_short_each_move_is_told_once(kernel: DataFlowKernel, error: type[BaseException]) -> None:
    told: list[tuple[Any, str]] = []

    def take(move: Observation) -> None:
        told.append((move.unit.id, move.state.name))

    remove = kernel.add_observer(CallbackObserver(take))
    for line in range(1, LINES + 1):
        while not cut_short(lambda: kernel.submit(int), line, error):
            kernel.wait_for_current_tasks()
        kernel.wait_for_current_tasks()
    remove()

    states = [[state for one, state in told if one == number] for number in range(kernel.task_count)]
    assert states == [["pending", "launched", "exec_done"]] * kernel.task_count


def test_a_callback_survives_a_stack_that_is_too_deep_for_it(kernel: DataFlowKernel) -> None:
    told: list[str] = []
    failures = {"pending": RecursionError(), "launched": MemoryError()}

    def callback(move: Any) -> None:  # noqa: ANN401 - a Transition
        if move.state.name in failures:
            raise failures.pop(move.state.name)
        told.append(move.state.name)

    kernel.observe(callback)
    kernel.submit(int).result(WAIT)

    assert told == ["pending", "launched", "exec_done"]


def test_a_callback_that_is_too_deep_itself_is_told_no_more(
    kernel: DataFlowKernel, caplog: pytest.LogCaptureFixture
) -> None:
    def callback(_: object) -> None:
        callback(None)

    kernel.observe(callback)

    assert [kernel.submit(int).result(WAIT) for _ in range(3)] == [0] * 3
    assert "raised and is told no more" in caplog.text
