"""What type checkers see: these lines are checked by mypy, and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

import headrace
from headrace import AppFuture, Backoff, Config, bash_app, join_app, python_app

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path


@python_app
def bare(number: int, *, name: str = "") -> float:
    return float(number)


@python_app(retries=1, backoff=Backoff(), priority=3)
def with_options(number: int) -> str:
    return str(number)


@join_app
def joined() -> Future[float]:
    return bare(1)


@join_app
def joined_many() -> list[AppFuture[float]]:
    return [bare(1)]


@bash_app
def command() -> str:
    return "true"


def test_a_call_of_an_app_is_a_future_of_what_its_function_returns(tmp_path: Path) -> None:
    with headrace.load(Config(run_dir=tmp_path)):
        assert_type(bare(1, name="one"), AppFuture[float])
        assert_type(with_options(1), AppFuture[str])
        assert_type(joined(), AppFuture[float])
        assert_type(joined_many(), AppFuture[list[float]])
        assert_type(command(), AppFuture[int])
        assert_type(bare(1).result(), float)


def test_an_argument_may_be_a_future_of_its_value(tmp_path: Path) -> None:
    with headrace.load(Config(run_dir=tmp_path)):
        assert_type(with_options(joined()), AppFuture[str])
