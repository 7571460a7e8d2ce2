"""Who waits for whom, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.core.lamp import Lamp, S, lamp, lamps

from headrace.core import After, AllOf, AnyOf, Gate, Holds, Reached, why

if TYPE_CHECKING:
    from headrace.testing import Driver


def told(driver: Driver, unit: Lamp, **options: int) -> list[str]:
    return [str(wait) for wait in why(unit, driver.clock.monotonic(), **options)]


def test_nothing_is_in_the_way_of_what_waits_for_nothing(driver: Driver) -> None:
    driver.add(a := lamp("a"), Gate(a, "LIGHT"))

    assert told(driver, a) == []


def test_an_ended_unit_waits_for_nothing(driver: Driver) -> None:
    driver.add(a := lamp("a"), Gate(a, "LIGHT", After(5)))
    driver.move(a, S.GONE)

    assert told(driver, a) == []


def test_it_names_the_unit_its_state_and_the_states_that_would_do(driver: Driver) -> None:
    driver.add(a := lamp("a"), Gate(a, "SCREW", After(1)), Gate(a, "LIGHT", After(1)))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.BURNT, S.LIT})))

    assert told(driver, w)[0] == "LIGHT of lamp w (w) waits: lamp a (a), now NEW, to be LIT or BURNT"


def test_it_warns_of_a_wait_for_what_nobody_has_asked_for(driver: Driver) -> None:
    """The lamp is there and can be lit, but there is no gate on its actions."""
    driver.add(a := lamp("a"), Gate(a, "LIGHT", After(1)))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT})))

    assert why(w, driver.clock.monotonic())[0].warning == "nobody has asked for SCREW of lamp a (a)"


def test_it_does_not_warn_of_what_comes_by_itself(driver: Driver) -> None:
    driver.add(a := lamp("a"))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.BURNT})))

    assert why(w, driver.clock.monotonic())[0].warning is None


def test_it_says_how_much_of_a_delay_is_left(driver: Driver) -> None:
    driver.add(a := lamp("a"))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.READY}, delay=5)))
    driver.move(a, S.READY)
    driver.advance(1.5)

    assert told(driver, w) == ["LIGHT of lamp w (w) waits: 3.5 s more"]


def test_it_says_how_much_of_a_groups_delay_is_left(driver: Driver) -> None:
    driver.add(a := lamp("a"))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.READY})], delay=5)))
    driver.move(a, S.READY)

    assert told(driver, w) == ["LIGHT of lamp w (w) waits: 5 s more"]


def test_a_delay_whose_tick_is_late_has_nothing_left(driver: Driver) -> None:
    driver.late = 60
    driver.add(w := lamp("w"), Gate(w, "LIGHT", After(5)))
    driver.advance(30)

    assert told(driver, w) == ["LIGHT of lamp w (w) waits: 0 s more"]


def test_it_names_the_predicate(driver: Driver) -> None:
    def is_dark_outside() -> bool:
        return False

    driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(is_dark_outside, ())))

    assert told(driver, w)[0].endswith("is_dark_outside to be true")


def test_what_is_met_is_left_out(driver: Driver) -> None:
    for one in (named := lamps("ab")):
        driver.add(one)
    driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(one, {S.BURNT}) for one in named])))
    driver.move(named[0], S.BURNT)

    assert [wait.on for wait in why(w, driver.clock.monotonic())] == [named[1]]


def test_it_says_what_can_never_come_about(driver: Driver) -> None:
    driver.add(a := lamp("a"))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT})))
    driver.move(a, S.BURNT)

    assert told(driver, w) == [
        "LIGHT of lamp w (w) waits: lamp a (a), now BURNT, to be LIT (warning: this can never come about any more)"
    ]


def test_it_shows_the_error_of_a_predicate_that_raised(driver: Driver) -> None:
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: 1 // w.watts > 0, [w])))

    (wait,) = why(w, driver.clock.monotonic())
    assert wait.warning == "this can never come about: ZeroDivisionError('integer division or modulo by zero')"


def test_it_follows_the_waits_of_those_waited_for(driver: Driver) -> None:
    a, b, c = lamps("abc")
    driver.add(a, Gate(a, "LIGHT", After(7)))
    driver.add(b, Gate(b, "LIGHT", Reached(a, {S.BURNT})))
    driver.add(c, Gate(c, "LIGHT", Reached(b, {S.BURNT})))

    assert told(driver, c) == [
        "LIGHT of lamp c (c) waits: lamp b (b), now NEW, to be BURNT",
        "  LIGHT of lamp b (b) waits: lamp a (a), now NEW, to be BURNT",
        "    LIGHT of lamp a (a) waits: 7 s more",
    ]


def test_it_goes_no_deeper_than_it_was_asked_to(driver: Driver) -> None:
    driver.add(before := lamp("0"))
    for number in range(1, 30):
        driver.add(link := lamp(str(number)), Gate(link, "LIGHT", Reached(before, {S.LIT})))
        before = link

    assert len(told(driver, before, depth=3)) == 3


def test_each_unit_is_told_once(driver: Driver) -> None:
    """A diamond: two ways lead to `a`."""
    a, b, c, d = lamps("abcd")
    driver.add(a, Gate(a, "LIGHT", After(7)))
    for side in (b, c):
        driver.add(side, Gate(side, "LIGHT", Reached(a, {S.LIT})))
    driver.add(d, Gate(d, "LIGHT", AnyOf([Reached(b, {S.LIT}), Reached(c, {S.LIT})])))

    assert [wait.unit for wait in why(d, driver.clock.monotonic())].count(str(a)) == 1
