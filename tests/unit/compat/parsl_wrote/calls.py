"""Calls of apps, of all kinds that make a difference to Parsl's key."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Registers(Protocol):
    """Parsl's `id_for_memo`, or what stands for it."""

    def register(self, cls: Any, func: Any = None) -> Any: ...  # noqa: ANN401 - as there
    def __call__(self, value: Any, output_ref: bool = False) -> bytes: ...  # noqa: ANN401, FBT001, FBT002 - as there


class Colour(enum.IntEnum):
    """Numbers with names."""

    red = 1


class Name(str):
    """A text with a class of its own."""

    __slots__ = ()


class Point:
    """Something that Parsl does not know."""

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401 - anything
        self.parts = parts


def plain(x: object = None) -> object:
    """Be an app without options."""
    return x


def other(x: object = None) -> object:
    """Be another."""
    return x


def keywords(x: int, y: int = 2, *, inputs: object = (), walltime: int = 5, stdout: str | None = None) -> int:
    """Have defaults, some of which Parsl hands to each call."""
    return x


def command(x: int, y: int = 2, stdout: str | None = None, stderr: str | None = "err.txt") -> str:
    """Be the function of a bash app, all of whose defaults are handed to each call."""
    return "true"


class Call(NamedTuple):
    """One call of an app."""

    func: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    ignore: tuple[str, ...] = ()
    bash: bool = False


_ONE = ["the same list"]
_DEEP = [[[[7, (7,)], ([7, (7,)],)], ()], {"x": [[(), []]]}]

_VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "one": 1,
    "one as a float": 1.0,
    "many digits": -(10**300),
    "nan": float("nan"),
    "minus zero": -0.0,
    "no text": "",
    "text": "ä\n漢\U0001f600",
    "half a surrogate": "\udc80",
    "long text": "x" * 70_000,
    "named number": Colour.red,
    "named text": Name("n"),
    "empty list": [],
    "list": [1, "a", None],
    "tuple": (1, "a", None),
    "deep": _DEEP,
    "one object twice": [_ONE, _ONE, _ONE[0], _ONE[0]],
    "dict": {"b": 1, "a": {"c": [2]}},
    "dict of numbers": {10: "x", 9: "y"},
    "dict of one function": {other: other},
    "function": other,
    "one function twice": [other, other, plain, (other,)],
    "registered": Point(1, [Point()]),
    "one registered twice": [Point(), Point()],
}

#: By name. The keys that Parsl gives them are in ``keys.json``.
CALLS: dict[str, Call] = {
    "nothing": Call(plain),
    "another function": Call(other),
    **{f"positional: {name}": Call(plain, (value,)) for name, value in _VALUES.items()},
    **{f"by name: {name}": Call(plain, (), {"x": value}) for name, value in _VALUES.items()},
    **{f"output: {name}": Call(plain, (1,), {"outputs": [value]}) for name, value in _VALUES.items()},
    "two": Call(plain, (1, 2)),
    "names in another order": Call(plain, (), {"b": 1, "a": 2}),
    "ignored": Call(plain, (1,), {"p": 2, "q": 3}, ("q",)),
    "defaults": Call(keywords, (1,)),
    "a default given": Call(keywords, (1,), {"walltime": 6}),
    "inputs": Call(keywords, (1,), {"inputs": ["a", 2]}),
    "bash": Call(command, (1,), bash=True),
    "bash by name": Call(command, (), {"x": 1, "stdout": "out.txt"}, bash=True),
    "bash with ignored": Call(command, (1,), {"y": 5}, ("y",), bash=True),
}


def say_what_points_are(id_for_memo: Registers) -> None:
    """Register a function for `Point` that builds on what is said of other values."""

    def of_point(value: Point, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
        return id_for_memo([*value.parts, output_ref], output_ref=output_ref) if value.parts else b"one and the same"

    id_for_memo.register(Point, of_point)
