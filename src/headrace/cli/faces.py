"""The three ways of showing how a run is going: drawn on a terminal, in lines, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from headrace.cli.board import Board
from headrace.cli.failures import TOLD
from headrace.cli.showing import OnScreen, Silent
from headrace.cli.text import duration, per_second

if TYPE_CHECKING:
    from typing import TextIO

    from headrace.cli.failures import Cause, Failure
    from headrace.cli.progress import Moment
    from headrace.cli.showing import Shows

__all__ = ["Drawn", "Face", "InLines"]

# At most one line in so many seconds, failures apart.
_SECONDS_BETWEEN_LINES = 2.0


#: How moments are shown.
Face: TypeAlias = "Shows[Moment]"


class Drawn(OnScreen):
    """A live view at the lower end of a terminal, from the first task on."""

    def show(self, moment: Moment) -> None:
        """Draw it."""
        if moment.tally.apps:
            self._screen.draw(Board(moment))


class InLines(Silent["Moment"]):
    """A line when something has happened, each failure as it comes."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._shown: str | None = None
        self._shown_at = 0.0

    def show(self, moment: Moment) -> None:
        """Write the failures that are new, and how things are if that has changed and the last line is old enough."""
        for cause, failure in moment.tally.failures.take_news():
            self.tell(_described(cause, failure))
        counts = moment.tally.counts
        if not counts.total or moment.elapsed - self._shown_at < _SECONDS_BETWEEN_LINES:
            return
        line = counts.describe()
        if line != self._shown:
            self._shown, self._shown_at = line, moment.elapsed
            ended = f"{counts.ended:,} of {counts.total:,} tasks ended ({per_second(moment.rate)})"
            self.tell(f"{duration(moment.elapsed)}: {ended}: {line}")


def _described(cause: Cause, failure: Failure) -> str:
    message = f": {failure.message}" if failure.message else ""
    place = f" ({cause.place})" if cause.place is not None else ""
    last = f"; after {TOLD} of this cause, further ones are only counted" if failure.number == TOLD else ""
    return f"failed: {failure.task}: {cause.kind}{message}{place}{last}"
