"""The key under which Parsl files the result of a call.

It is the MD5 digest of what Parsl's `id_for_memo` says of the call's `outputs`, if it has any, of its other keyword
arguments, of its function and of its positional arguments, in this order. Of the types that Parsl knows, that is a
pickle in the protocol that is Python's default; of a container, a pickle of the list of what is said of its parts. A
function is its name and its module, nothing more.

What is said here is equal to that, byte for byte. It was found out by experiment with Parsl 2026.10.26.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import pickle
import types
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from headrace.dataflow.identity.walk import Kind
from headrace.dataflow.identity.walk import id_for_memo as headrace_id_for_memo
from headrace.dataflow.streams import AutoPath

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

__all__ = ["IdForMemo", "hands_on_inputs", "id_for_memo", "key_of_call"]

#: Parameters whose defaults Parsl hands to every call of a python app; of a bash app it is all of them.
_HANDED_ON: Final = frozenset({"inputs", "outputs", "parsl_resource_specification", "stderr", "stdout", "walltime"})

#: What Parsl has as the module of every bash app's function.
_MODULE_OF_COMMANDS: Final = "functools"

_protocol: ContextVar[int] = ContextVar("_protocol", default=pickle.DEFAULT_PROTOCOL)


def key_of_call(
    func: Callable[..., Any],
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    *,
    ignore: Collection[str] = (),
    command: bool = False,
    protocol: int = pickle.DEFAULT_PROTOCOL,
    before_2025: bool = False,
) -> str:
    """Return Parsl's key of a call: 32 hexadecimal digits.

    Where Parsl fails for want of a key, as it does for a set among the arguments, there is one all the same; Parsl has
    no result under it.

    Args:
        func: the app's function.
        args: the call's positional arguments, with results in the place of futures.
        kwargs: its keyword arguments.
        ignore: those of them that make no difference.
        command: whether it is a bash app's.
        protocol: the default pickle protocol of the Python under which Parsl made its keys: 5 from Python 3.14 on,
            else 4.
        before_2025: whether it is Parsl's of 2024, which handed no default of `inputs` to python apps.

    Raises:
        Exception: whatever a function raises that was registered with `id_for_memo`.
    """
    given = {**_defaults(func, command=command), **kwargs}
    if before_2025 and not command and "inputs" not in kwargs:
        given.pop("inputs", None)
    counted = {name: value for name, value in given.items() if name not in ignore and not isinstance(value, AutoPath)}
    parts: list[bytes] = []
    token = _protocol.set(protocol)
    try:
        if "outputs" in given:
            parts.append(_id(given["outputs"], output_ref=True))
            counted.pop("outputs", None)
        parts += _id(counted), _id_of_app(func, command=command), _id(list(args))
    finally:
        _protocol.reset(token)
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()


def hands_on_inputs(func: Callable[..., Any]) -> bool:
    """Tell whether a python app's function has a default for `inputs`, so that `before_2025` makes a difference."""
    return "inputs" in _defaults(func, command=False)


class IdForMemo:
    """Parsl's `id_for_memo`: says in bytes what a value is, so that equal calls of apps can share a result.

    Parsl's own types have Parsl's bytes. All others have Headrace's, which knows many more. What is registered here is
    registered with Headrace's `id_for_memo` too.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> bytes:  # noqa: ANN401 - what the type's function takes
        """Return the bytes; called with the value, and `output_ref` if it names what a call is to write.

        Raises:
            MemoKeyError: the value's type is not known.
        """
        return _id(*args, **kwargs)

    def register(self, cls: Any, func: Callable[..., Any] | None = None) -> Any:  # noqa: ANN401 - singledispatch's
        """Have a function of ``(value, output_ref=False)`` speak for the values of a type; used as a decorator too."""
        if func is None and isinstance(cls, type | types.UnionType):
            return functools.partial(self.register, cls)
        headrace_id_for_memo.register(cls, func)
        return _id.register(cls, func)

    def dispatch(self, cls: type) -> Callable[..., Any]:
        """Return the function that speaks for values of a type."""
        return _id.dispatch(cls)


id_for_memo: Final = IdForMemo()


@functools.singledispatch
def _id(value: object, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
    """Return what Headrace knows of a value of which Parsl knows nothing."""
    known = headrace_id_for_memo.dispatch(type(value))
    if isinstance(known, Kind) or known is _UNKNOWN:
        return headrace_id_for_memo(value, output_ref)
    # A user's own, registered with Headrace: with Parsl it would be called as it is.
    answer: bytes = known(value, output_ref=True) if output_ref else known(value)
    return answer


_UNKNOWN: Final = headrace_id_for_memo.dispatch(object)


@_id.register(str)
@_id.register(int)
@_id.register(float)
@_id.register(type(None))
def _id_of_plain(value: object, output_ref: bool = False) -> bytes:  # noqa: ARG001, FBT001, FBT002 - Parsl's signature
    return pickle.dumps(value, _protocol.get())


@_id.register(list)
@_id.register(tuple)
def _id_of_row(value: list[Any] | tuple[Any, ...], output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - likewise
    if type(value) not in {list, tuple}:
        return headrace_id_for_memo(value, output_ref)
    return pickle.dumps([_id(part, output_ref=output_ref) for part in value], _protocol.get())


@_id.register(dict)
def _id_of_dict(value: dict[Any, Any], output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - likewise
    try:
        if type(value) is not dict:
            return headrace_id_for_memo(value, output_ref)
        names = sorted(value)
    except TypeError:  # Its keys have no order.
        return headrace_id_for_memo(value, output_ref)
    parts: list[bytes] = []
    for name in names:
        parts += _id(name), _id(value[name], output_ref=output_ref)
    return pickle.dumps(parts, _protocol.get())


@_id.register(types.FunctionType)
def _id_of_function(*args: Any, **kwargs: Any) -> bytes:  # noqa: ANN401 - see below
    return _functions(_protocol.get())(*args, **kwargs)


@functools.cache
def _functions(protocol: int) -> Callable[..., bytes]:
    """Return what says what a function is, and gives the very same bytes again when it is called in the same way.

    In a pickle an object that was met before is a reference to where that was. So it shows whether two parts of a list
    are one object or two equal ones, and here they must be one where they are one in Parsl, which keeps as many.
    """

    def of_function(func: types.FunctionType, output_ref: bool = False) -> bytes:  # noqa: ARG001, FBT001, FBT002
        return _named(func.__name__, func.__module__, protocol)

    return functools.lru_cache()(of_function)


def _named(name: str, module: str, protocol: int) -> bytes:
    return pickle.dumps(["types.FunctionType", name, module], protocol)


def _id_of_app(func: Callable[..., Any], *, command: bool) -> bytes:
    if _id.dispatch(types.FunctionType) is not _id_of_function and isinstance(func, types.FunctionType):
        return _id(func)  # As the program says.
    name = str(getattr(func, "__name__", type(func).__name__))
    module = _MODULE_OF_COMMANDS if command else getattr(func, "__module__", type(func).__module__)
    return _named(name, module, _protocol.get())


@functools.lru_cache(maxsize=1024)
def _defaults(func: Callable[..., Any], *, command: bool) -> dict[str, Any]:
    try:
        parameters = inspect.signature(func).parameters
    except (TypeError, ValueError):  # Some builtins have no signature.
        return {}
    return {
        name: one.default
        for name, one in parameters.items()
        if one.default is not inspect.Parameter.empty and (command or name in _HANDED_ON)
    }
