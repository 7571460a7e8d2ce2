"""Resolvers find the futures among arguments and put results in their place; nothing that was passed in changes."""

# ruff: noqa: ANN401 - apps, their arguments and their results may be anything

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import Any, NamedTuple

import pytest

from headrace import DEEP_DEPENDENCY_RESOLVER, SHALLOW_DEPENDENCY_RESOLVER, DependencyResolver
from headrace.dataflow.resolver import gather, substitute


class Pair(NamedTuple):
    """A tuple whose type takes its elements one by one."""

    left: Any
    right: Any


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


BOTH_SHALLOW = pytest.mark.parametrize("resolver", [None, SHALLOW_DEPENDENCY_RESOLVER], ids=["default", "shallow"])
ALL = pytest.mark.parametrize(
    "resolver", [None, SHALLOW_DEPENDENCY_RESOLVER, DEEP_DEPENDENCY_RESOLVER], ids=["default", "shallow", "deep"]
)


@ALL
def test_positional_arguments_keyword_values_and_inputs_are_looked_at(resolver: DependencyResolver | None) -> None:
    one, two, three, four = (done(number) for number in range(4))

    found = gather(resolver, (one, 5), {"key": two, "other": "x", "inputs": [three, 5, four]})

    assert found == [one, two, three, four]


@ALL
def test_results_take_the_place_of_futures_there(resolver: DependencyResolver | None) -> None:
    args, kwargs = substitute(resolver, (done(1), 5), {"key": done(2), "inputs": [done(3), 5]})

    assert (args, kwargs) == ((1, 5), {"key": 2, "inputs": [3, 5]})


@ALL
def test_inputs_as_a_tuple_stay_a_tuple(resolver: DependencyResolver | None) -> None:
    assert substitute(resolver, (), {"inputs": (done(1), 2)})[1] == {"inputs": (1, 2)}


@ALL
def test_inputs_as_a_future_become_its_result(resolver: DependencyResolver | None) -> None:
    assert substitute(resolver, (), {"inputs": done([1, 2])})[1] == {"inputs": [1, 2]}


@ALL
def test_a_caller_s_inputs_are_left_as_they_were(resolver: DependencyResolver | None) -> None:
    future = done(1)
    inputs = [future, 2]

    substitute(resolver, (), {"inputs": inputs})

    assert inputs == [future, 2]


@BOTH_SHALLOW
@pytest.mark.parametrize("wrap", [lambda one: [one], lambda one: (one,), lambda one: {one}, lambda one: {1: one}])
def test_the_shallow_way_does_not_look_into_containers(resolver: DependencyResolver | None, wrap: Any) -> None:
    container = wrap(done(1))

    assert gather(resolver, (container,), {}) == []
    assert substitute(resolver, (container,), {})[0][0] is container


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (lambda one: [one], [1]),
        (lambda one: (one, 2), (1, 2)),
        (lambda one: {one}, {1}),
        (lambda one: frozenset({one}), frozenset({1})),
        (lambda one: {one: "as a key"}, {1: "as a key"}),
        (lambda one: {"key": one}, {"key": 1}),
        (lambda one: Pair(one, [one]), Pair(1, [1])),
        (lambda one: [{"a": ({one},)}], [{"a": ({1},)}]),
    ],
)
def test_the_deep_way_looks_into_containers_and_keeps_their_types(wrap: Any, expected: Any) -> None:
    container = wrap(done(1))

    actual = substitute(DEEP_DEPENDENCY_RESOLVER, (container,), {})[0][0]
    assert expected == actual
    assert type(expected) is type(actual)


def test_the_deep_way_leaves_the_callers_containers_as_they_were() -> None:
    future = done(1)
    inner = [future]
    outer = {"key": inner}

    substitute(DEEP_DEPENDENCY_RESOLVER, (outer,), {})

    assert outer == {"key": [future]}
    assert outer["key"] is inner


def test_a_container_without_futures_is_passed_on_itself_not_a_copy() -> None:
    container = [[1], {2: 3}]

    assert substitute(DEEP_DEPENDENCY_RESOLVER, (container,), {})[0][0] is container


def test_the_deep_way_passes_a_container_that_holds_itself_on() -> None:
    container: list[Any] = [1]
    container.append(container)

    assert gather(DEEP_DEPENDENCY_RESOLVER, (container,), {}) == []
    assert substitute(DEEP_DEPENDENCY_RESOLVER, (container,), {})[0][0] is container


def test_the_deep_way_finds_the_futures_in_a_container_that_holds_itself() -> None:
    future = done(1)
    container: list[Any] = [future]
    container.append(container)

    assert gather(DEEP_DEPENDENCY_RESOLVER, (container,), {}) == [future]


def test_the_deep_way_refuses_a_container_that_holds_itself_and_a_future() -> None:
    container: list[Any] = [done(1)]
    container.append(container)

    with pytest.raises(ValueError, match="a list among the arguments holds itself and a future"):
        substitute(DEEP_DEPENDENCY_RESOLVER, (container,), {})


def test_the_deep_way_puts_results_into_a_shared_container_once() -> None:
    shared = [done(1)]

    (copy,) = substitute(DEEP_DEPENDENCY_RESOLVER, ([shared, {"key": shared}],), {})[0]

    assert copy == [[1], {"key": [1]}]
    assert copy[0] is copy[1]["key"]


@ALL
def test_a_future_that_has_not_ended_is_never_waited_for(resolver: DependencyResolver | None) -> None:
    """Where results are put in the place of futures, waiting would stop the kernel."""
    with pytest.raises(TimeoutError):
        substitute(resolver, (Future(),), {})


def test_the_deep_way_knows_no_depth_that_is_too_deep() -> None:
    container: list[Any] = [done(1)]
    for _ in range(5_000):
        container = [container]

    (copy,) = substitute(DEEP_DEPENDENCY_RESOLVER, (container,), {})[0]
    while isinstance(copy, list):
        (copy,) = copy

    assert copy == 1


def test_a_resolver_of_ones_own_is_asked_for_each_argument_and_each_element_of_inputs() -> None:
    asked: list[Any] = []

    def find(value: Any) -> list[Future[Any]]:
        asked.append(value)
        return []

    gather(DependencyResolver(find, lambda value: value), (1, 2), {"key": 3, "inputs": [4, 5]})

    assert asked == [1, 2, 3, 4, 5]


def test_a_resolver_of_ones_own_may_look_into_its_own_containers() -> None:
    own = DependencyResolver(
        lambda value: list(value) if isinstance(value, deque) else [],
        lambda value: deque(one.result() for one in value) if isinstance(value, deque) else value,
    )
    future = done(1)

    assert gather(own, (deque([future]),), {}) == [future]
    assert substitute(own, (deque([future]),), {}) == ((deque([1]),), {})
