"""How a run is going, at one moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.cli.tally import Tally

__all__ = ["Moment", "Progress"]

# The rate shown is that of the last seconds, so that it tells how things are now.
_WINDOW = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to show at one moment."""

    #: What runs, as people call it.
    name: str
    tally: Tally
    #: Seconds since the start.
    elapsed: float
    #: Tasks that ended in each of the last seconds.
    rate: float
    #: What is waited for, once that is not the script.
    notice: str = ""


class Progress:
    """Makes moments of a tally.

    Args:
        name: what runs, as people call it.
        began: when it began, in the monotonic seconds that `at` is given the moments in.
    """

    def __init__(self, name: str, began: float) -> None:
        self.name = name
        self.notice = ""
        self._began = began
        self._marks: deque[tuple[float, int]] = deque([(began, 0)])

    def at(self, now: float, tally: Tally) -> Moment:
        """Return the moment `now`."""
        marks = self._marks
        marks.append((now, tally.counts.ended))
        while len(marks) > 2 and marks[1][0] <= now - _WINDOW:  # noqa: PLR2004 - the oldest and the newest
            marks.popleft()
        (then, before), (_, ended) = marks[0], marks[-1]
        rate = (ended - before) / (now - then) if now > then else 0.0
        return Moment(self.name, tally, now - self._began, rate, self.notice)
