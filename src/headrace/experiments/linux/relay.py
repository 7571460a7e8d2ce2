"""A cable between two network namespaces that delays, loses and throttles packets: a program of its own.

It is for hosts whose kernel has no ``netem``, and does in user space what that does. It is copied to the host and run
there by its Python, as root; so it imports nothing but the standard library. Each end is a TAP device, which is gone
when the program ends, however that happens.

::

    python3 relay.py run CONTROL NAMESPACE DEVICE NAMESPACE DEVICE SHAPE    # "" is the host's own namespace
    python3 relay.py set CONTROL SHAPE                                      # in force on return

SHAPE is JSON: ``{"delay": s, "jitter": s, "loss": 0..1, "rate": bit/s, "queue": packets}``; a rate of 0 is no limit.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Course", "Form", "main"]

_TUNSETIFF = 0x400454CA
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000
_CLONE_NEWNET = 0x40000000
_FRAME = 1 << 16
#: As many frames are taken from one end before the other one, and what is due, are looked at.
_BATCH = 32
#: Seconds within which a running relay answers.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Form:
    """How packets fare in each direction.

    Attributes:
        delay: seconds.
        jitter: seconds that a packet's delay is more or less, evenly distributed.
        loss: the probability that a packet is lost.
        rate: bits a second; 0: no limit.
        queue: how many packets are under way at once; one more is lost.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: float = 0.0
    queue: int = 1000


class Course:
    """One direction: what is under way, and when it arrives.

    Args:
        form: how packets fare.
        chance: returns evenly distributed numbers from 0 to 1.
    """

    def __init__(self, form: Form, chance: Callable[[], float] = random.random) -> None:
        self.form = form
        self._chance = chance
        self._under_way: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._last = 0.0

    def offer(self, frame: bytes, now: float) -> None:
        """Take a packet, or lose it."""
        form = self.form
        if (form.loss and self._chance() < form.loss) or len(self._under_way) >= form.queue:
            return
        due = now + form.delay
        if form.jitter:
            due = max(now, due + form.jitter * (2 * self._chance() - 1))
        if form.rate:
            # It is sent when those before it have been.
            due = max(due, self._last if self._under_way else 0.0) + len(frame) * 8 / form.rate
        self._last = due
        self._count += 1
        heapq.heappush(self._under_way, (due, self._count, frame))

    def next_due(self) -> float | None:
        """Return when the next packet arrives; None if none is under way."""
        return self._under_way[0][0] if self._under_way else None

    def arrived(self, now: float) -> Iterator[bytes]:
        """Yield the packets that have arrived."""
        while self._under_way and self._under_way[0][0] <= now:
            yield heapq.heappop(self._under_way)[2]


def main(arguments: list[str]) -> int:
    """Do what the command line says; return the exit code."""
    if len(arguments) == 7 and arguments[0] == "run":  # noqa: PLR2004 - the words of the usage above
        _, control, one, one_device, other, other_device, form = arguments
        return _run(control, (one, one_device), (other, other_device), Form(**json.loads(form)))
    if len(arguments) == 3 and arguments[0] == "set":  # noqa: PLR2004 - the words of the usage above
        return _set(arguments[1], arguments[2])
    return _fail(__doc__ or "", 2)


# --- the relay --------------------------------------------------------------------------------------------------------


def _run(control: str, one: tuple[str, str], other: tuple[str, str], form: Form) -> int:
    try:
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        ends = []
        for namespace, device in (one, other):
            ends.append(_tap(namespace, device))
            # Whoever empties a namespace ends what is in it.
            _enter(home)
        listener = _listen(control)
    except OSError as error:
        return _fail(f"the relay cannot begin: {error}")
    return _relay(ends, [Course(form), Course(form)], listener)


def _tap(namespace: str, device: str) -> int:
    """Make a TAP device in a namespace, and return what it is read and written by."""
    if namespace:
        handle = os.open("/run/netns/" + namespace, os.O_RDONLY)
        try:
            _enter(handle)
        finally:
            os.close(handle)
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def _enter(handle: int) -> None:
    """Go into the network namespace of a handle."""
    if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "a network namespace cannot be entered: " + os.strerror(number))


def _listen(control: str) -> socket.socket:
    Path(control).unlink(missing_ok=True)
    # The folder's own path may be longer than a socket's may be.
    folder, name = os.path.split(control)
    os.chdir(folder)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(name)
    Path(name).chmod(0o600)
    listener.setblocking(False)
    return listener


def _relay(ends: list[int], courses: list[Course], listener: socket.socket) -> int:
    """Carry packets from each end to the other until a device is gone."""
    clock = time.monotonic
    while True:
        dues = [due for due in (course.next_due() for course in courses) if due is not None]
        timeout = max(0.0, min(dues) - clock()) if dues else None
        readable = select.select([*ends, listener.fileno()], [], [], timeout)[0]
        if listener.fileno() in readable:
            _reform(listener, courses)
        for number, course in enumerate(courses):
            if ends[number] in readable and not _take(ends[number], course, clock):
                return 0
            for frame in course.arrived(clock()):
                _give(ends[1 - number], frame)


def _take(end: int, course: Course, clock: Callable[[], float]) -> bool:
    """Take what waits at an end; return False if the device is gone."""
    for _ in range(_BATCH):
        try:
            frame = os.read(end, _FRAME)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno in {errno.EBADFD, errno.EIO, errno.ENODEV}:
                return False
            raise
        course.offer(frame, clock())
    return True


def _give(end: int, frame: bytes) -> None:
    """Hand a packet over, unless nobody takes it."""
    try:
        os.write(end, frame)
    except OSError as error:
        # The interface is down, or its queue is full: as on a cable, the packet is lost.
        if error.errno not in {errno.EIO, errno.EAGAIN, errno.ENOBUFS, errno.EBADFD, errno.ENODEV, errno.EINVAL}:
            raise


# --- changing it ------------------------------------------------------------------------------------------------------


def _reform(listener: socket.socket, courses: list[Course]) -> None:
    text, sender = listener.recvfrom(_FRAME)
    try:
        form = Form(**json.loads(text))
    except (ValueError, TypeError) as error:
        answer = str(error)
    else:
        answer = "done"
        for course in courses:
            course.form = form
    try:
        listener.sendto(answer.encode(), sender)
    except OSError as error:
        _fail(f"whoever changed the relay has not waited: {error}")


def _set(control: str, form: str) -> int:
    folder, name = os.path.split(control)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker:
        asker.settimeout(_PATIENCE)
        asker.bind("")  # The kernel gives it a name, to be answered at.
        try:
            os.chdir(folder)
            asker.sendto(form.encode(), name)
            answer = asker.recv(_FRAME).decode(errors="replace")
        except OSError as error:
            answer = f"the relay does not answer: {error}"
    return 0 if answer == "done" else _fail(answer)


def _fail(reason: str, code: int = 1) -> int:
    sys.stderr.write(reason + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
