"""A worker that dies costs its own call, and nothing else."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from tests.integration.executors.conftest import WAIT, pid_in
from tests.integration.executors.deeds import crash, kill, leave, pid_after
from tests.integration.helpers import alive, soon

from headrace.compute.executors import CallSpec, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.executors.conftest import MakePool, Run

    from headrace.compute.executors import ProcessPoolExecutor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("end", "exitcode", "signal_number"),
    [(kill, -9, signal.SIGKILL), (leave, 3, None), (crash, -11, signal.SIGSEGV)],
)
def test_the_error_names_the_call_the_process_and_how_it_ended(
    run: Run, end: Callable[[], None], exitcode: int, signal_number: int | None
) -> None:
    error = run(end, spec=CallSpec(name="fit")).error()

    assert isinstance(error, WorkerLost)
    assert (error.name, error.exitcode, error.signal, error.label) == ("fit", exitcode, signal_number, "pool")
    assert error.pid > 0
    assert str(error).startswith(f"fit: the worker process of executor 'pool' that ran it (pid {error.pid}) ")


def test_the_other_calls_go_on(pool: ProcessPoolExecutor) -> None:
    other = pool.submit(pid_after, 0.3)
    lost = pool.submit(kill)

    assert isinstance(lost.exception(WAIT), WorkerLost)
    assert isinstance(other.result(WAIT), int)


def test_calls_that_wait_are_made_by_the_replacement(make_pool: MakePool) -> None:
    pool = make_pool(1)

    futures = [pool.submit(kill), *(pool.submit(abs, -number) for number in range(20))]

    assert isinstance(futures[0].exception(WAIT), WorkerLost)
    assert [future.result(WAIT) for future in futures[1:]] == list(range(20))


def test_worker_after_worker_may_die(pool: ProcessPoolExecutor) -> None:
    futures = [pool.submit(kill) for _ in range(30)]

    assert {type(future.exception(WAIT)) for future in futures} == {WorkerLost}
    assert pool.submit(abs, -1).result(WAIT) == 1


def test_an_idle_worker_that_dies_is_replaced_unnoticed(pool: ProcessPoolExecutor) -> None:
    pids = {pool.submit(os.getpid).result(WAIT) for _ in range(10)}

    for pid in pids:
        os.kill(pid, signal.SIGKILL)

    assert [pool.submit(abs, -1).result(WAIT) for _ in range(50)] == [1] * 50


def test_what_the_lost_call_had_started_is_ended(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pid"

    def start_and_die() -> None:
        import subprocess  # noqa: PLC0415 - in the worker

        child = subprocess.Popen(["sleep", "600"], start_new_session=True)  # noqa: S607
        file.write_text(f"{child.pid}\n")
        os._exit(1)

    assert isinstance(run(start_and_die).error(), WorkerLost)
    assert soon(lambda: not alive(pid_in(file)))


def test_a_result_that_was_sent_before_the_death_counts(pool: ProcessPoolExecutor) -> None:
    """A thread that the call has left behind ends the worker right after it has answered."""

    def answers_and_dies() -> int:
        import threading  # noqa: PLC0415 - in the worker

        threading.Timer(0.05, os._exit, (9,)).start()
        return 42

    futures = [pool.submit(answers_and_dies) for _ in range(4)]

    assert [future.result(WAIT) if not future.exception(WAIT) else future.exception() for future in futures][:2] == [
        42,
        42,
    ]


def test_a_worker_killed_while_it_pickles_costs_its_own_call(pool: ProcessPoolExecutor) -> None:
    class DiesInPickle:
        def __reduce__(self) -> str:
            os.kill(os.getpid(), signal.SIGKILL)
            return ""

    def gives() -> object:
        return DiesInPickle()

    lost, other = pool.submit(gives), pool.submit(pid_after, 0.2)

    assert isinstance(lost.exception(WAIT), WorkerLost)
    assert isinstance(other.result(WAIT), int)
    assert pool.submit(abs, -1).result(WAIT) == 1


@pytest.mark.parametrize("milliseconds", range(0, 60, 4))
def test_a_worker_killed_while_it_sends_a_large_result_costs_its_own_call(
    make_pool: MakePool, milliseconds: int
) -> None:
    """The kill falls before, into and after the sending."""
    pool = make_pool(1)

    def large() -> bytes:
        import threading  # noqa: PLC0415 - in the worker

        threading.Timer(milliseconds / 1000, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return bytes(30_000_000)

    future = pool.submit(large)

    error = future.exception(WAIT)
    assert len(future.result()) == 30_000_000 if error is None else isinstance(error, WorkerLost)
    # It may still be about to die, with the next call in its hands.
    outcomes = [pool.submit(abs, -1) for _ in range(3)]
    assert all(isinstance(one.exception(WAIT), WorkerLost | None) for one in outcomes)
    assert outcomes[-1].exception(WAIT) is None or pool.submit(abs, -1).result(WAIT) == 1


def test_a_call_that_closes_all_files_is_lost_alone(pool: ProcessPoolExecutor) -> None:
    def close_all() -> None:
        os.closerange(0, 256)

    assert isinstance(pool.submit(close_all).exception(WAIT), WorkerLost)
    assert pool.submit(abs, -1).result(WAIT) == 1


def test_a_call_that_forks_and_lets_the_copy_return_is_told_once(run: Run) -> None:
    def forks() -> int:
        if os.fork():
            os.wait()
            return 1
        return 2

    told = run(forks)

    assert told.value() == 1
    assert run(abs, -3).value() == 3
    assert told.further == 0
