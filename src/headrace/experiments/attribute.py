"""Attributes: what can be set on a resource, declared once on its class, and enforced."""

from __future__ import annotations

import math
import operator
import os
import re
from dataclasses import dataclass
from enum import Enum, Flag
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from headrace.experiments.errors import InvalidAttribute

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Attribute", "Flags", "Types", "is_written"]

_Number: TypeAlias = "int | float"


class Types(Enum):
    """What kind of values an attribute has."""

    #: Text; a path is taken as its text.
    String = "string"
    #: True or False, and the texts that say so.
    Bool = "bool"
    #: One of the attribute's `allowed`.
    Enumerate = "enumerate"
    #: A finite number with a fraction.
    Double = "double"
    #: A whole number.
    Integer = "integer"

    # NEPI's older names.
    STRING = String
    BOOL = Bool
    ENUM = Enumerate
    DOUBLE = Double
    INTEGER = Integer


class Flags(Flag):
    """What may be done with an attribute. `Attribute` declares it; the resource enforces it."""

    NoFlags = 0
    #: Its user may not read it.
    NoRead = 1
    #: Its user may not set it; the resource itself may.
    NoWrite = 2
    #: It may be set until the resource is deployed.
    Design = 4
    #: It is set when the resource is registered, and not later.
    Construct = 8
    #: A secret: shown nowhere. Set until deployed.
    Credential = 16 | 4
    #: It says which resources are looked for. Set until deployed.
    Filter = 32 | 4
    #: It is the resource's own affair.
    Reserved = 64
    #: A value can be given to all resources of the type at once.
    Global = 128

    # NEPI's older names.
    ReadOnly = NoWrite
    ExecReadOnly = Design


@dataclass(frozen=True, slots=True)
class Attribute:
    """What can be set on the resources of a class. One declaration is shared by all of them, and holds no value.

    Attributes:
        name: what it is called.
        help: what it means, for people.
        type: what kind of values it has.
        flags: what may be done with it.
        default: its value while none has been set. None, if it has none: then None may be set as well, to unset it.
        allowed: the only values that it may have; needed for an Enumerate.
        range: the least and the greatest number that it may be, both included. None for either: no such limit.
        set_hook: called by the resource as ``set_hook(old, new)`` when a value is set; returns the value to keep.

    Raises:
        InvalidAttribute: the declaration contradicts itself; the message names the attribute.
    """

    name: str
    help: str
    type: Types = Types.String
    flags: Flags = Flags.NoFlags
    default: Any = None
    allowed: tuple[Any, ...] | None = None
    range: tuple[_Number | None, _Number | None] | None = None
    set_hook: Callable[[Any, Any], Any] | None = None

    #: What stands where a secret would.
    HIDDEN: ClassVar[str] = "****"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InvalidAttribute(f"an attribute's name is a text, and {self.name!r} is none")
        self._keep("type", _member(Types, self.type, self.name))
        # NEPI's programs say None where they mean no flags.
        self._keep("flags", Flags.NoFlags if self.flags is None else _member(Flags, self.flags, self.name))
        self._declare_allowed()
        self._declare_range()
        if self.set_hook is not None and not callable(self.set_hook):
            raise self._misdeclared(f"its set_hook is {self.set_hook!r}, which cannot be called")
        if self.default is not None:
            try:
                self._keep("default", self.check(self.default))
            except InvalidAttribute as error:
                raise self._misdeclared(f"its default: {error}") from error

    def check(self, value: Any) -> Any:  # noqa: ANN401 - anything is given, and what the type says comes back
        """Return a value as one of the declared type.

        What is already of the type stays as it is. A text that says exactly a number or a truth value is taken for it,
        since descriptions and command lines give texts: "3" is an Integer, and "3.0" is none. True is no number, and 1
        is no truth value.

        Raises:
            InvalidAttribute: it is not of the type, not in the range, or not allowed. The message names the attribute,
                the value (unless it is a secret), and what would be right.
        """
        if value is None:
            if self.default is None:
                return None
            raise self._refused(value, "it cannot be unset")
        checked = _READ[self.type](value, self)
        if self.allowed is not None and self.type is not Types.Enumerate and checked not in self.allowed:
            raise self._refused(value, f"it may be {self._alternatives()}")
        if self.range is not None and not self._within(checked):
            raise self._refused(value, f"it may be {self._limits()}")
        return checked

    def has_flag(self, flag: Flags) -> bool:
        """Tell whether the attribute has a flag, or all of several."""
        return flag in self.flags

    def shown(self, value: object) -> str:
        """Put a value into words, for messages, tables and logs: as Python writes it, and hidden if it is a secret."""
        return self.HIDDEN if Flags.Credential in self.flags else repr(value)

    def __repr__(self) -> str:
        return f"<Attribute {self.name}: {self.type.name}>"

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _declare_allowed(self) -> None:
        if self.allowed is None:
            if self.type is Types.Enumerate:
                raise self._misdeclared("an Enumerate needs `allowed`: the values that it may have")
            return
        if isinstance(self.allowed, str) or not hasattr(self.allowed, "__iter__"):
            raise self._misdeclared(f"`allowed` is {self.allowed!r}, and should be a tuple of values")
        # Checked before it is in force, without itself.
        allowed, among = tuple(self.allowed), _READ[self.type]
        self._keep("allowed", allowed)
        if self.type is not Types.Enumerate:
            try:
                self._keep("allowed", tuple(among(one, self) for one in allowed))
            except InvalidAttribute as error:
                raise self._misdeclared(f"`allowed`: {error}") from error
        if not allowed:
            raise self._misdeclared("`allowed` is empty, so that it could never have a value")

    def _declare_range(self) -> None:
        if self.range is None:
            return
        if self.type not in {Types.Integer, Types.Double}:
            raise self._misdeclared(f"a range is for numbers, and it is a {self.type.name}")
        match self.range:
            case (least, greatest) if _is_limit(least) and _is_limit(greatest):
                self._keep("range", (least, greatest))
            case _:
                raise self._misdeclared(f"its range is {self.range!r}, and should be (least, greatest)")
        if least is not None and greatest is not None and least > greatest:
            raise self._misdeclared(f"its range is {self.range!r}: nothing is at least {least} and at most {greatest}")

    def _within(self, number: _Number) -> bool:
        least, greatest = self.range or (None, None)
        return (least is None or least <= number) and (greatest is None or number <= greatest)

    def _limits(self) -> str:
        least, greatest = self.range or (None, None)
        return " and ".join(
            f"{word} {limit}" for word, limit in (("at least", least), ("at most", greatest)) if limit is not None
        )

    def _alternatives(self) -> str:
        return self.HIDDEN if Flags.Credential in self.flags else " or ".join(repr(one) for one in self.allowed or ())

    def _refused(self, value: object, why: str) -> InvalidAttribute:
        return InvalidAttribute(f"attribute {self.name}: {self.shown(value)} is refused: {why}")

    def _misdeclared(self, why: str) -> InvalidAttribute:
        return InvalidAttribute(f"attribute {self.name} is declared wrongly: {why}")


def is_written(attribute: Attribute) -> bool:
    """Tell whether an attribute's value is part of an experiment's description: whoever registers may give it."""
    return Flags.NoWrite not in attribute.flags or Flags.Construct in attribute.flags


# Reading a value as one of a type. None of these lets the value into an exception's context: it may be a secret.

_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")  # Python reads no longer ones
_DOUBLE = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUTH = {"true": True, "false": False}


def _string(value: Any, attribute: Attribute) -> str:  # noqa: ANN401 - it is looked at here
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise attribute._refused(value, f"it is a text, and this is of type {type(value).__name__}")  # noqa: SLF001 - ours
    return str.__str__(value)


def _bool(value: Any, attribute: Attribute) -> bool:  # noqa: ANN401 - it is looked at here
    if isinstance(value, str):
        value = _TRUTH.get(value.lower(), value)
    if not isinstance(value, bool):
        raise attribute._refused(value, "it is True or False")  # noqa: SLF001 - ours
    return value


def _integer(value: Any, attribute: Attribute) -> int:  # noqa: ANN401 - it is looked at here
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise attribute._refused(value, "it is a whole number")  # noqa: SLF001 - ours
    return operator.index(value)


def _double(value: Any, attribute: Attribute) -> float:  # noqa: ANN401 - it is looked at here
    number = math.nan
    if isinstance(value, str):
        number = float(value) if _DOUBLE.fullmatch(value) else math.nan
    elif not isinstance(value, bool) and (isinstance(value, float) or hasattr(value, "__index__")):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number):
        raise attribute._refused(value, "it is a finite number")  # noqa: SLF001 - ours
    return number


def _enumerate(value: Any, attribute: Attribute) -> Any:  # noqa: ANN401 - one of its own values
    for one in attribute.allowed or ():
        if type(one) is type(value) and one == value:
            return one
    said = [one for one in attribute.allowed or () if isinstance(value, str) and str(one) == value]
    if len(said) != 1:
        raise attribute._refused(value, f"it may be {attribute._alternatives()}")  # noqa: SLF001 - ours
    return said[0]


_READ: dict[Types, Callable[[Any, Attribute], Any]] = {
    Types.String: _string,
    Types.Bool: _bool,
    Types.Integer: _integer,
    Types.Double: _double,
    Types.Enumerate: _enumerate,
}


def _member(kind: type[Any], value: object, name: str) -> Any:  # noqa: ANN401 - one of `kind`
    if not isinstance(value, kind):
        raise InvalidAttribute(f"attribute {name} is declared wrongly: {value!r} is none of the {kind.__name__}")
    return value


def _is_limit(limit: object) -> bool:
    return limit is None or (isinstance(limit, int | float) and not isinstance(limit, bool) and limit == limit)  # noqa: PLR0124 - nan is no limit
