"""The owner's side of the process that forks."""

from __future__ import annotations

import json
import os
import signal as signals
import socket
import subprocess
import sys
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.compute.nursery import server
from headrace.compute.nursery.descriptors import standard_streams_reserved
from headrace.core import HeadraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Born", "Exited", "NotBorn", "Nursery", "NurseryLost"]

_SERVER = Path(server.__file__)


class NurseryLost(HeadraceError):
    """The process that forks has ended, or could not be started."""


@dataclass(frozen=True, slots=True)
class Born:
    """A child is there."""

    number: int
    pid: int


@dataclass(frozen=True, slots=True)
class NotBorn:
    """A child could not be forked."""

    number: int
    errno: int


@dataclass(frozen=True, slots=True)
class Exited:
    """A child has ended, with an exit code or, negative, by a signal. What it left behind is being ended too."""

    number: int
    exitcode: int


_EVENTS: dict[bytes, Callable[[int, int], Born | NotBorn | Exited]] = {
    server.BORN: Born,
    server.NOT_BORN: NotBorn,
    server.EXITED: Exited,
}


class Nursery:
    """A process of its own that forks children: cheaply, and safely whatever threads the owner has.

    Each child is the leader of a session of its own, adopts what its children leave behind, and runs
    ``target(payload, fds)``. When it dies, every process that it started is ended. When the owner dies or closes
    the nursery, the nursery ends.

    Not for several threads at once: one loop of the owner's uses it.

    Args:
        target: ``"module:function"``, run in each child.
        preload: modules to import before the first fork, so that children need not.
        preload_later: modules to import when there is nothing else to do, so that later children need not.
        path: its `sys.path`, the owner's own unless said; with `bare`, what comes after the standard library.
        bare: leave out the site's and the user's modules; for a target that needs the standard library only.
        kill: whether the children are killed when the nursery ends, however it ends; else they see to themselves.
    """

    def __init__(
        self,
        target: str,
        *,
        preload: Sequence[str] = (),
        preload_later: Sequence[str] = (),
        path: Sequence[str] | None = None,
        bare: bool = False,
        kill: bool = True,
    ) -> None:
        if not sys.executable:
            raise NurseryLost("sys.executable does not say which Python this is, so no process can be started with it")
        with standard_streams_reserved():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        options = {
            "target": target,
            "preload": list(preload),
            "preload_later": list(preload_later),
            "path": [os.path.abspath(one) for one in (sys.path if path is None else path)],  # noqa: PTH100 - "" is the current directory
            "bare": bare,
            "kill": kill,
            "owner": os.getpid(),
            "fd": theirs.fileno(),
        }
        flags = ["-I", "-S"] if bare else []
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, *flags, str(_SERVER), json.dumps(options)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise NurseryLost(f"{sys.executable} cannot be started: {error}") from error
        finally:
            theirs.close()
        _nurseries.add(self)

    @property
    def pid(self) -> int:
        """The process id of the process that forks."""
        return self._process.pid

    def fileno(self) -> int:
        """Return the file descriptor that is readable when `receive` has something to tell."""
        return self._control.fileno()

    def fork(self, number: int, payload: bytes, fds: Sequence[int] = ()) -> None:
        """Ask for a child that runs ``target(payload, fds)``, its file descriptors being copies of these.

        `number` is what it is called from now on; never the same twice. `receive` tells what came of it. The file
        descriptors may be closed on return.

        Raises:
            NurseryLost: there is no process that could fork.
            OSError: the request cannot be made: too many open files, no memory.
            ValueError: there are too many file descriptors.
        """
        if len(fds) > server.MAX_FILES - 1:
            raise ValueError(f"a child can be given {server.MAX_FILES - 1} file descriptors, not {len(fds)}")
        where = 0
        files = list(fds)
        if len(payload) > server.MAX_DATAGRAM:
            file = os.memfd_create("payload")
            with open(file, "wb", closefd=False) as writer:
                writer.write(payload)
            os.lseek(file, 0, os.SEEK_SET)
            files.insert(0, file)
            where, payload = server.PAYLOAD_IN_FILE, b""
        try:
            socket.send_fds(self._control, [server.HEADER.pack(server.FORK, number, where), payload], files)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise NurseryLost("the process that forks has ended") from error
        finally:
            if where == server.PAYLOAD_IN_FILE:
                os.close(files[0])

    def kill(self, number: int, signal: int = signals.SIGKILL) -> None:
        """Send a child a signal, if it has not ended. Never reaches another process that has got its process id."""
        with suppress(OSError):  # Nobody there: its children are being ended anyway.
            self._control.send(server.HEADER.pack(server.KILL, number, signal))

    def receive(self) -> list[Born | NotBorn | Exited]:
        """Return what has happened since the last call, in order. Does not block.

        Raises:
            NurseryLost: the process that forks has ended, and all that it told has been returned.
        """
        events: list[Born | NotBorn | Exited] = []
        while True:
            try:
                data = self._control.recv(server.HEADER.size, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return events
            except OSError:
                data = b""
            if not data:
                if events:
                    return events
                raise NurseryLost("the process that forks has ended")
            kind, number, value = server.HEADER.unpack(data)
            events.append(_EVENTS[kind](number, value))

    def close(self, timeout: float = 10.0) -> None:
        """End it, and wait for that; with ``kill`` its children end with it. Nothing if it was closed before."""
        _nurseries.discard(self)
        with suppress(
            OSError
        ):  # For copies of this process that hold it too; nobody is there, if it was closed before.
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


#: Those of this process. Not state that anything depends on: a list of what a forked copy must close.
_nurseries: weakref.WeakSet[Nursery] = weakref.WeakSet()


def _close_in_forked_copy() -> None:
    # Else the nursery would live as long as the copy does, which may be longer than its owner.
    for nursery in list(_nurseries):
        nursery._control.close()  # noqa: SLF001 - our own class


os.register_at_fork(after_in_child=_close_in_forked_copy)
