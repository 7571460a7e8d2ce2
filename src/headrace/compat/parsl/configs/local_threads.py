"""Stands for `parsl.configs.local_threads`."""

from __future__ import annotations

from headrace.compat.parsl.config import Config
from headrace.compat.parsl.executors import ThreadPoolExecutor

__all__ = ["config"]

config = Config(executors=[ThreadPoolExecutor()])
