"""Executors: what runs a Python callable. Each is a `concurrent.futures` executor with a label."""

from __future__ import annotations

from headrace.compute.executors.base import DirectExecutor, LabelledExecutor
from headrace.compute.executors.external import ExternalExecutor
from headrace.compute.executors.threads import ThreadPoolExecutor

__all__ = ["DirectExecutor", "ExternalExecutor", "LabelledExecutor", "ThreadPoolExecutor"]
