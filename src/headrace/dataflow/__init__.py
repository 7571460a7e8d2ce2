"""The dataflow face: functions whose calls are tasks, with the names and semantics of Parsl."""

from __future__ import annotations

from headrace.dataflow.app import App, bash_app, command_app, join_app, python_app
from headrace.dataflow.checkpoint_dirs import get_all_checkpoints, get_last_checkpoint
from headrace.dataflow.command import Command
from headrace.dataflow.config import Config
from headrace.dataflow.current import clear, dfk, wait_for_current_tasks
from headrace.dataflow.errors import (
    AppAbortedError,
    AppBadFormatting,
    AppException,
    AppTimeout,
    BadSandboxPath,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    CheckpointError,
    CommandLost,
    CommandNotStarted,
    ConfigurationError,
    DependencyError,
    DuplicateLabelError,
    JoinError,
    KernelClosedError,
    MemoryLimitExceeded,
    MissingOutputs,
    NoDataFlowKernelError,
    PropagatedError,
    TaskAbandonedError,
    UnknownExecutorError,
)
from headrace.dataflow.future import AppFuture, DataFuture, DerivedFuture
from headrace.dataflow.kernel import DataFlowKernel
from headrace.dataflow.loading import load
from headrace.dataflow.resolver import DEEP_DEPENDENCY_RESOLVER, SHALLOW_DEPENDENCY_RESOLVER, DependencyResolver
from headrace.dataflow.retry import Backoff
from headrace.dataflow.streams import AUTO_LOGNAME
from headrace.dataflow.task import TASK, Task, TaskState

__all__ = [
    "AUTO_LOGNAME",
    "DEEP_DEPENDENCY_RESOLVER",
    "SHALLOW_DEPENDENCY_RESOLVER",
    "TASK",
    "App",
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
    "DerivedFuture",
    "DuplicateLabelError",
    "JoinError",
    "KernelClosedError",
    "MemoryLimitExceeded",
    "MissingOutputs",
    "NoDataFlowKernelError",
    "PropagatedError",
    "Task",
    "TaskAbandonedError",
    "TaskState",
    "UnknownExecutorError",
    "bash_app",
    "clear",
    "command_app",
    "dfk",
    "get_all_checkpoints",
    "get_last_checkpoint",
    "join_app",
    "load",
    "python_app",
    "wait_for_current_tasks",
]
