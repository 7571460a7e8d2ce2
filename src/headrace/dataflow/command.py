"""Commands: what a bash app or a command app runs."""

from __future__ import annotations

import copy
import os
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.compute.engines import INHERIT, CommandSpec, JobState, LaunchError, Output, StreamError
from headrace.compute.executors import Portable
from headrace.compute.resources import Resources
from headrace.core.condition import Reply
from headrace.dataflow.errors import (
    AppBadFormatting,
    AppTimeout,
    BadSandboxPath,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    CommandLost,
    CommandNotStarted,
    ConfigurationError,
    MemoryLimitExceeded,
    MissingOutputs,
)
from headrace.dataflow.local_engine import engine_here
from headrace.dataflow.sandbox import Sandbox
from headrace.dataflow.streams import file_of_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headrace.compute.engines import Engine, Handle, Status
    from headrace.dataflow.local_engine import LocalEngine
    from headrace.dataflow.task import Task

__all__ = ["Command", "CommandCall", "CommandRun", "run_of"]

_GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """A program, its arguments, and in what environment it runs: what the function of a command app may return.

    What is given here goes over the same option of the app.
    """

    argv: Sequence[str | os.PathLike[str]]
    #: Environment variables, beside those that there are and those of the app's `env`.
    env: Mapping[str, str] | None = None
    #: The directory in which it runs.
    cwd: str | os.PathLike[str] | None = None
    #: A file that it reads as its standard input; nothing unless given.
    stdin: str | os.PathLike[str] | None = None


class CommandCall:
    """What a command app hands to its tasks: the function that makes the command, and how that is to be run.

    Args:
        func: the function.
        name: the app.
        options: those of `CommandAppOptions` that are given.
        shell: whether the function returns a line for ``/bin/bash``; else a list, or a `Command`.

    Raises:
        ConfigurationError: an option has a wrong value.
    """

    def __init__(self, func: Callable[..., Any], name: str, options: Mapping[str, Any], *, shell: bool) -> None:
        self._func = Portable(func)
        self.__name__ = name
        self._shell = shell
        env, cwd = options.get("env"), options.get("cwd")
        if env is not None and not all(isinstance(key, str) and isinstance(env[key], str) for key in env):
            raise ConfigurationError(f"app {name!r}: env must hold texts under texts, not {env!r}")
        if cwd is not None and not isinstance(cwd, str | os.PathLike):
            raise ConfigurationError(f"app {name!r}: cwd must be a path, not {cwd!r}")
        self.env = dict(env or {})
        self.cwd = cwd
        self.sandbox = bool(options.get("sandbox", False))
        self.grace = _GRACE if options.get("grace") is None else float(options["grace"])
        if self.sandbox and cwd is not None:
            raise ConfigurationError(f"app {name!r}: a sandbox is its own working directory; leave out sandbox or cwd")
        if not 0 <= self.grace < float("inf"):
            raise ConfigurationError(f"app {name!r}: grace must be a number of seconds, at least 0, not {self.grace!r}")
        #: The directory that relative paths of a sandboxed command are meant from: the caller's at the call.
        self.home: str | None = None

    def at_call(self) -> CommandCall:
        """Return what runs a call made now: the same, or if it has a sandbox, one that knows the working directory.

        Raises:
            BadSandboxPath: the working directory has been deleted.
        """
        if not self.sandbox:
            return self
        call = copy.copy(self)
        try:
            call.home = os.getcwd()  # noqa: PTH109 - kept as text, and sent
        except FileNotFoundError:
            raise BadSandboxPath(
                f"app {self.__name__}: the working directory, from which paths in a sandbox are meant, is gone"
            ) from None
        return call

    @property
    def identity(self) -> tuple[Callable[..., Any], str]:
        """The function, and what else makes two calls equal."""
        return self._func.func, repr((self._shell, sorted(self.env.items()), self.cwd))

    def run(
        self, name: str, walltime: float | None, memory: int, scratch: Path, engine: LocalEngine | None
    ) -> CommandRun:
        """Return one attempt at a call.

        Args:
            name: the task, for errors.
            walltime: seconds after which it is ended.
            memory: bytes that it may use; 0: any.
            scratch: where its sandbox is made, if it has one.
            engine: what runs it; None: that of the process in which it comes to run.
        """
        return CommandRun(self, name, walltime, memory, scratch, engine)

    def __call__(self, /, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - any function's
        """Run the command here and now, without a task."""
        return self.run(self.__name__, None, 0, Path(), None)(*args, **kwargs)

    def command(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Command:
        """Call the function; return the command that it makes.

        Raises:
            BashAppNoReturn: it returned no command.
            AppBadFormatting: it raised one of the errors of a template that does not fit its values.
        """
        try:
            made = self._func(*args, **kwargs)
        except (IndexError, KeyError) as error:
            raise AppBadFormatting(
                f"app {self.__name__}: its command cannot be formed: {type(error).__name__}: {error}"
            ) from error
        if self._shell:
            if not isinstance(made, str) or not made.strip():
                raise BashAppNoReturn(f"bash app {self.__name__} must return a command line; it returned {made!r}")
            return Command(("/bin/bash", "-c", made))
        command = made if isinstance(made, Command) else Command(made)
        argv = command.argv
        if not isinstance(argv, list | tuple) or not argv or not all(isinstance(p, str | os.PathLike) for p in argv):
            raise BashAppNoReturn(
                f"command app {self.__name__} must return a list of a program and its arguments, all texts or paths, "
                f"or a Command of such; it returned {made!r}"
            )
        return command


class CommandRun:
    """One attempt to run the command of a call, which can be cancelled from another thread."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        call: CommandCall,
        name: str,
        walltime: float | None,
        memory: int,
        scratch: Path,
        engine: LocalEngine | None,
    ) -> None:
        self._call = call
        self._name = name
        self._walltime = walltime
        self._memory = memory
        self._scratch = scratch
        self._engine = engine
        self.__name__ = call.__name__
        #: Whether it runs, or ran, in this process.
        self.has_begun = False
        self._cancelled = self._over = False
        self._running: tuple[Engine, Handle] | None = None

    def __call__(self, /, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - any function's
        """Return 0: the command ended with exit code 0, no process of it is left, and the files in `outputs` are there.

        Raises:
            BashAppNoReturn: the function returned no command.
            AppBadFormatting: it raised one of the errors of a template that does not fit its values.
            BadStdStreamFile: `stdout` or `stderr` cannot be opened.
            CommandNotStarted: there is no such program or working directory, or it may not be used.
            BashExitFailure: the exit code was not 0, or a signal ended it.
            AppTimeout: it took longer than its walltime, and was ended.
            MemoryLimitExceeded: it used more memory than it was given, and was ended.
            CommandLost: nobody knows how it ended.
            MissingOutputs: declared files are not there.
            CancelledError: it was cancelled.
        """
        self.has_begun = True
        try:
            command = self._call.command(args, kwargs)
            outputs = kwargs.get("outputs") or ()
            if not self._call.sandbox:
                for output in outputs:
                    _make_folder_of(os.fspath(output))
                self._judge(self._run(self._spec(command, kwargs, None)), kwargs.get("stderr"))
                missing = [output for output in outputs if not Path(output).exists()]
                if missing:
                    raise MissingOutputs(self.__name__, missing)
                return 0
            with Sandbox(self._scratch, self._name, Path(self._call.home or Path.cwd())) as sandbox:
                sandbox.bring(kwargs.get("inputs") or (), outputs)
                self._judge(self._run(self._spec(command, kwargs, sandbox.path)), kwargs.get("stderr"))
                missing = sandbox.keep(outputs)
                if missing:
                    raise MissingOutputs(self.__name__, missing)
            return 0
        finally:
            self._over = True

    def cancel(self) -> bool:
        """Have the command end with all its processes, or not begin. Return False if it has ended. Does not block."""
        if self._over:
            return False
        self._cancelled = True
        if self._running is not None:
            engine, handle = self._running
            engine.cancel(handle)
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        # The engine stays here: where this is sent to there is another.
        return CommandRun, (self._call, self._name, self._walltime, self._memory, self._scratch, None)

    def _spec(self, command: Command, kwargs: Mapping[str, Any], sandbox: Path | None) -> CommandSpec:
        cwd = sandbox or command.cwd or self._call.cwd
        env = {**self._call.env, **(command.env or {})}
        streams = {name: _file(name, kwargs.get(name)) for name in ("stdout", "stderr")}
        try:
            return CommandSpec(
                argv=tuple(os.fspath(part) for part in command.argv),
                name=self._name,
                cwd=None if cwd is None else Path(cwd),
                env={**os.environ, **env} if env else None,
                stdin=None if command.stdin is None else Path(command.stdin),
                stdout=_output(streams["stdout"]),
                stderr=_output(streams["stderr"]),
                resources=Resources(memory=self._memory) if self._memory else None,
                walltime=self._walltime,
                grace=self._call.grace,
            )
        except ValueError as error:
            raise AppBadFormatting(str(error)) from error

    def _run(self, spec: CommandSpec) -> Status:
        """Run the command, and return how it ended."""
        here = self._engine or engine_here()
        engine = here.engine
        ended: Reply[Status] = Reply()

        def watch(_: Handle, status: Status) -> None:
            if status.final:
                ended.give(status)

        if self._cancelled:
            raise CancelledError
        try:
            handle = engine.submit(spec, here.new_key(), watch)
        except StreamError as error:
            raise BadStdStreamFile(str(error)) from error
        except LaunchError as error:
            raise CommandNotStarted(self.__name__, str(error)) from error
        self._running = (engine, handle)
        if self._cancelled:
            engine.cancel(handle)
        try:
            return ended.get()
        finally:
            self._running = None
            engine.remove(handle)

    def _judge(self, status: Status, stderr: object) -> None:
        """Raise what a command's end means, unless it ended well."""
        state = status.state
        if self._cancelled:
            raise CancelledError
        if state is JobState.timed_out:
            raise AppTimeout(f"{self._name} exceeded its walltime of {self._walltime:g} s, and its command was ended")
        if state is JobState.over_memory:
            raise MemoryLimitExceeded(f"{self._name}: {status.reason}")
        if status.errno is not None:
            raise CommandNotStarted(self.__name__, status.reason)
        if state is JobState.failed:
            exitcode = status.exit_code if status.signal is None else -status.signal
            raise BashExitFailure(self.__name__, -1 if exitcode is None else exitcode, stderr)
        if state is not JobState.succeeded:
            raise CommandLost(f"{self._name}: its command is {state}: {status.reason or state.meaning}")


def _file(name: str, stream: Any) -> tuple[str, str] | None:  # noqa: ANN401 - checked there
    """Return the file that a stream goes to, in a directory that is there."""
    file = file_of_stream(name, stream)
    if file is not None:
        try:
            _make_folder_of(file[0])
        except (OSError, ValueError) as error:
            raise BadStdStreamFile(f"{name} cannot be written to {file[0]}: {error}") from error
    return file


def _make_folder_of(path: str) -> None:
    folder = os.path.dirname(path)  # noqa: PTH120 - a Path costs several times as much, for every command
    if folder and not os.path.isdir(folder):  # noqa: PTH112 - likewise
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - likewise


def _output(file: tuple[str, str] | None) -> Any:  # noqa: ANN401 - one of the forms of CommandSpec.stdout
    return INHERIT if file is None else Output(Path(file[0]), file[1])  # type: ignore[arg-type]  # a mode, as checked


def run_of(task: Task, scratch: Path, engine: LocalEngine) -> CommandRun:
    """Return what runs the command of a task: here, where it can be stopped, or wherever its executor is."""
    options = task.options
    call: CommandCall = task.func  # type: ignore[assignment]  # it is, of a task that runs a command
    memory = 0 if options.resources is None else options.resources.memory
    task.command_run = run = call.run(str(task), options.walltime, memory, scratch, engine)
    return run
