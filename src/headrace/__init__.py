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

from headrace.compute.executors import ExternalExecutor, ThreadPoolExecutor
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
    Backoff,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    Config,
    ConfigurationError,
    DataFlowKernel,
    DataFuture,
    DependencyError,
    DependencyResolver,
    DuplicateLabelError,
    JoinError,
    KernelClosedError,
    MissingOutputs,
    NoDataFlowKernelError,
    PropagatedError,
    TaskAbandonedError,
    TaskState,
    UnknownExecutorError,
    bash_app,
    clear,
    dfk,
    join_app,
    load,
    python_app,
    wait_for_current_tasks,
)

__all__ = [
    "AUTO_LOGNAME",
    "DEEP_DEPENDENCY_RESOLVER",
    "SHALLOW_DEPENDENCY_RESOLVER",
    "AppAbortedError",
    "AppBadFormatting",
    "AppException",
    "AppFuture",
    "Backoff",
    "BadStdStreamFile",
    "BashAppNoReturn",
    "BashExitFailure",
    "Config",
    "ConfigurationError",
    "DataFlowKernel",
    "DataFuture",
    "DependencyError",
    "DependencyResolver",
    "DuplicateLabelError",
    "ExternalExecutor",
    "File",
    "HeadraceError",
    "JoinError",
    "KernelClosedError",
    "MissingOutputs",
    "NoDataFlowKernelError",
    "PropagatedError",
    "TaskAbandonedError",
    "TaskState",
    "ThreadPoolExecutor",
    "UnknownExecutorError",
    "__version__",
    "bash_app",
    "clear",
    "dfk",
    "join_app",
    "load",
    "python_app",
    "wait_for_current_tasks",
]

#: The version of this package.
__version__ = "0.1.0"
