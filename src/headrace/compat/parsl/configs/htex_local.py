"""Stands for `parsl.configs.htex_local`."""

from __future__ import annotations

from headrace.compat.parsl.config import Config
from headrace.compat.parsl.executors import HighThroughputExecutor
from headrace.compat.parsl.providers import LocalProvider

__all__ = ["config"]

config = Config(executors=[HighThroughputExecutor(label="htex_local", cores_per_worker=1, provider=LocalProvider())])
