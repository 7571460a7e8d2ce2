"""The bodies of the measured tasks: importable, so that worker processes find them too."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

__all__ = ["count", "count_all", "die", "increment", "nap", "noop", "same"]


def noop() -> None:
    """Do nothing."""


def increment(number: int) -> int:
    """Give the next number."""
    return number + 1


def same(number: int) -> int:
    """Give the number back."""
    return number


def count(inputs: list[Any]) -> int:
    """Give the number of inputs."""
    return len(inputs)


def count_all(*inputs: Any) -> int:  # noqa: ANN401 - whatever the inputs are
    """Give the number of arguments: for systems that wait for arguments, not for what is in a list."""
    return len(inputs)


def nap() -> None:
    """Sleep for a millisecond: work that leaves the processor to others."""
    time.sleep(0.001)


def die(mark: str) -> None:
    """Write the time of the monotonic clock, which all processes share, to the file `mark`; then die by SIGKILL."""
    Path(mark).write_text(repr(time.monotonic()), encoding="ascii")
    os.kill(os.getpid(), signal.SIGKILL)
