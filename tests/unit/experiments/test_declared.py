"""Declarations: a class has its own and its parents', and never changes theirs."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, ClassVar

import pytest

from headrace.experiments.attribute import Attribute
from headrace.experiments.declared import Declares, clsinit, clsinit_copy, declared_attributes, declared_traces
from headrace.experiments.trace import Trace


class Base(Declares):
    """With one of each."""

    attributes: ClassVar[Sequence[Attribute]] = (Attribute("critical", "of the base"), Attribute("rate", "of the base"))
    traces: ClassVar[Sequence[Trace]] = (Trace("log", "of the base"),)


def test_a_class_has_its_own_and_its_parents() -> None:
    class Child(Base):
        attributes = (Attribute("port", "own"),)

    assert list(declared_attributes(Child)) == ["critical", "rate", "port"]
    assert list(declared_traces(Child)) == ["log"]


def test_an_own_one_takes_the_place_of_a_parents() -> None:
    class Child(Base):
        attributes = (Attribute("rate", "own"),)
        traces = (Trace("log", "own", enabled=True),)

    assert declared_attributes(Child)["rate"].help == "own"
    assert declared_traces(Child)["log"].enabled


def test_a_parent_is_never_changed() -> None:
    class Child(Base):
        attributes = (Attribute("rate", "own"), Attribute("port", "own"))

    assert issubclass(Child, Base)
    assert [one.help for one in declared_attributes(Base).values()] == ["of the base", "of the base"]


def test_what_a_class_has_cannot_be_changed() -> None:
    assert not isinstance(declared_attributes(Base), MutableMapping)


def test_a_class_that_declares_nothing_has_its_parents() -> None:
    class Child(Base):
        pass

    assert declared_attributes(Child) == declared_attributes(Base)


def test_nepis_class_methods_register() -> None:
    @clsinit_copy
    class Child(Base):
        @classmethod
        def _register_attributes(cls) -> None:
            cls._register_attribute(Attribute("port", "registered"))

        @classmethod
        def _register_traces(cls) -> None:
            cls._register_trace(Trace("stdout", "registered"))

    assert list(declared_attributes(Child)) == ["critical", "rate", "port"]
    assert list(declared_traces(Child)) == ["log", "stdout"]


def test_a_parents_class_method_is_not_called_for_its_children() -> None:
    called = []

    class Parent(Base):
        @classmethod
        def _register_attributes(cls) -> None:
            called.append(cls)
            cls._register_attribute(Attribute("port", "registered"))

    class Child(Parent):
        pass

    assert called == [Parent]
    assert "port" in declared_attributes(Child)


def test_a_class_method_may_call_its_parents() -> None:
    class Parent(Base):
        @classmethod
        def _register_attributes(cls) -> None:
            cls._register_attribute(Attribute("port", "registered"))

    class Child(Parent):
        @classmethod
        def _register_attributes(cls) -> None:
            super()._register_attributes()
            cls._register_attribute(Attribute("host", "registered"))

    assert list(declared_attributes(Child)) == ["critical", "rate", "port", "host"]


def test_a_plain_mixin_may_declare_too() -> None:
    class Mixin:
        attributes: ClassVar[Sequence[Attribute]] = (Attribute("colour", "of the mixin"),)

    class Child(Mixin, Base):
        pass

    assert list(declared_attributes(Child)) == ["critical", "rate", "colour"]
    assert list(declared_attributes(Mixin)) == ["colour"]


def test_of_two_parents_the_first_one_counts() -> None:
    class Left(Base):
        attributes = (Attribute("rate", "left"),)

    class Right(Base):
        attributes = (Attribute("rate", "right"),)

    class Both(Left, Right):
        pass

    assert declared_attributes(Both)["rate"].help == "left"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"attributes": (Attribute("a", ""), Attribute("a", ""))}, "Wrong declares two Attributes named 'a'"),
        ({"traces": (Trace("t", ""), Trace("t", ""))}, "Wrong declares two Traces named 't'"),
        ({"attributes": ("a",)}, "Wrong declares 'a' as one of its Attributes, which it is not"),
        ({"traces": (Attribute("a", ""),)}, "Wrong declares <Attribute a: String> as one of its Traces"),
        ({"attributes": Attribute("a", "")}, "Wrong.attributes is <Attribute a: String>, and should be a tuple"),
    ],
)
def test_a_wrong_declaration_is_refused_when_the_class_is_made(body: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said.replace("(", r"\(")):
        type("Wrong", (Base,), body)


def test_one_name_listed_and_registered_is_declared_twice() -> None:
    with pytest.raises(TypeError, match="two Attributes named 'port'"):

        class Wrong(Base):
            attributes = (Attribute("port", "own"),)

            @classmethod
            def _register_attributes(cls) -> None:
                cls._register_attribute(Attribute("port", "registered"))


def test_nothing_is_registered_on_a_class_that_is_complete() -> None:
    with pytest.raises(TypeError, match=r"Base is complete.*_register_attributes"):
        Base._register_attribute(Attribute("late", "too late"))


def test_nepis_decorators_leave_a_class_as_it_is() -> None:
    assert clsinit(Base) is Base
    assert clsinit_copy(Base) is Base
