"""Messages between the pool and a worker.

Each is one datagram, so that a process that dies at any moment leaves no half message behind. What is too large for a
datagram is in a file in memory, whose descriptor goes with it.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BUFFER_SIZE",
    "CALL",
    "ERROR",
    "NO_STREAM",
    "OWN_VALUE",
    "PATH",
    "READY",
    "UNREADABLE",
    "UNSENDABLE",
    "VALUE",
    "Message",
    "peek",
    "receive",
    "send",
]

#: To a worker: a call. The first part is the function or nothing, the second the rest.
CALL = b"C"
#: To a worker: where it imports from, from now on, is in the second part.
PATH = b"P"
#: From a worker: it waits for its first call.
READY = b"R"
#: From a worker: the call returned the value that is in the second part.
VALUE = b"V"
#: The same, but only `load_outcome` can read it.
OWN_VALUE = b"O"
#: From a worker: the call raised. The first part describes the error in plain words, the second is the error itself.
ERROR = b"E"
#: From a worker: the call returned a value that cannot be sent. The first part says why.
UNSENDABLE = b"U"
#: From a worker: the call has not begun, since it cannot be read. The first part says why.
UNREADABLE = b"X"
#: From a worker: the call has not begun, since a file for a standard stream cannot be opened. The first part says why.
NO_STREAM = b"S"

# The kind, the number of the call, the length of the first part, and whether the parts are in a file.
_HEADER = struct.Struct("<cQQ?")
_MAX_INLINE = 64 * 1024
_ONE_FILE = socket.CMSG_SPACE(struct.calcsize("i"))

_NO_FILE = b"the process that it is sent to has too many open files"
_FLAGS = socket.MSG_CMSG_CLOEXEC
_FLAGS_NOW = _FLAGS | socket.MSG_DONTWAIT

#: What the buffer for `receive` must hold.
BUFFER_SIZE = _HEADER.size + _MAX_INLINE


class Message(NamedTuple):
    """A message that has come."""

    kind: bytes
    number: int
    first: memoryview
    second: memoryview


def send(connection: socket.socket, kind: bytes, number: int, first: bytes = b"", second: bytes = b"") -> None:
    """Send a message, whole or not at all.

    Raises:
        OSError: nobody is there to receive it, or there is no memory for it.
    """
    if len(first) + len(second) <= _MAX_INLINE:
        connection.send(b"".join((_HEADER.pack(kind, number, len(first), False), first, second)))
        return
    file = os.memfd_create("headrace", os.MFD_CLOEXEC)
    try:
        for part in (first, second):
            _write(file, part)
        socket.send_fds(connection, [_HEADER.pack(kind, number, len(first), True)], [file])
    finally:
        os.close(file)


def receive(connection: socket.socket, buffer: bytearray, *, wait: bool = True) -> Message | None:
    """Return the next message, whose parts are valid until the next call; None if nobody is there to send one.

    Raises:
        BlockingIOError: there is none yet, and the connection does not block, or `wait` is False.
        ValueError: what came is no message of ours.
    """
    size, ancillary, _, _ = connection.recvmsg_into([buffer], _ONE_FILE, _FLAGS if wait else _FLAGS_NOW)
    if not ancillary:
        if size == 0:
            return None
        if size < _HEADER.size:
            raise ValueError("a message without a header")
        kind, number, length, in_file = _HEADER.unpack_from(buffer)
        if in_file:
            # The system has kept it back.
            return Message(UNSENDABLE, number, memoryview(_NO_FILE), memoryview(b""))
        view = memoryview(buffer)
        middle = _HEADER.size + length
        return Message(kind, number, view[_HEADER.size : middle], view[middle:size])
    file = _only_file(ancillary)
    try:
        kind, number, length, _ = _HEADER.unpack_from(buffer)
        view = memoryview(mmap.mmap(file, 0, prot=mmap.PROT_READ))
    finally:
        os.close(file)
    return Message(kind, number, view[:length], view[length:])


def peek(connection: socket.socket) -> int | None:
    """Return the number of the next message, and leave it there; None if there is none."""
    try:
        header = connection.recv(_HEADER.size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    return int(_HEADER.unpack(header)[1]) if header else None


def _only_file(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            return int(struct.unpack_from("i", data)[0])
    raise ValueError("a message without the file that it announces")


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
