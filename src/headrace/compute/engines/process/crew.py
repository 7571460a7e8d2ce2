"""What a process engine does about its commands.

All of it happens on the reactor's thread, one deed at a time. A command is in one of these places:

- in the queue: nothing of it exists. It waits for a supervisor that is up and has nothing to do;
- on a line: it was given to a supervisor. If the line ends before the supervisor has taken it, it goes back into the
  queue; if it ends later and without a last word, the command is lost;
- adopted: another engine started it, or this one before a crash. Its folder says what there is to know, and a pidfd
  tells when its supervisor has ended;
- ended.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from headrace.compute.engines.base import JobState, Status
from headrace.compute.engines.process.line import Line, Lines
from headrace.compute.engines.process.reactor import Reactor
from headrace.compute.engines.process.report import status_from
from headrace.compute.engines.process.streams import close_all
from headrace.compute.engines.process.supervision.identity import start_time
from headrace.compute.engines.process.supervision.line import CANCEL, ENDED, REFUSED, RUN, STARTED, TAKEN, UP

if TYPE_CHECKING:
    from headrace.compute.engines.base import Watcher
    from headrace.compute.engines.process.job import Job

__all__ = ["Crew"]

logger = logging.getLogger(__name__)

# More would only wait for one another.
_MADE_AT_ONCE = 4
_ATTEMPTS = 3
_MOST_IDLE = max(4, os.cpu_count() or 1)
_AGAIN_FIRST, _AGAIN_LAST = 0.01, 1.0
_S = JobState
_NEVER_BEGAN = Status(state=_S.cancelled, reason="it was cancelled before it began")


class Crew:
    """The commands of an engine, and their supervisors. Its public methods are to be posted to its reactor."""

    def __init__(self, name: str) -> None:
        self.reactor = Reactor(name, self._give_up)
        self._lines = Lines(self.reactor, heard=self._heed, lost=self._lose, barren=self._despair)
        #: Those that have not ended, as far as is known here.
        self._active: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._idle: list[Line] = []
        self._closing = False
        self._closed = False

    # --- deeds --------------------------------------------------------------------------------------------------------

    def launch(self, job: Job) -> None:
        """Start a command with its `launch`, unless it was cancelled."""
        if job.status.final:
            self._drop_launch(job)
            return
        self._active[job.handle.id] = job
        if self._closed and job.folder is not None:
            self._let_go(job)  # Its intent is written down, for whoever submits it again.
        elif job.cancelled or (self._closing and job.folder is None):
            self._end_unbegun(job, _NEVER_BEGAN)
        else:
            self._queue.append(job)
            self._give_out()

    def watch(self, job: Job, watcher: Watcher) -> None:
        """Add a watcher to a command, and tell it what it has missed."""
        if not job.status.final:
            job.watchers.append(watcher)
        if job.status.state is not _S.submitted:
            _tell(watcher, job)

    def follow(self, job: Job) -> None:
        """Follow what a command's folder says of it, to its end."""
        if not job.status.final and job.handle.id not in self._active and not self._closed:
            self._active[job.handle.id] = job
            self._look(job)

    def cancel(self, job: Job, grace: float | None = None) -> None:
        """End a command, if it has not ended. With `grace` it has no more than so many seconds for it."""
        if job.status.final:
            return
        job.cancelled = True
        if job.launch is not None and job in self._queue:
            self._queue.remove(job)
            self._end_unbegun(job, _NEVER_BEGAN)
        elif job.line is not None:
            try:
                job.line.say({"word": CANCEL, "id": job.handle.id, "grace": grace})
            except OSError:  # It has just ended, and that will be heard.
                logger.debug("%s: its supervisor cannot be told to cancel it", job.handle, exc_info=True)
        elif job.waiting is not None:
            signal.pidfd_send_signal(job.waiting, signal.SIGTERM)
        elif job.folder is not None:
            self._look(job)
        elif job.handle.id not in self._active:  # Its submitting was cut short.
            self._end_unbegun(job, _NEVER_BEGAN)

    def abandon(self, job: Job, reason: str) -> None:
        """Take back a command whose submitting was cut short. One that is to be kept and has begun goes on."""
        if job.handle.id not in self._active:
            self._end(job, Status(state=_S.failed, reason=reason, ended=time.time()))
        elif job.folder is None:
            self.cancel(job)

    def close(self, grace: float | None = None) -> None:
        """End all that is not to be kept, with no more than `grace`; see that the rest has begun; end the reactor."""
        self._closing = True
        for job in list(self._active.values()):
            if job.folder is None:
                self.cancel(job, grace)
            elif job.launch is None and (job.line is None or job.status.state is _S.running):
                self._let_go(job)
        self._end_if_done()

    def close_in_forked_copy(self) -> None:
        """Close what supervisors take for a sign that their owner lives. Not on the reactor's thread."""
        self._lines.close_in_forked_copy()

    # --- supervisors --------------------------------------------------------------------------------------------------

    def _give_out(self) -> None:
        """Give waiting commands to supervisors that have nothing to do, and have more made if there are too few."""
        while self._queue and self._idle:
            line = self._idle.pop()
            if self._lines.orphaned(line):
                self._lines.hang_up(line)
            else:
                self._give(self._queue.popleft(), line)
        for _ in range(min(len(self._queue), _MADE_AT_ONCE) - len(self._lines.starting)):
            self._lines.make()

    def _give(self, job: Job, line: Line) -> None:
        launch = job.launch
        if launch is None:
            return
        job.attempts += 1
        try:
            line.say({"word": RUN, **launch.order}, launch.fds)
        except (BrokenPipeError, ConnectionResetError):  # It was killed while it had nothing to do.
            self._queue.appendleft(job)
            self._lines.hang_up(line)
            return
        except OSError as error:
            self._rest(line)
            reason = f"its supervisor cannot be given the order: {error.strerror or error}"
            self._end_unbegun(job, Status(state=_S.failed, errno=error.errno, reason=reason))
            return
        job.line, line.job = line, job

    def _heed(self, line: Line, word: dict[str, Any]) -> None:
        """Do what a word of a supervisor calls for."""
        if word["word"] == UP:
            self._rest(line)
            return
        job = line.job
        if job is None or job.handle.id != word["id"]:
            return
        if word["word"] == TAKEN:
            self._drop_launch(job)
        elif word["word"] == STARTED:
            self._set(job, Status(state=_S.running, pid=word["pid"], started=word["started"]))
            if self._closing and job.folder is not None:
                self._let_go(job)
        elif word["word"] == ENDED:
            job.line = line.job = None
            if job.folder is None:
                self._rest(line)
            self._end(job, status_from(word["status"]))
        elif word["word"] == REFUSED:
            job.line = line.job = None
            if word["known"]:
                self._look(job)
            else:
                self._end_unbegun(job, Status(state=_S.failed, reason=word["reason"]))

    def _rest(self, line: Line) -> None:
        """Have a supervisor take the next command; end it if there are enough without work."""
        if line.channel is None or self._lines.orphaned(line) or len(self._idle) >= _MOST_IDLE:
            self._lines.hang_up(line)
        else:
            self._idle.append(line)
        self._give_out()

    def _lose(self, line: Line, exitcode: int | None) -> None:
        """Take note that a supervisor has ended."""
        if line in self._idle:
            self._idle.remove(line)
        job, line.job = line.job, None
        if job is not None:
            job.line = None
            if job.launch is not None:  # It has not begun.
                if job.attempts < _ATTEMPTS:
                    self.launch(job)
                else:
                    self._end_unbegun(job, Status(state=_S.failed, reason=_last_seen(line, exitcode)))
                return
            if job.folder is not None:
                self._look(job)  # The last word may have been written, and not told.
            if not job.status.final and job.waiting is None:
                self._end(job, replace(job.status, state=_S.lost, reason=_last_seen(line, exitcode)))
        self._give_out()

    def _despair(self, error: OSError) -> None:
        """No supervisor can be made: wait for those that there are, if there are any."""
        if self._lines.starting or any(job.line is not None for job in self._active.values()):
            return
        reason = f"its supervisor cannot be started: {error.strerror or error}"
        while self._queue:
            self._end_unbegun(self._queue.popleft(), Status(state=_S.failed, errno=error.errno, reason=reason))

    # --- folders ------------------------------------------------------------------------------------------------------

    def _look(self, job: Job, pause: float = _AGAIN_FIRST) -> None:
        """Do what a command's folder calls for; look again after `pause` seconds if it does not say all."""
        folder = job.folder
        if folder is None or job.status.final or job.line is not None:
            return
        if job.handle.id not in self._active and not job.cancelled:
            return
        look = folder.look()
        if look.status.final:
            self._end(job, look.status)
        elif look.never_started:
            if job.cancelled:
                self._end_unbegun(job, _NEVER_BEGAN)
            else:  # It waits for whoever submits it again; who may just be doing so, and have made its launch.
                self._active.pop(job.handle.id, None)
                self._wait_no_more(job)
                self._end_if_done()
        else:
            self._set(job, look.status)
            waiting = look.supervisor is not None and self._wait_for(job, *look.supervisor)
            if not waiting or job.status.state is _S.submitted:
                self.reactor.after(pause, self._look, job, min(pause * 2, _AGAIN_LAST))
            if self._closing:
                self._let_go(job)

    def _wait_for(self, job: Job, pid: int, start: int) -> bool:
        """Have a look again when a supervisor has ended. Return False if that cannot be had."""
        if job.waiting is not None:
            return True
        try:
            fd = os.pidfd_open(pid)
        except (AttributeError, OSError):
            fd = None
        there = start_time(pid) == start
        if fd is None:
            if there and job.cancelled:
                os.kill(pid, signal.SIGTERM)
            return False
        if not there:
            os.close(fd)
            return False
        job.waiting = fd
        self.reactor.listen(fd, lambda: self._look_after_end(job))
        if job.cancelled:
            signal.pidfd_send_signal(fd, signal.SIGTERM)
        return True

    def _look_after_end(self, job: Job) -> None:
        self._wait_no_more(job)
        self._look(job)

    def _wait_no_more(self, job: Job) -> None:
        if job.waiting is not None:
            self.reactor.ignore(job.waiting)
            os.close(job.waiting)
            job.waiting = None

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _set(self, job: Job, status: Status) -> None:
        if status != job.status and not job.status.final:
            job.status = status
            for watcher in tuple(job.watchers):
                _tell(watcher, job)

    def _end_unbegun(self, job: Job, status: Status) -> None:
        """End a command that has not begun, for good."""
        status = replace(status, ended=time.time())
        if job.folder is not None:
            try:
                if not job.folder.settle(status):
                    self._drop_launch(job)
                    self._active[job.handle.id] = job
                    self.reactor.after(_AGAIN_FIRST, self._end_or_look, job, status)
                    return
            except OSError as error:
                status = replace(status, reason=f"{status.reason} (this could not be written down: {error.strerror})")
        self._end(job, status)

    def _end_or_look(self, job: Job, status: Status) -> None:
        if job.folder is not None and job.folder.look().never_started:
            self._end_unbegun(job, status)
        else:
            self._look(job)

    def _end(self, job: Job, status: Status) -> None:
        self._forget(job)
        self._set(job, status)
        job.watchers.clear()
        self._end_if_done()

    def _let_go(self, job: Job) -> None:
        """Leave a command to itself."""
        line, job.line = job.line, None
        if line is not None:
            line.job = None
            self._lines.hang_up(line)
        self._forget(job)
        job.status = replace(job.status, reachable=False)
        self._end_if_done()

    def _forget(self, job: Job) -> None:
        self._active.pop(job.handle.id, None)
        self._wait_no_more(job)
        self._drop_launch(job)

    def _end_if_done(self) -> None:
        if self._closing and not self._active and not self._closed:
            self._closed = True
            self._idle.clear()
            self._lines.close()
            self.reactor.stop()

    def _give_up(self, error: BaseException) -> None:
        """After a defect, leave no watcher without an answer."""
        self._queue.clear()
        for job in list(self._active.values()):
            line, job.line = job.line, None
            if line is not None:
                line.job = None
                self._lines.hang_up(line)
            reason = f"the engine has a defect, and has lost sight of it: {type(error).__name__}: {error}"
            self._end(job, replace(job.status, state=_S.lost, reason=reason))

    @staticmethod
    def _drop_launch(job: Job) -> None:
        launch, job.launch = job.launch, None
        if launch is not None:
            close_all(launch.fds)


def _tell(watcher: Watcher, job: Job) -> None:
    try:
        watcher(job.handle, job.status)
    except Exception:
        logger.exception("%r, told of %s, raised", watcher, job.handle)


def _last_seen(line: Line, exitcode: int | None) -> str:
    who = "its supervisor" if line.pid is None else f"its supervisor (process {line.pid})"
    return f"{who} {_how(exitcode)} without a word of how the command did"


def _how(exitcode: int | None) -> str:
    if exitcode is None:
        return "ended"
    if exitcode >= 0:
        return f"ended with exit code {exitcode}"
    try:
        return f"was ended by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"was ended by signal {-exitcode}"
