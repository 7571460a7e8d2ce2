"""Waits that could never end are refused when they are made."""

from __future__ import annotations

import itertools

import pytest
from tests.unit.core.lamp import LAMP, Lamp, S, lamp, lamps

from headrace.core import AllOf, AnyOf, Gate, GateCycle, Lifecycle, Reached, Unit
from headrace.core.cycles import find_cycle
from headrace.testing import Driver


@pytest.fixture
def two(driver: Driver) -> tuple[Lamp, Lamp]:
    """Two lamps that are there."""
    a, b = lamps("ab")
    driver.add(a)
    driver.add(b)
    return a, b


def test_start_after_start_and_stop_after_stop_is_no_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    """B starts after A has started; A stops after B has stopped."""
    a, b = two
    driver.guard(Gate(b, "LIGHT", Reached(a, {S.LIT})))

    driver.guard(Gate(a, "QUENCH", Reached(b, {S.OUT})))

    assert (list(a.gates or ()), list(b.gates or ())) == (["QUENCH"], ["LIGHT"])


def test_start_after_stop_and_stop_only_after_start_is_a_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    """A starts after B has stopped; B starts after A has started."""
    a, b = two
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.OUT})))

    with pytest.raises(GateCycle) as caught:
        driver.guard(Gate(b, "LIGHT", Reached(a, {S.LIT})))

    assert caught.value.path == ((b, "LIGHT"), (a, "LIGHT"))


def test_the_message_tells_the_whole_chain(driver: Driver) -> None:
    a, b, c = lamps("abc")
    for one in (a, b, c):
        driver.add(one)
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))
    driver.guard(Gate(b, "LIGHT", Reached(c, {S.LIT})))

    steps = " waits for ".join(rf"LIGHT of lamp {name} \({name}\)" for name in "cabc")
    with pytest.raises(GateCycle, match=f"{steps}$"):
        driver.guard(Gate(c, "LIGHT", Reached(a, {S.LIT})))


def test_a_gate_that_waits_for_what_it_guards_is_a_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    a, _ = two

    with pytest.raises(GateCycle) as caught:
        driver.guard(Gate(a, "LIGHT", Reached(a, {S.OUT})))

    assert caught.value.path == ((a, "LIGHT"),)


def test_a_gate_that_waits_for_an_earlier_state_of_its_own_unit_is_none(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    """QUENCH two seconds after it was LIT."""
    a, _ = two

    driver.guard(Gate(a, "QUENCH", Reached(a, {S.LIT}, delay=2)))

    assert list(a.gates or ()) == ["QUENCH"]


def test_a_wait_that_an_alternative_may_end_is_no_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    a, b = two
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))

    driver.guard(Gate(b, "LIGHT", AnyOf([Reached(a, {S.LIT}), Reached(a, {S.BURNT})])))

    assert list(b.gates or ()) == ["LIGHT"]


def test_an_alternative_of_one_is_no_alternative(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    a, b = two
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))

    with pytest.raises(GateCycle):
        driver.guard(Gate(b, "LIGHT", AllOf([AnyOf([Reached(a, {S.LIT})])])))


def test_a_state_that_may_come_by_itself_closes_no_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    a, b = two
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT, S.BURNT})))

    driver.guard(Gate(b, "LIGHT", Reached(a, {S.LIT})))

    assert list(b.gates or ()) == ["LIGHT"]


def test_a_wait_that_is_over_closes_no_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    a, b = two
    driver.move(b, S.READY, S.LIT)
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))

    driver.guard(Gate(b, "QUENCH", Reached(a, {S.LIT})))

    assert driver.performed == [("LIGHT", "a")]


def test_a_wait_that_was_taken_away_closes_no_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    a, b = two
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))
    driver.unguard(a, "LIGHT")

    driver.guard(Gate(b, "LIGHT", Reached(a, {S.LIT})))

    assert list(b.gates or ()) == ["LIGHT"]


def test_what_is_done_already_is_waited_for_no_more(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    """B is READY: its SCREW gate, whatever it waits for, holds nothing up."""
    a, b = two
    driver.guard(Gate(b, "SCREW", Reached(a, {S.LIT})))
    driver.move(b, S.READY)

    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))

    assert list(a.gates or ()) == ["LIGHT"]


def test_an_earlier_action_on_the_way_closes_a_cycle(driver: Driver, two: tuple[Lamp, Lamp]) -> None:
    """A is LIT after B is READY, and B is screwed in after A is LIT: nobody named LIGHT of B."""
    a, b = two
    driver.guard(Gate(a, "LIGHT", Reached(b, {S.LIT})))

    with pytest.raises(GateCycle):
        driver.guard(Gate(b, "SCREW", Reached(a, {S.LIT})))


def chain(length: int) -> list[Lamp]:
    """Lamps each of which is lit after the one before; not in any scheduler."""
    links = [lamp(str(number)) for number in range(length)]
    driver = Driver()
    driver.add(links[0])
    for before, link in itertools.pairwise(links):
        driver.add(link, Gate(link, "LIGHT", Reached(before, {S.LIT})))
    return links


@pytest.mark.slow
def test_a_long_chain_is_followed_without_recursion() -> None:
    links = chain(20_000)

    path = find_cycle(Gate(links[0], "LIGHT", Reached(links[-1], {S.LIT})))

    assert path is not None
    assert len(path) == 20_000


def test_gates_put_on_a_chain_one_by_one_cost_no_long_search_each() -> None:
    """Nobody waits for the newest link, so no cycle can go through it: else a chain of n would take n² steps."""
    asked = []

    class Counting(Lifecycle):
        def required_actions(self, state: object, wanted: object) -> frozenset[str]:
            asked.append(state)
            return super().required_actions(state, wanted)  # type: ignore[arg-type]

    life = Counting("lamp", initial=S.NEW, moves=LAMP.following, actions={"LIGHT": (S.LIT,)})
    driver = Driver()
    links = [Unit(number, str(number), life) for number in range(100)]
    for link in links:
        driver.add(link)
    for before, link in itertools.pairwise(links):
        driver.guard(Gate(link, "LIGHT", Reached(before, {S.LIT})))

    assert len(asked) < 2 * 100
