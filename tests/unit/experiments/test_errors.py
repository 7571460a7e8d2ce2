"""Errors of experiments name what was asked for, where, and what exists; they survive a pickle."""

# ruff: noqa: S301 - pickles made here

from __future__ import annotations

import pickle

import pytest

from headrace.core import HeadraceError
from headrace.experiments import errors
from headrace.experiments.errors import (
    ConnectionRefused,
    DuplicateResource,
    MissingExtra,
    UnknownAttribute,
    UnknownName,
    UnknownResource,
    UnknownType,
)


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None

    missing = [name for name in errors.__all__ if name not in errors.__doc__.split()]

    assert not missing


def test_every_error_is_one_of_headraces() -> None:
    assert all(issubclass(getattr(errors, name), HeadraceError) for name in errors.__all__)


def test_an_unknown_name_says_whose_it_would_be_what_is_near_and_what_exists() -> None:
    error = UnknownAttribute("comand", ["command", "env"], "linux::Application 3")

    assert str(error) == (
        "linux::Application 3 has no attribute comand (did you mean command?); what exists: command, env"
    )


def test_a_text_that_looks_like_a_guid_is_told_from_one() -> None:
    assert str(UnknownResource("3", [3])) == "there is no resource '3'; what exists: 3"


def test_where_there_is_nothing_it_says_so() -> None:
    assert str(UnknownResource(7)) == "there is no resource 7; none exist"


def test_of_very_many_names_only_some_are_listed() -> None:
    assert str(UnknownResource(-1, range(1000))).endswith(", 18, 19 and 980 more")


def test_an_unknown_type_names_the_plugins_that_could_not_be_imported() -> None:
    error = UnknownType("x::Y", ["linux::Node"], problems=["/p/bad.py: SyntaxError: no"])

    assert str(error).endswith("; plug-ins that could not be imported: /p/bad.py: SyntaxError: no")


def test_an_unknown_name_is_a_lookup_error() -> None:
    assert issubclass(UnknownName, LookupError)


@pytest.mark.parametrize(
    "error",
    [
        UnknownAttribute("a", ["b"], "x 1"),
        UnknownType("a", ["b"], problems=["c"]),
        DuplicateResource(3, "linux::Node"),
        ConnectionRefused("a 1", "b 2", "no"),
        MissingExtra("matplotlib", "plots", "plots"),
    ],
)
def test_an_error_says_the_same_after_a_pickle(error: Exception) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_missing_extra_says_how_to_install_it() -> None:
    assert str(MissingExtra("matplotlib", "plots", "plots")) == (
        "plots need the package matplotlib: pip install 'headrace[plots]'"
    )
