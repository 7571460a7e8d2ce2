"""The options of a kernel."""

from __future__ import annotations

import concurrent.futures
import difflib
import os
import re
import threading
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from headrace.compute.executors import ExternalExecutor, LabelledExecutor, ThreadPoolExecutor
from headrace.dataflow.errors import ConfigurationError
from headrace.dataflow.resolver import DependencyResolver
from headrace.dataflow.retry import Backoff
from headrace.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from headrace.dataflow.checkpoints import ResultSource
    from headrace.dataflow.streams import Stream
    from headrace.dataflow.task import Task

__all__ = ["CheckpointFailure", "CheckpointMode", "Config", "ExitMode", "labelled"]

#: What leaving a kernel's ``with`` block does: clean up at once; wait for all tasks and clean up, at once if the block
#: raised; or nothing.
ExitMode = Literal["cleanup", "skip", "wait"]

#: When results of cached calls go to disk: before their futures are settled; every so often, and at the end; at the
#: end; when `DataFlowKernel.checkpoint` is called.
CheckpointMode = Literal["task_exit", "periodic", "dfk_exit", "manual"]

#: What becomes of a task whose result cannot be stored: it fails, or there is only a warning.
CheckpointFailure = Literal["fail", "warn"]

_PERIOD = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d)")


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a kernel is to work. Every option has a default; all are checked when the `Config` is made.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value; the message names it and says what would be
        right.
    """

    #: What runs the tasks; one `ThreadPoolExecutor` labelled "threads" unless said. A `concurrent.futures.Executor`
    #: with a `label` attribute is taken as it is.
    executors: Sequence[LabelledExecutor | concurrent.futures.Executor] | None = None
    #: How often a task that failed is tried again, where its app says nothing else.
    retries: int = 0
    #: What one failure costs of those retries: called with the exception and the task; 1 unless said. What it
    #: raises becomes the task's error, without another retry.
    retry_handler: Callable[[BaseException, Task], float] | None = None
    #: The delay before each retry, where the app says nothing else; none unless said.
    backoff: Backoff | None = None
    #: The directory in which each kernel makes its own, numbered one.
    run_dir: str | os.PathLike[str] = "runinfo"
    #: See `ExitMode`.
    exit_mode: ExitMode = "wait"
    #: Where futures are looked for among arguments; at the top unless said.
    dependency_resolver: DependencyResolver | None = None
    #: At most so many tasks submitted and not ended; beyond it, a submitter waits. No limit unless said.
    max_in_flight: int | None = None
    #: How many seconds `cleanup` waits for tasks that are running; None: for ever.
    cleanup_timeout: float | None = 30.0
    #: Whether equal calls share a result, of apps that say nothing else.
    cache_default: bool = False
    #: Whether equal calls share a failure too. Those under way at the same time always do.
    cache_errors: bool = False
    #: Where the run is recorded: True for ``journal.db`` in `run_dir`, a path, a ``postgresql://`` URL, or False for
    #: nowhere: then nothing can be looked up or resumed.
    journal: bool | str | os.PathLike[str] = True
    #: Which run's results answer equal calls of cached apps: ``"last"`` for the last run of the same script, the run's
    #: id or directory, None for none; ``"auto"`` for what `headrace run` or `headrace retry` asks for, else none.
    resume: str | None = "auto"
    #: When results of cached calls go to disk; None: never. See `CheckpointMode`.
    checkpoint_mode: CheckpointMode | None = "task_exit"
    #: How long between two checkpoints in mode ``"periodic"``: seconds, or ``"HH:MM:SS"``.
    checkpoint_period: float | str = 1800.0
    #: What becomes of a task whose result cannot be stored. See `CheckpointFailure`.
    checkpoint_failure: CheckpointFailure = "fail"
    #: Checkpoint directories of other runs, whose results are used too (`get_all_checkpoints` finds them), and other
    #: places where results may be found (`ResultSource`).
    checkpoint_files: Sequence[str | os.PathLike[str] | ResultSource] = ()
    #: How many threads run the bodies of join apps and the callbacks of futures.
    internal_tasks_max_threads: int = 10
    #: What AUTO_LOGNAME means: called with the task and ``"stdout"`` or ``"stderr"``, returns a path, or another of the
    #: forms that these may have. Unless said, ``RUN_DIR/task_logs/NNNN/task_ID_APP[_LABEL].stdout``.
    std_autopath: Callable[[Task, str], Stream] | None = None
    #: Who is told of every move of every task, each on a thread of its own beside the run.
    observers: Sequence[Observer] = ()
    #: Whether the run's log is written to ``headrace.log`` in its run directory.
    initialize_logging: bool = True

    def __new__(cls, *args: object, **options: object) -> Self:
        """Refuse what is no option by name, before anything else is looked at."""
        if args:
            msg = f"Config takes its options by name, as in Config(retries=3), not {type(args[0]).__name__}"
            hint = "; for a dict, write Config(**options)" if isinstance(args[0], dict) else ""
            raise ConfigurationError(msg + hint)
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"the options are: {', '.join(known)}"
                msg = f"Config has no option {name!r}; {hint}"
                raise ConfigurationError(msg)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if self.executors is None:
            object.__setattr__(self, "executors", (ThreadPoolExecutor(),))
        else:
            object.__setattr__(self, "executors", self._labelled_executors())
        _check_whole("retries", self.retries, 0)
        _check_whole("internal_tasks_max_threads", self.internal_tasks_max_threads, 1)
        if self.max_in_flight is not None:
            _check_whole("max_in_flight", self.max_in_flight, 1)
        _check_kind(
            "retry_handler",
            callable(self.retry_handler) or self.retry_handler is None,
            "a function",
            self.retry_handler,
        )
        _check_kind("backoff", isinstance(self.backoff, Backoff | None), "a Backoff", self.backoff)
        resolver = self.dependency_resolver
        _check_kind(
            "dependency_resolver", isinstance(resolver, DependencyResolver | None), "a DependencyResolver", resolver
        )
        _check_kind(
            "run_dir",
            isinstance(self.run_dir, str | os.PathLike) and bool(os.fspath(self.run_dir)),
            "a path",
            self.run_dir,
        )
        autopath = self.std_autopath
        _check_kind("std_autopath", autopath is None or callable(autopath), "a function", autopath)
        observers = self.observers
        _check_kind("observers", _are_observers(observers), "a list of headrace.observers.Observer", observers)
        timeout = self.cleanup_timeout
        is_timeout = timeout is None or (isinstance(timeout, int | float) and 0 <= timeout <= threading.TIMEOUT_MAX)
        _check_kind("cleanup_timeout", is_timeout, "a number of seconds, at least 0, or None", timeout)
        _check_choice("exit_mode", self.exit_mode, ExitMode)
        self._check_record()

    def _check_record(self) -> None:
        journal = self.journal
        is_place = isinstance(journal, bool) or (isinstance(journal, str | os.PathLike) and bool(os.fspath(journal)))
        _check_kind("journal", is_place, "True, False, a path or a postgresql:// URL", journal)
        is_run = self.resume is None or (isinstance(self.resume, str) and bool(self.resume))
        _check_kind("resume", is_run, "'last', 'auto', a run's id or directory, or None", self.resume)
        if self.checkpoint_mode is not None:
            _check_choice("checkpoint_mode", self.checkpoint_mode, CheckpointMode)
        _check_choice("checkpoint_failure", self.checkpoint_failure, CheckpointFailure)
        _check_kind(
            "checkpoint_period",
            0 < self.checkpoint_seconds <= threading.TIMEOUT_MAX,
            "a number of seconds or 'HH:MM:SS', more than 0",
            self.checkpoint_period,
        )
        files = self.checkpoint_files
        _check_kind("checkpoint_files", isinstance(files, list | tuple), "a list of checkpoint directories", files)
        if journal is False and (files or self.resume not in {None, "auto"}):
            option = "checkpoint_files" if files else "resume"
            raise ConfigurationError(f"Config option {option!r} needs a journal: leave journal=False out")

    @property
    def checkpoint_seconds(self) -> float:
        """The checkpoint period in seconds; 0 if it is none."""
        period = self.checkpoint_period
        if isinstance(period, str):
            match = _PERIOD.fullmatch(period)
            hours, minutes, seconds = (0, 0, 0) if match is None else map(int, match.groups())
            return hours * 3600.0 + minutes * 60 + seconds
        return float(period) if isinstance(period, int | float) and not isinstance(period, bool) else 0.0

    @property
    def labelled_executors(self) -> tuple[LabelledExecutor, ...]:
        """The executors, each with its label."""
        return self.executors  # type: ignore[return-value]  # made so in __post_init__

    def _labelled_executors(self) -> tuple[LabelledExecutor, ...]:
        given = self.executors
        if not isinstance(given, list | tuple):
            msg = f"Config option 'executors' must be a list of executors, not {type(given).__name__}"
            raise ConfigurationError(msg)
        return tuple(labelled(executor) for executor in given)


def labelled(executor: Any) -> LabelledExecutor:  # noqa: ANN401 - checked here
    """Return the executor as one with a label.

    Raises:
        ConfigurationError: it is no executor, or has no label.
    """
    if isinstance(executor, LabelledExecutor):
        return executor
    if not isinstance(executor, concurrent.futures.Executor):
        msg = f"an executor must be a concurrent.futures.Executor with a label, not {executor!r}"
        raise ConfigurationError(msg)
    label = getattr(executor, "label", None)
    if not isinstance(label, str) or not label:
        msg = f"{executor!r} has no label: write ExternalExecutor('a label', executor)"
        raise ConfigurationError(msg)
    return ExternalExecutor(label, executor)


def _are_observers(given: object) -> bool:
    found = given if isinstance(given, list | tuple) else [None]
    return all(isinstance(one, Observer) and not isinstance(one, type) for one in found)


def _check_whole(name: str, value: object, least: int) -> None:
    _check_kind(
        name,
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"a whole number, at least {least}",
        value,
    )


def _check_choice(name: str, value: object, choices: object) -> None:
    known = get_args(choices)
    _check_kind(name, value in known, f"one of {', '.join(map(repr, known))}", value)


def _check_kind(name: str, good: bool, wanted: str, value: object) -> None:  # noqa: FBT001 - the outcome of a check
    if not good:
        msg = f"Config option {name!r} must be {wanted}, not {value!r}"
        raise ConfigurationError(msg)
