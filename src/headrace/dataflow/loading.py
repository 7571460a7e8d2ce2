"""Loading the kernel that a program uses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from headrace.dataflow import current
from headrace.dataflow.kernel import DataFlowKernel

if TYPE_CHECKING:
    from headrace.dataflow.config import Config

__all__ = ["load"]


def load(config: Config | None = None) -> DataFlowKernel:
    """Make a kernel and make it the current one; return it, usable in a ``with`` block.

    Raises:
        ConfigurationError: one is loaded already, or the options are wrong (see `DataFlowKernel`).
    """
    return current.claim(partial(DataFlowKernel, config))
