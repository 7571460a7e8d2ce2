"""What can go wrong in a dataflow. Names that Parsl has too mean the same here.

::

    HeadraceError
     ├── ConfigurationError (also ValueError)   an option is unknown or has a wrong value
     │    ├── DuplicateLabelError               two executors with one label
     │    └── UnknownExecutorError              a label that no executor has
     ├── NoDataFlowKernelError                  an app was called, or dfk() asked for, and none is loaded
     │    └── KernelClosedError (also ValueError)   the kernel has been cleaned up
     ├── PropagatedError                        a task did not run, or end, because of others
     │    ├── DependencyError                   what it depends on failed
     │    └── JoinError                         what a join app waited for failed
     ├── TaskAbandonedError                     given up while it may have been running
     ├── CheckpointError                        a result could not be stored
     └── AppException                           an app went wrong by itself
          ├── AppAbortedError                   it raised SystemExit, KeyboardInterrupt or their like
          ├── AppTimeout (also TimeoutError)    it took longer than its walltime
          ├── MemoryLimitExceeded               it used more memory than it was given
          ├── AppBadFormatting                  a bash app's command cannot be formed
          ├── BashAppNoReturn                   a bash app returned no command
          ├── BashExitFailure                   a command's exit code was not 0
          ├── CommandNotStarted                 no such program or working directory, or not to be used
          ├── CommandLost                       nobody knows how a command ended
          ├── BadSandboxPath                    a relative path leads out of a sandbox
          ├── MissingOutputs                    declared output files are not there
          └── BadStdStreamFile                  a file for stdout or stderr cannot be opened
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from headrace.core import HeadraceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future

__all__ = [
    "AppAbortedError",
    "AppBadFormatting",
    "AppException",
    "AppTimeout",
    "BadSandboxPath",
    "BadStdStreamFile",
    "BashAppNoReturn",
    "BashExitFailure",
    "CheckpointError",
    "CommandLost",
    "CommandNotStarted",
    "ConfigurationError",
    "DependencyError",
    "DuplicateLabelError",
    "JoinError",
    "KernelClosedError",
    "MemoryLimitExceeded",
    "MissingOutputs",
    "NoDataFlowKernelError",
    "PropagatedError",
    "TaskAbandonedError",
    "UnknownExecutorError",
    "failures_among",
]

# How many steps of a failure's path its message shows before and after the gap.
_SHOWN = 5


class ConfigurationError(HeadraceError, ValueError):
    """An option is unknown or has a wrong value."""


class DuplicateLabelError(ConfigurationError):
    """Two executors have one label."""


class UnknownExecutorError(ConfigurationError):
    """A label was asked for that no executor has."""


class NoDataFlowKernelError(HeadraceError):
    """There is no kernel to submit to."""


class KernelClosedError(NoDataFlowKernelError, ValueError):
    """The kernel has been cleaned up and takes no more tasks."""


class TaskAbandonedError(HeadraceError):
    """The kernel gave the task up while it may have been running. Whether it ended is unknown."""


class CheckpointError(HeadraceError):
    """The task ended well, and its result is not known to be on disk, which its future would have promised."""


class PropagatedError(HeadraceError):
    """A task went wrong only because others did.

    Args:
        dependent_exceptions_tids: what went wrong: each exception, with the name of the task or future it came from.
        task_id: the task that this error belongs to.
        task_name: its app's name.

    However long the path from the task to what first went wrong, building, printing and pickling it is iterative.
    """

    #: How a message says what became of the task.
    _verb = "did not end well"

    def __init__(
        self,
        dependent_exceptions_tids: Sequence[tuple[BaseException, str]],
        task_id: int,
        task_name: str = "",
    ) -> None:
        super().__init__()
        self.dependent_exceptions_tids = tuple(dependent_exceptions_tids)
        self.task_id = task_id
        self.task_name = task_name
        first = self.dependent_exceptions_tids[0][0] if self.dependent_exceptions_tids else None
        #: What first went wrong, at the path's far end; None if nothing is known.
        self.root_cause: BaseException | None = first
        # How many steps lie between this one and that, and the names of the last of them: shared by all on one path, so
        # that each of many thousands can be put into words without going through all that lie before it.
        self._steps = min(1, len(self.dependent_exceptions_tids))
        self._last: tuple[str, ...] = tuple(source for _, source in self.dependent_exceptions_tids[:1])
        if isinstance(first, PropagatedError):
            self.root_cause = first.root_cause
            self._steps += first._steps  # noqa: SLF001 - our own class
            last = first._last  # noqa: SLF001 - our own class
            self._last = last if len(last) >= _SHOWN else (*self._last, *last)
        self.__cause__ = self.root_cause

    @property
    def path(self) -> tuple[str, ...]:
        """The tasks from this one to the one that first went wrong, each waiting for the next."""
        return tuple(self._path())

    def _path(self) -> Iterator[str]:
        yield _described(self)
        error: BaseException = self
        while isinstance(error, PropagatedError) and error.dependent_exceptions_tids:
            error, source = error.dependent_exceptions_tids[0]
            yield source

    def __str__(self) -> str:
        left_out = self._steps + 1 - 2 * _SHOWN
        if left_out > 1:
            path = [*islice(self._path(), _SHOWN), f"... {left_out} more ...", *self._last[-_SHOWN:]]
        else:
            path = list(self._path())
        others = len(self.dependent_exceptions_tids) - 1
        beside = f" (and {others} more of its dependencies failed)" if others > 0 else ""
        cause = f"{type(self.root_cause).__name__}: {self.root_cause}" if self.root_cause is not None else "unknown"
        return f"{path[0]} {self._verb}{beside}: {' <- '.join(path)} failed with {cause}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (_flattened(self),)


class DependencyError(PropagatedError):
    """The task did not run: something that it depends on failed or was cancelled."""

    _verb = "did not run"


class JoinError(PropagatedError):
    """The join app's body returned, but something it asked to wait for failed."""

    _verb = "could not be joined"


def _described(error: PropagatedError) -> str:
    return f"task {error.task_id} ({error.task_name})" if error.task_name else f"task {error.task_id}"


def _flattened(error: PropagatedError) -> list[Any]:
    """List every error below this one once, causes before what they caused, so that no pickle is deeper than one error.

    An entry is an exception of another kind as it is, or a tuple that names its causes by their places in the list.
    """
    places: dict[int, int] = {}
    entries: list[Any] = []
    todo: list[tuple[BaseException, bool]] = [(error, False)]
    while todo:
        one, causes_listed = todo.pop()
        if id(one) in places:
            continue
        if not isinstance(one, PropagatedError):
            places[id(one)] = len(entries)
            entries.append(one)
        elif causes_listed:
            places[id(one)] = len(entries)
            causes = [(places[id(cause)], source) for cause, source in one.dependent_exceptions_tids]
            entries.append((type(one), causes, one.task_id, one.task_name))
        else:
            todo.append((one, True))
            todo += [(cause, False) for cause, _ in one.dependent_exceptions_tids]
    return entries


def _rebuild(entries: list[Any]) -> PropagatedError:
    errors: list[Any] = []
    for entry in entries:
        if isinstance(entry, tuple):
            kind, causes, task_id, task_name = entry
            errors.append(kind([(errors[place], source) for place, source in causes], task_id, task_name))
        else:
            errors.append(entry)
    rebuilt: PropagatedError = errors[-1]
    return rebuilt


def failures_among(futures: Iterable[Future[Any]]) -> list[tuple[BaseException, str]]:
    """Return the errors of those futures that have failed, each with what people call it."""
    failed = [
        future for future in futures if future.done() and not future.cancelled() and future.exception() is not None
    ]
    return [(error, str(getattr(one, "task_record", one))) for one in failed if (error := one.exception()) is not None]


class AppException(HeadraceError):
    """An app went wrong by itself."""

    @property
    def reason(self) -> str:
        """What went wrong, as text."""
        return str(self)


class AppAbortedError(AppException):
    """The app raised something that means to end a process: SystemExit, KeyboardInterrupt, GeneratorExit.

    It ends its own task only; what it raised is the ``__cause__``.
    """


class AppTimeout(AppException, TimeoutError):
    """The app took longer than its walltime, and was ended. Whatever it had done by then is done."""


class MemoryLimitExceeded(AppException):
    """The app used more memory than it was given, and was ended."""


class AppBadFormatting(AppException):
    """A bash app's command cannot be formed from its template."""


class BashAppNoReturn(AppException):
    """A bash app returned something that is no command."""


class BashExitFailure(AppException):
    """A bash app's command ended with an exit code other than 0; negative: the number of the signal that ended it."""

    def __init__(self, app_name: str, exitcode: int, stderr: object = None) -> None:
        super().__init__(app_name, exitcode, stderr)
        self.app_name = app_name
        self.exitcode = exitcode
        #: Where the command's standard error went, as the call had it.
        self.stderr = stderr

    def __str__(self) -> str:
        where = f" (its stderr is in {self.stderr})" if self.stderr is not None else ""
        if self.exitcode < 0:
            return f"app {self.app_name}: its command was ended by signal {-self.exitcode}{where}"
        return f"app {self.app_name}: its command ended with exit code {self.exitcode}{where}"


class CommandNotStarted(AppException):
    """A command could not be started: no such program, no right to run it, no such working directory."""

    def __init__(self, app_name: str, why: str) -> None:
        super().__init__(app_name, why)
        self.app_name = app_name
        self.why = why

    def __str__(self) -> str:
        return f"app {self.app_name}: its command could not be started: {self.why}"


class CommandLost(AppException):
    """A command is gone, and nobody knows how it ended."""


class BadSandboxPath(AppException):
    """A relative path among a call's inputs or outputs leads out of its sandbox."""


class MissingOutputs(AppException):
    """The app ended, but files that it declared as outputs are not there."""

    def __init__(self, app_name: str, outputs: Sequence[object]) -> None:
        super().__init__(app_name, list(outputs))
        self.app_name = app_name
        self.outputs = list(outputs)

    def __str__(self) -> str:
        names = ", ".join(str(output) for output in self.outputs)
        return f"app {self.app_name} ended without writing its declared outputs: {names}"


class BadStdStreamFile(AppException):
    """A file for a command's stdout or stderr cannot be opened, or is not one of the accepted forms."""
