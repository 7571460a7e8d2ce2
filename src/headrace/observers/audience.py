"""All who observe one run."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from headrace.observers.errors import ObserverRefused
from headrace.observers.observer import Observer
from headrace.observers.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Transition
    from headrace.observers.run_info import RunInfo

__all__ = ["BACKLOG", "PATIENCE", "Audience"]

#: How many moves may wait for one observer, unless said: some 40 MB of memory.
BACKLOG: Final = 100_000
#: How many seconds observers are given to take in what is left, unless said.
PATIENCE: Final = 5.0


class Audience:
    """The observers of one run, each on a thread of its own. For authors of faces.

    A face calls `put` in its mailbox for each transition, and `close` when the last has been told. No thread is
    started before the first observer is added.

    Args:
        run: what they are told of it.
        changed: called when there has come to be a first observer, or none is left (see `puts`): a scheduler need not
            tell of moves that nobody wants to know of.
        limit: how many moves may wait for each observer before it misses some.
    """

    def __init__(self, run: RunInfo, changed: Callable[[], None], *, limit: int = BACKLOG) -> None:
        self._run = run
        self._changed = changed
        self._limit = limit
        # Those who are told; and those whose threads have not been seen to end.
        self._watchers: tuple[Watcher, ...] = ()
        self._threads: list[Watcher] = []
        #: What `put` does, for each observer: a face that counts every call may do it itself.
        self.puts: tuple[Callable[[Transition, str | None], None], ...] = ()
        self._closed = False
        self._changing = threading.RLock()

    def put(self, transition: Transition, executor: str | None = None) -> None:
        """Tell all of them of a move; `executor` is where the unit is by it.

        Takes no lock and never blocks: it may be called in a mailbox, and in a signal handler. By one thread at a
        time, as a mailbox does. Telling the same move twice in a row tells it once.
        """
        for put in self.puts:
            put(transition, executor)

    def add(self, observer: Observer) -> Callable[[], None]:
        """Tell `observer` from now on; return what ends that.

        To call that may be repeated. The observer is told of what happened before, and that the run has ended for it,
        when the call returns; unless that takes longer than `PATIENCE`, or it was the observer that called.

        Raises:
            ObserverRefused: it is no `Observer`, it observes this run already, or the run has ended.
            RuntimeError: no thread can be started.
        """
        if isinstance(observer, type) or not isinstance(observer, Observer):
            raise ObserverRefused(f"{observer!r} is no observer: subclass headrace.observers.Observer")
        with self._changing:
            if self._closed:
                raise ObserverRefused(f"run {self._run.id} has ended, and {observer!r} would be told nothing")
            if any(watcher.observer is observer for watcher in self._watchers):
                raise ObserverRefused(f"{observer!r} observes run {self._run.id} already")
            watcher = Watcher(observer, self._run, self._limit, self._detach)
            # Before it is started: an interrupt in between must not leave a thread that nobody ends.
            self._threads.append(watcher)
            watcher.start()
            self._set((*self._watchers, watcher))
        return partial(self._remove, watcher)

    def close(self, patience: float = PATIENCE) -> None:
        """Have all told what is left, and that the run has ended; wait for that, `patience` seconds at most.

        Those that have not taken it in by then are named in a warning and left behind. Can be repeated.
        """
        with self._changing:
            self._closed = True
            for watcher in self._threads:
                watcher.close()
        self._join(patience)

    def _remove(self, watcher: Watcher) -> None:
        watcher.close()
        if watcher.join(time.monotonic() + PATIENCE):
            self._forget(watcher)

    def _join(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        for watcher in tuple(self._threads):
            watcher.join(deadline)
            self._forget(watcher)

    def _forget(self, watcher: Watcher) -> None:
        with self._changing:
            if watcher in self._threads:
                self._threads.remove(watcher)

    def _detach(self, watcher: Watcher) -> None:
        with self._changing:
            if watcher in self._watchers:
                self._set(tuple(one for one in self._watchers if one is not watcher))

    def _set(self, watchers: tuple[Watcher, ...]) -> None:
        """Take these for those who watch. Caller holds the lock."""
        before, self._watchers = self._watchers, watchers
        self.puts = tuple(watcher.put for watcher in watchers)
        if bool(before) != bool(watchers):
            self._changed()
