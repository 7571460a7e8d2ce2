"""The owner's ends of the lines to supervisors, and the nursery that forks them."""

from __future__ import annotations

import json
import logging
import os
import socket
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.compute.engines.process.supervision.line import LARGEST_WORD
from headrace.compute.nursery import Born, Exited, Nursery, NurseryLost
from headrace.compute.nursery.descriptors import standard_streams_reserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.compute.engines.process.job import Job
    from headrace.compute.engines.process.reactor import Reactor

__all__ = ["Line", "Lines"]

logger = logging.getLogger(__name__)

_TARGET = "supervision.supervisor:supervise"
_HERE = Path(__file__).parent
_ATTEMPTS = 3


class Line:
    """The line to one supervisor."""

    __slots__ = ("channel", "job", "number", "pid", "up")

    def __init__(self, number: int, channel: socket.socket) -> None:
        self.number = number
        self.channel: socket.socket | None = channel
        #: Known soon after the supervisor is there.
        self.pid: int | None = None
        #: Whether it has said that it takes orders.
        self.up = False
        #: What it runs; None: nothing.
        self.job: Job | None = None

    def say(self, word: dict[str, Any], fds: dict[str, int] | None = None) -> None:
        """Tell the supervisor something; file descriptors are copied.

        Raises:
            OSError: it cannot be told: it has ended, or there are too many open files.
        """
        fds = dict(fds or {})
        text = json.dumps({**word, "fds": list(fds)}).encode("ascii")
        order = None
        if len(text) > LARGEST_WORD:
            order = os.memfd_create("order")
            with open(order, "wb", closefd=False) as file:
                file.write(text)
            os.lseek(order, 0, os.SEEK_SET)
            fds["order"] = order
            text = json.dumps({"word": word["word"], "fds": list(fds)}).encode("ascii")
        try:
            if self.channel is None:
                raise BrokenPipeError
            socket.send_fds(self.channel, [text], list(fds.values()), socket.MSG_DONTWAIT)
        finally:
            if order is not None:
                os.close(order)


class Lines:
    """Makes supervisors, hears them, and hears of their ends. For the reactor's thread.

    Args:
        heard: told each word of a supervisor.
        lost: told when a line has ended: with its exit code, or minus the signal; None: nobody knows. Once for each.
        barren: told when no supervisor can be made, of the reason.
    """

    def __init__(
        self,
        reactor: Reactor,
        *,
        heard: Callable[[Line, dict[str, Any]], None],
        lost: Callable[[Line, int | None], None],
        barren: Callable[[OSError], None],
    ) -> None:
        self._reactor = reactor
        self._heard = heard
        self._lost = lost
        self._barren = barren
        self._nursery: Nursery | None = None
        self._numbers = count(1)
        #: Those whose end the nursery has not told.
        self._forked: dict[int, Line] = {}
        #: Those that were asked for, and are not up.
        self.starting: set[Line] = set()
        #: Those whose channels are open here.
        self._open: set[Line] = set()
        self._owner = _own_pidfd()
        # Of nurseries, in a row, with no supervisor that came up.
        self._losses = 0

    def make(self) -> None:
        """Ask for one more supervisor. It will say that it is up."""
        for _ in range(_ATTEMPTS):
            try:
                self._make()
            except NurseryLost:
                self._lose_nursery()
            except OSError as error:
                self._barren(error)
                return
            else:
                return
        self._barren(OSError(0, "the process that forks them cannot be started, or ends at once"))

    def _make(self) -> None:
        if self._nursery is None:
            if self._losses >= _ATTEMPTS:
                self._losses = 0
                raise OSError(0, "the process that forks them ends at once")
            self._nursery = Nursery(_TARGET, path=[str(_HERE)], bare=True, kill=False)
            self._reactor.listen(self._nursery.fileno(), self._hear_nursery)
        with standard_streams_reserved():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = next(self._numbers)
        try:
            fds = [theirs.fileno()] if self._owner is None else [theirs.fileno(), self._owner]
            self._nursery.fork(number, b"", fds)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        line = Line(number, ours)
        self._forked[number] = line
        self.starting.add(line)
        self._open.add(line)
        self._reactor.listen(ours.fileno(), lambda: self._hear(line))

    def hang_up(self, line: Line) -> None:
        """Close a line. Its supervisor ends, unless it has a command that is to be kept."""
        self.starting.discard(line)
        self._open.discard(line)
        if line.channel is not None:
            self._reactor.ignore(line.channel.fileno())
            with suppress(OSError):  # A copy of this process may hold it too; or the supervisor has ended.
                line.channel.shutdown(socket.SHUT_RDWR)
            line.channel.close()
            line.channel = None

    def orphaned(self, line: Line) -> bool:
        """Tell whether the nursery that forked a supervisor is lost: nobody would end what it left behind."""
        return line.number not in self._forked

    def close(self) -> None:
        """Hang up on all, and end the nursery."""
        for line in list(self._open):
            self.hang_up(line)
        nursery, self._nursery = self._nursery, None
        if nursery is not None:
            self._reactor.ignore(nursery.fileno())
            nursery.close()
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def close_in_forked_copy(self) -> None:
        """Close what supervisors take for a sign that their owner lives. Not on the reactor's thread."""
        for line in list(self._open):
            if line.channel is not None:
                line.channel.close()

    def _hear(self, line: Line) -> None:
        while line.channel is not None:
            try:
                text = line.channel.recv(LARGEST_WORD, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                text = b""
            if text:
                word = json.loads(text)
                if not line.up:
                    line.up = True
                    self.starting.discard(line)
                    self._losses = 0
                self._heard(line, word)
            else:
                self.hang_up(line)
                if self.orphaned(line):  # Else the nursery tells how it ended.
                    self._lost(line, None)

    def _hear_nursery(self) -> None:
        if self._nursery is None:
            return
        try:
            events = self._nursery.receive()
        except NurseryLost:
            self._lose_nursery()
            return
        for event in events:
            line = self._forked.get(event.number)
            if line is None:
                continue
            if isinstance(event, Born):
                line.pid = event.pid
                continue
            self._hear(line)  # What it said before comes first.
            del self._forked[event.number]
            self.hang_up(line)
            if isinstance(event, Exited):
                self._lost(line, event.exitcode)
            else:
                self._barren(OSError(event.errno, os.strerror(event.errno)))

    def _lose_nursery(self) -> None:
        """Do without it. The supervisors that it forked live on, and speak for themselves."""
        nursery, self._nursery = self._nursery, None
        if nursery is None:
            return
        self._losses += 1
        self._reactor.ignore(nursery.fileno())
        nursery.close()
        logger.warning("the process that forks supervisors (%d) has ended; another takes its place", nursery.pid)
        forked, self._forked = self._forked, {}
        for line in forked.values():
            if line.channel is None:
                self._lost(line, None)
            else:
                self._hear(line)
                if not line.up:  # Nobody knows whether it was ever forked. It has no order.
                    self.hang_up(line)
                    self._lost(line, None)


def _own_pidfd() -> int | None:
    """Return what tells supervisors of this process's death, whatever copies of it hold their channels open."""
    with suppress(AttributeError, OSError), standard_streams_reserved():
        return os.pidfd_open(os.getpid())
    return None
