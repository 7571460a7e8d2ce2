"""Stands for `parsl.config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import headrace
from headrace.compat.parsl.checkpoints import CheckpointOptions
from headrace.compat.parsl.executors import ThreadPoolExecutor, adopted
from headrace.compat.parsl.logs import LogConfig, NoopLogging
from headrace.compat.parsl.memoization import BasicMemoizer
from headrace.compat.parsl.notices import refuse, tell_of_options
from headrace.compat.parsl.usage import LEVEL_3
from headrace.dataflow import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from headrace.compat.parsl.checkpoints import Given, Mode
    from headrace.compat.parsl.memoization import Memoizer
    from headrace.compat.parsl.monitoring import MonitoringHub
    from headrace.dataflow import DependencyResolver, Task
    from headrace.dataflow.config import ExitMode

__all__ = ["Config"]


class Config(headrace.Config):
    """Headrace's options under Parsl's names and with Parsl's defaults. As Parsl's, it may be changed until it is used.

    Without effect, and told once: `garbage_collect`, `strategy`, `strategy_period`, `max_idletime`, `monitoring`,
    `usage_tracking`, `project_name`, `lazy_errors`.

    Raises:
        ConfigurationError: an option has a wrong value.
        RefusedError: an option is not here, and without it the program would mean something else: a memoizer of the
            program's own.
    """

    def __new__(cls, *_: object, **__: object) -> Self:
        """Leave the checking of names to the signature of `__init__`."""
        return object.__new__(cls)

    def __init__(  # noqa: PLR0917 - Parsl's signature
        self,
        executors: Iterable[Any] | None = None,
        memoizer: Memoizer | None = None,
        dependency_resolver: DependencyResolver | None = None,
        exit_mode: ExitMode = "cleanup",
        garbage_collect: bool = True,  # noqa: FBT001, FBT002 - likewise
        internal_tasks_max_threads: int = 10,
        retries: int = 0,
        retry_handler: Callable[[BaseException, Task], float] | None = None,
        run_dir: str = "runinfo",
        std_autopath: Callable[[Task, str], Any] | None = None,
        strategy: str | None = "simple",
        strategy_period: float = 5,
        max_idletime: float = 120.0,
        monitoring: MonitoringHub | None = None,
        usage_tracking: int = 0,
        project_name: str | None = None,
        initialize_logging: bool | LogConfig = True,  # noqa: FBT001, FBT002 - likewise
        *,
        app_cache: bool = True,
        checkpoint_mode: Mode | None = None,
        checkpoint_files: Sequence[Given] | None = None,
        checkpoint_period: str | None = None,
        lazy_errors: bool = True,
    ) -> None:
        super().__init__(
            executors=_executors(executors),
            retries=retries,
            retry_handler=retry_handler,
            run_dir=run_dir,
            exit_mode=exit_mode,
            dependency_resolver=dependency_resolver,
            internal_tasks_max_threads=internal_tasks_max_threads,
            cache_errors=True,
            std_autopath=std_autopath,
            initialize_logging=_logs(initialize_logging),
        )
        _check_memoizer(memoizer)
        _check_usage_tracking(usage_tracking)
        tell_of_options(
            "Config",
            {
                "garbage_collect": (garbage_collect, True),
                "strategy": (strategy if strategy not in {"none", None} else "simple", "simple"),
                "strategy_period": (strategy_period, 5),
                "max_idletime": (max_idletime, 120.0),
                "monitoring": (monitoring, None),
                "usage_tracking": (int(usage_tracking), 0),
                "project_name": (project_name, None),
                "lazy_errors": (lazy_errors, True),
            },
            "workers are those of this machine, and nothing is reported to anybody",
        )
        self.memoizer = memoizer
        # Where today's Parsl has a memoizer, older ones had these, with their own types.
        vars(self).update(
            checkpoint_mode=checkpoint_mode, checkpoint_files=checkpoint_files, checkpoint_period=checkpoint_period
        )
        _ = self.checkpoints
        self.app_cache = app_cache
        self.garbage_collect = garbage_collect
        self.strategy = strategy
        self.strategy_period = strategy_period
        self.max_idletime = max_idletime
        self.monitoring = monitoring
        self.usage_tracking = usage_tracking
        self.project_name = project_name

    @property
    def caches(self) -> bool:
        """Whether calls of apps with ``cache=True`` share results."""
        return self.app_cache and (not isinstance(self.memoizer, BasicMemoizer) or self.memoizer.memoize)

    @property
    def checkpoints(self) -> CheckpointOptions:
        """What the memoizer says of checkpoints; in the absence of one, what the older options say.

        Raises:
            ConfigurationError: an option has a wrong value.
        """
        if isinstance(self.memoizer, BasicMemoizer):
            return self.memoizer.options
        own = vars(self)
        return CheckpointOptions.of_old_config(
            own["checkpoint_mode"], own["checkpoint_files"], own["checkpoint_period"]
        )

    # A dataclass's are frozen and by value; Parsl's may be changed and is itself only.
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _executors(given: Iterable[Any] | None) -> tuple[Any, ...]:
    return tuple(adopted(executor) for executor in given or ()) or (ThreadPoolExecutor(),)


def _logs(given: bool | LogConfig) -> bool:  # noqa: FBT001 - an option's value
    return not isinstance(given, NoopLogging) if isinstance(given, LogConfig) else given


def _check_usage_tracking(level: object) -> None:
    """Refuse what Parsl refuses, although no level has an effect: it is a slip all the same."""
    if level not in range(LEVEL_3 + 1):
        raise ConfigurationError(f"Config option 'usage_tracking' must be 0, 1, 2 or 3, not {level!r}")


def _check_memoizer(memoizer: object) -> None:
    if memoizer is not None and type(memoizer) is not BasicMemoizer:
        refuse(
            f"a memoizer of your own ({type(memoizer).__name__})", "leave it out, or register types with id_for_memo"
        )
