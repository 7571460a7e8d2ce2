"""The three ways of showing how a run is going: drawn on a terminal, in lines, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.text import Text

from headrace.cli.board import Board
from headrace.cli.failures import TOLD
from headrace.cli.screen import Screen
from headrace.cli.text import duration, per_second

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, TextIO

    from headrace.cli.failures import Cause, Failure
    from headrace.cli.progress import Moment

__all__ = ["Drawn", "Face", "InLines", "Silent"]

# At most one line in so many seconds, failures apart.
_SECONDS_BETWEEN_LINES = 2.0


class Face(Protocol):
    """Shows moments."""

    #: How often it wants to be shown one, in seconds.
    interval: float

    def show(self, moment: Moment) -> None:
        """Show how things are; called from one thread at a time."""

    def tell(self, message: str) -> None:
        """Say something that matters whatever is shown otherwise."""

    def restore_at_once(self) -> None:
        """Leave the terminal fit for use; called from a signal handler, right before the process ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Drawn:
    """A live view at the lower end of a terminal, from the first task on."""

    interval = 0.2

    def __init__(self, stream: TextIO) -> None:
        self._screen = Screen(stream)

    def show(self, moment: Moment) -> None:
        """Draw it."""
        if moment.tally.apps:
            self._screen.draw(Board(moment))

    def tell(self, message: str) -> None:
        """Write the message above the view."""
        self._screen.print(Text(message, style="bold yellow"))

    def restore_at_once(self) -> None:
        """Show the cursor again."""
        self._screen.restore_at_once()

    def __enter__(self) -> Self:
        self._screen.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.__exit__(kind, error, trace)


class Silent:
    """Shows nothing."""

    interval = 0.5

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, moment: Moment) -> None:
        """Do nothing."""

    def tell(self, message: str) -> None:
        """Write the message as a line."""
        self._stream.write(f"headrace: {message}\n")
        self._stream.flush()

    def restore_at_once(self) -> None:
        """Do nothing: nothing has been done to the terminal."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class InLines(Silent):
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
