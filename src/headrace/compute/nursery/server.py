"""The process that forks: run as a script, with nothing but the standard library.

It is small and has one thread, so that a fork is cheap and safe, whatever threads its owner has. It does as told by
datagrams on a socket, tells of the births and deaths of its children, and ends when its owner does. It adopts the
processes that a dead child leaves behind, and ends them. See `headrace.compute.nursery.nursery` for the other side.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections import deque

__all__ = [
    "BORN",
    "EXITED",
    "FORK",
    "HEADER",
    "KILL",
    "MAX_DATAGRAM",
    "MAX_FILES",
    "NOT_BORN",
    "PAYLOAD_IN_FILE",
    "adopted",
    "main",
]

#: Every datagram begins with its kind, the child's number, and a number that depends on the kind.
HEADER = struct.Struct("<cQq")
#: To the server. Fork a child, with the rest as payload and the file descriptors that come along; the number is 0, or
#: PAYLOAD_IN_FILE if the payload is in the first of the files.
FORK = b"F"
PAYLOAD_IN_FILE = 1
#: Send the child the signal that is the number.
KILL = b"K"
#: To the owner. A child is there; the number is its process id.
BORN = b"B"
#: It could not be forked; the number is the operating system's error.
NOT_BORN = b"N"
#: It has ended; the number is its exit code, or minus the signal that ended it.
EXITED = b"E"

#: No datagram is larger. The kernel's own limit is some 200 kB.
MAX_DATAGRAM = 96 * 1024
#: No child is given more file descriptors, that of a payload in a file included.
MAX_FILES = 16
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_EXIT_BUG = 70
_STDERR = 2


def main(arguments: list[str]) -> None:
    """Serve until the owner's end of the socket is closed, or the owner is dead."""
    options = json.loads(arguments[0])
    _fill_standard_streams()
    # Bare: behind the standard library, which it must not hide.
    sys.path[len(sys.path) if options["bare"] else 0 :] = options["path"]
    # What the thread that started this one had blocked is nothing to those that are forked here.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for name in options["preload"]:
        _import(name)
    module, _, function = options["target"].partition(":")
    target = getattr(importlib.import_module(module), function)
    control = socket.socket(fileno=options["fd"])
    server = _Server(control, target, libc, owner=options["owner"], kill=options["kill"])
    # Else it died before it was watched, and a copy of it may hold the other end of the socket for ever.
    if os.getppid() == options["owner"]:
        server.serve(deque(options["preload_later"]))


class _Server:
    def __init__(self, control: socket.socket, target, libc, *, owner: int, kill: bool) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a function of any module, and ctypes has no types
        self._control = control
        self._target = target
        self._libc = libc
        self._kill = kill
        self._pid = os.getpid()
        self._pids: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._outbox: deque[bytes] = deque()
        self._woken, self._wake = os.pipe()
        self._owner = _watch(owner)
        self._poll = select.poll()
        control.setblocking(False)
        for fd in (self._woken, self._wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self, later: deque[str]) -> None:
        """Do as told until the owner is gone; import what is to be imported later while there is nothing to do."""
        gc.collect()
        gc.freeze()
        self._poll.register(self._woken, select.POLLIN)
        if self._owner is not None:
            self._poll.register(self._owner, select.POLLIN)
        alive = True
        while alive:
            self._poll.register(self._control, select.POLLIN | (select.POLLOUT if self._outbox else 0))
            events = self._poll.poll(0 if later else None)
            if later and not events:
                _import(later.popleft())
                gc.freeze()
            for fd, event in events:
                if fd == self._woken:
                    _drain(self._woken)
                    self._reap()
                elif fd == self._owner:
                    alive = False
                elif event & ~select.POLLOUT:
                    alive = alive and self._obey()
            self._send()
        self._end()

    def _obey(self) -> bool:
        """Do what the next datagram asks for; return False if there will be no more."""
        try:
            data, fds, _, _ = socket.recv_fds(self._control, MAX_DATAGRAM + HEADER.size, MAX_FILES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        kind, number, value = HEADER.unpack_from(data)
        if kind == FORK:
            payload = data[HEADER.size :]
            if value == PAYLOAD_IN_FILE:
                with open(fds.pop(0), "rb") as file:  # noqa: PTH123 - a file descriptor, not a path
                    payload = file.read()
            self._fork(number, payload, fds)
        elif kind == KILL and number in self._pids:
            os.kill(self._pids[number], value)
        return True

    def _fork(self, number: int, payload: bytes, fds: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._outbox.append(HEADER.pack(NOT_BORN, number, error.errno or 0))
        else:
            if pid == 0:
                self._become_child(payload, fds)
            self._pids[number] = pid
            self._numbers[pid] = number
            self._outbox.append(HEADER.pack(BORN, number, pid))
        for fd in fds:
            os.close(fd)

    def _become_child(self, payload: bytes, fds: list[int]) -> None:
        code = _EXIT_BUG
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            for fd in (self._woken, self._wake, *([] if self._owner is None else [self._owner])):
                os.close(fd)
            os.setsid()
            # It adopts what its own children leave behind, so that what this server adopts is a dead child's for sure.
            self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            if self._kill:
                self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != self._pid:  # It died before it was listened for.
                    os._exit(_EXIT_BUG)
            self._target(payload, fds)
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # noqa: BLE001 - this process ends here; its exit code tells the owner
            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            number = self._numbers.pop(pid, None)
            if number is not None:
                del self._pids[number]
                self._outbox.append(HEADER.pack(EXITED, number, os.waitstatus_to_exitcode(status)))
        # What is here and was not forked here, a dead child has left behind. When these die, theirs come, and so on.
        for pid in adopted(self._numbers):
            _kill(pid)

    def _send(self) -> None:
        while self._outbox:
            try:
                self._control.send(self._outbox[0])
            except BlockingIOError:
                return
            except OSError:
                self._outbox.clear()
                return
            self._outbox.popleft()

    def _end(self) -> None:
        self._control.close()
        if not self._kill:
            return
        while True:
            for pid in adopted(()):
                _kill(pid)
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return


def adopted(own) -> list[int]:  # type: ignore[no-untyped-def]  # noqa: ANN001 - any container of process ids
    """Return the process ids of this process's children that are not among `own`."""
    me = os.getpid()
    try:
        with open(f"/proc/self/task/{me}/children", encoding="ascii") as file:  # noqa: PTH123 - pathlib costs 5 ms to import
            return [int(pid) for pid in file.read().split() if int(pid) not in own]
    except OSError:
        pass
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - likewise
        if entry.isdecimal() and int(entry) not in own:
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - likewise
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == me:
                found.append(int(entry))
    return found


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 - whoever needs it will find out, and say so where it can be seen
        traceback.print_exc()


def _fill_standard_streams() -> None:
    """See that no file of ours gets the number of a standard stream that is closed, here and in all children."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)


def _watch(owner: int) -> int | None:
    """Return a file descriptor that is readable when the owner is dead; None where the system has none such."""
    try:
        fd = os.pidfd_open(owner)
    except (AttributeError, OSError):
        return None
    return fd


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
