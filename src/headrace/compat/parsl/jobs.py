"""Stands for `parsl.jobs` and its modules. There are no batch jobs behind an executor here: these are names only."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = [
    "TERMINAL_STATES",
    "JobState",
    "noop_error_handler",
    "simple_error_handler",
    "windowed_error_handler",
]


class JobState(Enum):
    """Where a batch job is."""

    UNKNOWN = 0
    PENDING = 1
    RUNNING = 2
    CANCELLED = 3
    COMPLETED = 4
    FAILED = 5
    TIMEOUT = 6
    HELD = 7
    MISSING = 8
    SCALED_IN = 9


#: The states that a batch job does not leave.
TERMINAL_STATES: Final = (
    JobState.CANCELLED,
    JobState.COMPLETED,
    JobState.FAILED,
    JobState.TIMEOUT,
    JobState.MISSING,
    JobState.SCALED_IN,
)


def noop_error_handler(*_: object, **__: object) -> None:
    """Do nothing."""


def simple_error_handler(*_: object, **__: object) -> None:
    """Do nothing: there are no batch jobs that could fail."""


def windowed_error_handler(*_: object, **__: object) -> None:
    """Do nothing: there are no batch jobs that could fail."""
