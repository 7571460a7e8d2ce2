"""Attributes: the declared type, range and values are enforced, and secrets are never shown."""

from __future__ import annotations

import dataclasses
import enum
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.experiments.attribute import Attribute, Flags, Types
from headrace.experiments.errors import InvalidAttribute


def attribute(kind: Types = Types.String, **options: Any) -> Attribute:  # noqa: ANN401 - any option of Attribute
    return Attribute("rate", "how fast", kind, **options)


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


class Word(str):
    """A text of a class of its own."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Types.String, "eth0", "eth0"),
        (Types.String, "", ""),
        (Types.String, Path("/tmp/x"), "/tmp/x"),  # noqa: S108 - a text, no file
        (Types.String, Word("x"), "x"),
        (Types.Bool, True, True),
        (Types.Bool, "true", True),
        (Types.Bool, "False", False),
        (Types.Integer, 3, 3),
        (Types.Integer, "3", 3),
        (Types.Integer, "-3", -3),
        (Types.Integer, Level.HIGH, 3),
        (Types.Integer, 10**30, 10**30),
        (Types.Double, 0.5, 0.5),
        (Types.Double, 2, 2.0),
        (Types.Double, "2.5e3", 2500.0),
        (Types.Double, ".5", 0.5),
    ],
)
def test_a_value_comes_back_as_the_declared_type(kind: Types, value: object, expected: object) -> None:
    checked = attribute(kind).check(value)

    assert (checked, type(checked)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Types.String, 3),
        (Types.String, b"x"),
        (Types.String, Types.String),
        (Types.Bool, "banana"),
        (Types.Bool, 1),
        (Types.Bool, ""),
        (Types.Integer, "abc"),
        (Types.Integer, True),
        (Types.Integer, 3.0),
        (Types.Integer, "3.0"),
        (Types.Integer, " 3"),
        (Types.Integer, "3\n"),
        (Types.Integer, "٣"),
        (Types.Integer, "1_000"),
        (Types.Integer, "9" * 5000),
        (Types.Double, "fast"),
        (Types.Double, True),
        (Types.Double, float("nan")),
        (Types.Double, float("inf")),
        (Types.Double, "nan"),
        (Types.Double, "1e999"),
        (Types.Double, 10**400),
        (Types.Double, 1j),
    ],
)
def test_what_is_not_of_the_declared_type_is_refused(kind: Types, value: object) -> None:
    with pytest.raises(InvalidAttribute, match="attribute rate: "):
        attribute(kind).check(value)


def test_a_refusal_names_the_attribute_the_value_and_what_would_be_right() -> None:
    with pytest.raises(InvalidAttribute) as refused:
        attribute(Types.Integer, range=(1, 9)).check(10)

    assert str(refused.value) == "attribute rate: 10 is refused: it may be at least 1 and at most 9"


@pytest.mark.parametrize("value", [1, 9, "5"])
def test_a_range_includes_its_limits(value: object) -> None:
    assert attribute(Types.Integer, range=(1, 9)).check(value) == int(str(value))


@pytest.mark.parametrize(("limits", "value"), [((1, 9), 0), ((1, 9), 10), ((None, 9), 10), ((1, None), 0)])
def test_what_is_out_of_range_is_refused(limits: tuple[int | None, int | None], value: int) -> None:
    with pytest.raises(InvalidAttribute):
        attribute(Types.Integer, range=limits).check(value)


def test_an_integer_with_a_range_stays_one() -> None:
    assert type(attribute(Types.Integer, range=(0.5, 9.5)).check(3)) is int


@pytest.mark.parametrize(("value", "expected"), [("tcp", "tcp"), (1, 1), ("1", 1), (None, None)])
def test_an_enumerate_is_one_of_those_allowed(value: object, expected: object) -> None:
    assert attribute(Types.Enumerate, allowed=("tcp", 1)).check(value) == expected


@pytest.mark.parametrize("value", ["udp", True, 1.0, 2])
def test_what_an_enumerate_does_not_allow_is_refused(value: object) -> None:
    with pytest.raises(InvalidAttribute, match="it may be 'tcp' or 1"):
        attribute(Types.Enumerate, allowed=("tcp", 1)).check(value)


def test_allowed_values_hold_for_other_types_too() -> None:
    ports = attribute(Types.Integer, allowed=["80", 443])

    assert ports.check("443") == 443
    with pytest.raises(InvalidAttribute, match="it may be 80 or 443"):
        ports.check(8080)


def test_none_unsets_an_attribute_without_a_default() -> None:
    assert attribute(Types.Integer, range=(1, 2)).check(None) is None


def test_none_is_no_value_where_there_is_a_default() -> None:
    with pytest.raises(InvalidAttribute, match="cannot be unset"):
        attribute(Types.Bool, default=True).check(None)


def test_a_default_becomes_one_of_the_declared_type() -> None:
    assert attribute(Types.Double, default="2").default == 2.0


@pytest.mark.parametrize(
    "options",
    [
        {"kind": Types.Integer, "default": "abc"},
        {"kind": Types.Integer, "default": 5, "range": (6, 9)},
        {"kind": Types.Integer, "range": (9, 6)},
        {"kind": Types.Integer, "range": 9},
        {"kind": Types.Integer, "range": (1, 2, 3)},
        {"kind": Types.Integer, "range": ("1", "2")},
        {"kind": Types.Integer, "range": (float("nan"), 2)},
        {"kind": Types.String, "range": (1, 2)},
        {"kind": Types.Enumerate},
        {"kind": Types.Enumerate, "allowed": ()},
        {"kind": Types.Enumerate, "allowed": "tcp"},
        {"kind": Types.Enumerate, "allowed": 5},
        {"kind": Types.Enumerate, "allowed": ("tcp",), "default": "udp"},
        {"kind": Types.Integer, "allowed": ("x",)},
        {"kind": "string"},
        {"flags": 4},
        {"set_hook": 5},
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidAttribute, match="attribute rate is declared wrongly"):
        attribute(**options)


@pytest.mark.parametrize("name", ["", None, 3])
def test_an_attribute_has_a_name(name: str) -> None:
    with pytest.raises(InvalidAttribute, match="name is a text"):
        Attribute(name, "nothing")


def test_a_declaration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        attribute().default = "x"  # type: ignore[misc]


def test_a_declaration_can_be_varied() -> None:
    narrow = attribute(Types.Integer, default=3, range=(1, 9))

    assert dataclasses.replace(narrow, default=5).default == 5


def test_a_credential_is_never_shown() -> None:
    assert attribute(flags=Flags.Credential).shown("sesame") == "****"


@pytest.mark.parametrize(
    ("kind", "options", "value"),
    [
        (Types.Integer, {}, "sesame"),
        (Types.Double, {}, "sesame"),
        (Types.Bool, {}, "sesame"),
        (Types.String, {}, ["sesame"]),
        (Types.String, {"allowed": ("open",)}, "sesame"),
        (Types.Enumerate, {"allowed": ("open",)}, "sesame"),
        (Types.Integer, {"range": (0, 9)}, "5353"),
    ],
)
def test_a_refused_credential_is_not_shown(kind: Types, options: dict[str, Any], value: object) -> None:
    secret = attribute(kind, flags=Flags.Credential, **options)

    with pytest.raises(InvalidAttribute) as refused:
        secret.check(value)

    told = "".join(traceback.format_exception_only(refused.value)) + repr(refused.value.__context__)
    assert "****" in told
    assert not any(word in told for word in ("sesame", "5353", "open"))


def test_the_default_of_a_credential_is_not_shown_with_its_declaration() -> None:
    assert "sesame" not in repr(attribute(flags=Flags.Credential, default="sesame"))


def test_what_is_no_secret_is_shown_as_python_writes_it() -> None:
    assert [attribute().shown(value) for value in ("x", None, 3)] == ["'x'", "None", "3"]


def test_a_flag_can_be_asked_for() -> None:
    secret = attribute(flags=Flags.Credential | Flags.NoRead)

    assert secret.has_flag(Flags.Credential)
    assert secret.has_flag(Flags.NoRead)
    assert not secret.has_flag(Flags.Global)


@pytest.mark.parametrize("flag", [Flags.Credential, Flags.Filter])
def test_credentials_and_filters_are_settled_at_deployment(flag: Flags) -> None:
    assert attribute(flags=flag).has_flag(Flags.Design)


def test_no_flags_may_be_said_with_none() -> None:
    assert attribute(flags=None).flags is Flags.NoFlags


@pytest.mark.parametrize(
    ("older", "name"),
    [
        (Types.STRING, Types.String),
        (Types.BOOL, Types.Bool),
        (Types.ENUM, Types.Enumerate),
        (Types.DOUBLE, Types.Double),
        (Types.INTEGER, Types.Integer),
        (Flags.ReadOnly, Flags.NoWrite),
        (Flags.ExecReadOnly, Flags.Design),
    ],
)
def test_nepis_older_names_mean_the_same(older: enum.Enum, name: enum.Enum) -> None:
    assert older is name


def test_checking_does_not_call_the_hook() -> None:
    def hook(old: object, new: object) -> object:
        raise AssertionError((old, new))

    assert attribute(set_hook=hook).check("x") == "x"


@given(st.integers() | st.booleans() | st.floats() | st.text() | st.none() | st.binary())
@pytest.mark.parametrize("kind", [Types.String, Types.Bool, Types.Integer, Types.Double])
def test_a_checked_value_checks_as_itself(kind: Types, value: object) -> None:
    try:
        checked = attribute(kind).check(value)
    except InvalidAttribute:
        return
    again = attribute(kind).check(checked)
    assert (again, type(again)) == (checked, type(checked))


@given(st.integers())
def test_an_integers_text_is_that_integer(number: int) -> None:
    assert attribute(Types.Integer).check(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_doubles_text_is_that_double(number: float) -> None:
    assert attribute(Types.Double).check(repr(number)) == number
