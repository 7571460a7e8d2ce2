"""One call at a time, until nobody asks for more."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import traceback
from contextlib import nullcontext, suppress

from . import wire
from .plain import plain
from .surroundings import Home, StreamFailure, above_the_standard_ones, arranged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .orders import WorkerOrders

__all__ = ["serve"]

#: The exit code of a worker that a call has cut off from its owner.
_EXIT_CUT_OFF = 71
#: The exit code of a copy of the worker that a call has made with a fork of its own, and let return.
_EXIT_STRAY = 72

_MARKS = "headrace.compute.executors.workers"


def serve(payload: bytes, fds: Sequence[int]) -> None:
    """Run the calls that come through the first of `fds`, and tell of their ends."""
    orders: WorkerOrders = pickle.loads(payload)  # noqa: S301 - from our owner
    sys.path[:] = orders["path"]
    os.environ["HEADRACE_WORKER"] = str(orders["place"])
    # Ctrl-C is for the owner; a SIGINT that is meant for a call is its KeyboardInterrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _Worker(socket.socket(fileno=above_the_standard_ones(fds[0])), orders["mark"]).serve()


class _Worker:
    def __init__(self, connection: socket.socket, mark: str) -> None:
        self._connection = connection
        self._inode = os.fstat(connection.fileno()).st_ino
        self._mark: str | None = mark
        self._buffer = bytearray(wire.BUFFER_SIZE)
        self._pid = os.getpid()
        self._home = Home()

    def serve(self) -> None:
        """Serve until the owner closes the connection."""
        self._send(wire.READY, 0)
        while True:
            try:
                # To wait, and leave the message there: a process that has been killed while it waits may still take one
                # in before it dies, which then nobody has read, and which another worker cannot be given.
                self._connection.recv(1, socket.MSG_PEEK)
                message = wire.receive(self._connection, self._buffer)
            except KeyboardInterrupt:
                continue  # It came between two calls.
            if message is None:
                return
            if message.kind == wire.PATH:
                sys.path[:] = pickle.loads(message.second)  # noqa: S301 - from our owner
                continue
            number = message.number
            kind, value = self._outcome(message)
            del message
            if os.getpid() != self._pid:
                os._exit(_EXIT_STRAY)
            self._home.restore()
            self._tell(number, kind, value)
            del value

    def _outcome(self, message: wire.Message) -> tuple[bytes, Any]:
        """Make the call. Return what kind of message is to tell of it, and what it returned or raised."""
        try:
            if len(message.first):
                fn = pickle.loads(message.first)  # noqa: S301 - from our owner
                args, kwargs, orders = pickle.loads(message.second)  # noqa: S301 - likewise
            else:
                fn, args, kwargs, orders = pickle.loads(message.second)  # noqa: S301 - likewise
        except BaseException as error:  # noqa: BLE001 - unpickling runs code of whoever wrote the classes
            return wire.UNREADABLE, error
        del message
        if self._mark is not None and _MARKS in sys.modules:
            sys.modules[_MARKS].become_worker(self._mark)
            self._mark = None
        try:
            with arranged(orders) if orders is not None else nullcontext():
                return wire.VALUE, fn(*args, **kwargs)
        except StreamFailure as error:
            return wire.NO_STREAM, error
        except BaseException as error:  # noqa: BLE001 - whatever the call raises is for whoever asked for it
            trace = error.__traceback__
            # Without the line above.
            return wire.ERROR, error.with_traceback(trace and trace.tb_next)

    def _tell(self, number: int, kind: bytes, value: Any) -> None:  # noqa: ANN401 - what came of any call
        if kind == wire.VALUE:
            self._tell_value(number, value)
        elif kind == wire.ERROR:
            self._tell_error(number, value)
        elif kind == wire.NO_STREAM:
            self._send(kind, number, pickle.dumps((value.errno, value.strerror, value.filename)))
        else:
            self._send(kind, number, _text(value).encode(errors="replace"))

    def _tell_value(self, number: int, value: Any) -> None:  # noqa: ANN401 - any value
        try:
            data = plain(value)
            if data is None:
                self._send(wire.OWN_VALUE, number, b"", _dump_outcome(value))
            else:
                self._send(wire.VALUE, number, b"", data)
        except BaseException as error:  # noqa: BLE001 - pickling runs code of whoever wrote the classes
            reason = f"{type(value).__qualname__}: {_text(error)}"
            self._send(wire.UNSENDABLE, number, reason.encode(errors="replace"))

    def _tell_error(self, number: int, error: BaseException) -> None:
        """Send the error, and what can be shown of it should it not arrive."""
        kind = type(error)
        words = (f"{kind.__module__}.{kind.__qualname__}", _text(error, named=False), _formatted(error))
        try:
            data = _dump_outcome(error)
        except BaseException:  # noqa: BLE001 - likewise; the words stand for it
            data = b""
        self._send(wire.ERROR, number, pickle.dumps(words), data)

    def _send(self, kind: bytes, number: int, first: bytes = b"", second: bytes = b"") -> None:
        """Send a message; end this process if there is nobody to send it to.

        Raises:
            OSError: it is so large that there is no room for it.
        """
        try:
            # A call may have closed the connection, and its number may be another file's by now.
            if os.fstat(self._connection.fileno()).st_ino != self._inode:
                os._exit(_EXIT_CUT_OFF)
            wire.send(self._connection, kind, number, first, second)
        except OSError:
            if len(first) + len(second) > wire.BUFFER_SIZE:
                raise
            os._exit(_EXIT_CUT_OFF)


def _dump_outcome(value: object) -> bytes:
    from .outcomes import dump_outcome  # noqa: PLC0415 - most calls need it not

    return dump_outcome(value)


def _text(error: BaseException, *, named: bool = True) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - a class of anybody's
        text = "its text cannot be made"
    return f"{type(error).__qualname__}: {text}" if named else text


def _formatted(error: BaseException) -> str:
    with suppress(BaseException):
        return "".join(traceback.format_exception(error))
    return ""
