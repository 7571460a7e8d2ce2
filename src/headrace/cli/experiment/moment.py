"""How a running experiment is doing, as its controller says."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from headrace.cli.text import error_line
from headrace.experiments.errors import ExperimentError
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.resource import ResourceManager

__all__ = ["Moment", "Move", "Row", "Sampler", "first_wait", "name_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One resource at one moment."""

    guid: int
    #: What people call it.
    name: str
    rtype: str
    state: ResourceState
    #: Seconds since it came there.
    since: float
    #: Why it failed; "" if it has not.
    cause: str


@dataclass(frozen=True, slots=True)
class Move:
    """A state that a resource has come to since the moment before."""

    row: Row
    state: ResourceState
    #: Seconds since the beginning.
    at: float


@dataclass(frozen=True, slots=True)
class Moment:
    """One experiment at one moment."""

    ec: ExperimentController
    #: What runs, as people call it.
    name: str
    #: Seconds since the beginning.
    elapsed: float
    rows: Sequence[Row]
    #: What has happened since the moment before, in order.
    moves: Sequence[Move]
    #: What is being done.
    notice: str

    @property
    def counts(self) -> str:
        """How many resources are in which state, in words."""
        counted = Counter(row.state for row in self.rows)
        return ", ".join(f"{counted[state]:,} {state}" for state in ResourceState if counted[state])

    def waits(self, row: Row) -> str:
        """Say what a resource waits for first; "" if nothing is in its way."""
        return first_wait(self.ec, row.guid)


class Sampler:
    """Tells how experiments are doing, one after the other: `ec` is the present one."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.ec: ExperimentController | None = None
        #: What is being done, for people.
        self.notice = ""
        self._run = ""
        #: The last moments of those that came before the present one.
        self._last: list[Moment] = []
        self._lock = threading.Lock()
        self._wall = time.time()
        self._seen: dict[tuple[str, int, ResourceState], datetime] = {}

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    def follow(self, ec: ExperimentController, run: str = "") -> None:
        """Look at another controller from now on; `run` says which of several runs it is."""
        with self._lock:
            if self.ec is not None:
                self._last.append(self._moment(self.ec))
                self._seen.clear()
            self.ec, self._run = ec, run

    def moments(self) -> list[Moment]:
        """Return how things are now, after the last moments of those that were looked at before; none at first."""
        with self._lock:
            last, self._last = self._last, []
            return last if self.ec is None else [*last, self._moment(self.ec)]

    def _moment(self, ec: ExperimentController) -> Moment:
        rows: list[Row] = []
        moves: list[Move] = []
        now = datetime.now().astimezone()
        for guid in ec.resources:
            try:
                manager = ec.get_resource(guid)
            except ExperimentError:
                continue  # it has just been removed
            times = manager.times
            state = manager.state
            since = max(0.0, (now - times[state]).total_seconds()) if state in times else 0.0
            cause = manager.cause
            row = Row(guid, name_of(manager), manager.rtype, state, since, "" if cause is None else error_line(cause))
            rows.append(row)
            moves += self._news(ec.run_id, row, times)
        moves.sort(key=lambda move: move.at)
        return Moment(ec, f"{ec.exp_id} {ec.run_id}{self._run}", self.elapsed, rows, moves, self.notice)

    def _news(self, run_id: str, row: Row, times: Mapping[ResourceState, datetime]) -> list[Move]:
        news = []
        for state, at in times.items():
            key = (run_id, row.guid, state)
            if self._seen.get(key) != at:
                self._seen[key] = at
                # What an earlier controller saw is no news.
                if state is not ResourceState.NEW and at.timestamp() >= self._wall:
                    news.append(Move(row, state, at.timestamp() - self._wall))
        return news


def first_wait(ec: ExperimentController, guid: int) -> str:
    """Say what a resource waits for first; "" if nothing is in its way, or it is gone."""
    try:
        waits = ec.why(guid)
        if not waits:
            return ""
        first = waits[0]
        needs = first.needs
        if first.on is not None and isinstance(first.on.id, int):
            needs = needs.replace(str(first.on), name_of(ec.get_resource(first.on.id)))
    except ExperimentError:
        return ""
    others = sum(not each.depth for each in waits) - 1
    more = f", and {others} more" if others else ""
    return f"{first.action} waits: {needs}{more}" + (f" ({first.warning})" if first.warning else "")


def name_of(manager: ResourceManager) -> str:
    """Return what people call a resource: what its file calls it, or its type, with its guid."""
    return f"{manager.label or manager.rtype} ({manager.guid})"
