"""How far what is derived from a log lags behind it, as the log's writer knows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace.journal.store import OpenedRun

__all__ = ["Lag"]

# Groups are counted together up to so many lines.
_TOGETHER: Final = 1024


class Lag:
    """The groups of a run that nothing has been derived from yet.

    Readers derive, too, and nobody tells the writer: so there may be fewer than it knows of, never more while `known`.

    Args:
        opened: where the writing of the run goes on.
    """

    def __init__(self, opened: OpenedRun) -> None:
        # The number of the last of some groups, and how many lines they have.
        self._groups: deque[tuple[int, int]] = deque()
        #: How many lines all of them have.
        self.lines = 0
        #: Whether they are all of those that nothing has been derived from: an earlier writer may have left some.
        self.known = not opened.behind
        if opened.behind:
            self.add(opened.next_seq - 1, 1)

    def add(self, seq: int, lines: int) -> None:
        """Note that a group was written."""
        self.lines += lines
        if self._groups and self._groups[-1][1] < _TOGETHER:
            lines += self._groups.pop()[1]
        self._groups.append((seq, lines))

    def derived(self, seq: int) -> None:
        """Note that all up to a group has been derived; 0: all there is."""
        while self._groups and (not seq or self._groups[0][0] <= seq):
            self.lines -= self._groups.popleft()[1]
        self.known = self.known or not seq

    def forget(self) -> None:
        """Leave what there is to the readers."""
        self._groups.clear()
        self.lines = 0
        self.known = False

    def next(self, lines: int) -> int:
        """Return the number of the group with which there are at least so many lines; 0 if there are fewer."""
        found = 0
        for seq, count in self._groups:
            found += count
            if found >= lines:
                return seq
        return 0
