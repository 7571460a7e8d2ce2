"""How many tasks are where."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from headrace.dataflow import TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Counts"]

_S = TaskState


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of tasks by what they mean to somebody who watches; each task is in one of them."""

    #: Ended well.
    done: int = 0
    #: With an executor.
    running: int = 0
    #: Join apps whose body has returned, while what it returned has not ended.
    joining: int = 0
    #: Not begun.
    waiting: int = 0
    #: Ended by an error of their own, or of what they joined.
    failed: int = 0
    #: Never to be run, because of what they depend on.
    not_run: int = 0
    #: Cancelled.
    cancelled: int = 0

    @classmethod
    def of(cls, states: Mapping[TaskState, int]) -> Counts:
        """Return the counts for a number of tasks in each state."""
        get = states.get
        return cls(
            done=get(_S.exec_done, 0) + get(_S.memo_done, 0),
            running=get(_S.launched, 0) + get(_S.running, 0),
            joining=get(_S.joining, 0),
            waiting=get(_S.pending, 0),
            failed=get(_S.failed, 0),
            not_run=get(_S.dep_fail, 0),
            cancelled=get(_S.cancelled, 0),
        )

    @property
    def total(self) -> int:
        """All of them."""
        return sum(astuple(self))

    @property
    def ended(self) -> int:
        """Those that have ended, well or not."""
        return self.done + self.failed + self.not_run + self.cancelled

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))

    def describe(self) -> str:
        """Return all that are not 0, in words."""
        named = {
            "done": self.done,
            "running": self.running,
            "joining": self.joining,
            "waiting": self.waiting,
            "failed": self.failed,
            "not run": self.not_run,
            "cancelled": self.cancelled,
        }
        return ", ".join(f"{number:,} {name}" for name, number in named.items() if number)
