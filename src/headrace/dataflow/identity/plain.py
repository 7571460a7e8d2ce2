"""What tells values of Python's own types apart."""

from __future__ import annotations

import collections
import datetime as dt
import functools
import re
import struct
import types
from typing import TYPE_CHECKING, Any

from headrace.dataflow.identity.functions import class_parts, code_parts, function_parts
from headrace.dataflow.identity.token import MemoKeyError, class_name
from headrace.dataflow.identity.walk import LATE, Kind, Plainly, Ready, id_for_memo

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__: list[str] = []


def _float(value: float) -> bytes:
    # One nan is as good as another: which bits it has is chance.
    return b"nan" if value != value else struct.pack(">d", value)  # noqa: PLR0124 - that is what nan is


def _int(value: int) -> bytes:
    return int.to_bytes(value, int.bit_length(value) // 8 + 1, "big", signed=True)


def _complex(value: complex) -> bytes:
    return _float(value.real) + b"," + _float(value.imag)


def _str(value: str) -> bytes:
    # Surrogates too: names of files that are not UTF-8 have them.
    return str.encode(value, "utf-8", "surrogatepass")


def _sorted(tokens: list[bytes]) -> bytes:
    return b"".join(sorted(tokens))


def _sorted_pairs(tokens: list[bytes]) -> bytes:
    return b"".join(sorted(key + value for key, value in zip(tokens[::2], tokens[1::2], strict=True)))


def _items(value: dict[object, object]) -> Iterator[object]:
    for key, item in dict.items(value):
        yield key
        yield item


def _ordered_items(value: collections.OrderedDict[object, object]) -> Iterator[object]:
    for key in collections.OrderedDict.__iter__(value):
        yield key
        yield dict.__getitem__(value, key)


def _view_parts(value: memoryview) -> tuple[object, ...]:
    return value.format, value.shape, value.tobytes()


def _time_parts(value: Any) -> tuple[object, ...]:  # noqa: ANN401 - a time or a datetime
    cls = dt.datetime if isinstance(value, dt.datetime) else dt.time
    return cls.isoformat(value.replace(tzinfo=None)), value.fold, value.tzinfo


def _zone_parts(value: Any) -> tuple[object, ...]:  # noqa: ANN401 - a ZoneInfo, of a module that is not imported here
    if value.key is None:
        raise MemoKeyError(f"{value!r} has no key and is not hashable for memoization: make it with ZoneInfo(key)")
    return (value.key,)


def _builtin_parts(value: types.BuiltinFunctionType) -> tuple[object, ...]:
    return value.__qualname__, value.__self__ if value.__module__ is None else value.__module__


def _range_parts(value: Any) -> tuple[object, ...]:  # noqa: ANN401 - a range or a slice
    return value.start, value.stop, value.step


_DICT = Kind(b"dict", parts=_items, join=_sorted_pairs)
_DESCRIPTOR = Kind(b"descriptor", parts=lambda value: (value.__objclass__, value.__name__))
_REDUCED = Kind(b"reduced", parts=lambda value: value.__reduce__())

for _class, _kind in {
    type(None): Kind(b"None", lambda _: b""),
    type(...): Kind(b"...", lambda _: b""),
    type(NotImplemented): Kind(b"NotImplemented", lambda _: b""),
    bool: Kind(b"bool", lambda value: b"1" if value else b"0"),
    int: Kind(b"int", _int),
    float: Kind(b"float", _float),
    complex: Kind(b"complex", _complex),
    str: Kind(b"str", _str),
    bytes: Kind(b"bytes", memoryview),
    bytearray: Kind(b"bytearray", memoryview),
    memoryview: Kind(b"memoryview", parts=_view_parts),
    range: Kind(b"range", parts=_range_parts),
    slice: Kind(b"slice", parts=_range_parts),
    list: Kind(b"list", parts=list.__iter__),
    tuple: Kind(b"tuple", parts=tuple.__iter__),
    set: Kind(b"set", parts=set.__iter__, join=_sorted),
    frozenset: Kind(b"frozenset", parts=frozenset.__iter__, join=_sorted),
    dict: _DICT,
    collections.OrderedDict: Kind(b"OrderedDict", parts=_ordered_items),
    collections.defaultdict: Kind(b"defaultdict", parts=lambda value: (value.default_factory, Plainly(value, _DICT))),
    collections.deque: Kind(b"deque", parts=lambda value: (value.maxlen, *collections.deque.__iter__(value))),
    dt.date: Kind(b"date", lambda value: dt.date.isoformat(value).encode()),
    dt.time: Kind(b"time", parts=_time_parts),
    dt.datetime: Kind(b"datetime", parts=_time_parts),
    dt.timedelta: Kind(b"timedelta", parts=lambda value: (value.days, value.seconds, value.microseconds)),
    dt.timezone: Kind(b"timezone", lambda value: _str(repr(value))),
    re.Pattern: Kind(b"pattern", parts=lambda value: (value.pattern, value.flags)),
    types.ModuleType: Kind(b"module", lambda value: _str(value.__name__), exact=False),
    types.CodeType: Kind(b"code", parts=code_parts),
    types.FunctionType: Kind(b"function", parts=function_parts),
    types.MethodType: Kind(b"method", parts=lambda value: (value.__self__, value.__func__)),
    types.BuiltinFunctionType: Kind(b"builtin", parts=_builtin_parts),
    types.MethodDescriptorType: _DESCRIPTOR,
    types.WrapperDescriptorType: _DESCRIPTOR,
    functools.partial: Kind(b"partial", parts=lambda value: (value.func, value.args, value.keywords)),
    type: Kind(b"class", parts=class_parts, exact=False),
}.items():
    id_for_memo.register(_class, _kind)

LATE.update(
    {
        ("decimal", "Decimal"): Kind(b"Decimal", lambda value: _str(repr(value.as_tuple()))),
        ("enum", "Enum"): Kind(
            b"Enum", parts=lambda value: (Ready(class_name(type(value))), value.name, value.value), exact=False
        ),
        ("fractions", "Fraction"): Kind(b"Fraction", parts=lambda value: (value.numerator, value.denominator)),
        ("operator", "attrgetter"): _REDUCED,
        ("operator", "itemgetter"): _REDUCED,
        ("operator", "methodcaller"): _REDUCED,
        ("uuid", "UUID"): Kind(b"UUID", lambda value: value.bytes, exact=False),
        ("zoneinfo", "ZoneInfo"): Kind(b"ZoneInfo", parts=_zone_parts),
    }
)
