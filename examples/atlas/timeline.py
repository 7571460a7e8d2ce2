"""What the engine did, task by task: made of the transitions it reports."""

from __future__ import annotations

import heapq
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.core import Transition
    from headrace.dataflow import Task


#: The states a task ends in, and those that are no success.
FINAL: Final = frozenset({"exec_done", "memo_done", "failed", "dep_fail", "cancelled"})
UNDONE: Final = frozenset({"failed", "dep_fail", "cancelled"})


@dataclass(frozen=True, slots=True)
class Span:
    """The life of one task."""

    app: str
    #: When it was submitted, began to run, and ended, in seconds since the run began. A join app is running until what
    #: it returned is.
    submitted: float
    started: float
    ended: float
    #: The executor it ran on; nothing for a task that never ran.
    executor: str | None
    #: Whether it was a join app.
    joined: bool
    #: The state it ended in.
    outcome: str


@dataclass(frozen=True, slots=True)
class AppTimes:
    """What the tasks of one app came to."""

    app: str
    #: The executors that they ran on; none for a join app, whose body is the engine's own business.
    executors: tuple[str, ...]
    tasks: int
    failed: int
    #: Seconds that its tasks ran for, all together and the longest.
    busy: float
    longest: float
    #: Whether it is a join app, whose time is that of what it waits for.
    joins: bool


class Recorder:
    """Keeps what a kernel reports; hand its `note` to `DataFlowKernel.observe`."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._lock = threading.Lock()
        self._lives: dict[int, list[tuple[str, float]]] = defaultdict(list)
        self._apps: dict[int, str] = {}
        self._executors: dict[int, str | None] = {}
        self.submitted: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.undone: Counter[str] = Counter()

    def note(self, move: Transition) -> None:
        """Take one transition down."""
        task, state, at = cast("Task", move.unit), move.state.name, move.at - self._began
        with self._lock:
            if task.id not in self._apps:
                self._apps[task.id] = task.name
                self.submitted[task.name] += 1
            self._lives[task.id].append((state, at))
            self._executors[task.id] = task.executor or self._executors.get(task.id)
            if state in FINAL:
                self.ended[task.name] += 1
                self.undone[task.name] += state in UNDONE

    def progress(self) -> list[tuple[str, int, int, int]]:
        """For each app, in order of appearance: its name, tasks submitted, ended, and of these not done."""
        with self._lock:
            return [(app, count, self.ended[app], self.undone[app]) for app, count in self.submitted.items()]

    def spans(self) -> list[Span]:
        """The lives of the tasks that have ended, by start."""
        with self._lock:
            lives = [(task, list(moves)) for task, moves in self._lives.items() if moves[-1][0] in FINAL]
        spans = (_span(self._apps[task], self._executors[task], moves) for task, moves in lives)
        return sorted(spans, key=lambda span: (span.started, span.ended))


def _span(app: str, executor: str | None, moves: list[tuple[str, float]]) -> Span:
    times = dict(moves)  # the last attempt's, if there were several
    outcome, ended = moves[-1]
    started = times.get("running", times.get("launched", ended))
    return Span(app, moves[0][1], started, ended, executor, "joining" in times, outcome)


def by_app(spans: Iterable[Span]) -> list[AppTimes]:
    """The figures of each app, in order of its first start."""
    grouped: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        grouped[span.app].append(span)
    return [
        AppTimes(
            app,
            tuple(sorted({span.executor for span in group if span.executor and not span.joined})),
            len(group),
            sum(span.outcome in UNDONE for span in group),
            sum(span.ended - span.started for span in group),
            max(span.ended - span.started for span in group),
            any(span.joined for span in group),
        )
        for app, group in grouped.items()
    ]


def lanes_of(spans: Iterable[Span]) -> dict[str, list[list[Span]]]:
    """Lay the spans that ran on each executor in as few lanes as hold them without overlap: its workers, as it were.

    Join apps are left out: they wait rather than work.
    """
    lanes: defaultdict[str, list[list[Span]]] = defaultdict(list)
    free: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.started, span.ended)):
        if span.executor is None or span.joined:
            continue
        rows, heap = lanes[span.executor], free[span.executor]
        if heap and heap[0][0] <= span.started:
            row = heapq.heappop(heap)[1]
        else:
            row = len(rows)
            rows.append([])
        rows[row].append(span)
        heapq.heappush(heap, (span.ended, row))
    return dict(lanes)


def joined_up(intervals: Iterable[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Intervals in order as (start, length), those closer than `gap` as one: no eye would tell them apart."""
    pieces: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if pieces and start - sum(pieces[-1]) <= gap:
            begun, length = pieces[-1]
            pieces[-1] = (begun, max(length, end - begun))
        else:
            pieces.append((start, end - start))
    return pieces


def peak(spans: Iterable[Span]) -> int:
    """The most tasks that ran at one moment, join apps aside."""
    edges = sorted(
        edge for span in spans if span.executor and not span.joined for edge in ((span.started, 1), (span.ended, -1))
    )
    running = highest = 0
    for _, step in edges:
        running += step
        highest = max(highest, running)
    return highest
