"""The ways of showing how an experiment is going: drawn on a terminal, in lines, or not at all."""

from __future__ import annotations

import logging
import threading
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

from rich.table import Table
from rich.text import Text

from headrace.cli.showing import OnScreen, Silent
from headrace.cli.text import count, duration
from headrace.core.thread import Thread
from headrace.experiments.graph import state_color
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self, TextIO

    from rich.console import Console, ConsoleOptions, RenderResult

    from headrace.cli.experiment.moment import Moment, Move, Row, Sampler
    from headrace.cli.showing import Shows

__all__ = ["Drawn", "Face", "InLines", "Reporter", "StateBoard"]

logger = logging.getLogger(__name__)

_R = ResourceState
#: Of so many moves to one state at one moment, each is told by itself.
_EACH: Final = 8
_MOST_ROWS: Final = 30
#: Those that are looked at first come first.
_ORDER: Final = (
    *(_R.FAILED, _R.STARTED, _R.DISCOVERED, _R.RESERVED, _R.PROVISIONED),
    *(_R.READY, _R.NEW, _R.STOPPED, _R.FINISHED, _R.RELEASED),
)
_WAITING: Final = frozenset({_R.NEW, _R.DISCOVERED, _R.RESERVED, _R.PROVISIONED, _R.READY, _R.STARTED})


#: How moments are shown.
Face: TypeAlias = "Shows[Moment]"


class StateBoard:
    """What a moment looks like on a terminal of any size: a row for each resource, as far as there is room."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        moment = self._moment
        room = max(3, min(_MOST_ROWS, options.size.height // 2 - 3))
        rows = sorted(moment.rows, key=lambda row: (_ORDER.index(row.state), row.guid))
        if len(rows) <= room:
            rows = list(moment.rows)
        yield Text()
        yield _cut(Text.assemble((moment.name, "bold"), f"  {duration(moment.elapsed)}  {moment.counts}"), options)
        table = Table(box=None, padding=(0, 1), show_header=False, expand=True)
        for _ in range(4):
            table.add_column(no_wrap=True, overflow="ellipsis")
        # What is left of the line is for the note, and it alone is cut.
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for row in rows[:room]:
            table.add_row(*self._cells(row))
        yield table
        if len(rows) > room:
            yield Text(f"  and {count(len(rows) - room, 'other')}", style="dim")
        if moment.notice:
            yield _cut(Text(moment.notice, style="bold yellow"), options)

    def _cells(self, row: Row) -> tuple[Text, ...]:
        if row.cause:
            note = Text(row.cause, style="red")
        else:
            note = Text(self._moment.waits(row) if row.state in _WAITING else "", style="yellow")
        state = Text(f" {row.state} ", style=f"black on {state_color(row.state.name)}")
        return Text(row.name, style="bold"), Text(row.rtype, style="dim"), state, Text(duration(row.since)), note


class Drawn(OnScreen):
    """A live table at the lower end of a terminal."""

    def show(self, moment: Moment) -> None:
        """Draw it."""
        self._screen.draw(StateBoard(moment))


class InLines(Silent["Moment"]):
    """A line for each move; where many come to one state at once, one for all of them."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._named = self._notice = ""

    def show(self, moment: Moment) -> None:
        """Write what has happened."""
        if moment.moves and moment.name != self._named:
            self._named = moment.name
            # Without a time: what it heads has happened before this is written.
            self.tell(f"{moment.name}: {count(len(moment.rows), 'resource')}")
        if moment.notice != self._notice:
            self._notice = moment.notice
            if moment.notice:
                self.tell(moment.notice)
        moves = sorted((each for each in moment.moves if each.state >= _R.READY), key=lambda move: move.state)
        groups = [list(group) for _, group in groupby(moves, key=lambda move: move.state)]
        few = [move for group in groups if len(group) <= _EACH or group[0].state is _R.FAILED for move in group]
        for move in sorted(few, key=lambda move: move.at):
            cause = f": {move.row.cause}" if move.state is _R.FAILED and move.row.cause else ""
            self.tell(f"{duration(move.at)}: {move.row.name} {move.state}{cause}")
        for group in groups:
            if len(group) > _EACH and group[0].state is not _R.FAILED:
                self.tell(_summed(group))


class Reporter:
    """A context manager in which a face is shown, every now and then, what a sampler sees.

    Whatever the face runs into (its terminal is gone, say) ends the showing, never the run.
    """

    def __init__(self, sampler: Sampler, face: Face) -> None:
        self._sampler = sampler
        self._face = face
        self._over = threading.Event()
        self._thread = Thread(target=self._report, name="headrace-progress")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _report(self) -> None:
        try:
            over = False
            while not over:
                over = self._over.wait(self._face.interval)
                for moment in self._sampler.moments():
                    self._face.show(moment)
        except (OSError, ValueError):
            logger.debug("the terminal is gone, and progress is shown no more", exc_info=True)
        except Exception:
            logger.exception("progress cannot be shown any more; the run goes on")


def _summed(group: Sequence[Move]) -> str:
    first, last = min(move.at for move in group), max(move.at for move in group)
    when = duration(first) if duration(first) == duration(last) else f"{duration(first)} to {duration(last)}"
    return f"{when}: {count(len(group), 'resource')} {group[0].state}"


def _cut(line: Text, options: ConsoleOptions) -> Text:
    line.truncate(options.max_width, overflow="ellipsis")
    return line
