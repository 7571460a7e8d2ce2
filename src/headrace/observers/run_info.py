"""What observers are told of the run that they watch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["RunInfo"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RunInfo:
    """One run, of any face."""

    #: Unique in the world.
    id: str
    #: What runs it: ``"dataflow"``.
    face: str
    #: Its own directory, where it has one.
    dir: Path | None = None
    #: One moment by both clocks, in seconds: the wall clock's and the monotonic one's.
    wall: float = field(default_factory=time.time)
    monotonic: float = field(default_factory=time.monotonic)
    #: How many units are in each state now, by kind and by the state's name. Any thread but one in a mailbox may ask.
    counts: Callable[[], Mapping[str, Mapping[str, int]]] = field(default=dict, repr=False)

    def wall_time(self, at: float) -> float:
        """Return when a moment of the monotonic clock was, in seconds since the epoch.

        It is counted from the one moment that is known by both clocks, so that times of one run never go backwards,
        even if the wall clock is set.
        """
        return self.wall + (at - self.monotonic)
