"""Stands for `parsl.app` and its modules, and for `parsl.dataflow.futures`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headrace.dataflow import App, AppFuture, DataFuture, bash_app, join_app, python_app

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.dataflow import DataFlowKernel

__all__ = ["AppBase", "AppFuture", "BashApp", "DataFuture", "PythonApp", "bash_app", "join_app", "python_app"]

AppBase = App


class _Kind(type):
    """Counts Headrace's apps as instances, by what they run."""

    runs_commands: bool

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, App) and instance.options.command is cls.runs_commands


class PythonApp(metaclass=_Kind):
    """Parsl's long form of `python_app`; of `join_app`, if `join`. Making one gives what those give."""

    runs_commands = False

    def __new__(  # type: ignore[misc]  # noqa: PLR0917 - Parsl's signature; an instance by the metaclass's word
        cls,
        func: Callable[..., Any],
        data_flow_kernel: DataFlowKernel | None = None,
        cache: bool = False,  # noqa: FBT001, FBT002 - likewise
        executors: Sequence[str] | str = "all",
        ignore_for_cache: Sequence[str] | None = None,
        join: bool = False,  # noqa: FBT001, FBT002 - likewise
    ) -> App[..., Any]:
        """Return the app."""
        if join:
            return join_app(data_flow_kernel=data_flow_kernel, cache=cache, ignore_for_cache=ignore_for_cache)(func)
        return python_app(
            data_flow_kernel=data_flow_kernel, cache=cache, executors=executors, ignore_for_cache=ignore_for_cache
        )(func)


class BashApp(metaclass=_Kind):
    """Parsl's long form of `bash_app`. Making one gives what that gives."""

    runs_commands = True

    def __new__(  # type: ignore[misc]  # an instance by the metaclass's word
        cls,
        func: Callable[..., str],
        data_flow_kernel: DataFlowKernel | None = None,
        cache: bool = False,  # noqa: FBT001, FBT002 - likewise
        executors: Sequence[str] | str = "all",
        ignore_for_cache: Sequence[str] | None = None,
    ) -> App[..., Any]:
        """Return the app."""
        return bash_app(
            data_flow_kernel=data_flow_kernel, cache=cache, executors=executors, ignore_for_cache=ignore_for_cache
        )(func)
