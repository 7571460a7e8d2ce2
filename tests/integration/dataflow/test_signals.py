"""A signal may come between any two bytecodes of the main thread: nothing is lost by it."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

import contextlib
import dis
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import pytest

import headrace
from headrace import AppFuture, Backoff, DataFlowKernel, ThreadPoolExecutor, join_app, python_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType
    from typing import Self

WAIT = 10

#: So many interrupts does one kernel go through, before it is cleaned up.
A_KERNEL_S_LIFE = 40

SOURCE = os.path.dirname(headrace.__file__)  # noqa: PTH120 - compared with the file names of frames


#: Of so many places one is tried; each of them in `make real`.
STEP = 1 if os.environ.get("HEADRACE_THOROUGH") else 16
INTERRUPTS = 200 if os.environ.get("HEADRACE_THOROUGH") else 50

#: After these only, Python looks for signals: on entry to a function, after a call, before a loop's next round.
LOOKS_FOR_SIGNALS = {"RESUME", "CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD"}


class Interrupter:
    """Raises KeyboardInterrupt in the calling thread at a given event within Headrace's own code."""

    def __init__(self, event: int, *, opcodes: bool) -> None:
        self.left = event
        self.opcodes = opcodes
        self.where: str | None = None
        self.before: dict[FrameType, str] = {}

    def __enter__(self) -> Self:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        self.before.clear()

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(SOURCE):
            return None
        frame.f_trace_opcodes = self.opcodes
        if self.where is None and self.is_a_place_for_signals(frame, event):
            self.left -= 1
            if self.left < 0:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.trace

    def is_a_place_for_signals(self, frame: FrameType, event: str) -> bool:
        if not self.opcodes:
            return event == "line" and not leaving_a_block(frame)
        if event == "return":
            self.before.pop(frame, None)
        if event != "opcode":
            return False
        before = self.before.get(frame)
        self.before[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        return before in LOOKS_FOR_SIGNALS


def leaving_a_block(frame: FrameType) -> bool:
    """Whether the end of a ``with`` block has been reached, and its ``__exit__`` is about to be called."""
    names = [dis.opname[one] for one in frame.f_code.co_code[frame.f_lasti :: 2][:4]]
    return names[:3] == ["LOAD_CONST"] * 3 and names[3] in {"PRECALL", "CALL"}


class Inline(ThreadPoolExecutor):
    """Runs each call within the kernel's own work, so that all of it is done by the one who submits."""

    def execute(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], ended: Any) -> None:
        try:
            value = fn(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - as executors do
            ended(None, error)
        else:
            ended(value, None)


class Held(ThreadPoolExecutor):
    """Keeps each call until it is told to do it. Its end is told as from a worker, where no signal comes."""

    def __init__(self) -> None:
        super().__init__("held", 1)
        self.calls: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def execute(self, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], ended: Any) -> None:
        self.calls.put((fn, args, kwargs, ended))

    def do_one(self) -> None:
        tracer = sys.gettrace()
        sys.settrace(None)
        fn, args, kwargs, ended = self.calls.get(timeout=WAIT)
        ended(fn(*args, **kwargs), None)
        sys.settrace(tracer)

    def do_all(self, futures: list[Any]) -> None:
        """Do what comes until these have ended."""

        def serve() -> None:
            while (call := self.calls.get()) is not None:
                fn, args, kwargs, ended = call
                ended(fn(*args, **kwargs), None)

        server = threading.Thread(target=serve)
        server.start()
        wait_for(futures, 5)
        self.calls.put(None)
        server.join(WAIT)


class Deeds:
    """What a workflow's main thread does, each with the futures that it has obtained."""

    def __init__(self, kernel: DataFlowKernel, label: str) -> None:
        self.kernel = kernel
        self.label = label
        self.futures: list[Future[Any]] = []
        self.told: list[threading.Event] = []
        self.gate: Future[int] = Future()
        self.failures = 0
        self.calls = 0

    def submit(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> AppFuture[Any]:
        future = self.kernel.submit(func, *args, **kwargs)
        self.futures.append(future)
        return future

    def one_task(self) -> None:
        self.submit(int)

    def a_dependency(self) -> None:
        self.submit(count, self.submit(int), inputs=[self.submit(int)])

    def a_failed_dependency(self) -> None:
        self.submit(count, self.submit(count, self.submit(fail)))

    def a_label(self) -> None:
        self.submit(int, executors=[self.label])
        self.submit(int, executors=[self.label])

    def a_future_from_elsewhere(self) -> None:
        done: Future[int] = Future()
        done.set_result(1)
        self.submit(count, done)
        self.submit(count, self.gate)
        self.submit(count, self.gate)

    def a_join(self) -> None:
        kernel = self.kernel
        self.futures.append(join_app(data_flow_kernel=kernel)(lambda: [kernel.submit(int), kernel.submit(int)])())
        self.futures.append(join_app(data_flow_kernel=kernel)(lambda: kernel.submit(fail))())

    def a_retry(self) -> None:
        def flaky() -> None:
            self.failures += 1
            if self.failures <= 2:
                raise ValueError

        options: Any = {"data_flow_kernel": self.kernel, "retries": 2}
        self.futures.append(python_app(**options)(flaky)())
        self.futures.append(python_app(backoff=Backoff(0.0001), **options)(fail)())

    def a_cancel(self) -> None:
        # Should the interrupt come before the cancel, the gate's opening ends it.
        root = self.submit(count, self.gate)
        dependent = self.submit(count, root)
        told = threading.Event()
        dependent.add_done_callback(lambda _: told.set())
        self.told.append(told)
        root.cancel()

    def calls_that_are_kept(self) -> None:
        """One whose result is stored, an equal one, one that depends on both, and one whose result cannot be stored."""
        cached = python_app(data_flow_kernel=self.kernel, cache=True)
        kept = cached(count)
        self.calls += 1
        self.futures.append(kept(self.calls))
        self.futures.append(kept(self.calls))
        self.submit(count, self.futures[-1], inputs=[self.futures[-2]])
        self.futures.append(join_app(data_flow_kernel=self.kernel, cache=True)(lambda n: [kept(n)])(self.calls))
        self.futures.append(cached(unkept)(self.calls))

    def parts_and_files(self) -> None:
        future = self.submit(lambda **_: ["part"], outputs=["a.txt"])
        self.futures += [future[0], future.outputs[0]]


def count(x: int, inputs: Any = ()) -> int:
    return x + 1


def unkept(_: int) -> Any:
    return threading.Lock()


def fail(*_: Any) -> None:
    raise ValueError("boo")


DEEDS = [
    name for name, value in vars(Deeds).items() if callable(value) and not name.startswith("_") and name != "submit"
]


class Setting:
    """Makes kernels of one kind, and sees that each deed leaves them whole."""

    def __init__(self, make_kernel: Any, kind: str) -> None:
        self.make_kernel = make_kernel
        self.kind = kind
        self.uses = 0
        self.kernel: DataFlowKernel | None = None

    def deeds(self) -> Deeds:
        if self.kernel is not None and self.uses % A_KERNEL_S_LIFE == 0:
            self.kernel.cleanup()
            self.kernel = None
        if self.kernel is None:
            options: Any = {"max_in_flight": 4} if self.kind == "bounded" else {}
            executor = Inline("one", 1) if self.kind in {"inline", "kept"} else ThreadPoolExecutor("one", 1)
            self.kernel = self.make_kernel(executor, internal_tasks_max_threads=1, cleanup_timeout=2, **options)
            if self.kind == "kept":
                do_all_here(self.kernel)
        self.uses += 1
        return Deeds(self.kernel, "one")

    def check(self, deeds: Deeds) -> None:
        last, told = deeds.kernel.submit(count, deeds.gate), threading.Event()
        last.add_done_callback(lambda _: told.set())
        deeds.gate.set_result(1)
        assert told.wait(5)
        assert wait_for(deeds.futures, 5).not_done == set()
        for future in deeds.futures:
            assert not isinstance(future, AppFuture) or future.task_record.ended
        assert all(told.wait(5) for told in deeds.told)
        assert deeds.kernel.submit(count, deeds.kernel.submit(count, 0)).result(5) == 2


def do_all_here(kernel: DataFlowKernel) -> None:
    """Have the thread that submits learn of keys, of pickled results, and that they are on disk.

    What leads to that is done by workers, where no signal comes: it is done here too, and not interrupted.
    """
    flow: Any = kernel._flow
    work = flow._mailbox.work
    tracers: list[Any] = []

    class Worker(Inline):
        def execute(self, *args: Any) -> None:
            tracers.append(sys.gettrace())
            sys.settrace(None)
            super().execute(*args)
            sys.settrace(tracers.pop())

    def work_on() -> None:
        if tracers and sys.gettrace() is None:
            sys.settrace(tracers[-1])
            try:
                work()
            finally:
                # After an interrupt there is none any more.
                tracers[-1] = sys.gettrace()
                sys.settrace(None)
        else:
            work()

    flow._mailbox.work = work_on
    for name in ("internal", "keys"):
        worker = Worker(name, 1)
        worker.shutdown = getattr(flow.backstage, name).shutdown  # type: ignore[method-assign]  # of the real one
        worker.start()
        setattr(flow.backstage, name, worker)
    flow.saving._checkpoints.barrier = lambda told: told(None)


def interrupt(setting: Setting, deed: str, event: int, *, opcodes: bool) -> bool:
    """Do the deed, interrupted at this event; False if it has fewer events."""
    deeds = setting.deeds()
    interrupter = Interrupter(event, opcodes=opcodes)
    try:
        with interrupter:
            getattr(deeds, deed)()
    except KeyboardInterrupt:
        pass
    try:
        setting.check(deeds)
    except BaseException as error:
        error.add_note(f"interrupted at {'opcode' if opcodes else 'line'} {event} of {deed}: {interrupter.where}")
        raise
    return interrupter.where is not None


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("kind", ["inline", "threads", "bounded"])
def test_an_interrupt_at_any_line_of_a_submit_loses_nothing(make_kernel: Any, kind: str, deed: str) -> None:
    """Every future obtained ends, later tasks run, cleanup returns and leaves no thread."""
    setting = Setting(make_kernel, kind)
    event = 0
    while interrupt(setting, deed, event, opcodes=False):
        event += STEP

    assert event > 20


@pytest.mark.slow
@pytest.mark.parametrize("opcodes", [False, True])
def test_an_interrupt_while_a_result_is_stored_loses_nothing(make_kernel: Any, opcodes: bool) -> None:  # noqa: FBT001
    setting = Setting(make_kernel, "kept")
    event = 0
    while interrupt(setting, "calls_that_are_kept", event, opcodes=opcodes):
        event += STEP

    assert event > 20


@pytest.mark.slow
@pytest.mark.parametrize("opcodes", [False, True])
def test_an_interrupt_while_a_place_is_passed_on_costs_no_place(make_kernel: Any, opcodes: bool) -> None:  # noqa: FBT001
    """The main thread learns, in the middle of a submit, that a task has ended for whose place others wait."""
    event = 0
    interrupter = Interrupter(0, opcodes=opcodes)
    while not event or interrupter.where is not None:
        held = Held()
        kernel = make_kernel(Inline("one", 1), held, cleanup_timeout=2)
        futures = [kernel.submit(int, executors=["held"]) for _ in range(3)]
        interrupter = Interrupter(event, opcodes=opcodes)
        with contextlib.suppress(KeyboardInterrupt), interrupter:
            kernel.submit(held.do_one, executors=["one"])

        held.do_all(futures)

        assert [future for future in futures if not future.done()] == [], f"{event}: {interrupter.where}"
        kernel.cleanup()
        event += STEP

    assert event > 20


@pytest.mark.slow
@pytest.mark.parametrize("deed", DEEDS)
def test_an_interrupt_at_any_bytecode_of_a_submit_loses_nothing(make_kernel: Any, deed: str) -> None:
    setting = Setting(make_kernel, "inline")
    event = 0
    while interrupt(setting, deed, event, opcodes=True):
        event += STEP

    assert event > 20


def test_a_signal_handler_may_submit_in_the_middle_of_a_submit(kernel: DataFlowKernel) -> None:
    futures: list[Future[int]] = []
    signals = 0

    def handler(_: int, __: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        futures.append(kernel.submit(count, kernel.submit(int)))

    before = signal.signal(signal.SIGVTALRM, handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.0005, 0.0005)
    try:
        while signals < 20:
            futures.append(kernel.submit(count, kernel.submit(int)))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)

    assert wait_for(futures, WAIT).not_done == set()
    assert [future for future in futures if future.result() != 1] == []


def test_a_signal_handler_may_submit_at_any_line_of_a_submit(kernel: DataFlowKernel) -> None:
    """What a handler does that runs there, done there: each line of a submit has a submit within it."""
    futures: list[Future[int]] = []
    busy = False

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal busy
        if busy or not frame.f_code.co_filename.startswith(SOURCE):
            return None
        if event == "line":
            busy = True
            futures.append(kernel.submit(count, kernel.submit(int)))
            busy = False
        return trace

    sys.settrace(trace)
    try:
        futures += [kernel.submit(count, kernel.submit(int)) for _ in range(5)]
    finally:
        sys.settrace(None)

    assert len(futures) > 100
    assert wait_for(futures, WAIT).not_done == set()


def test_a_signal_handler_may_submit_while_the_main_thread_waits_for_room(run_script: Any) -> None:
    ended = run_script("""
        import signal, threading
        from headrace import Config, DataFlowKernel
        from headrace.core.condition import SmallCondition

        with DataFlowKernel(Config(max_in_flight=1)) as kernel:
            end, handled = threading.Event(), []
            waiting = threading.Semaphore(0)

            class Told(SmallCondition):
                def wait(self, timeout=None):
                    waiting.release()
                    return super().wait(timeout)

            kernel._flow._room._changed = Told()
            signal.signal(signal.SIGUSR1, lambda *_: handled.append(kernel.submit(int, "7")))
            kernel.submit(lambda: end.wait(10))

            def interrupt():
                waiting.acquire()  # The main thread waits.
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                waiting.acquire()  # Its handler waits.
                end.set()

            threading.Thread(target=interrupt).start()
            print(kernel.submit(int, "8").result(5), handled[0].result(5))
    """)

    assert ended.stdout == "8 7\n", ended.stderr


def test_a_storm_of_signals_that_submit_loses_nothing(run_script: Any) -> None:
    ended = run_script("""
        import signal
        from concurrent.futures import wait
        from headrace import Config, DataFlowKernel

        with DataFlowKernel(Config()) as kernel:
            futures, signals = [], []

            def handler(*_):
                signals.append(1)
                futures.append(kernel.submit(int, "1"))

            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
            while len(signals) < 500:
                futures.append(kernel.submit(lambda x: x, kernel.submit(int, "1")))
            signal.setitimer(signal.ITIMER_REAL, 0)
            print(len(wait(futures, 10).not_done), {future.result(0) for future in futures})
    """)

    assert ended.stdout == "0 {1}\n", ended.stderr


@pytest.mark.slow
def test_real_interrupts_in_the_middle_of_submits_lose_nothing(run_script: Any) -> None:
    """Where they fall is chance; that every future ends is not."""
    ended = run_script(
        """
        import random, signal
        from concurrent.futures import wait
        from headrace import Config, DataFlowKernel, join_app

        at_risk = False

        def handler(*_):
            if at_risk:
                raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, handler)
        with DataFlowKernel(Config(retries=1)) as kernel:
            def fail():
                raise ValueError

            app = join_app(data_flow_kernel=kernel)(lambda: [kernel.submit(int), kernel.submit(int)])
            futures, interrupts = [], 0
            while interrupts < INTERRUPTS:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00002, 0.0006))
                try:
                    at_risk = True
                    futures.append(kernel.submit(int))
                    futures.append(kernel.submit(lambda x: x, futures[-1]))
                    futures.append(kernel.submit(fail))
                    futures.append(app())
                    at_risk = False
                except KeyboardInterrupt:
                    at_risk = False
                    interrupts += 1
            print(len(wait(futures, 10).not_done), kernel.submit(int).result(5))
    """.replace("INTERRUPTS", str(INTERRUPTS))
    )

    assert ended.stdout == "0 0\n", ended.stderr


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a program, and waits for its first line. However a test ends, its programs do not outlive it."""
    programs: list[subprocess.Popen[str]] = []

    def start(script: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        programs.append(program)
        assert program.stdout is not None
        program.stdout.readline()
        return program

    yield start
    for program in programs:
        with program:
            program.kill()


@pytest.mark.parametrize("round_", range(3))
def test_ctrl_c_in_the_middle_of_submitting_ends_the_program(
    start: Callable[[str], subprocess.Popen[str]], round_: int
) -> None:
    script = """
        from headrace import Config, load

        with load(Config(exit_mode="wait")) as kernel:
            print("ready", flush=True)
            future = kernel.submit(int)
            while True:
                future = kernel.submit(lambda x: x, future)
    """
    program = start(script)

    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=20)

    assert program.returncode == -signal.SIGINT
    assert errors.endswith("KeyboardInterrupt\n")
    assert "Exception ignored" not in errors


def test_ctrl_c_while_waiting_for_the_last_tasks_cleans_up(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    script = """
        import threading
        from headrace import Config, ThreadPoolExecutor, load

        with load(Config(executors=[ThreadPoolExecutor("one", 1)], exit_mode="wait", cleanup_timeout=0)) as kernel:
            both = threading.Event()
            kernel.submit(lambda: both.wait() and print("running", flush=True) or threading.Event().wait())
            kernel.submit(int)
            both.set()
    """
    program = start(script)

    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=20)

    assert (program.returncode, errors.endswith("KeyboardInterrupt\n")) == (-signal.SIGINT, True)
    assert "tasks: 1 failed, 1 cancelled" in (tmp_path / "runinfo" / "000" / "headrace.log").read_text()
