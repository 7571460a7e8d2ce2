"""Shows how a run is going, from a thread of its own."""

from __future__ import annotations

import logging
import signal
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headrace.cli.progress import Progress
from headrace.cli.text import count, duration
from headrace.core.thread import Thread

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from headrace.cli.faces import Face
    from headrace.cli.watch import Watch

__all__ = ["Reporter", "interruption"]

logger = logging.getLogger(__name__)

_STOP = object()


class Reporter:
    """A context manager in which a face is shown, every now and then, what a watch has seen.

    Whatever the face runs into (its terminal is gone, say) ends the showing, never the run.

    Args:
        name: what runs, as people call it.
    """

    def __init__(self, name: str, watch: Watch, face: Face) -> None:
        self.name = name
        self.began = time.monotonic()
        self._watch = watch
        self._face = face
        self._progress = Progress(name, self.began)
        # Its `put`, unlike any lock, may be called from a signal handler that cut anything short.
        self._asked: SimpleQueue[object] = SimpleQueue()
        self._thread = Thread(target=self._report, name="headrace-progress")
        self._able = True

    def interrupted(self, number: signal.Signals) -> None:
        """Have it said that the run was interrupted, and what happens now. May be called from a signal handler."""
        self._asked.put(number)

    def waiting(self, notice: str) -> None:
        """Have it shown what is waited for, now that it is not the script any more."""
        self._progress.notice = notice

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asked.put(_STOP)
        self._thread.join()

    def _report(self) -> None:
        asked: object = None
        while asked is not _STOP:
            try:
                asked = self._asked.get(timeout=self._face.interval)
            except Empty:
                asked = None
            self._watch.drain()
            if self._able:
                self._show(asked)

    def _show(self, asked: object) -> None:
        try:
            if isinstance(asked, signal.Signals):
                self._tell_interruption(asked)
            self._face.show(self._progress.at(time.monotonic(), self._watch.tally))
        except (OSError, ValueError):
            self._able = False
            logger.debug("the terminal is gone, and progress is shown no more", exc_info=True)
        except Exception:
            self._able = False
            logger.exception("progress cannot be shown any more; the run goes on")

    def _tell_interruption(self, number: signal.Signals) -> None:
        message = interruption(number, self._watch.tally.counts.running, self._watch.cleanup_timeouts())
        if self._watch.tally.apps:
            self._face.tell(message)
            self._progress.notice = message


def interruption(number: signal.Signals, running: int, timeouts: list[float | None]) -> str:
    """Return what to say when the first interrupt has come.

    Args:
        number: the signal.
        running: how many tasks are running.
        timeouts: for how long each kernel waits for those, in seconds; None: for ever.
    """
    what = "interrupted" if number is signal.SIGINT else f"told to end ({number.name})"
    doing = "ending"
    if running:
        limits = [timeout for timeout in timeouts if timeout is not None]
        limit = f", at most {duration(max(limits))}" if limits and len(limits) == len(timeouts) else ""
        doing = f"waiting for {count(running, 'running task')}{limit}"
    return f"{what}: nothing more begins, {doing}. Ctrl-C now ends at once."
