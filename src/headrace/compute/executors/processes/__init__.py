"""Processes of this machine: calls that can be stopped and limited, and that survive one another.

`executor` is what users hold. Its loop, one thread, does all that is to be done; `worker` is what runs in the
processes. Between them go datagrams (`wire`) with pickles in them (`pickling`).
"""

from __future__ import annotations

from headrace.compute.executors.processes.executor import ProcessPoolExecutor

__all__ = ["ProcessPoolExecutor"]
