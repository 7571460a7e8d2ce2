"""Failures by what caused them.

Tasks that failed with the same type of exception at the same line of the user's have one cause; those that it kept from
running, or whose joining it ended, are numbers beside it. No exception is kept, except a few of the latest: their
tracebacks hold tasks' inputs.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING

from headrace.cli.place import Place, place_of
from headrace.cli.text import error_line
from headrace.dataflow import PropagatedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TOLD", "Cause", "Failure", "Failures"]

#: So many tasks of each cause are named; the others are a number.
_EXAMPLES = 3
#: So many tasks of each cause are told as they fail; the others are a number.
TOLD = 20
#: So many causes are kept apart; what comes after is one cause more, "other".
_CAUSES = 1_000
_RECENT = 64
_LAST_GREW = attrgetter("grew")


@dataclass(frozen=True, slots=True)
class Failure:
    """One task that failed."""

    #: The task, as people call it: its app and number.
    task: str
    #: The exception's message, on one line.
    message: str
    #: How many have failed of the same cause, with this one.
    number: int = 1


@dataclass(slots=True)
class Cause:
    """What a number of tasks failed of."""

    #: The exception's type, as people call it.
    kind: str
    #: Where it was raised, in the user's files; None if that is not known.
    place: Place | None
    #: How many tasks failed with it.
    failed: int = 0
    #: How many tasks did not run because of it.
    not_run: int = 0
    #: How many join apps failed because what they had waited for did not end well.
    joins: int = 0
    #: The first few of those that failed.
    examples: list[Failure] = field(default_factory=list)
    #: The latest that failed.
    latest: Failure | None = None
    #: Its place among all causes in the order in which they grew last.
    grew: int = 0

    @property
    def title(self) -> str:
        """The exception's type and where it was raised."""
        return self.kind if self.place is None else f"{self.kind} at {self.place} in {self.place.function}"

    @property
    def weight(self) -> int:
        """How many tasks did not end well because of it."""
        return self.failed + self.not_run + self.joins


class Failures:
    """Collects failures; not thread-safe."""

    def __init__(self) -> None:
        self._causes: dict[object, Cause] = {}
        self._recent: deque[tuple[BaseException, Cause]] = deque(maxlen=_RECENT)
        self._news: list[tuple[Cause, Failure]] = []
        self._growth = count(1)

    @property
    def causes(self) -> Sequence[Cause]:
        """All causes, in the order in which they first showed."""
        return list(self._causes.values())

    def latest(self, number: int) -> Sequence[Cause]:
        """Return at most so many causes, those that grew last, the very last at the end."""
        return heapq.nlargest(number, self._causes.values(), key=_LAST_GREW)[::-1]

    def add(self, task: str, error: BaseException | None, *, ran: bool) -> None:
        """Take in that a task did not end well.

        Args:
            task: the task, as people call it.
            error: what it ended with.
            ran: whether it failed, rather than was kept from running.
        """
        if isinstance(error, PropagatedError):
            cause = self._cause_of(error.root_cause)
            cause.joins += ran
            cause.not_run += not ran
            cause.grew = next(self._growth)
            return
        cause = self._cause_of(error)
        cause.failed += 1
        cause.grew = next(self._growth)
        failure = cause.latest = Failure(task, "" if error is None else error_line(error), cause.failed)
        if len(cause.examples) < _EXAMPLES:
            cause.examples.append(failure)
        if cause.failed <= TOLD:
            self._news.append((cause, failure))

    def take_news(self) -> list[tuple[Cause, Failure]]:
        """Return what has failed since the last call, at most `TOLD` tasks of each cause in all."""
        news, self._news = self._news, []
        return news

    def _cause_of(self, error: BaseException | None) -> Cause:
        for known, cause in reversed(self._recent):
            if known is error:
                return cause
        key, kind, place = _key_of(error)
        cause = self._causes.get(key) or self._new_cause(key, kind, place)
        if error is not None:
            self._recent.append((error, cause))
        return cause

    def _new_cause(self, key: object, kind: str, place: Place | None) -> Cause:
        if len(self._causes) >= _CAUSES:
            return self._causes.setdefault("other", Cause("other errors", None))
        cause = self._causes[key] = Cause(kind, place)
        return cause


def _key_of(error: BaseException | None) -> tuple[object, str, Place | None]:
    """Return what makes causes equal, the exception's type in words, and where it was raised."""
    if error is None:
        return None, "an unknown error", None
    kind = type(error).__qualname__
    place = place_of(error)
    return (kind, place if place is not None else error_line(error)), kind, place
