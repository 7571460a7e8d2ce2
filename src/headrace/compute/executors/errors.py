"""What can go wrong with a call on an executor, other than what the call itself raises.

::

    HeadraceError
     ├── WorkerLost                 the process that ran the call is gone; whether the call ended is unknown
     ├── WalltimeExceeded           the call took longer than it was allowed to, and was stopped
     ├── SerializationError         an argument or a result cannot be sent between processes
     ├── RemoteError                stands for an exception that cannot be sent between processes
     ├── StandardStreamError        the file for a call's stdout or stderr cannot be opened; an OSError
     └── ExecutorBroken             no worker can be started
"""

from __future__ import annotations

import signal as signals
from typing import Any

from headrace.core import HeadraceError

__all__ = [
    "ExecutorBroken",
    "RemoteError",
    "SerializationError",
    "StandardStreamError",
    "WalltimeExceeded",
    "WorkerLost",
    "describe_exit",
]


class WorkerLost(HeadraceError):
    """The process that ran a call ended before the call did.

    Args:
        name: the call.
        pid: the process.
        exitcode: how it ended: its exit code; or, negative, the number of the signal that ended it; None if unknown.
        label: the executor.
    """

    def __init__(self, name: str, pid: int, exitcode: int | None, label: str = "") -> None:
        super().__init__(name, pid, exitcode, label)
        self.name = name
        self.pid = pid
        self.exitcode = exitcode
        self.label = label

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended the process; None if none did, or if that is unknown."""
        return -self.exitcode if self.exitcode is not None and self.exitcode < 0 else None

    def __str__(self) -> str:
        where = f" of executor {self.label!r}" if self.label else ""
        return f"{self.name}: the worker process{where} that ran it (pid {self.pid}) {describe_exit(self.exitcode)}"


class WalltimeExceeded(HeadraceError):
    """A call took longer than it was allowed to, and was stopped.

    Args:
        name: the call.
        walltime: what it was allowed, in seconds.
    """

    def __init__(self, name: str, walltime: float) -> None:
        super().__init__(name, walltime)
        self.name = name
        self.walltime = walltime

    def __str__(self) -> str:
        return f"{self.name} exceeded its walltime of {self.walltime:g} s and was stopped"


class SerializationError(HeadraceError):
    """A function, an argument or a result cannot be sent between processes."""


class RemoteError(HeadraceError):
    """A call raised an exception that cannot be sent between processes, or not be made anew here.

    Args:
        type_name: the exception's class, with its module.
        text: its text.
        traceback: its traceback as text, as Python shows it.
    """

    def __init__(self, type_name: str, text: str, traceback: str) -> None:
        super().__init__(type_name, text, traceback)
        self.type_name = type_name
        self.text = text
        self.traceback = traceback

    def __str__(self) -> str:
        return (
            f"{self.type_name}: {self.text}\n\n{self.traceback}" if self.traceback else f"{self.type_name}: {self.text}"
        )


class StandardStreamError(HeadraceError, OSError):
    """The file for a call's standard output or standard error cannot be opened. `filename` names it."""


class ExecutorBroken(HeadraceError):
    """No worker process can be started, so no call can be run."""


def describe_exit(exitcode: int | None) -> str:
    """Return in words how a process ended: after "it"."""
    if exitcode is None:
        return "ended, nobody knows how"
    if exitcode >= 0:
        return f"ended with exit code {exitcode}"
    try:
        name: Any = signals.Signals(-exitcode).name
    except ValueError:
        name = -exitcode
    return f"was ended by signal {name}"
