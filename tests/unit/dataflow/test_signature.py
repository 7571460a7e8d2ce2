"""`CallChecker` accepts exactly the calls that Python would accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.dataflow.signature import CallChecker

if TYPE_CHECKING:
    from collections.abc import Callable


def none() -> None: ...
def one(a: int) -> None: ...
def default(a: int, b: int = 2) -> None: ...
def positional_only(a: int, /, b: int = 2) -> None: ...
def keyword_only(a: int, *, b: int) -> None: ...
def keyword_default(a: int, *, b: int = 2) -> None: ...
def many(*a: int) -> None: ...
def anything(*a: int, **b: int) -> None: ...
def named(**b: int) -> None: ...


FUNCTIONS = [none, one, default, positional_only, keyword_only, keyword_default, many, anything, named]


@given(st.sampled_from(FUNCTIONS), st.integers(0, 3), st.sets(st.sampled_from(["a", "b", "c"])))
def test_it_accepts_what_a_call_accepts_and_refuses_what_a_call_refuses(
    func: Callable[..., None], positional: int, names: set[str]
) -> None:
    args, kwargs = (1,) * positional, dict.fromkeys(names, 1)

    assert accepts(lambda: func(*args, **kwargs)) == accepts(lambda: CallChecker(func, "f").check(args, kwargs))


def accepts(call: Callable[[], None]) -> bool:
    try:
        call()
    except TypeError:
        return False
    return True


def test_the_error_names_the_app_and_its_signature() -> None:
    with pytest.raises(
        TypeError, match=r"app one\(a: 'int'\) -> 'None' was called wrongly: missing a required argument: 'a'"
    ):
        CallChecker(one, "one").check((), {})


def test_a_builtin_without_a_signature_is_left_to_itself() -> None:
    checker = CallChecker(max, "max")

    checker.check((), {"nonsense": 1})

    assert checker.defaults(["key"]) == {}


def test_the_defaults_that_were_asked_for_are_told_with_their_places() -> None:
    def func(a: int = 1, b: int = 2, *, c: int = 3, d: int = 4) -> None: ...

    assert CallChecker(func, "func").defaults(["a", "c", "e"]) == {"a": (0, 1), "c": (float("inf"), 3)}


def test_defaults_that_mean_nothing_are_left_out() -> None:
    def func(a: int, b: object = None, c: tuple[int, ...] = ()) -> None: ...

    assert CallChecker(func, "func").defaults(["a", "b", "c"]) == {}
