"""Which workers could have a call now."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headrace.compute.executors.processes.crew import Worker

__all__ = ["Roster"]


class Roster:
    """The workers that have no call, and those that run one and could have another in front of them."""

    def __init__(self) -> None:
        self.idle: list[Worker] = []
        # A dictionary for its order.
        self._spare: dict[Worker, None] = {}

    def add(self, worker: Worker) -> None:
        """Let a worker have a call, unless it is being ended."""
        if worker.doomed:
            return
        if worker.call is None:
            self.idle.append(worker)
        elif worker.call.grant is None:
            self._spare[worker] = None

    def remove(self, worker: Worker) -> None:
        """Let a worker have no more calls."""
        self._spare.pop(worker, None)
        with suppress(ValueError):
            self.idle.remove(worker)

    def clear(self) -> None:
        """Let none have any."""
        self.idle.clear()
        self._spare.clear()

    def take_idle(self, gpus: tuple[str, ...]) -> Worker | None:
        """Take out one that has no call, and has seen these GPUs or nothing yet; the last that came."""
        idle = self.idle
        for position in range(len(idle) - 1, -1, -1):
            seen = idle[position].gpus
            if seen is None or seen == gpus:
                return idle.pop(position)
        return None

    def take_spare(self, path: list[str]) -> Worker | None:
        """Take out one that runs a call, and knows that it is to import from there; the first that came."""
        for worker in self._spare:
            if worker.path == path:
                del self._spare[worker]
                return worker
        return None
