"""What `pickle` alone does not do with what a call returned or raised."""

from __future__ import annotations

import io
import pickle
import types
import weakref
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from cloudpickle import cloudpickle as internals

from .plain import PROTOCOL

__all__ = ["dump_outcome", "load_outcome"]


def dump_outcome(value: object) -> bytes:
    """Return a pickle of a value or an exception, for `load_outcome` in the process that made the call.

    Classes that came from there are found again there, and are not changed; exceptions keep their tracebacks.

    Raises:
        Exception: whatever stands in the way: the value's own objection, or `pickle.PicklingError`.
    """
    with io.BytesIO() as file:
        _Pickler(file, PROTOCOL).dump(value)
        return file.getvalue()


def load_outcome(data: bytes | memoryview) -> Any:  # noqa: ANN401 - anything
    """Return what was dumped.

    Raises:
        Exception: whatever stands in the way: the value's own objection, or `pickle.UnpicklingError`.
    """
    return _Unpickler(io.BytesIO(data)).load()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Stores a class that came from the owner as a reference to it.

    cloudpickle by itself would send the class by value again, and its owner's class would be overwritten: its
    counters, its caches, its methods.
    """

    def persistent_id(self, obj: object) -> object:
        """Return what stands for the object, if it is such a class."""
        if not isinstance(obj, type):
            return None
        number = _number_of_owners_class(obj)
        return None if number is None else (number, obj.__qualname__)

    def reducer_override(self, obj: Any) -> Any:  # noqa: ANN401 - any object, any reduction
        """Decide how to store one object; see `pickle.Pickler.reducer_override`."""
        if isinstance(obj, BaseException):
            return _reduced_error(obj)
        if isinstance(obj, types.TracebackType):
            return _tracebacks().pickle_traceback(obj)
        return super().reducer_override(obj)


def _reduced_error(error: BaseException) -> Any:  # noqa: ANN401 - a reduction
    tracebacks = _tracebacks()
    if isinstance(type(error).__init__, types.FunctionType):
        # Its arguments need not be what its constructor takes. tblib makes it without that, from its attributes.
        return tracebacks.pickle_exception(error)
    # One whose constructor is Python's own keeps in C what only that constructor can set.
    reduced = error.__reduce_ex__(PROTOCOL)
    if isinstance(reduced, str):
        return reduced
    make, arguments, *state = reduced
    notes = getattr(error, "__notes__", None)
    links = (error.__cause__, error.__traceback__, error.__context__, error.__suppress_context__, notes)
    return tracebacks.unpickle_exception, (make, arguments, *links), *state


def _tracebacks() -> types.ModuleType:
    # For errors only.
    from tblib import pickling_support  # type: ignore[import-untyped]  # noqa: PLC0415

    found: types.ModuleType = pickling_support
    return found


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401 - the base class's signature
        number, name = pid
        kind = internals._DYNAMIC_CLASS_TRACKER_BY_ID.get(number)  # noqa: SLF001 - cloudpickle offers no other way
        if kind is None:
            raise pickle.UnpicklingError(f"class {name!r} of the main module is there no more")
        return kind


#: Classes that came into being in this worker. Their owner has not got them.
_made_here: weakref.WeakSet[type] = weakref.WeakSet()


def _number_of_owners_class(kind: type) -> str | None:
    """Return what cloudpickle knows a class by that came here by value; None for any other."""
    if kind in _made_here:
        return None
    number: str | None = internals._DYNAMIC_CLASS_TRACKER_BY_CLASS.get(kind)  # noqa: SLF001 - see above
    if number is None:
        # cloudpickle gives it a number now, by which it must not be taken for the owner's next time.
        _made_here.add(kind)
    return number
