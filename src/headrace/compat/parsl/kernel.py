"""Stands for `parsl.dataflow` and `parsl.dataflow.dflow`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import headrace
from headrace.compat.parsl.checkpoints import for_kernel, load_found
from headrace.compat.parsl.checkpoints import load as load_checkpoints
from headrace.compat.parsl.config import Config
from headrace.compat.parsl.data import refuse_remote_files
from headrace.compat.parsl.errors import InvalidResourceSpecification
from headrace.compat.parsl.executors import OwnExecutor, adopted
from headrace.compat.parsl.memoization import BasicMemoizer
from headrace.compat.parsl.notices import refuse
from headrace.compute.executors import ExternalExecutor
from headrace.core import HeadraceError
from headrace.dataflow import current, join_app, python_app

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Iterable, Sequence

    from headrace.compat.parsl.checkpoints import CheckpointOptions, Given, Mode
    from headrace.compute.executors import LabelledExecutor
    from headrace.dataflow import AppFuture
    from headrace.dataflow.task import CallOptions

__all__ = ["DataFlowKernel", "DataFlowKernelLoader", "load"]


class DataFlowKernel(headrace.DataFlowKernel):
    """Headrace's kernel, with what Parsl's has besides.

    The form of Parsl's first years is taken too: executors and options by name instead of a config. Executors that
    are handed in so are not shut down with the kernel.

    Args:
        config: the options: Parsl's `Config`, whose defaults are Parsl's, or Headrace's.
        executors: in place of it, `concurrent.futures` executors. Those without a label are numbered from 0.
        rundir: where each kernel makes its numbered directory.
        retries: how often a task that failed is tried again.
        lazyErrors: without effect.
        appCache: whether apps may share results.
        checkpointFiles: see `Config`.
        checkpointMode: likewise.
        data_manager: none.

    Raises:
        ConfigurationError: see Headrace's; or checkpoints are to be written or read, and no journal can be kept.
        BadCheckpoint: a checkpoint that is named cannot be read.
        RefusedError: a data manager is asked for.
    """

    def __init__(
        self,
        config: headrace.Config | None = None,
        executors: Sequence[concurrent.futures.Executor] | None = None,
        *,
        rundir: str = "runinfo",
        retries: int = 0,
        lazyErrors: bool = True,  # noqa: ARG002, N803 - the name that it had
        appCache: bool = True,  # noqa: N803 - likewise
        checkpointFiles: Sequence[Given] | None = None,  # noqa: N803 - likewise
        checkpointMode: Mode | None = None,  # noqa: N803 - likewise
        data_manager: object = None,
    ) -> None:
        if data_manager is not None:
            refuse("DataFlowKernel(data_manager=...)", "files are not staged yet; leave it out")
        if config is None:
            config = Config(
                executors=_numbered(executors or ()),
                run_dir=rundir,
                retries=retries,
                app_cache=appCache,
                checkpoint_files=checkpointFiles,
                checkpoint_mode=checkpointMode,
            )
        self._caches = not isinstance(config, Config) or config.caches
        given = config.memoizer if isinstance(config, Config) else None
        self._memoizer = given if isinstance(given, BasicMemoizer) else BasicMemoizer()
        self._memoizer.used_by(self)
        if not isinstance(config, Config):
            super().__init__(config)
            return
        options = config.checkpoints
        super().__init__(for_kernel(config, options))
        self._config = config
        try:
            self._begin_checkpoints(config, options)
        except BaseException:
            self._close(0.0)
            raise

    def _begin_checkpoints(self, config: Config, options: CheckpointOptions) -> None:
        if self._record is None and options.mode is None and not options.files:
            return
        from headrace.compat.parsl_checkpoints.export import ParslExport  # noqa: PLC0415 - it takes long, in every worker

        checkpoints = self._checkpoints("a checkpoint")
        if not self._caches:
            return
        export = ParslExport(self._run_dir / "checkpoint", lambda: self.task_count, always=options.mode is not None)
        checkpoints.add_source(export)
        checkpoints.add_sink(export)
        if options.files is not None:
            load_checkpoints(checkpoints, options.files)
        elif options.mode is not None:
            load_found(checkpoints, config.run_dir)

    @property
    def run_dir(self) -> str:  # type: ignore[override]  # Parsl's is text, and programs add to it
        """This run's own directory, under ``config.run_dir``."""
        return str(self._run_dir)

    def call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: CallOptions
    ) -> AppFuture[Any]:
        """Submit one call of an app; see Headrace's.

        Raises:
            InvalidResourceSpecification: the call's ``parsl_resource_specification`` has keys or values that nobody
                knows, or asks for more than any executor has.
            RefusedError: Parsl would stage a file for it.
        """
        if not self._caches and options.cache:
            options = replace(options, cache=False)
        if not kwargs.get("_parsl_staging_inhibit"):
            refuse_remote_files(options.name, args, kwargs)
        try:
            return super().call(func, args, kwargs, options)
        except ValueError as error:
            specification = kwargs.get("parsl_resource_specification")
            if specification and isinstance(error, HeadraceError):
                raise InvalidResourceSpecification(set(specification), str(error)) from error
            raise

    def submit(
        self,
        func: Callable[..., Any],
        *args: Any,  # noqa: ANN401 - handed through to the function
        executors: Sequence[str] | str = "all",
        fn_hash: str | None = None,
        cache: bool | None = None,
        **kwargs: Any,  # noqa: ANN401 - likewise
    ) -> AppFuture[Any]:
        """Submit a call of any function, in the form of today's Parsl or that of its first years.

        Today's has the keyword `app_kwargs`, and `app_args` by keyword or as the one positional argument. The other is
        ``submit(func, *args, **kwargs)``, as Headrace has it.
        """
        if "app_kwargs" not in kwargs:
            return super().submit(func, *args, executors=executors, fn_hash=fn_hash, cache=cache, **kwargs)
        app_kwargs: dict[str, Any] = kwargs.pop("app_kwargs")
        app_args: Sequence[Any] = kwargs.pop("app_args", args[0] if args else ())
        ignore: Sequence[str] | None = kwargs.pop("ignore_for_cache", None)
        join: bool = kwargs.pop("join", False)
        if kwargs:
            raise TypeError(f"submit takes no {', '.join(kwargs)} beside app_kwargs")
        if join:
            return join_app(data_flow_kernel=self, cache=cache, ignore_for_cache=ignore)(func)(*app_args, **app_kwargs)
        app = python_app(data_flow_kernel=self, executors=executors, cache=cache, ignore_for_cache=ignore)(func)
        return app(*app_args, **app_kwargs)

    def add_executors(self, executors: Iterable[LabelledExecutor | concurrent.futures.Executor]) -> None:
        """Start more executors, Parsl's own kind among them; see Headrace's."""
        own = [adopted(executor) for executor in executors]
        for executor in own:
            if isinstance(executor, OwnExecutor):
                executor.inner.run_dir = self.run_dir
        super().add_executors(own)

    @property
    def memoizer(self) -> BasicMemoizer:
        """What looks after its checkpoints."""
        return self._memoizer

    def checkpoint(self, tasks: object = None) -> str:  # type: ignore[override]  # noqa: ARG002 - Parsl's signature
        """Have the results of all cached calls that have ended so far on disk; return the checkpoint's directory.

        There they are in Parsl's layout, too.

        Raises:
            ConfigurationError: the kernel keeps no journal.
            CheckpointError: a result does not pickle; the others have been stored.
            JournalUnavailable: the store cannot be written to.
        """
        return str(super().checkpoint())

    def load_checkpoints(self, checkpointDirs: Sequence[Given] | None) -> None:  # noqa: N803 - Parsl's
        """Answer equal calls of cached apps with the results of these checkpoints too, Headrace's or Parsl's.

        Raises:
            BadCheckpoint: one of them is no checkpoint, or cannot be read.
            ConfigurationError: it is no list of directories, or the kernel keeps no journal.
        """
        load_checkpoints(self._checkpoints("load_checkpoints"), checkpointDirs or [])


def load(config: headrace.Config | None = None) -> DataFlowKernel:
    """Make a kernel and make it the current one; return it, usable in a ``with`` block.

    Raises:
        ConfigurationError: one is loaded already, or the options are wrong.
    """
    kernel = current.claim(partial(DataFlowKernel, config))
    assert isinstance(kernel, DataFlowKernel)  # noqa: S101 - what was just made
    return kernel


def _numbered(executors: Sequence[concurrent.futures.Executor]) -> list[ExternalExecutor]:
    return [ExternalExecutor(getattr(one, "label", str(number)), one) for number, one in enumerate(executors)]


class DataFlowKernelLoader:
    """The current kernel, as Parsl's long form has it."""

    clear = staticmethod(current.clear)
    dfk = staticmethod(current.dfk)
    load = staticmethod(load)
    wait_for_current_tasks = staticmethod(current.wait_for_current_tasks)
