"""`headrace run`."""

from __future__ import annotations

import atexit
import concurrent.futures.thread
import gc
import logging
import os
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from headrace.cli.ending import INTERRUPTED, RAISED, UNUSABLE, Ending, end_of, exit_code, flush, show
from headrace.cli.faces import Drawn, InLines
from headrace.cli.reporter import Reporter
from headrace.cli.script import ModuleProgram, ScriptProgram, UnusableError
from headrace.cli.showing import Silent
from headrace.cli.signals import Interrupts
from headrace.cli.summary import print_summary
from headrace.cli.text import count
from headrace.cli.watch import Watch
from headrace.core import HeadraceError
from headrace.dataflow import KernelClosedError, current
from headrace.dataflow.launch import RESUME_VARIABLE, Launch

if TYPE_CHECKING:
    import signal
    from typing import TextIO

    from headrace.cli.faces import Face
    from headrace.cli.request import RunRequest
    from headrace.cli.script import Program
    from headrace.dataflow import DataFlowKernel

__all__ = ["run"]

logger = logging.getLogger(__name__)


def run(request: RunRequest) -> int:
    """Run what is asked for, show how it is going, sum it up; return the exit code.

    All that is said goes to stderr. If the run was interrupted and tasks cannot be stopped, this ends the process
    itself, since the end of the interpreter would wait for them.
    """
    stderr = sys.stderr
    try:
        program = _program(request)
    except UnusableError as error:
        stderr.write(f"headrace: {error}\n")
        return UNUSABLE
    watch = Watch()
    face = _face(request, stderr)
    reporter = Reporter(program.name, watch, face)
    interrupts = Interrupts(on_first=partial(_drain, request, watch, reporter), before_exit=face.restore_at_once)
    ending = INTERRUPTED
    # What has been imported so far stays; garbage collections in a busy workflow need not look through it.
    gc.freeze()
    with interrupts:
        with suppress(KeyboardInterrupt), current.launched_as(_launch(request)), watch, face, reporter:
            ending = _conduct(program, watch, reporter)
        with suppress(KeyboardInterrupt):
            _sum_up(stderr, request, watch, reporter, interrupted=ending.interrupted or interrupts.received is not None)
        code = exit_code(ending, interrupts.received, watch.tally.counts.failed, allow_failures=request.allow_failures)
        flush(stderr)
        if not flush(sys.stdout) and code == 0:
            code = RAISED
        if interrupts.received is not None and _threads_waited_for():
            _end_without_them(code)
    return code


def _launch(request: RunRequest) -> Launch:
    """Return how kernels are to know the program. Asking by `RESUME_VARIABLE` goes before all else."""
    asked = os.environ.pop(RESUME_VARIABLE, None)
    script = f"-m {request.target}" if request.is_module else os.path.abspath(request.target)  # noqa: PTH100 - links stay
    return Launch(id=str(uuid.uuid4()), script=script, resume=asked or request.resume)


def _drain(request: RunRequest, watch: Watch, reporter: Reporter, number: signal.Signals) -> None:
    """The first signal has come: have it said and written down. In a signal handler."""
    for kernel in watch.open_kernels:
        kernel.note_ending(f"ended by {number.name}")
        if request.drain is not None:
            kernel.cleanup_timeout = request.drain
    reporter.interrupted(number)


def _program(request: RunRequest) -> Program:
    kind = ModuleProgram if request.is_module else ScriptProgram
    program = kind(request.target, request.arguments)
    for name, wanted in (("parsl", request.parsl), ("nepi", request.nepi)):
        if wanted:
            _stand_in_for(name)
    return program


def _stand_in_for(name: str) -> None:
    from headrace.compat import AlreadyImportedError, install  # noqa: PLC0415 - most runs have no use for it

    try:
        install(name)
    except AlreadyImportedError as error:
        raise UnusableError(str(error)) from error


def _face(request: RunRequest, stderr: TextIO) -> Face:
    if not request.progress:
        return Silent[Any](stderr)
    if stderr.isatty() and not Console(file=stderr).is_dumb_terminal:
        return Drawn(stderr)
    return InLines(stderr)


def _conduct(program: Program, watch: Watch, reporter: Reporter) -> Ending:
    """Run the program, then see its kernels to their end."""
    ending = INTERRUPTED
    try:
        ending = end_of(program)
        show(ending)
        if ending.well:
            _wait(watch, reporter)
        else:
            _note(watch, ending)
        whole = _clean_up(watch)
    except KeyboardInterrupt:
        # There is one at most: the second interrupt ends the process.
        _clean_up(watch)
        return INTERRUPTED if ending.code == 0 else ending
    return ending if whole or ending.code else replace(ending, code=RAISED)


def _note(watch: Watch, ending: Ending) -> None:
    how = f"exited with {ending.code}" if ending.error is None else f"raised {type(ending.error).__name__}"
    for kernel in watch.open_kernels:
        kernel.note_ending("interrupted" if ending.interrupted else how)


def _wait(watch: Watch, reporter: Reporter) -> None:
    """Wait for all that the program left to be done, as Python waits for its threads."""
    if not watch.open_kernels:
        return
    for thread in _threads_of_the_program():
        thread.join()
    while unfinished := [kernel for kernel in watch.open_kernels if kernel.tasks]:
        left = sum(len(kernel.tasks) for kernel in unfinished)
        reporter.waiting(f"The script has ended; waiting for the {count(left, 'task')} that it left.")
        for kernel in unfinished:
            kernel.wait_for_current_tasks()


def _clean_up(watch: Watch) -> bool:
    """Clean up what nobody has; return whether nothing was lost by it."""
    whole = [_clean_up_one(kernel) for kernel in watch.open_kernels]
    return all(whole)


def _clean_up_one(kernel: DataFlowKernel) -> bool:
    try:
        kernel.cleanup()
    except KernelClosedError:
        logger.debug("%r was cleaned up by somebody else in this very moment", kernel)
    except (HeadraceError, TimeoutError) as error:
        logger.error("the end of run %s has not been kept whole: %s", kernel.run_dir, error)  # noqa: TRY400 - what it says is enough
        return False
    return True


def _sum_up(stderr: TextIO, request: RunRequest, watch: Watch, reporter: Reporter, *, interrupted: bool) -> None:
    elapsed = time.monotonic() - reporter.began
    with suppress(OSError, ValueError):
        console = Console(file=stderr, highlight=False)
        print_summary(
            *(console, reporter.name, watch.tally, elapsed),
            interrupted=interrupted,
            only_failures=request.quiet,
            reuse=watch.reuse,
        )
        stderr.flush()


def _threads_waited_for() -> list[threading.Thread]:
    """Return the threads that the end of the interpreter would wait for."""
    main = threading.main_thread()
    return [thread for thread in threading.enumerate() if not thread.daemon and thread is not main]


def _threads_of_the_program() -> list[threading.Thread]:
    """Return those of them that end by themselves: not the workers of pools, which wait for work."""
    workers = getattr(concurrent.futures.thread, "_threads_queues", {})
    return [thread for thread in _threads_waited_for() if thread not in workers]


def _end_without_them(code: int) -> None:
    """End the process as the interpreter would, except that its threads are not waited for."""
    atexit._run_exitfuncs()  # noqa: SLF001 - what the end of the interpreter calls
    logging.shutdown()
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)
