"""The bodies of the measured tasks: importable, so that worker processes find them too."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["count", "increment", "nap", "noop"]


def noop() -> None:
    """Do nothing."""


def increment(number: int) -> int:
    """Give the next number."""
    return number + 1


def count(inputs: list[Any]) -> int:
    """Give the number of inputs."""
    return len(inputs)


def nap() -> None:
    """Sleep for a millisecond: work that leaves the processor to others."""
    time.sleep(0.001)
