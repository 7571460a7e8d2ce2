"""How a program ended, and what exit code follows."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.cli.script import UnusableError
from headrace.cli.signals import code_of

if TYPE_CHECKING:
    import signal
    from types import TracebackType
    from typing import TextIO

    from headrace.cli.script import Program

__all__ = ["INTERRUPTED", "RAISED", "TASKS_FAILED", "UNUSABLE", "Ending", "end_of", "exit_code", "flush", "show"]

#: The exit codes that Headrace decides on, beside those of signals.
RAISED = 1
UNUSABLE = 2
TASKS_FAILED = 3

_PACKAGE = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended."""

    #: The exit code that Python itself would end with.
    code: int = 0
    #: What it raised, if that is to be shown.
    error: BaseException | None = None
    #: What it left to be said on stderr.
    message: str | None = None
    #: Whether a KeyboardInterrupt ended it.
    interrupted: bool = False

    @property
    def well(self) -> bool:
        """Whether it ended as a program does that has done what it should."""
        return self.code == 0 and not self.interrupted


INTERRUPTED = Ending(interrupted=True)


def end_of(program: Program) -> Ending:
    """Run the program, and return how it ended."""
    try:
        program.run()
    except UnusableError as error:
        return Ending(UNUSABLE, message=f"headrace: {error}")
    except SystemExit as end:
        return _ending_by_exit(end)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError as error:
        # Whoever read the output has seen enough, and a traceback is no news to anybody.
        return Ending(RAISED, error=None if _stdout_is_broken() else _without_our_frames(error))
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is shown, as Python would
        return Ending(RAISED, error=_without_our_frames(error))
    return Ending()


def show(ending: Ending) -> None:
    """Say on stderr what Python itself would say of this end."""
    with suppress(OSError, ValueError, AttributeError):
        if ending.error is not None:
            sys.excepthook(type(ending.error), ending.error, ending.error.__traceback__)
        if ending.message is not None:
            sys.stderr.write(f"{ending.message}\n")


def exit_code(ending: Ending, received: signal.Signals | None, failed: int, *, allow_failures: bool) -> int:
    """Return the exit code of the run.

    Args:
        ending: how the program ended.
        received: the first signal that was to end it, if one came.
        failed: how many tasks failed.
        allow_failures: whether those are fine.
    """
    if received is not None and ending.code in {0, RAISED}:
        return code_of(received)
    if ending.interrupted:
        return 130
    if ending.code:
        return ending.code
    return TASKS_FAILED if failed and not allow_failures else 0


def flush(stream: TextIO | None) -> bool:
    """Have all leave the process that was written to a standard stream; return whether somebody took it.

    If nobody did, the stream is turned away from who is not there any more, so that the end of the interpreter does not
    complain, nor change the exit code.
    """
    if stream is None or stream.closed:
        return True
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


def _ending_by_exit(end: SystemExit) -> Ending:
    if end.code is None:
        return Ending()
    if isinstance(end.code, int):
        return Ending(int(end.code))
    return Ending(RAISED, message=str(end.code))


def _without_our_frames(error: BaseException) -> BaseException:
    """Take from the traceback the frames that led to the program's own."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        trace = trace.tb_next
    return error.with_traceback(trace)


def _stdout_is_broken() -> bool:
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False
