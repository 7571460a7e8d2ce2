"""What a backend offers to the measures: the same few tasks, whatever runs them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = [
    "PROCESSES",
    "WORKERS",
    "Backend",
    "Commands",
    "Experiments",
    "Gate",
    "History",
    "Pending",
    "RootFailed",
    "View",
]

#: Threads of every threaded backend.
WORKERS = 4

#: Worker processes of every backend that has them.
PROCESSES = 2


class RootFailed(Exception):
    """What a root that is meant to fail raises."""


class Pending(Protocol):
    """A task's future, as far as a measure needs it."""

    def result(self, timeout: float | None = None) -> object:
        """The task's result, or its exception raised."""
        ...

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The task's exception, None if it succeeded."""
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """Bodies of tasks that wait, all released together by `event`."""

    event: threading.Event = field(default_factory=threading.Event)

    def leaf(self) -> None:
        """Wait for the release."""
        self.event.wait()

    def failing_root(self) -> None:
        """Wait for the release, then fail."""
        self.event.wait()
        raise RootFailed


@dataclass(frozen=True, slots=True)
class Backend:
    """A started system and the tasks every one of them can run.

    A call submits one task and returns its future. The fields are the system's own callables wherever it has them, so
    that no wrapper of the suite is measured.
    """

    noop: Callable[[], Pending]
    """Does nothing."""
    link: Callable[[Any], Pending]
    """Takes a number or the future of one, gives the next number."""
    join: Callable[[list[Any]], Pending]
    """Waits for every future of a list, gives their number."""
    drain: Callable[[], None]
    """Returns when everything submitted has ended, also what nobody holds a future of."""
    close: Callable[[], None]
    """Stops the system."""
    gather: Callable[[list[Any]], object] | None = None
    """Fetches the results of a list, where the system has a better way than to ask one future after another."""
    nap: Callable[[], Pending] | None = None
    """Sleeps a millisecond."""
    leaf: Callable[[], Pending] | None = None
    """Runs until the gate opens; None where the gate cannot reach the workers."""
    failing_root: Callable[[], Pending] | None = None
    """Fails when the gate opens; None where a dependent of a failure is not the system's business."""
    open_gate: Callable[[], None] | None = None
    """Releases every `leaf` and `failing_root`."""
    die: Callable[[str], Pending] | None = None
    """Kills the worker that it runs on, see `tasks.die`; None where that would be the end of everything."""
    keep: Callable[[int], Pending] | None = None
    """Gives its number back; the result is stored before the future is settled, and found again by equal calls."""
    keep_link: Callable[[Any], Pending] | None = None
    """As `link`, with a result that is stored likewise."""
    found_again: Callable[[], int] | None = None
    """How many calls so far were answered with a stored result, and not run."""
    write_all: Callable[[], object] | None = None
    """Returns when all that is recorded of what has ended so far is on disk."""
    look_back: Callable[[], object] | None = None
    """Asks about the run, after `close`: a system may leave work with what it has recorded until somebody does."""


@dataclass(frozen=True, slots=True)
class Commands:
    """A started system and the commands every one of them can run as tasks. Each task's result is the exit code."""

    true: Callable[[], Pending]
    """Runs the command `true`."""
    output: Callable[[int, str], Pending]
    """Prints so many bytes to the file of that path."""
    bare: tuple[str, ...]
    """The argument list of what `true` starts: with a shell around it, or without."""
    close: Callable[[], None]
    """Stops the system."""


@dataclass(frozen=True, slots=True)
class View:
    """A question about a run."""

    ask: Callable[[], object]
    """Opens what holds the answer, as somebody does who wants to know it, and gives what is to be checked of it."""
    expected: object
    """What it has to give."""


@dataclass(frozen=True, slots=True)
class History:
    """The record of a long run, and the questions that are asked of it."""

    write: Callable[[], None]
    """Writes the record; once, before anything is asked."""
    place: Path
    """Where it is."""
    views: Mapping[str, View]
    """Questions to the record itself, by the figure that says how long the answer took."""
    commands: Mapping[str, View]
    """Questions that are asked by a command, likewise."""


@dataclass(frozen=True, slots=True)
class Experiments:
    """A system that runs experiments, and what every one of them can be asked to run. Times are seconds."""

    start_many: Callable[[int], float]
    """Deploys so many resources that do nothing, and starts them once all are ready: how long that takes."""
    chain: Callable[[int, float], float]
    """So many resources, each started when the one before has ended, which it does in a given time: how long in all."""
    close: Callable[[], None]
    """Stops the system."""
    reactions: Callable[[int], list[float]] | None = None
    """So many times: from a resource's end to the first instruction of one that waited for it."""
    late: Callable[[int, float], list[float]] | None = None
    """Starts that are due a given time after another's, while others' starts block: lateness."""
    waiting: Callable[[int, float], float] | None = None
    """So many resources wait for another, for a while: the processor time of that, as a share of one core."""
    shells: Callable[[], float] | None = None
    """``echo; sleep 1`` on this machine, and ``echo`` once it has ended: from deploying to the second's end."""
