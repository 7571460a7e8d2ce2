"""From a call to bytes, and from bytes to what came of it."""

from __future__ import annotations

import os
import pickle
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headrace.compute.executors.errors import RemoteError, SerializationError, StandardStreamError
from headrace.compute.executors.processes.alone.headrace_worker import wire
from headrace.compute.executors.processes.alone.headrace_worker.orders import CallOrders
from headrace.compute.executors.processes.alone.headrace_worker.outcomes import load_outcome
from headrace.compute.executors.processes.pickling import FunctionPickler, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.compute.executors.processes.calls import Call
    from headrace.compute.executors.processes.ledger import Ledger

__all__ = ["Obstacle", "Packer", "outcome_of"]

#: What CUDA and ROCm look at before they look for devices.
_GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
_STREAM_LENGTH = 2
_SHOWN_FRAMES = 10


class Obstacle:
    """What an exception says, in words: the exception itself would keep, by its frames, arguments and results."""

    def __init__(self, error: BaseException) -> None:
        self._text = f"{type(error).__qualname__}: {_text(error)}"
        self._trace = ""
        with suppress(Exception):
            self._trace = "".join(traceback.format_exception(error, limit=-_SHOWN_FRAMES))

    def ending(self, what: str) -> SerializationError:
        """Return what a call ends with: `what` cannot be done, and why."""
        error = SerializationError(f"{what}: {self._text}")
        error.add_note(self._trace)
        return error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - a class of anybody's
        return "its text cannot be made"


class Packer:
    """Makes bytes of calls.

    Args:
        ledger: says which cores were lent.
        hides_gpus: whether calls that ask for no GPU see none.
    """

    def __init__(self, ledger: Ledger, *, hides_gpus: bool) -> None:
        self._ledger = ledger
        self._hides_gpus = hides_gpus
        self._functions = FunctionPickler()

    def pack(self, call: Call) -> tuple[bytes, bytes]:
        """Return the function, or nothing if it is with the rest; and the rest.

        Raises:
            BaseException: something in it objects to being pickled; `explain` tells what.
        """
        orders = self._orders(call)
        fn = call.fn
        function = self._functions.dumps(fn) if fn is not None else None
        if function is None:
            return b"", dumps((fn, call.args, call.kwargs, orders))
        return function, dumps((call.args, call.kwargs, orders))

    def explain(self, call: Call, obstacle: Obstacle) -> SerializationError:
        """Return what a call ends with that could not be packed: it names what stands in the way."""
        parts = [("the function", call.fn)]
        parts += [(f"argument {position}", value) for position, value in enumerate(call.args or ())]
        parts += [(f"argument {name!r}", value) for name, value in (call.kwargs or {}).items()]
        culprit = "the call"
        for what, value in parts:
            found = _obstacle_in(value)
            if found is not None:
                culprit, obstacle = f"{what} (of type {type(value).__qualname__})", found
                break
        return obstacle.ending(f"{call.name}: {culprit} cannot be sent to a worker process")

    def _orders(self, call: Call) -> CallOrders | None:
        spec, grant = call.spec, call.grant
        if grant is None and spec.stdout is None and spec.stderr is None and not self._hides_gpus:
            return None
        gpus = grant.gpus if grant is not None else ()
        return CallOrders(
            cores=self._ledger.cores_of(grant) if grant is not None else (),
            memory=grant.memory if grant is not None else 0,
            environment=dict.fromkeys(_GPU_VARIABLES, ",".join(gpus)) if gpus or self._hides_gpus else {},
            stdout=_absolute(spec.stdout),
            stderr=_absolute(spec.stderr),
        )


def outcome_of(call: Call, message: wire.Message) -> tuple[Any, BaseException | None]:
    """Return the call's value, or the error that it ends with."""
    if message.kind in (wire.VALUE, wire.OWN_VALUE):
        load = pickle.loads if message.kind == wire.VALUE else load_outcome
        try:
            return load(message.second), None
        except BaseException as error:  # noqa: BLE001 - unpickling runs code of whoever wrote the classes
            obstacle = Obstacle(error)
        return None, obstacle.ending(f"{call.name}: its result cannot be read here")
    if message.kind == wire.ERROR:
        return None, next(_error_of(message))
    if message.kind == wire.NO_STREAM:
        number, reason, path = pickle.loads(message.first)  # noqa: S301 - from our worker: plain values
        return None, StandardStreamError(number, f"{call.name}: {reason}", path)
    reason = bytes(message.first).decode(errors="replace")
    what = "its result cannot be sent" if message.kind == wire.UNSENDABLE else "it cannot be read in the worker process"
    return None, SerializationError(f"{call.name}: {what}: {reason}")


def _error_of(message: wire.Message) -> Iterator[BaseException]:
    """Yield the error that a worker sends.

    It is a generator since the frames of the traceback that is made here lead on to those of the callers, and keep what
    these hold for as long as anybody keeps the error. From a generator that waits they lead nowhere.
    """
    error = None
    if message.second:
        with suppress(BaseException):
            error = load_outcome(message.second)
    if not isinstance(error, BaseException):
        error = RemoteError(*pickle.loads(message.first))  # noqa: S301 - from our worker: three texts
    del message
    yield error


def _obstacle_in(value: object) -> Obstacle | None:
    """Return what stands in the way of a value that is to be sent, if anything does."""
    try:
        dumps(value)
    except BaseException as error:  # noqa: BLE001 - this is what is being looked for
        return Obstacle(error)
    return None


def _absolute(stream: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return the path as it is meant here: the worker may be in another directory."""
    if stream is None or len(stream) != _STREAM_LENGTH:
        return stream
    path, mode = stream
    with suppress(OSError):  # This directory may have been deleted.
        path = os.path.abspath(path)  # noqa: PTH100 - Path.absolute leaves ".." in
    return path, mode
