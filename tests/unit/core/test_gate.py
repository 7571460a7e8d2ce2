"""What a gate is made of, before any scheduler sees it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from tests.unit.core.lamp import S, lamp, lamps

from headrace.core import After, AllOf, AnyOf, AtLeast, Gate, GateStatus, Holds, Reached, TermStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Term


@pytest.mark.parametrize("delay", [-1.0, -1e-9, math.nan])
def test_a_delay_that_is_no_time_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="a delay must not be negative"):
        After(delay)


def test_a_wait_for_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a wait for lamp a \(a\) names no state"):
        Reached(lamp("a"), ())


@pytest.mark.parametrize(
    "group",
    [lambda: AnyOf([]), lambda: AtLeast(2, [After(1)]), lambda: AtLeast(-1, [After(1)])],
    ids=["any of none", "more than there are", "fewer than none"],
)
def test_a_group_that_can_never_be_met_is_refused(group: Callable[[], Term]) -> None:
    with pytest.raises(ValueError, match="terms can never be satisfied"):
        group()


@pytest.mark.parametrize(
    "second_use",
    [lambda term: AllOf([term]), lambda term: Gate(lamp("b"), "LIGHT", term)],
    ids=["in a group", "in a gate"],
)
def test_a_term_belongs_to_one_gate(second_use: Callable[[Term], object]) -> None:
    term = After(1)
    Gate(lamp("a"), "LIGHT", term)

    with pytest.raises(ValueError, match="a term belongs to one gate: make a new one for each"):
        second_use(term)


def test_a_term_given_twice_to_one_group_is_refused() -> None:
    term = After(1)

    with pytest.raises(ValueError, match="a term belongs to one gate"):
        AllOf([term, term])


def test_a_new_gate_is_not_armed() -> None:
    assert Gate(lamp("a"), "LIGHT").status is GateStatus.NEW


def test_the_leaves_are_walked_in_the_order_in_which_they_were_given() -> None:
    a, b, c, d = (After(n) for n in range(4))

    assert list(Gate(lamp("a"), "LIGHT", AllOf([a, AnyOf([b, AllOf([c])]), d])).terms()) == [a, b, c, d]


def test_only_terms_that_nothing_can_replace_are_needed() -> None:
    a, b, c, d = (After(n) for n in range(4))
    condition = AllOf([a, AnyOf([b, c]), AtLeast(1, [d])])

    assert list(Gate(lamp("a"), "LIGHT", condition).terms(needed_only=True)) == [a, d]


def test_conditions_of_great_width_are_walked_without_recursion() -> None:
    terms = [Reached(one, {S.LIT}) for one in lamps("a" * 10_000)]

    assert list(Gate(lamp("b"), "LIGHT", AllOf(terms)).terms()) == terms


def test_what_an_alternative_made_good_is_no_cause() -> None:
    """Only the terms that broke the gate are told, not every term that has broken."""
    harmless, fine, fatal, alternative = After(), After(), After(), After()
    gate = Gate(lamp("a"), "LIGHT", AllOf([AnyOf([harmless, fine]), AnyOf([fatal, alternative])]))
    for term in (harmless, fatal, alternative):
        term.status = TermStatus.BROKEN
    assert isinstance(gate.condition, AllOf)
    gate.condition.status = gate.condition.terms[1].status = TermStatus.BROKEN

    assert gate.broken_terms() == [fatal, alternative]


def test_a_gate_without_a_condition_has_no_terms() -> None:
    gate = Gate(lamp("a"), "LIGHT")

    assert (list(gate.terms()), gate.broken_terms()) == ([], [])


def test_a_gate_says_what_it_is() -> None:
    assert repr(Gate(lamp("a"), "LIGHT", Holds(bool, ()))) == "<gate on LIGHT of lamp a (a): NEW>"
