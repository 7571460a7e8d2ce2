"""One command, as the engine that runs it sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.compute.engines.base import JobState, Status

if TYPE_CHECKING:
    from headrace.compute.engines.base import CommandSpec, Handle, Watcher
    from headrace.compute.engines.process.folder import Folder
    from headrace.compute.engines.process.line import Line

__all__ = ["Job", "Launch"]

_SUBMITTED = Status(state=JobState.submitted)


@dataclass(slots=True)
class Launch:
    """What a supervisor is given: an order, and file descriptors, which are this object's to close."""

    order: dict[str, object]
    fds: dict[str, int]


class Job:
    """A command that was taken. All but `status` is the crew's once it has been handed over."""

    __slots__ = ("attempts", "cancelled", "folder", "handle", "launch", "line", "spec", "status", "waiting", "watchers")

    def __init__(self, handle: Handle, spec: CommandSpec | None, folder: Folder | None = None) -> None:
        self.handle = handle
        #: None: found in a folder, and not submitted to this engine.
        self.spec = spec
        self.folder = folder
        self.status = _SUBMITTED
        self.watchers: list[Watcher] = []
        #: What to start it with, until a supervisor has taken it.
        self.launch: Launch | None = None
        #: How often it was given to a supervisor.
        self.attempts = 0
        #: To the supervisor that it was given to, while that has not told its end.
        self.line: Line | None = None
        self.cancelled = False
        #: For one that another engine started: a pidfd of its supervisor.
        self.waiting: int | None = None
