"""What has happened to the tasks of each app, added up from their moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from headrace.cli.counts import Counts
from headrace.cli.failures import Failures
from headrace.dataflow import TaskState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.core import Transition

__all__ = ["AppTally", "Moves", "Tally"]

# Bound once: an enum's attributes are slow to look up, and these are read for every move.
_PENDING = TaskState.pending
_LAUNCHED = TaskState.launched
_RUNNING = TaskState.running
_FAILED = TaskState.failed
_DEP_FAIL = TaskState.dep_fail


class AppTally:
    """The tasks of one app: how many are in each state, and how long they took."""

    __slots__ = ("longest", "name", "retries", "states", "timed", "total")

    def __init__(self, name: str) -> None:
        self.name = name
        self.states: dict[TaskState, int] = {}
        #: How many attempts have been timed, and the seconds of all of them and of the longest.
        self.timed = 0
        self.total = 0.0
        self.longest = 0.0
        #: How many attempts failed and were followed by another.
        self.retries = 0

    @property
    def mean(self) -> float:
        """The seconds of one attempt."""
        return self.total / self.timed if self.timed else 0.0

    @property
    def counts(self) -> Counts:
        """How many of its tasks are where."""
        return Counts.of(self.states)

    def took(self, seconds: float) -> None:
        """Add the time of one attempt."""
        self.timed += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)


class Tally:
    """Adds moves up; not thread-safe. Its size depends on the number of apps and of causes of failure, not of tasks."""

    def __init__(self) -> None:
        #: The apps by name, in the order in which they were first called.
        self.apps: dict[str, AppTally] = {}
        self.failures = Failures()

    @property
    def counts(self) -> Counts:
        """How many tasks are where."""
        return sum((app.counts for app in self.apps.values()), Counts())

    @property
    def retries(self) -> int:
        """How many attempts failed and were followed by another."""
        return sum(app.retries for app in self.apps.values())

    def slowest(self, number: int) -> Sequence[AppTally]:
        """Return at most so many apps, those that took most time first."""
        timed = [app for app in self.apps.values() if app.timed]
        return sorted(timed, key=lambda app: -app.total)[:number]

    def app(self, name: str) -> AppTally:
        """Return the tally of one app."""
        app = self.apps.get(name)
        if app is None:
            app = self.apps[name] = AppTally(name)
        return app


class Moves:
    """The moves of one kernel's tasks, to be taken into a tally in their order.

    Args:
        tally: what they are added to.
        suffix: what distinguishes this kernel's tasks from another's with the same numbers.
    """

    def __init__(self, tally: Tally, suffix: str = "") -> None:
        self._tally = tally
        self._suffix = suffix
        self._begun: dict[object, float] = {}
        self._last: Transition | None = None

    def take(self, move: Transition) -> None:
        """Take one move into the tally.

        The same one a second time is ignored: an interrupt makes a kernel repeat what it was telling.
        """
        if move is self._last:
            return
        self._last = move
        unit, _, previous, state, at, error = move
        app = self._tally.app(unit.name)
        states = app.states
        if previous is not None:
            states[cast("TaskState", previous)] -= 1
        states[cast("TaskState", state)] = states.get(cast("TaskState", state), 0) + 1
        if state is _LAUNCHED:
            self._begun[unit.id] = at
        elif state is not _RUNNING and (begun := self._begun.pop(unit.id, None)) is not None:
            app.took(at - begun)
        if error is None:
            return
        if state is _PENDING:
            app.retries += 1
        elif state is _FAILED or state is _DEP_FAIL:
            self._tally.failures.add(f"{unit.name} #{unit.id}{self._suffix}", error, ran=state is _FAILED)
