"""A lifecycle is a checked table, and what follows from it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from tests.unit.core.lamp import LAMP, S

from headrace.core import Lifecycle, State


class T(State):
    """States of another kind of unit."""

    A = "the first"
    B = "the second"
    C = "the third"


TABLE: dict[State, tuple[State, ...]] = {T.A: (T.B,), T.B: (T.C,)}


def test_states_compare_by_the_order_in_which_they_are_declared() -> None:
    assert sorted([S.LIT, S.GONE, S.NEW, S.READY]) == [S.NEW, S.READY, S.LIT, S.GONE]


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (True, S.LIT >= S.READY),
        (True, S.LIT >= S.LIT),
        (True, S.NEW <= S.NEW),
        (False, S.LIT > S.LIT),
        (True, S.NEW < S.LIT),
    ],
)
def test_at_least_reads_as_a_comparison(expected: bool, actual: bool) -> None:  # noqa: FBT001 - a table of cases
    assert expected == actual


def test_states_of_different_kinds_do_not_compare() -> None:
    with pytest.raises(TypeError):
        _ = S.NEW < T.A


def test_states_are_no_numbers() -> None:
    with pytest.raises(TypeError):
        _ = S.NEW < 3


def test_at_least_gives_the_state_and_those_declared_after_it() -> None:
    assert S.at_least(S.OUT) == {S.OUT, S.BURNT, S.GONE}


def test_a_state_says_what_it_means() -> None:
    assert S.LIT.meaning == "shining"


@pytest.mark.parametrize("duplicate", [pickle.loads(pickle.dumps(S.LIT)), copy.deepcopy(S.LIT)])  # noqa: S301 - our own
def test_a_copied_state_is_the_same_state(duplicate: S) -> None:
    """A dict of states finds it, since states are hashed by identity."""
    assert {S.LIT: "found"}[duplicate] == "found"


def test_final_states_are_those_that_nothing_follows() -> None:
    assert LAMP.final == {S.GONE}


def test_failed_states_need_not_be_final() -> None:
    assert LAMP.failed - LAMP.final == {S.BURNT}


def test_only_listed_moves_are_allowed() -> None:
    assert (LAMP.allows(S.NEW, S.READY), LAMP.allows(S.NEW, S.LIT)) == (True, False)


@pytest.mark.parametrize(
    ("state", "reachable"),
    [(S.NEW, set(S)), (S.LIT, {S.LIT, S.OUT, S.BURNT, S.GONE}), (S.BURNT, {S.BURNT, S.GONE}), (S.GONE, {S.GONE})],
)
def test_what_is_still_reachable_follows_from_the_table(state: S, reachable: set[S]) -> None:
    assert LAMP.reachable[state] == reachable


@pytest.mark.parametrize(
    ("state", "wanted", "actions"),
    [
        (S.NEW, {S.LIT}, {"SCREW", "LIGHT"}),
        (S.READY, {S.LIT}, {"LIGHT"}),
        (S.NEW, {S.OUT}, {"SCREW", "LIGHT", "QUENCH"}),
        (S.NEW, {S.LIT, S.BURNT}, set()),  # it may burn out by itself
        (S.LIT, {S.LIT}, set()),
        (S.BURNT, {S.LIT}, set()),  # no action helps any more
    ],
)
def test_required_actions_are_those_without_which_a_state_is_never_reached(
    state: S, wanted: set[S], actions: set[str]
) -> None:
    assert LAMP.required_actions(state, frozenset(wanted)) == actions


def test_a_move_that_also_comes_by_itself_needs_no_action() -> None:
    """An action may list single moves: a join app is done by JOIN, a plain task by itself."""
    life = Lifecycle("task", initial=T.A, moves={T.A: (T.B, T.C), T.B: (T.C,)}, actions={"JOIN": ((T.B, T.C),)})

    wanted = frozenset({T.C})
    assert [life.required_actions(state, wanted) for state in (T.A, T.B)] == [frozenset(), frozenset({"JOIN"})]


def test_an_action_may_move_nothing() -> None:
    """SET changes an attribute and no state, so nobody waits for it through a state."""
    assert LAMP.actions["DIM"] == frozenset()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"moves": {**TABLE, T.C: (S.NEW,)}}, "<S.NEW> is not a state of T"),
        ({"moves": {**TABLE, S.NEW: (T.A,)}}, "<S.NEW> is not a state of T"),
        ({"failed": (S.BURNT,)}, "<S.BURNT> is not a state of T"),
        ({"anew": ((T.A, S.NEW),)}, "<S.NEW> is not a state of T"),
        ({"actions": {"GO": (S.NEW,)}}, "<S.NEW> is not a state of T"),
        ({"actions": {"GO": ((T.A, S.NEW),)}}, "<S.NEW> is not a state of T"),
        ({"anew": ((T.C, T.A),)}, "C to A begins anew, but the table does not list it"),
        ({"actions": {"GO": ((T.C, T.A),)}}, "an action makes C to A, but the table does not list it"),
        ({"moves": {T.A: (T.B,)}}, "C cannot be reached from A"),
        ({"initial": T.B}, "A cannot be reached from B"),
    ],
)
def test_an_unsound_table_is_refused_with_the_state_named(wrong: dict[str, Any], message: str) -> None:
    sound: dict[str, Any] = {"initial": T.A, "moves": TABLE}

    with pytest.raises(ValueError, match=f"^lifecycle 'thing': {message}$"):
        Lifecycle("thing", **{**sound, **wrong})


def test_two_states_with_one_meaning_are_refused() -> None:
    """An enum makes them one member with two names, which nobody means."""

    class Twice(State):
        A = "here"
        B = "here"

    with pytest.raises(ValueError, match="two states of Twice have one meaning"):
        Lifecycle("thing", initial=Twice.A, moves={})


def test_the_diagram_shows_every_state_and_move() -> None:
    life = Lifecycle("thing", initial=T.A, moves={T.A: (T.C, T.B), T.B: (T.C, T.A)})

    assert life.diagram().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> A",
        "    A --> B",
        "    A --> C",
        "    B --> A",
        "    B --> C",
        "    C --> [*]",
    ]
