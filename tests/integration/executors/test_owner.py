"""How pools begin and end; and what becomes of workers whose owner ends in any other way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import wait
from typing import TYPE_CHECKING

import pytest
from tests.integration.executors.conftest import WAIT, pid_in
from tests.integration.executors.deeds import hold, pid_after
from tests.integration.helpers import alive, soon

from headrace.compute.executors import ExecutorBroken, LimitingExecutor, ProcessPoolExecutor, WorkerLost
from headrace.compute.nursery import NurseryLost

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.executors.conftest import MakePool, RunScript

pytestmark = pytest.mark.slow


def test_it_is_a_limiting_executor(pool: ProcessPoolExecutor) -> None:
    assert isinstance(pool, LimitingExecutor)


def test_before_its_start_it_takes_no_call() -> None:
    with pytest.raises(RuntimeError, match=r"executor 'pool' is not running: .* or call start\(\)"):
        ProcessPoolExecutor("pool").submit(abs, 1)


def test_after_its_shutdown_it_takes_no_call_until_it_is_started_again(pool: ProcessPoolExecutor) -> None:
    pool.shutdown()

    with pytest.raises(RuntimeError):
        pool.submit(abs, 1)
    pool.start()
    assert pool.submit(abs, -1).result(WAIT) == 1


def test_starting_twice_and_shutting_down_twice_do_no_harm(pool: ProcessPoolExecutor) -> None:
    pool.start()
    pool.shutdown()
    pool.shutdown()


def test_shutdown_waits_for_all_calls(pool: ProcessPoolExecutor) -> None:
    futures = [pool.submit(pid_after, 0.05) for _ in range(6)]

    pool.shutdown()

    assert all(future.done() for future in futures)


def test_shutdown_can_drop_what_has_not_begun(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(1)
    running = pool.submit(hold, tmp_path / "pid")
    pid_in(tmp_path / "pid")
    waiting = [pool.submit((tmp_path / "begun").touch) for _ in range(3)]

    pool.shutdown(wait=False, cancel_futures=True)

    assert wait(waiting, WAIT).not_done == set()
    assert all(future.cancelled() for future in waiting)
    assert running.running()
    assert running.cancel()
    assert not (tmp_path / "begun").exists()


def test_a_pool_that_was_never_used_ends_at_once(make_pool: MakePool) -> None:
    make_pool().shutdown()


def test_a_pool_may_be_used_as_a_context(tmp_path: Path) -> None:
    pool = ProcessPoolExecutor("pool", 1)
    pool.start()
    with pool:
        future = pool.submit(abs, -1)

    assert future.result(0) == 1


def test_when_the_nursery_is_killed_running_calls_are_lost_and_others_go_on(
    pool: ProcessPoolExecutor, tmp_path: Path
) -> None:
    running = pool.submit(hold, tmp_path / "pid")
    pid = pid_in(tmp_path / "pid")

    os.kill(_nursery_of(pool), signal.SIGKILL)

    assert isinstance(running.exception(WAIT), WorkerLost)
    assert [pool.submit(abs, -number).result(WAIT) for number in range(10)] == list(range(10))
    assert soon(lambda: not alive(pid))


def test_the_nursery_may_be_killed_again_and_again(pool: ProcessPoolExecutor) -> None:
    for _ in range(5):
        assert pool.submit(abs, -1).result(WAIT) == 1
        os.kill(_nursery_of(pool), signal.SIGKILL)


def test_where_no_nursery_can_be_started_calls_end_with_that(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NurseryLost("no process today")

    with monkeypatch.context() as patch:
        patch.setattr("headrace.compute.executors.processes.crew.Nursery", refuse)
        pool = make_pool()
        error = pool.submit(abs, 1).exception(WAIT)
    assert isinstance(error, ExecutorBroken)
    assert str(error) == "executor 'pool' can start no worker process: no process today"
    assert pool.submit(abs, -1).result(WAIT) == 1


def test_where_workers_end_before_they_are_ready_calls_end_with_that(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("headrace.compute.executors.processes.crew._TARGET", "os:_exit")
        pool = make_pool()
        error = pool.submit(abs, 1).exception(WAIT)

    assert isinstance(error, ExecutorBroken)


def _nursery_of(pool: ProcessPoolExecutor) -> int:
    loop = pool._loop
    assert loop is not None
    assert soon(lambda: loop._crew.nursery is not None)
    assert loop._crew.nursery is not None
    return loop._crew.nursery.pid


OWNER = """
    import ctypes, os, subprocess, sys, time
    from headrace.compute.executors import ProcessPoolExecutor

    def write(name):
        with open(name + ".new", "w") as file:
            file.write(f"{os.getpid()}\\n")
        os.rename(name + ".new", name)

    def sleeps():
        write("sleeps")
        time.sleep(600)

    def in_native_code():
        write("native")
        ctypes.PyDLL(None).sleep(600)

    def starts_a_command():
        write("starts")
        subprocess.run(["/bin/sh", "-c", "echo $$ > command.new; mv command.new command; sleep 600 & wait"])

    pool = ProcessPoolExecutor(max_workers=3)
    pool.start()
    for call in (sleeps, in_native_code, starts_a_command):
        pool.submit(call)
    if "fork" in sys.argv and os.fork() == 0:
        write("copy")
        time.sleep(600)
        os._exit(0)
    time.sleep(600)
"""


@pytest.mark.parametrize("option", ["", "fork"])
def test_when_its_owner_is_killed_no_worker_lives_on(tmp_path: Path, option: str) -> None:
    """Neither one in native code, nor a command that one has started; also if a copy of the owner lives on."""
    script = tmp_path / "owner.py"
    script.write_text(textwrap.dedent(OWNER))
    names = ["sleeps", "native", "starts", "command", *(["copy"] if option else [])]
    owner = subprocess.Popen([sys.executable, str(script), option], cwd=tmp_path)
    try:
        pids = [pid_in(tmp_path / name) for name in names]
    finally:
        owner.kill()
        owner.wait()
    try:
        assert soon(lambda: not any(alive(pid) for pid in pids[:4]))
    finally:
        for pid in pids[4:]:
            os.kill(pid, signal.SIGKILL)


def test_the_end_of_its_owners_interpreter_ends_the_workers(run_script: RunScript, tmp_path: Path) -> None:
    """Also with calls that would never end: nothing waits for them."""
    done = run_script("""
        import time
        from pathlib import Path
        from headrace.compute.executors import ProcessPoolExecutor

        def sleeps():
            import os
            Path("pid.new").write_text(f"{os.getpid()}\\n")
            os.rename("pid.new", "pid")
            time.sleep(600)

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        pool.submit(sleeps)
        while not Path("pid").exists():
            time.sleep(0.01)
    """)

    assert (done.returncode, done.stderr) == (0, "")
    assert soon(lambda: not alive(pid_in(tmp_path / "pid")))


def test_a_fork_of_the_owner_takes_no_calls_and_ends_nothing(pool: ProcessPoolExecutor) -> None:
    assert pool.submit(abs, -1).result(WAIT) == 1

    child = os.fork()
    if child == 0:
        try:
            pool.submit(abs, -1)
        except RuntimeError:
            os._exit(7)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert pool.submit(abs, -1).result(WAIT) == 1


def test_a_call_may_come_from_a_signal_handler_in_the_midst_of_another(pool: ProcessPoolExecutor) -> None:
    futures = []
    before = signal.signal(signal.SIGUSR1, lambda *_: futures.append(pool.submit(abs, -1)))
    me = threading.main_thread().ident
    assert me is not None
    stop = threading.Event()

    def pester() -> None:
        while not stop.wait(0.0005):
            signal.pthread_kill(me, signal.SIGUSR1)

    thread = threading.Thread(target=pester)
    thread.start()
    try:
        own = [pool.submit(abs, -number) for number in range(2000)]
    finally:
        stop.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)

    assert [future.result(WAIT) for future in own] == list(range(2000))
    assert {future.result(WAIT) for future in futures} <= {1}


def test_there_are_no_more_processes_than_asked_for(make_pool: MakePool) -> None:
    pool = make_pool(2)

    futures = [pool.submit(os.getpid) for _ in range(200)]

    assert len({future.result(WAIT) for future in futures}) <= 2


def test_a_result_that_finds_no_free_file_descriptor_here_is_the_calls_error(run_script: RunScript) -> None:
    done = run_script("""
        import os, resource
        from headrace.compute.executors import ProcessPoolExecutor

        pool = ProcessPoolExecutor(max_workers=1)
        pool.start()
        pool.submit(bytes, 1).result()
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        files = []
        future = pool.submit(lambda: (__import__("time").sleep(0.5), bytes(1_000_000))[1])
        try:
            while True:
                files.append(os.dup(0))
        except OSError:
            pass
        error = future.exception()
        for file in files:
            os.close(file)
        print(type(error).__name__, "too many open files" in str(error))
        print(len(pool.submit(bytes, 1_000_000).result()))
        pool.shutdown()
    """)

    assert (done.stderr, done.stdout) == ("", "SerializationError True\n1000000\n")
