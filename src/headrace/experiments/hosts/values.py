"""What hosts are told, and what they tell: plain values."""

from __future__ import annotations

import enum
import signal as signals
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headrace.experiments.hosts.errors import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Completed", "HostInfo", "Launch", "Process", "ProcessState", "ProcessStatus", "tail"]


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended.

    Attributes:
        exit_code: its exit code; None if a signal ended it.
        signal: the number of the signal that ended it; None if none did, or its number is not known here.
        truncated: whether it wrote more than was kept.
    """

    exit_code: int | None
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.exit_code == 0

    @property
    def out(self) -> str:
        """Its output as text, without the newline at its end; what is no UTF-8 is replaced."""
        return self.stdout.decode(errors="replace").rstrip("\n")

    @property
    def err(self) -> str:
        """Its error output as text, likewise."""
        return self.stderr.decode(errors="replace").rstrip("\n")

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.exit_code is not None:
            return f"ended with exit code {self.exit_code}"
        return f"was ended by {_signal_name(self.signal)}"

    def check(self, host: str, what: str) -> Completed:
        """Return this, if the command succeeded.

        Raises:
            CommandFailed: it did not; the message has the end of what it wrote.
        """
        if self.ok:
            return self
        said = tail(self.stderr) or tail(self.stdout)
        raise CommandFailed(host, f"{what} {self.how}" + (f": {said}" if said else ", and said nothing"))


def tail(output: bytes, lines: int = 5, width: int = 500) -> str:
    """Return the last lines of an output, as text for a message."""
    kept = output.decode(errors="replace").strip().splitlines()[-lines:]
    return "\n".join(kept)[-width:]


def _signal_name(number: int | None) -> str:
    if number is None:
        return "a signal"
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass(frozen=True, slots=True)
class HostInfo:
    """What a host said of itself when it was connected.

    Attributes:
        home: the user's home folder.
        base: the folder below which everything is put, and removed: an absolute path without symbolic links.
        boot: the id of this boot.
    """

    home: str
    base: str
    user: str
    uid: int
    boot: str
    system: str


class ProcessState(enum.Enum):
    """What a host knows of a process."""

    never = "never"  #: It has not been started. It may be.
    abandoned = "abandoned"  #: It has not been started, and never will be.
    running = "running"  #: It runs: verified by process id, start time and boot.
    ended = "ended"  #: It has ended, and how is known.
    lost = "lost"  #: It has ended, and how is not known: it was killed with its supervisor, or the host rebooted.
    gone = "gone"  #: Its folder is not there: it was never started, or has been removed.


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """How a process does.

    Attributes:
        exit_code: once it has `ended`; as a shell tells it: 128 + n means that signal n ended it.
        timed_out: whether its wall time was up.
        pid: its process id, which is its session's as well; None if it is not known.
        start: when it was started, in the host's clock ticks since its boot.
        boot: the id of the boot in which it was started.
    """

    state: ProcessState
    exit_code: int | None = None
    timed_out: bool = False
    pid: int | None = None
    start: int | None = None
    boot: str | None = None

    @property
    def final(self) -> bool:
        """Whether it does not run and never will, as far as the host knows."""
        return self.state not in {ProcessState.running, ProcessState.never}

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0, in time."""
        return self.state is ProcessState.ended and self.exit_code == 0 and not self.timed_out

    @property
    def how(self) -> str:
        """How it does, in words."""
        if self.state is ProcessState.running:
            return f"runs as process {self.pid}"
        if self.state is ProcessState.ended:
            by = f"ended with exit code {self.exit_code}{_by_signal(self.exit_code or 0)}"
            return "was ended, since its time was up" if self.timed_out else by
        return _HOW[self.state]


_HOW = {
    ProcessState.lost: "has ended, and how is not known: it was killed with its supervisor, or the host rebooted",
    ProcessState.gone: "is not known to the host: its folder is not there, or is another's",
    ProcessState.abandoned: "was given up before it was started",
    ProcessState.never: "has not been started",
}


def _by_signal(code: int) -> str:
    return f" ({_signal_name(code - 128)})" if code > 128 else ""  # noqa: PLR2004 - the shell's convention


@dataclass(frozen=True, slots=True)
class Process:
    """A command that outlives its connection and its controller: where it is, and by what it is known again.

    It is known before it is started, so that its facts can be kept safe first.

    Attributes:
        directory: its own folder on the host: absolute. Nothing else may use it.
        token: what tells it from any other process that may have used the folder.
        sudo: whether root's rights are needed to signal it.
    """

    directory: str
    token: str
    sudo: bool = False

    @classmethod
    def planned(cls, directory: str, *, sudo: bool = False) -> Process:
        """Return one that nobody has started yet."""
        return cls(directory, uuid.uuid4().hex, sudo)

    def facts(self) -> dict[str, Any]:
        """Return what another controller needs to find it again: plain JSON."""
        return {"directory": self.directory, "token": self.token, "sudo": self.sudo}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Process:
        """Return the process of these facts.

        Raises:
            ValueError: they are not what `facts` returns.
        """
        match facts:
            case {"directory": str(directory), "token": str(token), "sudo": bool(sudo)}:
                return cls(directory, token, sudo)
        raise ValueError(f"no facts of a process: {dict(facts)!r}")


@dataclass(frozen=True, slots=True)
class Launch:
    """A command to launch, and how.

    Attributes:
        command: text for the host's shell, or a program and its arguments.
        env: variables beyond those that the user has there.
        cwd: where it runs, absolute; None means its process's folder.
        stdin: the file that it reads; None means nothing.
        stdout: the file that it writes; None means ``stdout`` in its process's folder. What was there is overwritten.
        stderr: likewise; "&1" means where its output goes.
        walltime: seconds after which it is ended; None means never.
        grace: seconds between TERM and KILL then.
    """

    command: str | tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    walltime: float | None = None
    grace: float = 5.0
