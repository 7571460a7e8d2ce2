"""Headrace runs scientific work anywhere.

The names here are what a dataflow workflow needs::

    from headrace import python_app, load

    @python_app
    def square(x: int) -> int:
        return x * x

    with load():
        print(square(7).result())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.compute.executors import (
        ExecutorBroken,
        ExternalExecutor,
        ProcessPoolExecutor,
        RemoteError,
        SerializationError,
        ThreadPoolExecutor,
        WorkerLost,
    )
    from headrace.compute.resources import InsufficientResourcesError
    from headrace.core import HeadraceError
    from headrace.data import File
    from headrace.dataflow import (
        AUTO_LOGNAME,
        DEEP_DEPENDENCY_RESOLVER,
        SHALLOW_DEPENDENCY_RESOLVER,
        AppAbortedError,
        AppBadFormatting,
        AppException,
        AppFuture,
        AppTimeout,
        Backoff,
        BadSandboxPath,
        BadStdStreamFile,
        BashAppNoReturn,
        BashExitFailure,
        CheckpointError,
        Command,
        CommandLost,
        CommandNotStarted,
        Config,
        ConfigurationError,
        DataFlowKernel,
        DataFuture,
        DependencyError,
        DependencyResolver,
        DuplicateLabelError,
        JoinError,
        KernelClosedError,
        MemoryLimitExceeded,
        MissingOutputs,
        NoDataFlowKernelError,
        PropagatedError,
        TaskAbandonedError,
        TaskState,
        UnknownExecutorError,
        bash_app,
        clear,
        command_app,
        dfk,
        get_all_checkpoints,
        get_last_checkpoint,
        join_app,
        load,
        python_app,
        wait_for_current_tasks,
    )
    from headrace.dataflow.identity import MemoKeyError, id_for_memo

__all__ = [
    "AUTO_LOGNAME",
    "DEEP_DEPENDENCY_RESOLVER",
    "SHALLOW_DEPENDENCY_RESOLVER",
    "AppAbortedError",
    "AppBadFormatting",
    "AppException",
    "AppFuture",
    "AppTimeout",
    "Backoff",
    "BadSandboxPath",
    "BadStdStreamFile",
    "BashAppNoReturn",
    "BashExitFailure",
    "CheckpointError",
    "Command",
    "CommandLost",
    "CommandNotStarted",
    "Config",
    "ConfigurationError",
    "DataFlowKernel",
    "DataFuture",
    "DependencyError",
    "DependencyResolver",
    "DuplicateLabelError",
    "ExecutorBroken",
    "ExternalExecutor",
    "File",
    "HeadraceError",
    "InsufficientResourcesError",
    "JoinError",
    "KernelClosedError",
    "MemoKeyError",
    "MemoryLimitExceeded",
    "MissingOutputs",
    "NoDataFlowKernelError",
    "ProcessPoolExecutor",
    "PropagatedError",
    "RemoteError",
    "SerializationError",
    "TaskAbandonedError",
    "TaskState",
    "ThreadPoolExecutor",
    "UnknownExecutorError",
    "WorkerLost",
    "__version__",
    "bash_app",
    "clear",
    "command_app",
    "dfk",
    "get_all_checkpoints",
    "get_last_checkpoint",
    "id_for_memo",
    "join_app",
    "load",
    "python_app",
    "wait_for_current_tasks",
]

#: The version of this package.
__version__ = "0.1.0"

# Where the names are, the lightest first. They are imported when they are first asked for: a process that only works
# for others, as the workers of a pool do, imports this package too, and should be ready in no time.
_HOMES = (
    "headrace.core",
    "headrace.data",
    "headrace.compute.resources",
    "headrace.compute.executors",
    "headrace.dataflow",
    "headrace.dataflow.identity",
)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one type for each name; type checkers see the imports above
    for home in _HOMES if name in __all__ else ():
        module = import_module(home)
        if name in module.__all__:
            value = globals()[name] = getattr(module, name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
