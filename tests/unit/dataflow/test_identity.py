"""What makes two calls equal: values that cannot be told apart, and the same code."""

from __future__ import annotations

import collections
import datetime as dt
import enum
import functools
import math
import operator
import os
import pickle
import re
import threading
import uuid
import zoneinfo
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core import HeadraceError
from headrace.dataflow.identity import MemoKeyError, id_for_memo

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


class Colour(enum.Enum):
    """Two members."""

    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    """An int with a name."""

    LOW = 1


class Mode(enum.Flag):
    """Members that can be combined."""

    READ = 1
    WRITE = 2


class Text(str):
    """A str of another name."""

    __slots__ = ()


class Number(int):
    """An int that carries a unit."""

    unit: str = ""


class Items(list[int]):
    """A list of another name."""


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


class Place(NamedTuple):
    """The same names in another class."""

    x: int
    y: int


@dataclass(frozen=True)
class Model:
    """A value with fields."""

    name: str
    weights: list[float] = field(default_factory=list)


@dataclass
class Other:
    """The same fields in another class."""

    name: str
    weights: list[float] = field(default_factory=list)


class Pattern:
    """An object of which nothing says what makes it equal to another."""

    def match(self) -> int:
        return 1


def number(value: int, unit: str) -> Number:
    made = Number(value)
    made.unit = unit
    return made


def square(x: int) -> int:
    return x * x


def cube(x: int) -> int:
    return x * x * x


UTC = dt.timezone.utc  # noqa: UP017 - the constant that the type has
MOMENT = dt.datetime(2026, 3, 29, 2, 30, 1, 5, tzinfo=UTC)

#: Each differs from each other.
DIFFERENT: list[object] = [
    *(None, True, False, 0, 1, -1, 255, 256, -128, -129, 2**64, -(2**64), 10**5000),
    *(0.0, -0.0, 1.0, 1e-300, math.inf, -math.inf, math.nan, 1 + 0j, 1j, -1j, complex(0, -0.0), complex(1, math.nan)),
    *("", "a", "1", "None", "é", "e\u0301", "\udc80", "a" * 64, "a" * 65, "a" * 66),
    *(b"", b"a", b"1", b"a" * 65, bytearray(b"a"), memoryview(b"a"), memoryview(b"abcd").cast("B", (2, 2))),
    *(..., NotImplemented, Decimal(1), Decimal("1.0"), Decimal("1.00"), Decimal("NaN"), Fraction(1, 2), Fraction(1)),
    *(dt.date(2026, 1, 1), dt.datetime(2026, 1, 1), dt.time(1), dt.time(1, tzinfo=UTC)),  # noqa: DTZ001 - one without a zone is meant
    *(
        MOMENT,
        MOMENT.replace(tzinfo=None),
        MOMENT.replace(fold=1),
        MOMENT.astimezone(dt.timezone(dt.timedelta(hours=1))),
    ),
    *(
        MOMENT.replace(tzinfo=zoneinfo.ZoneInfo("UTC")),
        zoneinfo.ZoneInfo("UTC"),
        UTC,
        dt.timezone(dt.timedelta(0), "Z"),
    ),
    *(dt.timedelta(1), dt.timedelta(0, 1), dt.timedelta(0, 0, 1)),
    *(uuid.UUID(int=1), uuid.UUID(int=2), range(3), range(4), range(0, 3, 2), slice(3), slice(1, 3), slice(0, 3)),
    *(re.compile("a"), re.compile(b"a"), re.compile("a", re.IGNORECASE), re.compile("b")),
    *(Colour.RED, Colour.BLUE, Level.LOW, Mode.READ, Mode.READ | Mode.WRITE),
    *(Text("a"), Number(1), number(1, "m"), number(1, "s"), Items([1]), Point(1, 2), Place(1, 2), Point(2, 1)),
    *([], (), {}, set(), frozenset(), [[]], [()], ([],), [None], {None}, {None: None}, collections.deque()),
    *(["a", "bc"], ["ab", "c"], ["abc"], ["a", "b", "c"], ("a", "bc"), {"a": "bc"}, {"a", "bc"}, {"bc": "a"}),
    *([1, [2]], [[1], 2], [[1, 2]], [[1], [2]], [1, 2], [2, 1], (1, 2), {1: 2}, {2: 1}, {1, 2}, frozenset({1, 2})),
    *(collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), {"a": 1, "b": 2}),
    *(collections.defaultdict(int, a=1), collections.defaultdict(lambda: 0, a=1), collections.Counter(a=1), {"a": 1}),
    *(collections.deque([1]), collections.deque([1], 3), [1], {1: {}}, {1: []}, {"a": {"b": 1}}, {"a": {}, "b": 1}),
    *(Model("m"), Model("m", [1.0]), Other("m"), ("m", []), {"name": "m", "weights": []}),
    *(square, cube, Pattern, Pattern.match, int, str, len, math.sqrt, str.upper, str.lower, math, os),
    *(functools.partial(pow, 2), functools.partial(pow, 3), functools.partial(pow, exp=2), functools.lru_cache(square)),
    *(operator.itemgetter(1), operator.itemgetter(2), operator.attrgetter("a"), "x".join, "y".join),
    *(PurePosixPath("a"), PurePosixPath("b")),
]


class TestValues:
    """Values of the types that are known."""

    def test_values_that_can_be_told_apart_have_different_ids(self) -> None:
        ids = collections.defaultdict(list)
        for value in DIFFERENT:
            ids[id_for_memo(value)].append(value)

        assert [values for values in ids.values() if len(values) > 1] == []

    def test_the_same_in_a_list_has_different_ids_too(self) -> None:
        assert len({id_for_memo([value]) for value in DIFFERENT}) == len(DIFFERENT)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
            ({1, "a", None}, {None, 1, "a"}),
            (math.nan, float("nan") * -1),
            ([[1], [1]], [[1]] * 2),
            (Model("m", [1.0]), Model("m", [1.0])),
            (Items([1]), Items([1])),
            (re.compile("a+"), re.compile("a+")),
            (number(1, "m"), number(1, "m")),
            (functools.partial(square, 1), functools.partial(square, 1)),
        ],
    )
    def test_values_that_cannot_be_told_apart_have_one_id(self, one: object, other: object) -> None:
        assert id_for_memo(one) == id_for_memo(other)

    def test_large_values_have_short_ids(self) -> None:
        for value in ("a" * 10**6, list(range(10_000)), {str(one): one for one in range(10_000)}):
            assert len(id_for_memo(value)) < 100


Leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.binary(),
    st.complex_numbers(),
    st.decimals().filter(lambda one: not one.is_snan()),
    st.fractions(),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from(Colour),
)
Hashable = Leaves | st.tuples(Leaves, Leaves) | st.frozensets(Leaves, max_size=3)
Values = st.recursive(
    Hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(Hashable, inner, max_size=4),
        st.lists(inner, max_size=4).map(collections.deque),
        st.builds(Model, st.text(max_size=3), st.lists(inner, max_size=2)),
        st.sets(Hashable, max_size=4),
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:  # noqa: ANN401 - of anything
    """An independent and slow account of what a value is, such that `==` on it is what the ids are to be."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, list | tuple | collections.deque):
        return (name, "row", [shape(one) for one in value])
    if isinstance(value, dict):
        return (name, "pairs", sorted((repr(shape(key)), repr(shape(item))) for key, item in value.items()))
    if isinstance(value, set | frozenset):
        return (name, "set", sorted(repr(shape(one)) for one in value))
    if isinstance(value, Model):
        return (name, "model", shape(value.name), shape(value.weights))
    return (name, "leaf", repr(value))


class TestProperties:
    """What holds for whatever mixture."""

    @given(Values, Values)
    def test_two_ids_are_equal_exactly_when_the_values_cannot_be_told_apart(self, one: object, other: object) -> None:
        assert (id_for_memo(one) == id_for_memo(other)) == (shape(one) == shape(other))

    @given(Values)
    def test_a_copy_has_the_same_id(self, value: object) -> None:
        assert id_for_memo(pickle.loads(pickle.dumps(value))) == id_for_memo(value)  # noqa: S301 - made here

    @given(st.dictionaries(Hashable, Values, max_size=5), st.randoms())
    def test_the_order_of_a_dict_makes_no_difference(self, value: dict[object, object], chance: random.Random) -> None:
        items = list(value.items())
        chance.shuffle(items)

        assert id_for_memo(dict(items)) == id_for_memo(value)

    @given(Values, Values)
    def test_no_id_is_the_beginning_of_another(self, one: object, other: object) -> None:
        first, second = id_for_memo(one), id_for_memo(other)

        assert first == second or not second.startswith(first)


class TestDepth:
    """Containers in containers."""

    def test_a_deeply_nested_list_has_an_id(self) -> None:
        deep, deeper = nested(10_000), nested(10_001)

        assert id_for_memo(deep) != id_for_memo(deeper)

    def test_deeply_nested_mixtures_have_ids(self) -> None:
        value: object = 1
        for _ in range(5_000):
            value = {"in": (value, Model("m", [value]))}  # type: ignore[list-item]  # anything will do

        assert id_for_memo(value)

    def test_what_is_shared_many_times_is_looked_at_once(self) -> None:
        value: list[object] = [1]
        for _ in range(200):
            value = [value, value]

        assert id_for_memo(value)

    @pytest.mark.parametrize("make", [list, dict, collections.deque, Items], ids=["list", "dict", "deque", "own"])
    def test_a_container_that_contains_itself_is_refused(self, make: Callable[[], Any]) -> None:
        value = make()
        if isinstance(value, dict):
            value["self"] = [value]
        else:
            value.append([value])

        with pytest.raises(MemoKeyError, match=r"contains itself.*found in a list"):
            id_for_memo(value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


class TestUnknownTypes:
    """What is refused, and how."""

    def test_the_error_names_the_type_the_place_and_the_remedies(self) -> None:
        with pytest.raises(MemoKeyError) as caught:
            id_for_memo({"locks": [threading.Lock()]})

        message = str(caught.value)
        assert "_thread.lock" in message
        assert "found in a list in a dict" in message
        assert "id_for_memo.register" in message
        assert "ignore_for_cache=" in message

    def test_the_error_is_one_of_ours_and_a_type_error_and_a_value_error(self) -> None:
        assert issubclass(MemoKeyError, HeadraceError)
        assert issubclass(MemoKeyError, TypeError)
        assert issubclass(MemoKeyError, ValueError)

    @pytest.mark.parametrize(
        "value", [object(), threading.Lock(), iter([]), Pattern(), (one for one in "a"), dict.fromkeys("a").keys()]
    )
    def test_what_is_not_known_is_refused(self, value: object) -> None:
        with pytest.raises(MemoKeyError, match="not hashable for memoization"):
            id_for_memo(value)

    def test_what_raises_when_it_is_looked_at_is_refused_by_name(self) -> None:
        @dataclass
        class Lazy:
            name: str = ""

        Lazy.name = property(lambda _: 1 / 0)  # type: ignore[assignment]  # as a lazy attribute that fails

        with pytest.raises(MemoKeyError, match=r"what is in a Lazy in a list cannot be read.*ZeroDivisionError"):
            id_for_memo([object.__new__(Lazy)])


class TestRegistering:
    """Types that users teach."""

    def test_a_registered_function_counts_for_the_type_and_its_subclasses(self) -> None:
        class Lab:
            def __init__(self, name: str) -> None:
                self.name = name

        class Annex(Lab):
            pass

        @id_for_memo.register(Lab)
        def _(value: Lab, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
            return id_for_memo(value.name, output_ref=output_ref)

        assert id_for_memo([Lab("a")]) == id_for_memo([Lab("a")])
        assert id_for_memo([Lab("a")]) != id_for_memo([Lab("b")])
        assert id_for_memo([Lab("a")]) != id_for_memo([Annex("a")])
        assert id_for_memo([Lab("a")]) != id_for_memo(["a"])

    def test_a_registered_function_comes_before_what_is_known_of_a_base(self) -> None:
        class Name(str):
            __slots__ = ()

        id_for_memo.register(Name, lambda value: str.lower(value).encode())

        assert id_for_memo([Name("A")]) == id_for_memo([Name("a")])

    def test_a_function_that_returns_text_will_do(self) -> None:
        class Label:
            def __init__(self, name: str) -> None:
                self.name = name

        id_for_memo.register(Label, lambda value: value.name)

        assert id_for_memo([Label("a")]) == id_for_memo([Label("a")])
        assert id_for_memo([Label("a")]) != id_for_memo([Label("b")])

    def test_output_ref_is_passed_down(self) -> None:
        class Target:
            pass

        seen = []

        @id_for_memo.register(Target)
        def _(value: Target, output_ref: bool = False) -> bytes:  # noqa: FBT001, FBT002 - Parsl's signature
            seen.append(output_ref)
            return b""

        id_for_memo([Target()], output_ref=True)
        id_for_memo([Target()])

        assert seen == [True, False]

    @pytest.mark.parametrize(
        ("function", "complaint"),
        [(lambda _: 1, "must return bytes"), (lambda _: 1 / 0, "ZeroDivisionError"), (id_for_memo, "")],
        ids=["number", "raises", "calls-itself"],
    )
    def test_a_function_that_does_not_do_its_work_is_named(
        self, function: Callable[[Any], Any], complaint: str
    ) -> None:
        class Odd:
            pass

        id_for_memo.register(Odd, function)

        with pytest.raises(MemoKeyError, match=f"Odd.*{complaint}"):
            id_for_memo([Odd()])

    def test_a_cycle_through_a_registered_function_is_refused(self) -> None:
        class Node:
            next: Node

        id_for_memo.register(Node, lambda value: id_for_memo(value.next))
        node = Node()
        node.next = node

        with pytest.raises(MemoKeyError, match="contains itself"):
            id_for_memo([node])


def test_what_was_set_on_a_dataclass_beside_its_fields_makes_a_difference_and_what_it_works_out_does_not() -> None:
    @dataclass
    class Square:
        side: int

        def __post_init__(self) -> None:
            self.colour = "red"

        @functools.cached_property
        def area(self) -> int:
            return self.side**2

    plain, painted, measured = Square(1), Square(1), Square(1)
    painted.colour = "blue"
    assert measured.area == 1

    assert id_for_memo(plain) == id_for_memo(measured) != id_for_memo(painted)
