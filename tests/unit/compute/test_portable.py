"""`Portable` pickles a function by name also when its name belongs to what a decorator made of it."""

# ruff: noqa: S301 - pickles made here

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from headrace import bash_app, python_app
from headrace.compute.executors.portable import Portable
from headrace.dataflow.command import Command, CommandCall

if TYPE_CHECKING:
    from collections.abc import Callable


def plain(x: int) -> int:
    return x + 1


@python_app
def decorated(x: int) -> int:
    return x + 2


@python_app(retries=1)
def with_options(x: int) -> int:
    return x + 3


def doubling(func: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(func)
    def double(x: int) -> int:
        return 2 * func(x)

    return double


@doubling
def wrapped(x: int) -> int:
    return x


@python_app
@doubling
def decorated_twice(x: int) -> int:
    return x


class Holder:
    """Has an app as a static method."""

    @staticmethod
    @python_app
    def method(x: int) -> int:
        return x + 4


@bash_app
def command(x: int) -> str:
    return f"test {x} = 5"


def there_and_back(func: Callable[..., Any]) -> Portable:
    again: Portable = pickle.loads(pickle.dumps(Portable(func)))
    return again


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (plain, 6),
        (decorated.func, 7),
        (with_options.func, 8),
        (wrapped, 10),
        (decorated_twice.func, 10),
        (Holder.method.func, 9),
        (functools.partial(plain, 5), None),
        (abs, 5),
    ],
)
def test_a_function_is_found_again_by_its_name(func: Callable[..., Any], expected: int | None) -> None:
    args = (5,) if expected is not None else ()

    assert there_and_back(func)(*args) == (expected or 6)


def test_a_bash_app_s_command_survives_pickling() -> None:
    call = CommandCall(command.func, "command", {}, shell=True)  # noqa: S604 - the point

    assert pickle.loads(pickle.dumps(call)).command((5,), {}) == Command(("/bin/bash", "-c", "test 5 = 5"))


def test_a_local_function_is_refused_by_pickle_itself() -> None:
    def local() -> None: ...

    with pytest.raises((AttributeError, pickle.PicklingError), match="local"):
        there_and_back(local)


def test_it_calls_the_function() -> None:
    assert Portable(divmod)(17, 5) == (3, 2)


def test_an_argument_may_be_called_self() -> None:
    assert Portable(dict)(self=1) == {"self": 1}
