"""The supervisor's end of the line to its owner, and the one place where it waits."""

from __future__ import annotations

import json
import os
import select
import signal
import socket

# Typing's own constant would cost every supervisor the import of typing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CANCEL", "ENDED", "LARGEST_WORD", "REFUSED", "RUN", "STARTED", "TAKEN", "UP", "Line"]

# Words are JSON objects; "word" says which. Each is one datagram.

#: From the owner: run a command. The rest is the order. File descriptors come along, as named under "fds"; one named
#: "order" is a file that holds the order itself.
RUN = "run"
#: From the owner: end the command of this "id", with no more than this "grace", if it is a number.
CANCEL = "cancel"
#: To the owner: orders are taken.
UP = "up"
#: The order is read. Before this word the command has not begun, whatever happens; after it, it may have.
TAKEN = "taken"
#: It has begun; with "pid" and "started".
STARTED = "started"
#: All of it has ended, and, unless it was to be kept, the next order is taken; with what its "status" is.
ENDED = "ended"
#: It was not begun, nor will be here. It was before, if "known"; with the "reason".
REFUSED = "refused"

#: No datagram is larger. The kernel's own limit is some 200 kB.
LARGEST_WORD = 96 * 1024
_MOST_FILES = 16


class Line:
    """Hears the owner, the owner's death, and signals; speaks to the owner.

    Args:
        channel: the file descriptor of a socket of datagrams to the owner.
        owner: a pidfd of the owner: copies of it may keep the socket open when it is dead.
    """

    def __init__(self, channel: int, owner: int | None) -> None:
        self._channel = socket.socket(fileno=channel)
        self._owner = owner
        #: Whether there is an owner.
        self.alive = True
        #: Whether a SIGTERM has come, since this was last set to False.
        self.terminated = False
        self._woken, self._wake = os.pipe()
        for fd in (self._woken, self._wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, _noted)
        self._poll = select.poll()
        for each in (self._woken, channel, owner):
            if each is not None:
                self._poll.register(each, select.POLLIN)

    def tell(self, word: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        """Tell the owner, if there is one."""
        if self.alive:
            try:
                self._channel.send(json.dumps({"word": word, **more}).encode("ascii"))
            except OSError:
                self._lose_owner()

    def hear(self, patience: float | None) -> tuple[dict[str, Any], dict[str, int]] | None:
        """Wait for anything, at most so many milliseconds; return the owner's next word and what came along, if any.

        Signals have been noted on return.
        """
        events = [fd for fd, _ in self._poll.poll(patience)]
        if self._woken in events:
            self._drain()
        if self._owner is not None and self._owner in events:
            self._lose_owner()
        elif self.alive and self._channel.fileno() in events:
            return self._read()
        return None

    def _drain(self) -> None:
        try:
            while numbers := os.read(self._woken, 4096):
                self.terminated = self.terminated or signal.SIGTERM in numbers
        except BlockingIOError:
            pass

    def _read(self) -> tuple[dict[str, Any], dict[str, int]] | None:
        try:
            data, fds, _, _ = socket.recv_fds(self._channel, LARGEST_WORD, _MOST_FILES)
        except OSError:
            data, fds = b"", []
        if not data:
            self._lose_owner()
            return None
        for fd in fds:
            os.set_inheritable(fd, False)
        word = json.loads(data)
        files = dict(zip(word.get("fds", ()), fds, strict=True))
        if "order" in files:
            with open(files.pop("order"), "rb") as file:  # noqa: PTH123 - a file descriptor
                word.update(json.load(file))
        return word, files

    def _lose_owner(self) -> None:
        if self.alive:
            self.alive = False
            self._poll.unregister(self._channel)
            if self._owner is not None:
                self._poll.unregister(self._owner)


def _noted(_number: int, _frame: object) -> None:
    """Let a signal only wake the poll: without a handler it would end this process, or be ignored."""
