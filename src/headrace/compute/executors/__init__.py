"""Executors: what runs a Python callable. Each is a `concurrent.futures` executor with a label."""

from __future__ import annotations

from headrace.compute.executors.base import (
    CallSpec,
    DirectExecutor,
    Ended,
    LabelledExecutor,
    LimitingExecutor,
    Stoppable,
)
from headrace.compute.executors.errors import (
    ExecutorBroken,
    RemoteError,
    SerializationError,
    StandardStreamError,
    WalltimeExceeded,
    WorkerLost,
)
from headrace.compute.executors.external import ExternalExecutor
from headrace.compute.executors.portable import Portable
from headrace.compute.executors.processes import ProcessPoolExecutor
from headrace.compute.executors.threads import ThreadPoolExecutor

__all__ = [
    "CallSpec",
    "DirectExecutor",
    "Ended",
    "ExecutorBroken",
    "ExternalExecutor",
    "LabelledExecutor",
    "LimitingExecutor",
    "Portable",
    "ProcessPoolExecutor",
    "RemoteError",
    "SerializationError",
    "StandardStreamError",
    "Stoppable",
    "ThreadPoolExecutor",
    "WalltimeExceeded",
    "WorkerLost",
]
