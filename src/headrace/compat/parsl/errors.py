"""Stands for all of Parsl's modules of exceptions: `parsl.errors`, `parsl.app.errors`, `parsl.dataflow.errors`, ….

Those that can happen here are Headrace's own. The others are there so that programs can name them in an ``except``
clause; nothing raises them.
"""

from __future__ import annotations

from headrace.compat.errors import BadCheckpoint
from headrace.compute.executors import ExecutorBroken, SerializationError, WorkerLost
from headrace.core import HeadraceError
from headrace.dataflow.errors import (
    AppBadFormatting,
    AppException,
    AppTimeout,
    BadStdStreamFile,
    BashAppNoReturn,
    BashExitFailure,
    ConfigurationError,
    DependencyError,
    JoinError,
    MissingOutputs,
    NoDataFlowKernelError,
    PropagatedError,
)

__all__ = [
    "AppBadFormatting",
    "AppException",
    "AppTimeout",
    "BadCheckpoint",
    "BadMessage",
    "BadStateException",
    "BadStdStreamFile",
    "BashAppNoReturn",
    "BashExitFailure",
    "ConfigurationError",
    "DataFlowException",
    "DependencyError",
    "DeserializationError",
    "DeserializerPluginError",
    "ExecutionProviderException",
    "ExecutorError",
    "InternalConsistencyError",
    "InvalidResourceSpecification",
    "JoinError",
    "ManagerLost",
    "MissingOutputs",
    "MonitoringHubStartError",
    "NoDataFlowKernelError",
    "OptionalModuleMissing",
    "ParslError",
    "PropagatedException",
    "ScaleOutFailed",
    "ScalingFailed",
    "SchedulerMissingArgs",
    "ScriptPathError",
    "SerializationError",
    "SubmitException",
    "TooManyJobFailuresError",
    "UnsupportedFeatureError",
    "VersionMismatch",
    "WorkerLost",
    "ZipAuthorityError",
]

ParslError = HeadraceError
DataFlowException = PropagatedException = PropagatedError
BadStateException = ExecutorBroken
# A node's manager is part of the pool here; what a program would do about either loss is the same.
ManagerLost = WorkerLost
DeserializationError = SerializationError


class BadMessage(HeadraceError):
    """Parts of Parsl do not understand one another."""


class DeserializerPluginError(HeadraceError):
    """A way of serializing cannot be loaded."""


class ExecutorError(HeadraceError):
    """An executor went wrong."""


class InvalidResourceSpecification(ExecutorError, ValueError):
    """A task's resource specification has keys or values that nobody knows."""

    def __init__(self, invalid_keys: set[str], message: str = "") -> None:
        super().__init__(invalid_keys, message)
        self.invalid_keys = invalid_keys
        self.message = message

    def __str__(self) -> str:
        keys = ", ".join(sorted(self.invalid_keys))
        return f"the resource specification has wrong keys or values: {keys}. {self.message}"


class ScalingFailed(ExecutorError):
    """Workers cannot be added or taken away."""


class UnsupportedFeatureError(ExecutorError):
    """An executor cannot do what it is asked for."""


class ExecutionProviderException(HeadraceError):
    """A provider of machines went wrong."""


class ScaleOutFailed(ExecutionProviderException):
    """A provider gives no more machines."""


class SchedulerMissingArgs(ExecutionProviderException):
    """A provider's options are not complete."""


class ScriptPathError(ExecutionProviderException):
    """A submit script cannot be written."""


class SubmitException(ExecutionProviderException):
    """A batch job cannot be submitted."""


class InternalConsistencyError(HeadraceError):
    """A defect of Parsl's."""


class MonitoringHubStartError(HeadraceError):
    """Monitoring cannot be started."""


class OptionalModuleMissing(HeadraceError):
    """Something needs a package that is not installed."""


class TooManyJobFailuresError(HeadraceError):
    """Too many of an executor's batch jobs failed."""


class ZipAuthorityError(HeadraceError):
    """A ``zip:`` URL names a host."""


class VersionMismatch(HeadraceError):
    """Two parts of Parsl are of different versions."""
