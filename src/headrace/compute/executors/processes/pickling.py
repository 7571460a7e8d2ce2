"""What goes between the processes, as bytes.

`pickle` stores functions and classes by name, which is right for what a worker can import. What it refuses, and
whatever belongs to ``__main__``, which in a worker is another module, `cloudpickle` stores by value.
"""

from __future__ import annotations

import functools
import io
import sys
import types
from typing import TYPE_CHECKING, Any

import cloudpickle  # type: ignore[import-untyped]

from headrace.compute.executors.portable import Portable
from headrace.compute.executors.processes.alone.headrace_worker.plain import PROTOCOL, plain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FunctionPickler", "dumps"]

# Of these nothing can change under the same identity.
_ATOMS = frozenset({int, float, str, bytes, bool, complex, type(None)})
_MAX_REMEMBERED = 64


def dumps(value: Any) -> bytes:  # noqa: ANN401 - anything
    """Return a pickle of the value, for another process.

    Raises:
        Exception: whatever stands in the way: the value's own objection, or `pickle.PicklingError`.
    """
    data = plain(value)
    return data if data is not None else _by_value(value)


def _by_value(value: object) -> bytes:
    with io.BytesIO() as file:
        _Pickler(file, PROTOCOL).dump(value)
        return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    def reducer_override(self, obj: Any) -> Any:  # noqa: ANN401 - any object, any reduction
        """Keep a `Portable` from going by a name that means nothing in a worker."""
        if type(obj) is Portable and type(obj.func) is types.FunctionType and _is_local(obj.func):
            return Portable, (obj.func,)
        return super().reducer_override(obj)


class FunctionPickler:
    """Makes pickles of functions, and remembers those that are sure to come out the same again."""

    def __init__(self) -> None:
        # By the function's id; the function is kept, so that the id stays its.
        self._remembered: dict[int, _Remembered] = {}

    def dumps(self, function: Callable[..., Any]) -> bytes | None:
        """Return a pickle of the function alone; None if it should go with its arguments into one.

        Raises:
            Exception: see `dumps`.
        """
        if type(function) is not types.FunctionType:
            return None
        if not _is_local(function):
            return _by_name(function)
        remembered = self._remembered.get(id(function))
        if remembered is not None and remembered.holds():
            return remembered.data
        if function.__closure__ is not None:
            return None
        data = _by_value(function)
        self._remember(function, data)
        return data

    def _remember(self, function: types.FunctionType, data: bytes) -> None:
        self._remembered.pop(id(function), None)
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        if _is_constant(function):
            self._remembered[id(function)] = _Remembered(function, data)


class _Remembered:
    """A function, its pickle, and what that depends on."""

    __slots__ = ("_absent", "_code", "_function", "_globals", "_present", "data")

    def __init__(self, function: types.FunctionType, data: bytes) -> None:
        self.data = data
        self._function = function
        self._code = function.__code__
        self._globals = function.__globals__
        names = _names(function.__code__)
        self._present = [(name, self._globals[name]) for name in names if name in self._globals]
        self._absent = [name for name in names if name not in self._globals]

    def holds(self) -> bool:
        """Tell whether a pickle made now would be the same."""
        known = self._globals
        if self._function.__code__ is not self._code or not _has_only_code(self._function):
            return False
        for name, value in self._present:
            if known.get(name, self) is not value:
                return False
        return not any(name in known for name in self._absent)


def _is_constant(function: types.FunctionType) -> bool:
    """Tell whether the function refers to nothing that could change while it stays the same object."""
    known = function.__globals__
    return _has_only_code(function) and all(
        _is_constant_value(known[name]) for name in _names(function.__code__) if name in known
    )


def _has_only_code(function: types.FunctionType) -> bool:
    if function.__closure__ or function.__defaults__ or function.__kwdefaults__ or function.__dict__:
        return False
    annotations = function.__annotations__
    return not annotations or all(type(value) is str for value in annotations.values())


def _is_constant_value(value: object) -> bool:
    if type(value) in _ATOMS:
        return True
    # A package may get further submodules, of which cloudpickle takes note.
    return type(value) is types.ModuleType and not hasattr(value, "__path__") and value.__name__ in sys.modules


@functools.lru_cache(maxsize=256)
def _names(code: types.CodeType) -> tuple[str, ...]:
    """Return every name that the code may look up among the globals; and attributes, which do no harm here."""
    inner = (name for const in code.co_consts if isinstance(const, types.CodeType) for name in _names(const))
    return tuple(dict.fromkeys((*code.co_names, *inner)))


def _is_local(function: types.FunctionType) -> bool:
    """Tell whether no other process could find the function by its name."""
    module = function.__module__
    return module == "__main__" or module not in sys.modules or "<" in function.__qualname__


def _by_name(function: types.FunctionType) -> bytes:
    data = plain(function)
    if data is None:
        # Its name may belong to the app that was made of it.
        data = plain(Portable(function))
    return data if data is not None else _by_value(function)
