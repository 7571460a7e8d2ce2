"""Stands for `nepi.execution.trace`."""

from __future__ import annotations

from headrace.experiments import Trace, TraceAttr

__all__ = ["Trace", "TraceAttr"]
