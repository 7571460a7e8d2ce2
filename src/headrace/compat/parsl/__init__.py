"""Stands for the package `parsl`: the names of today's, and those older ones that programs still use.

Importing this module installs it: ``import parsl`` then gives this module, here and in the worker processes that are
started from here. It is the one module that does something when it is imported.

What has a counterpart in Headrace is that very object. What has no effect here is accepted with a `CompatWarning`; what
would mean something else is refused with a `RefusedError` that says what to do instead.

Raises:
    AlreadyImportedError: the real Parsl has been imported.
"""

from __future__ import annotations

import headrace
from headrace import AUTO_LOGNAME, File, bash_app, join_app, python_app
from headrace.compat.finder import install
from headrace.compat.parsl.config import Config
from headrace.compat.parsl.executors import (
    HighThroughputExecutor,
    RadicalPilotExecutor,
    ThreadPoolExecutor,
    WorkQueueExecutor,
)
from headrace.compat.parsl.kernel import DataFlowKernel, DataFlowKernelLoader
from headrace.compat.parsl.logs import set_file_logger, set_stream_logger
from headrace.compat.parsl.monitoring import MonitoringHub
from headrace.compat.parsl.version import VERSION

# A star import gives what Parsl's gives, and no more: it does not take the place of another `load` or `clear`.
__all__ = [
    "AUTO_LOGNAME",
    "Config",
    "DataFlowKernel",
    "File",
    "HighThroughputExecutor",
    "MonitoringHub",
    "RadicalPilotExecutor",
    "ThreadPoolExecutor",
    "WorkQueueExecutor",
    "bash_app",
    "join_app",
    "python_app",
    "set_file_logger",
    "set_stream_logger",
]

__version__ = VERSION

load = DataFlowKernelLoader.load
clear = headrace.clear
dfk = headrace.dfk
wait_for_current_tasks = headrace.wait_for_current_tasks

install("parsl")
