"""Calls can be stopped: by whoever asked for them, and by the clock."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import CancelledError, wait
from typing import TYPE_CHECKING

import pytest
from tests.integration.executors.conftest import WAIT, pid_in, runner
from tests.integration.executors.deeds import append, hold, hold_stubbornly, meet
from tests.integration.helpers import alive, soon

from headrace.compute.executors import CallSpec, WalltimeExceeded, WorkerLost

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.executors.conftest import MakePool, Run

    from headrace.compute.executors import ProcessPoolExecutor

pytestmark = pytest.mark.slow


def test_a_running_call_can_be_cancelled(run: Run, tmp_path: Path) -> None:
    told = run(hold, tmp_path / "pid")
    pid = pid_in(tmp_path / "pid")

    assert told.stoppable is not None
    assert told.stoppable.cancel()
    assert isinstance(told.error(), CancelledError)
    assert not alive(pid)


def test_a_call_that_blocks_in_native_code_can_be_cancelled(run: Run, tmp_path: Path) -> None:
    told = run(hold_stubbornly, tmp_path / "pid")
    pid = pid_in(tmp_path / "pid")

    assert told.stoppable is not None
    assert told.stoppable.cancel()
    assert isinstance(told.error(), CancelledError)
    assert not alive(pid)


def test_what_a_cancelled_call_had_started_is_ended(run: Run, tmp_path: Path) -> None:
    def starts() -> None:
        import subprocess  # noqa: PLC0415 - in the worker

        command = f"setsid sleep 600 & echo $! > {tmp_path}/pid; wait"
        subprocess.run(["/bin/sh", "-c", command], check=False)

    told = run(starts)
    pid = pid_in(tmp_path / "pid")

    assert told.stoppable is not None
    told.stoppable.cancel()
    assert isinstance(told.error(), CancelledError)
    assert soon(lambda: not alive(pid))


def test_a_waiting_call_that_is_cancelled_never_begins(make_pool: MakePool, tmp_path: Path) -> None:
    run = runner(make_pool(1))
    running = run(hold, tmp_path / "pid")
    pid_in(tmp_path / "pid")
    waiting = run((tmp_path / "begun").touch)

    assert waiting.stoppable is not None
    assert running.stoppable is not None
    assert waiting.stoppable.cancel()
    assert isinstance(waiting.error(), CancelledError)
    running.stoppable.cancel()
    running.error()
    assert run(abs, -1).value() == 1
    assert not (tmp_path / "begun").exists()


def test_no_call_is_stuck_behind_a_long_one(make_pool: MakePool, tmp_path: Path) -> None:
    """Whichever worker it waits in front of: another that is free makes it."""
    run = runner(make_pool(2))
    long = [run(meet, tmp_path / name, tmp_path / f"{name}-end") for name in "ab"]
    assert soon(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    waiting = [run(abs, -number) for number in range(6)]

    (tmp_path / "b-end").touch()

    assert [told.value() for told in waiting] == list(range(6))
    assert long[0].further == 0
    (tmp_path / "a-end").touch()
    assert [told.value() for told in long] == [True, True]


def test_calls_that_wait_for_one_worker_are_made_in_order(make_pool: MakePool, tmp_path: Path) -> None:
    run = runner(make_pool(1))

    told = [run(append, tmp_path / "order", number) for number in range(50)]

    assert [one.value() for one in told] == [None] * 50
    assert (tmp_path / "order").read_text(encoding="ascii").split() == [str(number) for number in range(50)]


def test_a_call_that_waits_in_front_of_a_worker_outlives_that_worker(make_pool: MakePool, tmp_path: Path) -> None:
    run = runner(make_pool(1))
    running = run(hold, tmp_path / "pid")
    pid = pid_in(tmp_path / "pid")
    waiting = [run(abs, -number) for number in range(3)]

    os.kill(pid, signal.SIGKILL)

    assert isinstance(running.error(), WorkerLost)
    assert [told.value() for told in waiting] == [0, 1, 2]


def test_a_call_that_has_ended_cannot_be_cancelled(run: Run) -> None:
    told = run(abs, -1)
    told.value()

    assert told.stoppable is not None
    assert not told.stoppable.cancel()
    assert run(abs, -1).value() == 1
    assert told.further == 0


def test_cancelling_twice_tells_once(run: Run, tmp_path: Path) -> None:
    told = run(hold, tmp_path / "pid")
    pid_in(tmp_path / "pid")

    assert told.stoppable is not None
    told.stoppable.cancel()
    told.stoppable.cancel()

    assert isinstance(told.error(), CancelledError)
    assert run(abs, -1).value() == 1
    assert told.further == 0


def test_cancelling_a_future_stops_its_call(pool: ProcessPoolExecutor, tmp_path: Path) -> None:
    future = pool.submit(hold, tmp_path / "pid")
    pid = pid_in(tmp_path / "pid")

    assert future.cancel()
    assert future.cancelled()
    assert wait([future], WAIT).done == {future}
    assert soon(lambda: not alive(pid))


def test_a_future_of_a_call_that_has_ended_cannot_be_cancelled(pool: ProcessPoolExecutor) -> None:
    future = pool.submit(abs, -1)
    future.result(WAIT)

    assert not future.cancel()


def test_a_call_that_exceeds_its_walltime_is_stopped(run: Run, tmp_path: Path) -> None:
    told = run(hold_stubbornly, tmp_path / "pid", spec=CallSpec(name="fit", walltime=0.3))

    error = told.error()
    assert isinstance(error, WalltimeExceeded)
    assert str(error) == "fit exceeded its walltime of 0.3 s and was stopped"
    assert not alive(pid_in(tmp_path / "pid"))


def test_a_call_within_its_walltime_is_left_alone(run: Run) -> None:
    assert [run(abs, -number, spec=CallSpec(walltime=600)).value() for number in range(200)] == list(range(200))


def test_the_walltime_does_not_run_while_a_call_waits(make_pool: MakePool) -> None:
    run = runner(make_pool(1))
    first, second = run(time.sleep, 0.8), run(abs, -1, spec=CallSpec(walltime=0.5))

    assert first.value() is None
    assert second.value() == 1


@pytest.mark.parametrize("walltime", [0, -1, float("nan"), "1"])
def test_a_walltime_that_makes_no_sense_is_the_calls_error(run: Run, tmp_path: Path, walltime: float) -> None:
    error = run((tmp_path / "begun").touch, spec=CallSpec(name="fit", walltime=walltime)).error()

    assert isinstance(error, ValueError)
    assert "fit: walltime must be a number of seconds above 0" in str(error)
    assert not (tmp_path / "begun").exists()


def test_a_walltime_without_end_is_none(run: Run) -> None:
    assert run(abs, -1, spec=CallSpec(walltime=float("inf"))).value() == 1


def test_threads_that_a_call_leaves_running_do_not_hold_up_the_next(make_pool: MakePool) -> None:
    run = runner(make_pool(1))

    def leaves_a_thread() -> None:
        threading.Thread(target=time.sleep, args=(600,)).start()

    assert run(leaves_a_thread).value() is None
    assert run(abs, -1).value() == 1
