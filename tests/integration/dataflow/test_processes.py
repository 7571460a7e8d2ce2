"""Tasks on processes: what a kernel makes of a `ProcessPoolExecutor`."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.helpers import alive, soon

from headrace import (
    AUTO_LOGNAME,
    AppTimeout,
    Backoff,
    BadStdStreamFile,
    InsufficientResourcesError,
    ProcessPoolExecutor,
    SerializationError,
    TaskAbandonedError,
    ThreadPoolExecutor,
    WorkerLost,
    bash_app,
    command_app,
    join_app,
    python_app,
)

if TYPE_CHECKING:
    from headrace import DataFlowKernel

WAIT = 30


@pytest.fixture
def kernel(make_kernel: Any) -> DataFlowKernel:
    """A kernel with two processes."""
    made: DataFlowKernel = make_kernel(ProcessPoolExecutor("processes", max_workers=2))
    return made


# Functions that tasks call, found in the worker by the name of this module or sent whole.


def double(x: int) -> int:
    return 2 * x


def add_up(inputs: list[int]) -> int:
    return sum(inputs)


def pid_of_worker() -> int:
    return os.getpid()


def die(by: str) -> None:
    if by == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    if by == "segfault":
        ctypes.string_at(0)
    os._exit(5)


def begin_and_stay(place: str) -> None:
    Path(place).write_text(str(os.getpid()))
    time.sleep(600)


def test_a_graph_runs_on_processes(kernel: DataFlowKernel) -> None:
    doubled = [kernel.submit(double, n) for n in range(10)]
    total = kernel.submit(add_up, inputs=doubled)

    assert total.result(WAIT) == 90
    assert kernel.submit(pid_of_worker).result(WAIT) != os.getpid()


def test_functions_made_on_the_spot_run_on_processes(kernel: DataFlowKernel) -> None:
    factor = 3

    @python_app(data_flow_kernel=kernel)
    def scale(x: int) -> int:
        return factor * x

    assert scale(scale(2)).result(WAIT) == 18


def test_join_apps_stay_in_the_workflow_and_what_they_submit_goes_to_processes(kernel: DataFlowKernel) -> None:
    @join_app(data_flow_kernel=kernel)
    def spread(n: int) -> list[Any]:
        return [kernel.submit(double, i) for i in range(n)]

    assert spread(4).result(WAIT) == [0, 2, 4, 6]


@pytest.mark.parametrize(("by", "exitcode"), [("SIGKILL", -signal.SIGKILL), ("segfault", -signal.SIGSEGV), ("exit", 5)])
def test_a_worker_that_dies_costs_its_own_task_only(kernel: DataFlowKernel, by: str, exitcode: int) -> None:
    before = [kernel.submit(double, n) for n in range(20)]
    dying = kernel.submit(die, by)
    after = [kernel.submit(double, n) for n in range(20)]

    error = dying.exception(WAIT)

    assert isinstance(error, WorkerLost)
    assert error.exitcode == exitcode
    assert f"task {dying.tid} (die)" in str(error)
    assert str(error.pid) in str(error)
    assert [future.result(WAIT) for future in before + after] == [2 * n for n in range(20)] * 2


def test_a_task_whose_worker_died_can_be_tried_again(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=1), retries=1, backoff=Backoff(initial=0))
    mark = tmp_path / "tried"

    def die_once() -> str:
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "alive"

    assert kernel.submit(die_once).result(WAIT) == "alive"


def test_a_walltime_ends_a_task_that_waits_in_native_code(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @python_app(data_flow_kernel=kernel, walltime=2)
    def stuck() -> None:
        begin_and_stay(str(tmp_path / "pid"))

    future = stuck()
    error = future.exception(WAIT)

    assert isinstance(error, AppTimeout)
    assert isinstance(error, TimeoutError)
    assert f"task {future.tid} (stuck) exceeded its walltime of 2 s" in str(error)
    assert soon(lambda: not alive(int((tmp_path / "pid").read_text())))


def test_on_threads_a_walltime_interrupts_python_code(make_kernel: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("threads", 1))

    @python_app(data_flow_kernel=kernel)
    def spin(walltime: float) -> None:
        while True:
            pass

    assert isinstance(spin(walltime=0.2).exception(WAIT), AppTimeout)
    assert kernel.submit(double, 4).result(WAIT) == 8


def test_a_task_that_is_quicker_than_its_walltime_is_not_touched(make_kernel: Any) -> None:
    kernel = make_kernel(ThreadPoolExecutor("threads", 1), ProcessPoolExecutor("processes", max_workers=1))

    @python_app(data_flow_kernel=kernel, executors=["threads"])
    def on_thread(walltime: float = 30) -> float:
        return walltime

    @python_app(data_flow_kernel=kernel, executors=["processes"])
    def on_process(walltime: float = 30) -> float:
        return walltime

    assert [on_thread().result(WAIT), on_process().result(WAIT)] == [30, 30]


def test_a_running_task_can_be_cancelled(kernel: DataFlowKernel, tmp_path: Path) -> None:
    place = tmp_path / "pid"
    future = kernel.submit(begin_and_stay, str(place))
    assert soon(lambda: place.exists() and place.read_text() != "")

    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(WAIT)
    assert soon(lambda: not alive(int(place.read_text())))
    assert kernel.submit(double, 2).result(WAIT) == 4


def test_what_a_cancelled_task_had_started_ends_with_it(kernel: DataFlowKernel, tmp_path: Path) -> None:
    place = tmp_path / "pid"

    def start_another() -> None:
        child = subprocess.Popen(["setsid", "sleep", "600"])  # noqa: S607 - any sleep
        (place.parent / "part").write_text(str(child.pid))
        (place.parent / "part").rename(place)
        time.sleep(600)

    future = kernel.submit(start_another)
    assert soon(place.exists)
    assert future.cancel()

    assert soon(lambda: not alive(int(place.read_text())))


def test_a_task_still_running_when_cleanup_gives_up_is_stopped(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=1), cleanup_timeout=0.3)
    place = tmp_path / "pid"
    future = kernel.submit(begin_and_stay, str(place))
    assert soon(lambda: place.exists() and place.read_text() != "")

    kernel.cleanup()

    assert isinstance(future.exception(WAIT), TaskAbandonedError)
    assert "has been stopped" in str(future.exception())
    assert not alive(int(place.read_text()))


def test_an_argument_that_does_not_pickle_fails_its_task_only(kernel: DataFlowKernel) -> None:
    import threading  # noqa: PLC0415 - of this test alone

    error = kernel.submit(double, threading.Lock()).exception(WAIT)

    assert isinstance(error, SerializationError)
    assert "lock" in str(error)
    assert kernel.submit(double, 3).result(WAIT) == 6


def test_a_result_that_does_not_pickle_fails_its_task_only(kernel: DataFlowKernel) -> None:
    def locked() -> Any:
        import threading  # noqa: PLC0415 - in the worker

        return threading.Lock()

    assert isinstance(kernel.submit(locked).exception(WAIT), SerializationError)
    assert kernel.submit(double, 3).result(WAIT) == 6


def test_a_large_argument_and_a_large_result_go_through(kernel: DataFlowKernel) -> None:
    size = 100_000_000

    assert len(kernel.submit(lambda data: data + data[:1], bytes(size)).result(WAIT)) == size + 1


def test_an_error_s_traceback_shows_where_it_was_raised(kernel: DataFlowKernel) -> None:
    def raises_here() -> None:
        raise KeyError("missing")

    error = kernel.submit(raises_here).exception(WAIT)

    assert isinstance(error, KeyError)
    names, trace = [], error.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert "raises_here" in names


def test_a_python_app_s_output_goes_to_the_files_of_its_call(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @python_app(data_flow_kernel=kernel)
    def speak(stdout: Any = AUTO_LOGNAME, stderr: Any = None) -> None:
        print("from python")  # noqa: T201 - the point
        os.system("echo from a child; echo trouble >&2")  # noqa: S605, S607 - the point

    future = speak(stderr=tmp_path / "err")
    future.result(WAIT)

    assert Path(str(future.stdout)).read_text() == "from python\nfrom a child\n"
    assert (tmp_path / "err").read_text() == "trouble\n"


def test_a_stream_that_cannot_be_opened_fails_the_task(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @python_app(data_flow_kernel=kernel)
    def speak(stdout: Any) -> None: ...

    (tmp_path / "file").touch()

    with pytest.raises(BadStdStreamFile, match="file/out"):
        speak(stdout=tmp_path / "file" / "out").result(WAIT)


def test_tasks_are_packed_onto_the_cores(make_kernel: Any, tmp_path: Path) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=4, cores=4))
    log = tmp_path / "log"

    @python_app(data_flow_kernel=kernel, cores=2)
    def wide(n: int) -> None:
        with log.open("a") as file:
            file.write("+")
        time.sleep(0.2)
        with log.open("a") as file:
            file.write("-")

    for future in [wide(n) for n in range(5)]:
        future.result(WAIT)
    running, most = 0, 0
    for sign in log.read_text():
        running += 1 if sign == "+" else -1
        most = max(most, running)
    assert most == 2


def test_gpus_are_given_out(make_kernel: Any) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=2, gpus=["GPU-a", "GPU-b"]))

    @python_app(data_flow_kernel=kernel, gpus=1)
    def which() -> str:
        time.sleep(0.2)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    assert {future.result(WAIT) for future in [which(), which()]} == {"GPU-a", "GPU-b"}


def test_a_need_that_no_executor_can_meet_is_refused_at_the_call(kernel: DataFlowKernel) -> None:
    @python_app(data_flow_kernel=kernel, gpus=1)
    def on_gpu() -> None: ...

    @python_app(data_flow_kernel=kernel, memory="1000TiB")
    def huge() -> None: ...

    for app in (on_gpu, huge):
        with pytest.raises(InsufficientResourcesError, match=f"app {app.func.__name__!r} needs .* no executor"):
            app()


def test_a_task_that_uses_more_memory_than_it_asked_for_fails_alone(make_kernel: Any) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=1))

    @python_app(data_flow_kernel=kernel, memory="100MB")
    def greedy() -> int:
        return len(bytearray(500_000_000))

    assert isinstance(greedy().exception(WAIT), MemoryError)
    assert kernel.submit(lambda: len(bytearray(500_000_000))).result(WAIT) == 500_000_000


def test_a_bash_app_runs_on_processes_and_ends_with_its_task(kernel: DataFlowKernel, tmp_path: Path) -> None:
    @bash_app(data_flow_kernel=kernel)
    def stay(stdout: Any) -> str:
        return "echo $$; sleep 600"

    future = stay(stdout=tmp_path / "pid")
    place = tmp_path / "pid"
    assert soon(lambda: place.exists() and place.read_text() != "")
    assert future.cancel()

    assert soon(lambda: not alive(int(place.read_text())))


# --- whole programs -----------------------------------------------------------------------------------------------


def script(tmp_path: Path, text: str) -> Path:
    place = tmp_path / "workflow.py"
    place.write_text(textwrap.dedent(text))
    return place


def test_a_script_needs_no_guard_around_its_main_part(tmp_path: Path) -> None:
    place = script(
        tmp_path,
        """
        import headrace
        from headrace import Config, ProcessPoolExecutor, python_app

        print("main part")

        class Point:
            def __init__(self, x):
                self.x = x

        @python_app
        def move(point, by=1):
            return Point(point.x + by)

        with headrace.load(Config(executors=[ProcessPoolExecutor(max_workers=1)])):
            moved = move(move(Point(1)), by=5).result()
        print(type(moved) is Point, moved.x)
        """,
    )

    ended = subprocess.run(
        [sys.executable, place], cwd=tmp_path, capture_output=True, text=True, timeout=WAIT, check=False
    )

    assert (ended.stdout, ended.stderr, ended.returncode) == ("main part\nTrue 7\n", "", 0)


@pytest.mark.parametrize("where", ["processes", "threads"])
def test_a_killed_workflow_leaves_nothing_alive(tmp_path: Path, where: str) -> None:
    place = script(
        tmp_path,
        f"""
        import os, subprocess, sys, time
        import headrace
        from headrace import Config, ProcessPoolExecutor, ThreadPoolExecutor, bash_app, python_app

        def note(pid):
            with open({str(tmp_path / "pids")!r}, "a") as file:
                file.write(f"{{pid}}\\n")

        @python_app(executors=["processes"])
        def stay():
            note(os.getpid())
            note(subprocess.Popen(["setsid", "sleep", "600"]).pid)
            time.sleep(600)

        @bash_app(executors=[{where!r}])
        def command():
            return "echo $$ >> {tmp_path / "pids"}; sleep 600 & echo $! >> {tmp_path / "pids"}; wait"

        executors = [ProcessPoolExecutor("processes", max_workers=2), ThreadPoolExecutor("threads", 2)]
        with headrace.load(Config(executors=executors)):
            stay()
            command()
        """,
    )
    pids_file = tmp_path / "pids"
    with subprocess.Popen([sys.executable, place], cwd=tmp_path) as workflow:
        assert soon(lambda: pids_file.exists() and len(pids_file.read_text().split()) >= 4)
        workflow.kill()

    pids = [int(pid) for pid in pids_file.read_text().split()]
    assert soon(lambda: not any(alive(pid) for pid in pids))


def test_after_a_walltime_on_a_thread_a_program_can_still_be_traced() -> None:
    """A debugger or a coverage tool would hang, if the interpreter were left waiting for an exception."""
    text = """
        import sys
        from headrace.dataflow.walltime import WithWalltime

        def spin():
            while True:
                pass

        assert WithWalltime(int, 30, "quick")("3") == 3
        try:
            WithWalltime(spin, 0.05, "slow")()
        except Exception as error:
            print(error)

        def traced():
            return "traced"

        sys.settrace(lambda frame, event, argument: None)
        print(traced())
        """

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, timeout=WAIT, check=True
    )

    assert ended.stdout == "slow exceeded its walltime of 0.05 s and was stopped\ntraced\n"


def test_a_command_s_limit_of_memory_is_not_the_next_one_s(make_kernel: Any) -> None:
    kernel = make_kernel(ProcessPoolExecutor("processes", max_workers=1))

    @command_app(data_flow_kernel=kernel, memory="60MB")
    def small() -> list[str]:
        return ["true"]

    @command_app(data_flow_kernel=kernel)
    def large() -> list[str]:
        return [sys.executable, "-c", "bytearray(300_000_000)"]

    assert [small().result(WAIT), large().result(WAIT)] == [0, 0]
