"""One command under supervision: started, watched, and ended with all that it started."""

from __future__ import annotations

import math
import os
import resource
import signal
import stat
import subprocess
import sys
import time

from . import tree

# Typing's own constant would cost every supervisor the import of typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Command"]

# How long what a command leaves behind in the background is given to end.
_LINGERING = 1.0
_MEMORY_EVERY = 0.25
_AGAIN_FIRST, _AGAIN_LAST = 0.005, 0.5


class _NotStarted(Exception):
    """The command could not be started."""

    def __init__(self, what: str, error: OSError | None) -> None:
        super().__init__(
            what if error is None else f"{what}: {os.strerror(error.errno)}" if error.errno else str(error)
        )
        self.errno = None if error is None else error.errno


class Command:
    """A command, and every process below this one.

    Args:
        order: what to run. Text that the system takes as bytes has one character for each byte.
        fds: the file descriptors that came with the order, by name. They are closed when the command has begun.
        open_file: opens the file of a stream for which there is neither a file descriptor nor a path.
    """

    def __init__(self, order: dict[str, Any], fds: dict[str, int], open_file: Callable[[str], int]) -> None:
        self._order = order
        self._fds = fds
        self._open_file = open_file
        self.pid = 0
        self.started = 0.0
        self._status: dict[str, Any] = {}
        #: Whether there is no process left: the command and all that it started have ended, or it was never started.
        self.over = True
        # The command itself has ended. What it started may be there yet.
        self._ended = False
        # The state that it will have ended in because it is being ended, and why.
        self._cause: tuple[str, str] | None = None
        # When something is due: its wall time is over; a look for processes that have come up while it is being ended.
        self._due: float | None = None
        self._ending = False
        self._killing = False
        self._kill_at = 0.0
        self._told: set[int] = set()
        self._pause = _AGAIN_FIRST
        self._look: float | None = None

    # --- start --------------------------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Start it. If it is False that it began, `status` says why. Nothing is started that is to be ended already."""
        try:
            if self._cause is None:
                self._move_there()
                process = self._launch()
                process.returncode = 0  # It is waited for here, and not by Popen.
                self.pid = process.pid
        except _NotStarted as error:
            self._status = {"state": "failed", "errno": error.errno, "reason": str(error)}
        finally:
            for fd in self._fds.values():
                os.close(fd)
            self._fds.clear()
        if not self.pid:
            return False
        self.over = False
        begun, self.started = time.monotonic(), time.time()
        if self._order["walltime"] is not None:
            self._due = begun + self._order["walltime"]
        if self._order["memory"]:
            self._look = begun + _MEMORY_EVERY
        return True

    def _move_there(self) -> None:
        """Go to the working directory of the command, and to the processors of whoever submitted it."""
        if "here" in self._fds:
            os.fchdir(self._fds["here"])
        for folder in self._order["cwd"]:
            try:
                os.chdir(folder.encode("latin-1"))
            except (OSError, ValueError) as error:
                raise _NotStarted(f"its working directory {_text(folder)} cannot be entered", _os(error)) from error
        cpus = set(self._order["cpus"])
        if cpus != os.sched_getaffinity(0):
            try:
                os.sched_setaffinity(0, cpus)
            except OSError as error:
                raise _NotStarted(f"it cannot be put on the processors {sorted(cpus)}", error) from error

    def _launch(self) -> subprocess.Popen[bytes]:
        for name in ("stdin", "stdout", "stderr"):
            self._open(name)
        argv = [part.encode("latin-1") for part in self._order["argv"]]
        try:
            return subprocess.Popen(  # noqa: S603 - running what it is told to is its purpose
                argv,
                env={name.encode("latin-1"): value.encode("latin-1") for name, value in self._order["env"].items()},
                stdin=self._fds["stdin"],
                stdout=self._fds["stdout"],
                stderr=self._fds["stderr"],
                # Else a command that signals its own group would signal this process.
                start_new_session=True,
                preexec_fn=self._limit if self._order["memory"] else None,  # noqa: PLW1509 - there are no threads here
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise _NotStarted(f"{_text(self._order['argv'][0])} cannot be run", _os(error)) from error

    def _open(self, name: str) -> None:
        """See that a stream has a file descriptor."""
        try:
            if name in self._fds:
                fd = self._fds[name]
                # Only now: a command that never begins leaves the file as it was.
                if name in self._order["truncate"] and stat.S_ISREG(os.fstat(fd).st_mode):
                    os.ftruncate(fd, 0)
            elif name in self._order["files"]:
                path = self._order["files"][name].encode("latin-1")
                self._fds[name] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            elif name == "stdin":
                self._fds[name] = os.open(os.devnull, os.O_RDONLY)
            else:
                self._fds[name] = self._open_file(name)
        except OSError as error:
            raise _NotStarted(f"its {name} cannot be opened", error) from error

    def _limit(self) -> None:
        memory = min(self._order["memory"], sys.maxsize)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            memory = min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    # --- watch --------------------------------------------------------------------------------------------------------

    def patience(self) -> float | None:
        """How many milliseconds there are before anything is due; None: for ever."""
        times = [at for at in (self._due, self._look) if at is not None]
        left = min(times, default=math.inf) - time.monotonic()
        # The kernel takes no more than 24 days at once.
        return None if left == math.inf else min(max(0.0, left) * 1000, 1e9)

    def reap(self) -> None:
        """Take note of what has ended."""
        while not self.over:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.over = True
                return
            if pid == 0:
                break
            if pid == self.pid and not self._ended:
                self._note_end(os.waitstatus_to_exitcode(status))
        if self.over:
            return
        if self._ending:  # What has ended may have left others behind.
            self._due = time.monotonic()
        elif self._ended:
            self._end_all(min(self._order["grace"], _LINGERING))

    def _note_end(self, code: int) -> None:
        self._ended = True
        self._look = None
        self._status["signal" if code < 0 else "exit_code"] = abs(code)
        self._status["ended"] = time.time()

    def act(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self.over:
            return
        if self._look is not None and now >= self._look:
            self._look = now + _MEMORY_EVERY
            self._look_at_memory()
        if self._due is None or now < self._due:
            return
        if self._ending:
            self._end_more(now)
        else:
            limit = self._order["walltime"]
            self._end("timed_out", f"it took longer than its wall time of {limit:g} s", self._order["grace"])

    def _look_at_memory(self) -> None:
        limit = self._order["memory"]
        if tree.memory(exact=False) > limit and (used := tree.memory(exact=True)) > limit:
            # At once: in the time that it is given to end, what takes memory may take all there is.
            reason = f"it used {used / 2**20:,.1f} MiB of memory, and was allowed {limit / 2**20:,.1f} MiB"
            self._end("over_memory", reason, 0)

    # --- end ----------------------------------------------------------------------------------------------------------

    def cancel(self, reason: str, grace: float | None = None) -> None:
        """End it, unless it has ended or is being ended. With `grace` there are no more than so many seconds for it."""
        own = self._order["grace"]
        self._end("cancelled", reason, own if grace is None else min(own, grace))
        if grace is not None and self._ending:
            now = time.monotonic()
            self._kill_at = min(self._kill_at, now + grace)
            self._due = min(self._kill_at, now if self._due is None else self._due)

    def status(self) -> dict[str, Any]:
        """Return how it ended, as the fields of a status."""
        status = {"reason": "", "ended": time.time(), **self._status}
        if self.pid:
            status.update(pid=self.pid, started=self.started)
        if self._cause is not None:
            status["state"], status["reason"] = self._cause
        elif "signal" in status:
            status["state"], status["reason"] = "failed", f"it was ended by {_signal_name(status['signal'])}"
        elif "exit_code" in status:
            status["state"] = "succeeded" if status["exit_code"] == 0 else "failed"
        if status.get("state") == "failed" and self.pid and self._order["memory"]:
            # Whether that is why, only the command knows: an allocation fails, and it may say so, or not.
            limit = f"it was allowed {self._order['memory'] / 2**20:,.1f} MiB of memory"
            status["reason"] = f"{status['reason']}; {limit}" if status["reason"] else limit
        return status

    def _end(self, state: str, reason: str, grace: float) -> None:
        if self._cause is None and not self._ended:
            self._cause = state, reason
            if self.pid:
                self._end_all(grace)

    def _end_all(self, grace: float) -> None:
        """Ask all processes to end, and end in `grace` seconds those that have not."""
        now = time.monotonic()
        self._ending = True
        self._kill_at = now + grace
        self._end_more(now)

    def _end_more(self, now: float) -> None:
        """Ask, or end, those that are there now. It is called until there are none."""
        if now < self._kill_at:
            # Stopped processes must go on to hear that they are to end.
            tree.send(signal.SIGTERM, signal.SIGCONT, told=self._told)
        else:
            if not self._killing:
                self._killing = True
                self._pause = _AGAIN_FIRST
                tree.stop()
            tree.send(signal.SIGKILL)
        # No event tells of those that were just being made.
        self._due = now + self._pause if self._killing else min(now + self._pause, self._kill_at)
        self._pause = min(self._pause * 2, _AGAIN_LAST)


def _os(error: Exception) -> OSError:
    return error if isinstance(error, OSError) else OSError(0, str(error))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _text(latin: str) -> str:
    """Return what people may read of text that has one character for each byte."""
    return latin.encode("latin-1").decode(errors="backslashreplace")
