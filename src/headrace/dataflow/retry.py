"""When a failed task is tried again."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.dataflow.errors import AppAbortedError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.dataflow.task import Task

__all__ = ["Backoff", "RetryPolicy", "Verdict"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """A delay before each retry that grows from one to the next.

    The delay before retry n (from 1) is ``min(maximum, initial * factor ** (n - 1))``, of which a share of up to
    `jitter`, drawn at random, is taken off, so that tasks that failed together do not return together.

    Raises:
        ConfigurationError: a value makes no sense.
    """

    #: Seconds before the first retry.
    initial: float = 1.0
    #: How much longer each delay is than the one before.
    factor: float = 2.0
    #: No delay is longer than this many seconds.
    maximum: float = 60.0
    #: The greatest share taken off, from 0 (none) to 1.
    jitter: float = 0.5

    def __post_init__(self) -> None:
        if not (self.initial >= 0 and self.factor >= 1 and self.maximum >= self.initial and 0 <= self.jitter <= 1):
            raise ConfigurationError(
                f"{self!r}: needs 0 <= initial <= maximum (seconds), factor >= 1, and jitter between 0 and 1"
            )

    def delay(self, retry: int, rng: random.Random | None = None) -> float:
        """Return the seconds to wait before retry number `retry`, counted from 1."""
        try:
            full = min(self.maximum, self.initial * self.factor ** (retry - 1))
        except OverflowError:
            full = self.maximum
        return full * (1 - self.jitter * (rng or random).random())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a task that has failed."""

    again: bool
    #: Seconds before the retry.
    delay: float
    #: What the task fails with, if it is not tried again.
    error: BaseException


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decides which failures are tried again: a kernel's options, over which those of an app go."""

    retries: int
    handler: Callable[[BaseException, Task], float] | None
    backoff: Backoff | None

    def judge(self, task: Task, error: BaseException) -> Verdict:
        """Note the failure in the task's record, and decide. Calls the user's handler; never raises."""
        if not isinstance(error, Exception):
            aborted = AppAbortedError(
                f"{task} raised {_text_of(error)}, which ends a process; here it ends the task only"
            )
            aborted.__cause__ = error
            error = aborted
        task.fail_count += 1
        task.fail_history = [*(task.fail_history or ()), _text_of(error)]
        cost, error = self._cost(task, error)
        task.fail_cost += cost
        retries = task.options.retries if task.options.retries is not None else self.retries
        backoff = task.options.backoff or self.backoff
        again = task.fail_cost <= retries
        return Verdict(again, backoff.delay(task.fail_count) if again and backoff is not None else 0.0, error)

    def _cost(self, task: Task, error: BaseException) -> tuple[float, BaseException]:
        if self.handler is None:
            return 1.0, error
        try:
            return float(self.handler(error, task)), error
        except BaseException as raised:  # noqa: BLE001 - the task must end whatever the user's handler raises
            if raised is not error and raised.__cause__ is None:
                with suppress(Exception):  # An exception may be frozen.
                    raised.__cause__ = error
            return float("inf"), raised


def _text_of(error: BaseException) -> str:
    try:
        return repr(error)
    except BaseException:  # noqa: BLE001 - an exception's own repr may raise anything, and the task must go on
        return f"<{type(error).__name__} whose repr() raises>"
