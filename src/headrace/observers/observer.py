"""The protocol of whatever watches runs."""

# ruff: noqa: ARG002 - methods that do nothing use nothing

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.observers.observation import Observation
    from headrace.observers.run_info import RunInfo

__all__ = ["Observer"]


@runtime_checkable
class Observer(Protocol):
    """Is told of a run: that it began, every move of every unit, and that it ended.

    Each observer of a run is called on a thread of its own: one call at a time, in the order of events, never in the
    middle of the run's work. So it may block and take its time. An observer of several runs at once is called by
    several threads, and tells them apart by `run`.

    - One that is too slow misses what finds no room in its backlog; it is told how much.
    - One that raises is logged with its traceback and told no more, save that the run has ended.
    - One that does not return in time when the run ends is named in a warning and left behind.

    Whoever subclasses this need not write all of them: they do nothing here.
    """

    # Each returns explicitly: a type checker would take methods without any code for abstract ones.

    def started(self, run: RunInfo) -> None:
        """Begin to watch a run. Comes first. If it raises, nothing else comes."""
        return

    def transitions(self, run: RunInfo, batch: Sequence[Observation]) -> None:
        """Take what happened since the last call: at least one move, in order."""
        return

    def missed(self, run: RunInfo, number: int) -> None:
        """Learn that so many moves, after those told before and before those told next, were dropped."""
        return

    def ended(self, run: RunInfo) -> None:
        """Learn that nothing more comes, and free what was held for this run. Comes last, and after `started` only."""
        return
