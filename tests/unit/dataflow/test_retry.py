"""`Backoff` computes delays; `RetryPolicy` decides whether a task that failed is tried again, and never raises."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything
# ruff: noqa: S311 - nothing secret here

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import AppAbortedError, Backoff, ConfigurationError
from headrace.dataflow.retry import RetryPolicy
from headrace.dataflow.task import CallOptions, Task

if TYPE_CHECKING:
    from headrace.dataflow.flow import Flow


def a_task(**options: Any) -> Task:
    return Task(0, int, (), {}, CallOptions(name="work", **options), cast("Flow", None))


def test_without_jitter_each_delay_is_the_last_one_times_the_factor_up_to_the_maximum() -> None:
    backoff = Backoff(initial=1, factor=3, maximum=10, jitter=0)

    delays = [backoff.delay(retry) for retry in range(1, 6)]

    assert delays == [1, 3, 9, 10, 10]


def test_a_retry_number_too_large_for_a_float_gives_the_maximum() -> None:
    assert Backoff(initial=1, factor=2, maximum=60, jitter=0).delay(100_000) == 60


@given(st.integers(1, 50), st.floats(0, 1), st.integers())
def test_jitter_takes_off_at_most_its_share(retry: int, jitter: float, seed: int) -> None:
    full = Backoff(jitter=0).delay(retry)

    delay = Backoff(jitter=jitter).delay(retry, random.Random(seed))

    assert full * (1 - jitter) <= delay <= full


def test_jitter_makes_two_delays_differ() -> None:
    rng = random.Random(1)
    backoff = Backoff()

    assert backoff.delay(1, rng) != backoff.delay(1, rng)


@pytest.mark.parametrize(
    "options",
    [
        {"initial": -1},
        {"factor": 0.5},
        {"maximum": 0.5},
        {"jitter": -0.1},
        {"jitter": 1.1},
        {"initial": float("nan")},
    ],
)
def test_a_backoff_that_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="Backoff"):
        Backoff(**options)


def test_a_failure_costs_one_retry_unless_a_handler_says_otherwise() -> None:
    policy, task = RetryPolicy(2, None, None), a_task()

    again = [policy.judge(task, ValueError()).again for _ in range(4)]

    assert again == [True, True, False, False]


def test_the_retries_of_an_app_go_over_those_of_the_kernel() -> None:
    policy, task = RetryPolicy(5, None, None), a_task(retries=0)

    assert not policy.judge(task, ValueError()).again


def test_what_the_handler_returns_is_taken_off_the_retries() -> None:
    policy, task = RetryPolicy(1, lambda _error, _task: 0.4, None), a_task()

    again = [policy.judge(task, ValueError()).again for _ in range(3)]

    assert again == [True, True, False]


def test_the_handler_sees_the_error_and_the_record_of_all_failures_so_far() -> None:
    seen: list[tuple[str, int, list[str]]] = []

    def handler(error: BaseException, task: Task) -> float:
        seen.append((str(error), task.fail_count, task["fail_history"]))
        return 1

    policy, task = RetryPolicy(9, handler, None), a_task()

    for number in range(3):
        policy.judge(task, ValueError(number))

    assert seen == [
        ("0", 1, ["ValueError(0)"]),
        ("1", 2, ["ValueError(0)", "ValueError(1)"]),
        ("2", 3, ["ValueError(0)", "ValueError(1)", "ValueError(2)"]),
    ]


def test_what_the_handler_raises_is_what_the_task_fails_with_caused_by_the_failure() -> None:
    def handler(error: BaseException, task: Task) -> float:
        raise LookupError("the handler's own")

    failure = ValueError("the app's")

    verdict = RetryPolicy(9, handler, None).judge(a_task(), failure)

    assert not verdict.again
    assert isinstance(verdict.error, LookupError)
    assert verdict.error.__cause__ is failure


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_handler_that_means_to_end_the_process_ends_the_task_only(kind: type[BaseException]) -> None:
    def handler(error: BaseException, task: Task) -> float:
        raise kind

    verdict = RetryPolicy(9, handler, None).judge(a_task(), ValueError())

    assert not verdict.again


def test_a_handler_that_returns_no_number_ends_the_retries() -> None:
    handler: Any = lambda _error, _task: None  # noqa: E731 - to be of any type

    verdict = RetryPolicy(9, handler, None).judge(a_task(), ValueError())

    assert isinstance(verdict.error, TypeError)


def test_an_exception_that_a_handler_raises_again_is_not_its_own_cause() -> None:
    def handler(error: BaseException, task: Task) -> float:
        raise error

    verdict = RetryPolicy(9, handler, None).judge(a_task(), ValueError())

    assert verdict.error.__cause__ is not verdict.error


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_means_to_end_a_process_is_wrapped(kind: type[BaseException]) -> None:
    failure = kind()

    verdict = RetryPolicy(0, None, None).judge(a_task(), failure)

    assert isinstance(verdict.error, AppAbortedError)
    assert verdict.error.__cause__ is failure


def test_an_error_whose_repr_raises_is_written_down_all_the_same() -> None:
    class Shy(Exception):
        def __repr__(self) -> str:
            raise RuntimeError

    task = a_task()

    RetryPolicy(0, None, None).judge(task, Shy())

    assert task["fail_history"] == ["<Shy whose repr() raises>"]


def test_the_backoff_of_an_app_goes_over_that_of_the_kernel() -> None:
    policy = RetryPolicy(9, None, Backoff(initial=1, jitter=0))
    task = a_task(backoff=Backoff(initial=7, jitter=0))

    assert policy.judge(task, ValueError()).delay == 7


def test_without_backoff_there_is_no_delay() -> None:
    assert RetryPolicy(9, None, None).judge(a_task(), ValueError()).delay == 0
