"""The workers of a pool, and the nursery that they come from."""

from __future__ import annotations

import itertools
import os
import pickle
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from headrace.compute.executors.processes import alone
from headrace.compute.nursery import Nursery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.compute.executors.processes.alone.headrace_worker.orders import WorkerOrders
    from headrace.compute.executors.processes.calls import Call

__all__ = ["Crew", "Worker", "import_path", "preloads"]

_TARGET = "headrace_worker.worker:serve"
_VARIABLE = "HEADRACE_PRELOAD"


class Worker:
    """One worker process, as its owner sees it."""

    __slots__ = ("call", "connection", "doomed", "gpus", "next", "number", "path", "pid", "place", "ready", "theirs")

    def __init__(self, number: int, place: int, connection: socket.socket, theirs: socket.socket) -> None:
        self.number = number
        #: Its place among the workers: the lowest that was free.
        self.place = place
        self.connection = connection
        #: The worker's end. What is still unread in it when the worker is dead, the worker has not begun.
        self.theirs = theirs
        #: What `sys.path` was in its owner when it was told last.
        self.path: list[str] = []
        #: 0 until it is known.
        self.pid = 0
        #: Whether it has said that it waits for calls.
        self.ready = False
        #: Whether it is being ended, and gets no further call.
        self.doomed = False
        #: The call that it has.
        self.call: Call | None = None
        #: The call that is in front of it, and that it reads when it has ended that one.
        self.next: Call | None = None
        #: The GPUs that its calls have seen; None before its first. What a process has once seen it does not forget.
        self.gpus: tuple[str, ...] | None = None


class Crew:
    """Starts workers and ends them. Used by one thread.

    Args:
        mark: what `worker_of` returns in the workers.
        preload: modules that are imported once, before the first worker is forked.
    """

    def __init__(self, mark: str, preload: Sequence[str]) -> None:
        self._mark = mark
        self._preload = list(preload)
        self._last = 0
        self.workers: dict[int, Worker] = {}
        self.nursery: Nursery | None = None

    def found(self) -> Nursery:
        """Start the nursery, or a new one in place of one that is lost.

        Raises:
            NurseryLost: it cannot be started.
        """
        # First what only we have, so that a worker begins without the rest of Headrace.
        path = [*alone.__path__, *import_path()]
        self.nursery = Nursery(_TARGET, preload=preloads(self._preload), path=path)
        return self.nursery

    def hire(self, nursery: Nursery) -> Worker:
        """Ask for one worker more.

        Raises:
            NurseryLost: nobody is there to be asked.
            OSError: there are too many open files.
        """
        taken = {worker.place for worker in self.workers.values()}
        place = next(number for number in itertools.count() if number not in taken)
        orders: WorkerOrders = {"mark": self._mark, "path": import_path(), "place": place}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._last += 1
            nursery.fork(self._last, pickle.dumps(orders), [theirs.fileno()])
        except BaseException:
            ours.close()
            theirs.close()
            raise
        ours.setblocking(False)
        worker = self.workers[self._last] = Worker(self._last, place, ours, theirs)
        worker.path = list(sys.path)
        return worker

    def fire(self, worker: Worker) -> None:
        """Have a worker killed, whatever it does. Its end is told by the nursery."""
        worker.doomed = True
        if self.nursery is not None:
            self.nursery.kill(worker.number)

    def forget(self, worker: Worker) -> None:
        """Let go of a worker that has ended."""
        self.workers.pop(worker.number, None)
        worker.connection.close()
        worker.theirs.close()

    def close(self) -> None:
        """End all workers and the nursery, and wait for that."""
        nursery, self.nursery = self.nursery, None
        for worker in list(self.workers.values()):
            self.forget(worker)
        if nursery is not None:
            nursery.close()

    def close_in_forked_copy(self) -> None:
        """Close what a fork of the owner has copied."""
        for worker in list(self.workers.values()):
            worker.connection.close()
            worker.theirs.close()


def import_path() -> list[str]:
    """Return where this process imports from, so that it means the same in any directory."""
    found = []
    for place in sys.path:
        with suppress(FileNotFoundError):  # "" is the current directory, which may have been deleted.
            found.append(os.path.abspath(place))  # noqa: PTH100 - without ".."
    return found


def preloads(asked: Sequence[str]) -> list[str]:
    """Return the names of the modules that a worker must have imported before it reads its first call.

    Those that were asked for; those that an import hook of this process declares as its `headrace_preload`, without
    which a worker could not import what this process can; and those in the environment variable HEADRACE_PRELOAD.
    """
    hooks = [name for finder in sys.meta_path for name in getattr(finder, "headrace_preload", ())]
    variable = [name.strip() for name in os.environ.get(_VARIABLE, "").split(",")]
    return list(dict.fromkeys(name for name in (*hooks, *asked, *variable) if name))
