"""What every engine offers: it runs commands, and knows what became of them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from headrace.core import HeadraceError, Lifecycle, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from headrace.compute.resources import Resources

__all__ = [
    "INHERIT",
    "JOB",
    "CommandSpec",
    "Engine",
    "EngineClosedError",
    "EngineError",
    "EngineUnreachableError",
    "Handle",
    "Inherit",
    "JobState",
    "KeyTakenError",
    "LaunchError",
    "Orphan",
    "Output",
    "Status",
    "StreamError",
    "UnknownJobError",
    "UnsupportedSpecError",
    "Watcher",
]


class JobState(State):
    """Where a command that was given to an engine is."""

    submitted = "taken by the engine; it has not begun"
    running = "begun"
    succeeded = "ended by itself, with exit code 0"
    failed = "ended by itself with another exit code or by a signal, or could not be started"
    cancelled = "ended because it was asked to"
    timed_out = "ended because it took longer than its wall time"
    over_memory = "ended because it used more memory than it was allowed"
    lost = "gone, and nobody knows how it ended"


_S = JobState
_ENDS = (_S.succeeded, _S.failed, _S.cancelled, _S.timed_out, _S.over_memory, _S.lost)

JOB: Final = Lifecycle(
    "job",
    initial=_S.submitted,
    moves={_S.submitted: (_S.running, *_ENDS), _S.running: _ENDS},
    failed=tuple(state for state in _ENDS if state is not _S.succeeded),
)


class Inherit(Enum):
    """The type of `INHERIT`."""

    INHERIT = "the stream of the process that submits"


#: As `stdout` or `stderr`: the stream of the process that submits, as it is at that moment.
INHERIT: Final[Literal[Inherit.INHERIT]] = Inherit.INHERIT

#: What becomes of a command when the process that submitted it dies: it ends too, or it goes on and is found again by
#: an engine on the same directory.
Orphan = Literal["kill", "keep"]


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a command writes to."""

    path: Path
    #: As for `open`: ``"a"`` to append, ``"w"`` to write anew, ``"x"`` to refuse a file that is there.
    mode: Literal["a", "w", "x"] = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A command to run.

    Raises:
        ValueError: `argv` is empty or holds something other than text, a number is out of range, or `orphan` is neither
            ``"kill"`` nor ``"keep"``.
    """

    #: The program, looked up in the PATH of `env`, and its arguments. Bytes that are no UTF-8 are surrogates, as
    #: `os.fsdecode` makes them.
    argv: tuple[str, ...]
    #: What people call it: in errors and logs.
    name: str = "a command"
    #: The working directory; None: that of the process that submits.
    cwd: Path | None = None
    #: The environment variables; None: those of the process that submits, as they are at that moment.
    env: Mapping[str, str] | None = None
    #: What it reads; None: nothing.
    stdin: Path | None = None
    #: Where its output goes; None: to a file of the engine's own, for `Engine.logs`.
    stdout: Output | Inherit | None = None
    stderr: Output | Inherit | None = None
    #: What it needs. Memory is a limit: of each process, and of all of them together.
    resources: Resources | None = None
    #: Seconds after which it is ended; None: never.
    walltime: float | None = None
    #: Seconds between asking its processes to end (SIGTERM) and ending them (SIGKILL).
    grace: float = 5.0
    orphan: Orphan = "kill"
    #: For the engine's own options; unknown ones are refused.
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        argv = tuple(os.fspath(part) for part in self.argv) if not isinstance(self.argv, str) else ()
        if not argv or not all(isinstance(part, str) for part in argv) or not argv[0]:
            raise ValueError(f"{self.name}: argv must be a program and its arguments, all text, not {self.argv!r}")
        if any("\0" in part for part in argv):
            raise ValueError(f"{self.name}: an argument holds a NUL character, which no command can be given: {argv!r}")
        object.__setattr__(self, "argv", argv)
        if self.env is not None:
            _check_env(self.name, self.env)
        if self.walltime is not None and not self.walltime > 0:
            raise ValueError(f"{self.name}: walltime must be more than 0 seconds, not {self.walltime!r}")
        if not 0 <= self.grace < math.inf:
            raise ValueError(f"{self.name}: grace must be at least 0 seconds, and an end to it, not {self.grace!r}")
        if self.orphan not in {"kill", "keep"}:
            raise ValueError(f"{self.name}: orphan must be 'kill' or 'keep', not {self.orphan!r}")


def _check_env(name: str, env: Mapping[str, str]) -> None:
    for variable, value in env.items():
        if not isinstance(variable, str) or not isinstance(value, str) or "\0" in variable + value:
            raise ValueError(
                f"{name}: env must map text to text, without NUL characters, not {variable!r} to {value!r}"
            )
        if not variable or "=" in variable:
            raise ValueError(f"{name}: {variable!r} is no name of an environment variable")


@dataclass(frozen=True, slots=True)
class Handle:
    """A command that an engine has taken. Plain data: it can be stored, and given to a later engine there."""

    #: The engine's name.
    engine: str
    #: As given to `submit`.
    key: str
    #: What the engine itself calls it.
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What an engine knows of a command."""

    state: JobState
    #: The exit code, if it ended by itself with one.
    exit_code: int | None = None
    #: The signal that ended it, if one did.
    signal: int | None = None
    #: Why it is in this state, in words, where the state alone does not say.
    reason: str = ""
    #: For a command that could not be started: the error of the operating system.
    errno: int | None = None
    #: Its process, where the engine has processes.
    pid: int | None = None
    #: When it began and ended, in seconds of the wall clock; None: not yet, or unknown.
    started: float | None = None
    ended: float | None = None
    #: False: the engine cannot be asked now, and this is what it last said.
    reachable: bool = True

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in _ENDS


#: Told of each change of a command's status, on a thread of the engine's: it must be quick, and must not raise.
Watcher: TypeAlias = "Callable[[Handle, Status], None]"


@runtime_checkable
class Engine(Protocol):
    """Runs commands.

    Every method may be called from any thread. None blocks for longer than the engine's own timeout.
    """

    @property
    def name(self) -> str:
        """What handles and errors call it."""
        ...

    def submit(self, spec: CommandSpec, key: str, watcher: Callable[[Handle, Status], None] | None = None) -> Handle:
        """Have the command run; return at once.

        Idempotent on `key`: the same spec under the same key is one command, also after a crash in the middle of this
        call where the engine keeps commands. `watcher` is told of every change of its status, the end last, once.

        Raises:
            KeyTakenError: another command has this key.
            UnsupportedSpecError: the engine cannot do what the spec asks for; it names what.
            StreamError: a file of its streams cannot be opened, where that is found out here.
            EngineClosedError: the engine has been closed.
            EngineUnreachableError: whether it was taken is not known: submit it again under the same key.
            EngineError: the engine cannot take it now.
        """
        ...

    def poll(self, handles: Iterable[Handle]) -> dict[Handle, Status]:
        """Return what is known of each command, in one question to the engine, however many.

        Raises:
            UnknownJobError: a handle is none of this engine's, or was removed.
        """
        ...

    def cancel(self, handle: Handle) -> None:
        """Ask for the end of the command and of every process it started. Does not wait. Nothing if it has ended.

        Raises:
            UnknownJobError: the handle is none of this engine's, or was removed.
        """
        ...

    def remove(self, handle: Handle) -> None:
        """Forget the command and delete what the engine kept of it.

        Cancels it first if it has not ended, and waits for that. Nothing if it was removed before.
        """
        ...

    def logs(
        self, handle: Handle, stream: Literal["stdout", "stderr"] = "stdout", *, offset: int = 0, size: int = -1
    ) -> bytes:
        """Return what the command has written so far, from `offset`, at most `size` bytes (-1: all there is).

        Raises:
            UnknownJobError: the handle is none of this engine's, or was removed.
            EngineError: the stream went elsewhere.
        """
        ...

    def close(self, grace: float | None = None) -> None:
        """End every command that is not to be kept, and free everything. Nothing if it was closed before.

        Args:
            grace: no command is given more seconds than this between being asked to end and being ended, whatever its
                spec says; those that were asked before included. None: as their specs say.
        """
        ...


class EngineError(HeadraceError):
    """An engine cannot do what it was asked."""


class EngineClosedError(EngineError):
    """The engine has been closed."""


class EngineUnreachableError(EngineError):
    """The engine does not answer: whether it did what it was asked is unknown. The same request may be made again."""

    transient = True


class KeyTakenError(EngineError, ValueError):
    """Another command was submitted under the same key."""


class UnknownJobError(EngineError, LookupError):
    """The handle is none of this engine's, or its command was removed."""


class UnsupportedSpecError(EngineError, ValueError):
    """The engine cannot do what a spec asks for."""


class LaunchError(EngineError):
    """A command could not be started: no such program, not executable, no such working directory."""


class StreamError(EngineError):
    """A file for a command's standard input, output or error cannot be opened.

    Args:
        stream: ``"stdin"``, ``"stdout"`` or ``"stderr"``.
        path: of the file; None for one that was to be inherited.
    """

    def __init__(self, message: str, stream: str = "", path: Path | None = None) -> None:
        super().__init__(message)
        self.stream = stream
        self.path = path
