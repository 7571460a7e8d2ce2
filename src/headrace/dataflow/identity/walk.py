"""`id_for_memo`, and the walk down containers behind it."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

from headrace.dataflow.identity.token import MemoKeyError, a, class_name, text, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["LATE", "Kind", "Plainly", "Ready", "Walk", "id_for_memo"]

# How many of the containers around a value an error names.
_SHOWN = 5

#: Types that are known without being imported: by the first part of their module's name, and their own name. They count
#: for subclasses too, and come before what a class inherits from Python's own types.
LATE: dict[tuple[str, str], Kind] = {}


class Kind:
    """How this package makes tokens of a type: of a leaf, or of a container with parts.

    It can be called like any function that users register, and be replaced by one.

    Args:
        tag: tells its tokens from other types'.
        leaf: makes the payload of a value that has no parts.
        by_name: makes that of one which names what a call is to write.
        parts: lists what a container is made of.
        join: makes the payload of a container from the parts' tokens.
        exact: whether a value of a subclass is told from one of the type itself, and by its attributes too.
    """

    __slots__ = ("_make", "_make_named", "exact", "is_leaf", "join", "parts", "tag")

    def __init__(
        self,
        tag: bytes,
        leaf: Callable[[Any], bytes | memoryview] | None = None,
        *,
        by_name: Callable[[Any], bytes | memoryview] | None = None,
        parts: Callable[[Any], Iterable[object]] = lambda _: (),
        join: Callable[[list[bytes]], bytes] = b"".join,
        exact: bool = True,
    ) -> None:
        self.tag = tag
        self.is_leaf = leaf is not None
        self._make = _maker(tag, leaf)
        self._make_named = self._make if by_name is None else _maker(tag + b"-name", by_name)
        self.parts = parts
        self.join = join
        self.exact = exact

    def maker(self, *, output_ref: bool) -> Callable[[Any], bytes]:
        """Return the function that makes tokens of leaves."""
        return self._make_named if output_ref else self._make

    def __call__(self, value: object, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
        """Return the value's token, as `id_for_memo` does."""
        return Walk(output_ref=output_ref).token(value)


def _maker(tag: bytes, payload: Callable[[Any], bytes | memoryview] | None) -> Callable[[Any], bytes]:
    def make(value: object) -> bytes:
        if payload is None:
            raise TypeError(f"values of the kind {tag!r} have parts")
        return token(tag, payload(value))

    return make


class Ready:
    """Stands among the parts of a value for a token that is made already."""

    __slots__ = ("token",)

    def __init__(self, made: bytes) -> None:
        self.token = made


class Plainly:
    """Stands for a value that is to be taken as one of a given kind, whatever its class."""

    __slots__ = ("kind", "value")

    def __init__(self, value: object, kind: Kind) -> None:
        self.value = value
        self.kind = kind


@functools.singledispatch
def id_for_memo(value: object, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
    """Return bytes that are the same for values that cannot be told apart, in every process, and differ otherwise.

    Paths and local `File` objects are told apart by what is in the file, or in the directory with all below it, and by
    the last part of the name. Text that happens to be a path is text.

    To teach it a type, put ``@id_for_memo.register(MyType)`` on a function of ``(value, output_ref=False)`` that
    returns bytes; it may call `id_for_memo` for parts of the value. It counts for subclasses too.

    Args:
        value: any value of a type that is known.
        output_ref: whether the value names what a call is to write: then only the names of files count.

    Raises:
        MemoKeyError: the type is not known, a file cannot be read, or a container contains itself.
    """
    return Walk(output_ref=output_ref).token(value)


_UNKNOWN = id_for_memo.dispatch(object)


class _Frame:
    """A container, some of whose parts have their tokens."""

    __slots__ = ("kind", "rest", "tokens", "value")

    def __init__(self, value: object, kind: Kind) -> None:
        self.value = value
        self.kind = value.kind if isinstance(value, Plainly) else kind
        self.rest = iter(self.kind.parts(value.value if isinstance(value, Plainly) else value))
        self.tokens: list[bytes] = []


class Walk:
    """Makes tokens, going down containers without recursion, so that nothing is nested too deeply.

    A container that is met twice is looked at once: nothing may change during a walk.
    """

    __slots__ = ("_containers", "_known", "_leaves", "_output_ref")

    def __init__(self, *, output_ref: bool = False) -> None:
        self._output_ref = output_ref
        # What is known of each type. To ask `id_for_memo` costs more than to make a small token.
        self._leaves: dict[type, Callable[[Any], bytes]] = {Ready: lambda ready: ready.token}
        self._containers: dict[type, Kind] = {Plainly: _PLAINLY}
        # By identity; the value beside its token keeps the identity from being used again.
        self._known: dict[int, tuple[object, bytes]] = {}

    def token(self, value: object) -> bytes:
        """Return the value's token.

        Raises:
            MemoKeyError: as `id_for_memo`.
        """
        cls = type(value)
        if cls not in self._leaves and cls not in self._containers:
            self._learn(value)
        make = self._leaves.get(cls)
        return make(value) if make is not None else self._descend(value)

    def _descend(self, root: object) -> bytes:
        stack = [_Frame(root, self._containers[type(root)])]
        inside = {id(root)}
        try:
            while True:
                frame = stack[-1]
                deeper = self._go_on(frame, inside)
                if deeper is not None:
                    inside.add(id(deeper.value))
                    stack.append(deeper)
                    continue
                made = token(frame.kind.tag, frame.kind.join(frame.tokens))
                self._known[id(frame.value)] = (frame.value, made)
                inside.remove(id(frame.value))
                stack.pop()
                if not stack:
                    return made
                stack[-1].tokens.append(made)
        except MemoKeyError as error:
            raise MemoKeyError(f"{error} (found in {_place(stack)})") from error
        except Exception as error:
            # Another thread changes it, an attribute that is worked out raises, there is no memory left.
            raise MemoKeyError(f"what is in {_place(stack)} cannot be read for memoization: {error!r}") from error

    def _go_on(self, frame: _Frame, inside: set[int]) -> _Frame | None:
        """Make tokens of the frame's next parts, up to one that is itself a container: return that one's frame."""
        leaves, containers, tokens = self._leaves, self._containers, frame.tokens
        for part in frame.rest:
            cls = type(part)
            if cls not in leaves and cls not in containers:
                self._learn(part)
            make = leaves.get(cls)
            if make is not None:
                tokens.append(make(part))
            elif id(part) in inside:
                tokens.append(_within_itself(part))
            elif id(part) in self._known:
                tokens.append(self._known[id(part)][1])
            else:
                return _Frame(part, containers[cls])
        return None

    def _learn(self, value: object) -> None:
        """Find out how to make tokens of values of this one's type, for the rest of the walk."""
        cls = type(value)
        kind = id_for_memo.dispatch(cls)
        if kind is not _UNKNOWN and not isinstance(kind, Kind):
            self._leaves[cls] = functools.partial(self._ask, kind)
            return
        found = kind if isinstance(kind, Kind) else None
        if found is None or (found.exact and id_for_memo.registry.get(cls) is not found):
            found = _late(cls) or _of_subclass(cls, found) or _of_object(cls, value)
        if found.is_leaf:
            self._leaves[cls] = found.maker(output_ref=self._output_ref)
        else:
            self._containers[cls] = found

    def _ask(self, function: Callable[..., object], value: object) -> bytes:
        """Make a token with a function that a user registered."""
        cls = type(value)
        try:
            # So a function of the value alone will do for what no call is to write.
            answer = function(value, output_ref=True) if self._output_ref else function(value)
        except MemoKeyError:
            raise
        except RecursionError as error:
            raise MemoKeyError(
                f"{a(cls)} contains itself, or is nested too deeply for its registered function"
            ) from error
        except Exception as error:
            raise MemoKeyError(f"the function registered for {cls.__qualname__} failed: {error!r}") from error
        if isinstance(answer, str):
            # Not what Parsl asks for, but takes.
            made = token(b"text", answer.encode("utf-8", "surrogatepass"))
        elif isinstance(answer, bytes):
            made = token(b"id", answer)
        else:
            raise MemoKeyError(f"the function registered for {cls.__qualname__} must return bytes, not {answer!r}")
        return token(b"own", class_name(cls) + made)


def _place(stack: list[_Frame]) -> str:
    names = [_shown(frame.value) for frame in reversed(stack)]
    return " in ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])


def _shown(value: object) -> str:
    value = value.value if isinstance(value, Plainly) else value
    name = getattr(value, "__qualname__", None) if isinstance(value, types.FunctionType | type) else None
    return a(type(value)) if name is None else f"{type(value).__name__} {name}"


def _within_itself(value: object) -> bytes:
    """Return the token of a value where it is met within itself. A function may call itself; a container may not."""
    function = value if isinstance(value, types.FunctionType) else _wrapped(value)
    if function is not None:
        # Not the token of the function alone: what calls its own wrapper is not what calls itself.
        names = class_name(type(value)) + text(function.__module__ or "") + text(function.__qualname__)
        return token(b"again", names)
    raise MemoKeyError(
        f"{a(type(value))} that contains itself is not hashable for memoization: pass what it holds without the "
        "cycle, or leave it out with ignore_for_cache=[its argument's name]"
    )


def _late(cls: type) -> Kind | None:
    for base in cls.__mro__:
        kind = LATE.get((base.__module__.partition(".")[0], base.__name__))
        if kind is not None:
            return _of_subclass(cls, kind) if kind.exact and base is not cls else kind
    return None


def _of_subclass(cls: type, base: Kind | None) -> Kind | None:
    """Return how a value of a subclass is told apart: by its class, and by the attributes that it has beside."""
    if base is None:
        return None

    def parts(value: object) -> Iterator[object]:
        yield Ready(class_name(cls))
        yield Plainly(value, base) if not base.is_leaf else Ready(base.maker(output_ref=False)(value))
        yield object.__getstate__(value)

    return Kind(b"sub", parts=parts)


def _of_object(cls: type, value: object) -> Kind:
    """Return how a value is told apart of whose type and its bases nothing is known."""
    if dataclasses.is_dataclass(cls):
        return _DATACLASS
    if callable(value):
        return _CALLABLE
    raise _unknown(cls)


def _unknown(cls: type) -> MemoKeyError:
    return MemoKeyError(
        f"{a(cls)} ({cls.__module__}.{cls.__qualname__}) is not hashable for memoization: say what makes two of them "
        "equal in a function registered with id_for_memo.register, or leave it out with "
        "ignore_for_cache=[its argument's name]"
    )


def _field_parts(value: Any) -> Iterator[object]:  # noqa: ANN401 - an instance of any dataclass
    yield Ready(class_name(type(value)))
    names = [field.name for field in dataclasses.fields(value)]
    # What was set on it beside its fields makes a difference to whoever looks; what it works out by itself does not.
    names += (
        sorted(
            name
            for name in vars(value).keys() - set(names)
            if not isinstance(inspect.getattr_static(type(value), name, None), functools.cached_property)
        )
        if hasattr(value, "__dict__")
        else ()
    )
    for name in names:
        if hasattr(value, name):
            yield name
            yield getattr(value, name)


def _callable_parts(value: Any) -> Iterator[object]:  # noqa: ANN401 - an instance of any class that can be called
    """List what a callable that is no function is told apart by: what it wraps, else the name it is found under."""
    yield Ready(class_name(type(value)))
    wrapped = _wrapped(value)
    if wrapped is not None:
        yield wrapped
    elif _is_importable(value):
        yield value.__module__
        yield value.__qualname__
    else:
        raise _unknown(type(value))


def _wrapped(value: object) -> types.FunctionType | None:
    """Return the function that a decorator made this of, None if it is no such thing, or known by its name."""
    if not callable(value) or type(value).__module__.partition(".")[0] == "numpy":
        return None
    wrapped = getattr(value, "__wrapped__", None)
    return wrapped if isinstance(wrapped, types.FunctionType) else None


def _is_importable(value: object) -> bool:
    found: object = sys.modules.get(getattr(value, "__module__", None) or "")
    for name in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, name, None)
    return found is value


_PLAINLY = Kind(b"plainly")
_DATACLASS = Kind(b"dataclass", parts=_field_parts)
_CALLABLE = Kind(b"callable", parts=_callable_parts)
