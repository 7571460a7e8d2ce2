"""When a gate opens, and when it breaks: each kind of term, seen through the scheduler."""

from __future__ import annotations

import itertools

import pytest
from tests.unit.core.lamp import Lamp, S, lamp, lamps

from headrace.core import After, AllOf, AnyOf, AtLeast, Broken, Gate, GateStatus, Holds, Perform, Reached
from headrace.testing import Driver, broken_invariants

LIT = (S.READY, S.LIT)


def light(driver: Driver, *lit: Lamp) -> None:
    for one in lit:
        driver.move(one, *LIT)


def times(driver: Driver, unit: Lamp, start: float) -> list[float]:
    """When LIGHT of the unit was asked for, in seconds since `start`."""
    return [at - start for at in driver.when(unit, "LIGHT")]


@pytest.fixture
def a(driver: Driver) -> Lamp:
    """A lamp that is there."""
    return put(driver, "a")


@pytest.fixture
def b(driver: Driver) -> Lamp:
    """Another lamp that is there."""
    return put(driver, "b")


def put(driver: Driver, name: str) -> Lamp:
    one = lamp(name)
    driver.add(one)
    return one


class TestReached:
    """One unit in one of some states."""

    def test_opens_on_arrival(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT})))

        driver.move(a, S.READY)
        assert driver.performed == []
        driver.move(a, S.LIT)

        assert driver.performed == [("LIGHT", "w")]

    def test_opens_at_once_if_the_unit_has_been_there_before(self, driver: Driver, a: Lamp) -> None:
        """It is in another state by now, and the arrival counts all the same."""
        driver.move(a, *LIT, S.OUT)

        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT})))

        assert driver.performed == [("LIGHT", "w")]

    def test_an_arrival_in_an_earlier_attempt_does_not_count(self, driver: Driver, a: Lamp) -> None:
        driver.move(a, *LIT, S.OUT, S.LIT)

        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.OUT})))

        assert driver.performed == []

    def test_latches(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        """That the unit has moved on, or begun anew, takes nothing back."""
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.OUT}), Reached(b, {S.LIT})])))
        driver.move(a, *LIT, S.OUT, S.LIT)

        light(driver, b)

        assert driver.performed == [("LIGHT", "w")]

    def test_opens_once(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT, S.OUT})))

        driver.move(a, *LIT, S.OUT, S.LIT)

        assert driver.performed == [("LIGHT", "w")]

    def test_any_of_its_states_will_do(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT, S.BURNT})))

        driver.move(a, S.BURNT)

        assert driver.performed == [("LIGHT", "w")]

    def test_breaks_when_its_states_can_be_reached_no_more(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT})))

        driver.move(a, S.BURNT)

        assert (driver.broken, driver.performed) == ([("LIGHT", "w")], [])

    def test_breaks_at_once_if_it_is_too_late(self, driver: Driver, a: Lamp) -> None:
        driver.move(a, S.GONE)

        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT})))

        assert driver.broken == [("LIGHT", "w")]

    def test_waits_on_while_a_state_may_come_again(self, driver: Driver, a: Lamp) -> None:
        """OUT has passed in this attempt and comes again in the next, so nothing is broken."""
        driver.move(a, *LIT, S.OUT, S.LIT)
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.OUT})))
        assert driver.broken == []

        driver.move(a, S.OUT)

        assert driver.performed == [("LIGHT", "w")]


class TestDelays:
    """Counted from the exact moment at which the term was met."""

    def test_the_gate_opens_that_much_later(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT}, delay=2)))
        start = driver.clock.monotonic()
        light(driver, a)

        driver.advance(10)

        assert times(driver, w, start) == [2]

    def test_it_counts_from_the_first_arrival_even_if_the_gate_came_later(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        light(driver, a)
        driver.advance(1.5)
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT}, delay=2)))

        driver.advance(10)

        assert times(driver, w, start) == [2]

    def test_it_is_over_if_it_has_passed_when_the_gate_comes(self, driver: Driver, a: Lamp) -> None:
        light(driver, a)
        driver.advance(2)

        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.LIT}, delay=2)))

        assert driver.performed == [("LIGHT", "w")]

    def test_it_runs_on_when_the_unit_begins_anew(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.OUT}, delay=2)))
        driver.move(a, *LIT, S.OUT)
        driver.advance(1)
        driver.move(a, S.LIT)

        driver.advance(10)

        assert times(driver, w, start) == [2]

    def test_it_runs_on_when_the_unit_ends(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.GONE}, delay=2)))
        driver.move(a, S.GONE)

        driver.advance(10)

        assert times(driver, w, start) == [2]

    def test_after_counts_from_the_arming(self, driver: Driver) -> None:
        driver.advance(5)
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", After(3)))

        driver.advance(10)

        assert times(driver, w, start) == [3]

    def test_a_group_counts_from_when_enough_of_it_was_met(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        start = driver.clock.monotonic()
        driver.add(
            w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.LIT}), Reached(b, {S.LIT}, delay=1)], delay=4))
        )
        light(driver, b)
        driver.advance(3)
        light(driver, a)

        driver.advance(20)

        assert times(driver, w, start) == [7]

    @pytest.mark.parametrize(
        ("need", "expected"), [(1, 1 + 10), (2, 3 + 10), (3, 5 + 10)], ids=["any", "two of three", "all"]
    )
    def test_a_group_counts_from_the_exact_moment_however_it_is_ordered(
        self, driver: Driver, need: int, expected: float
    ) -> None:
        """The latest arrival comes first in the list, and all came before the gate did."""
        start = driver.clock.monotonic()
        first, second, third = (put(driver, name) for name in "xyz")
        for one in (first, second, third):
            driver.advance(1)
            light(driver, one)
            driver.advance(1)
        driver.add(
            w := lamp("w"),
            Gate(w, "LIGHT", AtLeast(need, [Reached(one, {S.LIT}) for one in (third, first, second)], 10)),
        )

        driver.advance(20)

        assert times(driver, w, start) == [expected]

    def test_late_ticks_do_not_lengthen_the_delays_after_them(self, a: Lamp, driver: Driver) -> None:
        """Two delays of 2 s and a tick 3 s late: the second delay has passed when the first is noticed."""
        driver.late = 3
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([AllOf([Reached(a, {S.LIT}, delay=2)], delay=2)])))
        light(driver, a)

        driver.advance(20)

        assert times(driver, w, start) == [5]

    def test_a_late_tick_does_not_let_a_later_arrival_count_as_the_first(
        self, driver: Driver, a: Lamp, b: Lamp
    ) -> None:
        """`a` was met after 4 s. The tick is late, and `b` arrives after 6: the 10 s count from the 4th."""
        driver.late = 5
        start = driver.clock.monotonic()
        driver.add(
            w := lamp("w"), Gate(w, "LIGHT", AnyOf([Reached(a, {S.LIT}, delay=4), Reached(b, {S.LIT})], delay=10))
        )
        light(driver, a)
        driver.advance(6)
        light(driver, b)

        driver.advance(30)

        assert times(driver, w, start) == [14 + 5]

    def test_one_late_tick_satisfies_in_the_order_of_time(self, driver: Driver, a: Lamp) -> None:
        """An inner delay that starts during the late tick ends before a timer that was set long ago."""
        driver.late = 100
        start = driver.clock.monotonic()
        inner = AllOf([Reached(a, {S.LIT}, delay=2)], delay=1)
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AnyOf([inner, Reached(a, {S.LIT}, delay=9)], delay=200)))
        light(driver, a)

        driver.advance(500)

        assert times(driver, w, start) == [3 + 200 + 100]

    def test_a_second_delay_is_not_forgotten_behind_a_shorter_one(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        for name, delay in (("long", 9), ("short", 1)):
            driver.add(one := lamp(name), Gate(one, "LIGHT", Reached(a, {S.LIT}, delay)))
        light(driver, a)

        driver.advance(20)

        assert [(told.unit.name, at - start) for at, told in driver.given if isinstance(told, Perform)] == [
            ("short", 1),
            ("long", 9),
        ]


class TestHolds:
    """A predicate over units, true now."""

    def test_opens_at_once_if_it_is_true(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.watts == 0, [a])))

        assert driver.performed == [("LIGHT", "w")]

    def test_opens_when_a_change_makes_it_true(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.watts > 40, [a])))
        driver.changed(a)
        assert driver.performed == []

        a.watts = 60
        driver.changed(a)

        assert driver.performed == [("LIGHT", "w")]

    def test_opens_when_a_move_makes_it_true(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        """A condition that no list of states can say: not all are lit, whichever comes first."""
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: (a.state is S.LIT) != (b.state is S.LIT), [a, b])))

        light(driver, b)

        assert driver.performed == [("LIGHT", "w")]

    def test_what_is_true_no_more_does_not_count(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        """Level-triggered: true, false, then the other term; it opens when it is true again."""
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([Holds(lambda: a.watts > 40, [a]), Reached(b, {S.LIT})])))
        for watts in (60, 20):
            a.watts = watts
            driver.changed(a)
        light(driver, b)
        assert driver.performed == []

        a.watts = 60
        driver.changed(a)

        assert driver.performed == [("LIGHT", "w")]

    def test_with_a_delay_it_must_stay_true_for_that_long(self, driver: Driver, a: Lamp) -> None:
        """True for 2 s of 3, false for 1 s, true again: 3 s from there."""
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.watts > 40, [a], delay=3)))
        for watts, seconds in ((60, 2), (20, 1), (60, 9)):
            a.watts = watts
            driver.changed(a)
            driver.advance(seconds)

        assert times(driver, w, start) == [6]

    def test_a_gate_in_place_of_another_may_go_on_with_how_long_it_was_true(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", first := Holds(lambda: a.watts > 40, [a], delay=3)))
        a.watts = 60
        driver.changed(a)
        driver.advance(2)
        driver.unguard(w, "LIGHT")
        driver.guard(Gate(w, "LIGHT", Holds(lambda: a.watts > 40, [a], delay=3, since=first.since)))

        driver.advance(9)

        assert times(driver, w, start) == [3]

    def test_a_gate_in_place_of_another_begins_anew_if_it_is_not_true(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.watts > 40, [a], delay=3, since=start)))
        driver.advance(2)
        a.watts = 60
        driver.changed(a)

        driver.advance(9)

        assert times(driver, w, start) == [5]

    def test_false_and_true_within_one_moment_starts_the_delay_anew(self, driver: Driver, a: Lamp) -> None:
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.watts > 40, [a], delay=3)))
        for watts in (60, 20, 60):
            a.watts = watts
            driver.changed(a)

        driver.advance(9)

        assert times(driver, w, start) == [3]

    def test_what_stayed_true_long_enough_counts_even_if_the_tick_is_late(self, driver: Driver, a: Lamp) -> None:
        driver.late = 5
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.watts > 40, [a], delay=3)))
        a.watts = 60
        driver.changed(a)
        driver.advance(4)
        a.watts = 20

        driver.changed(a)

        assert driver.performed == [("LIGHT", "w")]

    def test_a_group_is_true_no_more_when_too_few_of_its_predicates_are(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        condition = AllOf([AnyOf([Holds(lambda: a.watts > 40, [a]), Holds(lambda: b.watts > 40, [b])]), After(5)])
        driver.add(w := lamp("w"), Gate(w, "LIGHT", condition))
        a.watts = 60
        driver.changed(a)
        a.watts = 0
        driver.changed(a)

        driver.advance(9)

        assert driver.performed == []

    def test_two_that_exclude_each_other_are_never_taken_for_both_true(self, driver: Driver, a: Lamp) -> None:
        """One change makes the first true and the second false: no gate opens on a mixture of before and after."""
        dim, bright = Holds(lambda: a.watts > 40, [a]), Holds(lambda: a.watts <= 40, [a])
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([dim, bright])))

        for watts in (60, 20, 60):
            a.watts = watts
            driver.changed(a)

        assert driver.performed == []

    def test_a_move_that_makes_it_false_satisfies_nothing_beside_it(self, driver: Driver, a: Lamp) -> None:
        """READY is reached by the very move after which the lamp is NEW no more."""
        driver.add(
            w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.READY}), Holds(lambda: a.state is S.NEW, [a])]))
        )

        driver.move(a, S.READY)

        assert driver.performed == []

    def test_one_that_raises_breaks_with_the_exception_as_cause(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: 1 // a.watts > 0, [a])))

        ((_, told),) = [given for given in driver.given if isinstance(given[1], Broken)]
        assert isinstance(told, Broken)
        assert [type(term.cause) for term in told.gate.broken_terms()] == [ZeroDivisionError]

    def test_one_that_raises_late_takes_back_that_it_was_true(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        """Its alternative is false, so the alternative's group is not met, though nothing is broken yet."""
        condition = AllOf([AnyOf([Holds(lambda: 1 // (1 - a.watts) > 0, [a]), Reached(b, {S.LIT})]), After(5)])
        driver.add(w := lamp("w"), Gate(w, "LIGHT", condition))
        a.watts = 1
        driver.changed(a)

        driver.advance(9)
        assert (driver.performed, driver.broken) == ([], [])
        light(driver, b)

        assert driver.performed == [("LIGHT", "w")]

    def test_one_that_raised_is_not_asked_again(self, driver: Driver, a: Lamp) -> None:
        calls = itertools.count()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: next(calls) // a.watts > 0, [a])))

        driver.changed(a)

        assert next(calls) == 1

    def test_one_of_an_opened_gate_is_not_asked_again(self, driver: Driver, a: Lamp) -> None:
        calls = itertools.count()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: next(calls) >= 0, [a])))

        driver.changed(a)

        assert (next(calls), a.watchers) == (1, {})

    def test_one_that_can_never_come_true_by_a_move_breaks_nothing(self, driver: Driver, a: Lamp) -> None:
        """Nobody can tell what a predicate may still become."""
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Holds(lambda: a.state is S.LIT, [a])))

        driver.move(a, S.GONE)

        assert (driver.broken, driver.performed) == ([], [])


class TestGroups:
    """All of, any of, at least so many of."""

    def test_all_of_none_opens_at_once(self, driver: Driver) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([])))

        assert driver.performed == [("LIGHT", "w")]

    def test_at_least_none_of_some_opens_at_once(self, driver: Driver, a: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AtLeast(0, [Reached(a, {S.LIT})])))

        assert driver.performed == [("LIGHT", "w")]

    def test_an_empty_group_with_a_delay_counts_from_the_arming(self, driver: Driver) -> None:
        start = driver.clock.monotonic()
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([AllOf([], delay=2)])))

        driver.advance(5)

        assert times(driver, w, start) == [2]

    def test_a_gate_without_a_condition_opens_at_once(self, driver: Driver) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT"))

        assert driver.performed == [("LIGHT", "w")]

    @pytest.mark.parametrize("need", [1, 2, 3])
    def test_opens_when_as_many_as_needed_are_there(self, driver: Driver, need: int) -> None:
        needed = lamps("xyz")
        for one in needed:
            driver.add(one)
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AtLeast(need, [Reached(one, {S.LIT}) for one in needed])))

        opened_after = []
        for number, one in enumerate(needed, 1):
            light(driver, one)
            opened_after += [number] * len(driver.performed)

        assert opened_after[:1] == [need]

    @pytest.mark.parametrize(("need", "fatal"), [(1, 3), (2, 2), (3, 1)])
    def test_breaks_when_too_few_are_left(self, driver: Driver, need: int, fatal: int) -> None:
        needed = lamps("xyz")
        for one in needed:
            driver.add(one)
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AtLeast(need, [Reached(one, {S.LIT}) for one in needed])))

        broken_after = []
        for number, one in enumerate(needed, 1):
            driver.move(one, S.BURNT)
            broken_after += [number] * len(driver.broken)

        assert broken_after[:1] == [fatal]

    def test_a_group_that_was_met_does_not_break(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AnyOf([Reached(a, {S.LIT}), Reached(b, {S.LIT})], delay=5)))
        light(driver, a)
        driver.move(b, S.BURNT)

        driver.advance(9)

        assert (driver.performed, driver.broken) == ([("LIGHT", "w")], [])

    def test_groups_nest(self, driver: Driver) -> None:
        """(x and y) or (z and any of x, y)."""
        x, y, z = (put(driver, name) for name in "xyz")

        def lit(one: Lamp) -> Reached:
            return Reached(one, {S.LIT})

        condition = AnyOf([AllOf([lit(x), lit(y)]), AllOf([lit(z), AnyOf([lit(x), lit(y)])])])
        driver.add(w := lamp("w"), Gate(w, "LIGHT", condition))
        light(driver, z)
        assert driver.performed == []

        light(driver, y)

        assert driver.performed == [("LIGHT", "w")]

    def test_one_unit_may_be_named_in_many_terms(self, driver: Driver, a: Lamp) -> None:
        driver.add(
            w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.LIT}), Reached(a, {S.LIT}), Reached(a, {S.OUT})]))
        )

        driver.move(a, *LIT)
        assert driver.performed == []
        driver.move(a, S.OUT)

        assert driver.performed == [("LIGHT", "w")]


class TestBreaking:
    """The gate's owner is told once, with every cause."""

    def test_it_is_told_once(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.LIT}), Reached(b, {S.LIT})])))

        driver.move(a, S.BURNT)
        driver.move(b, S.BURNT)

        assert driver.broken == [("LIGHT", "w")]

    def test_later_causes_are_listed_too(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        c = put(driver, "c")
        gate = Gate(w := lamp("w"), "LIGHT", AllOf([Reached(one, {S.LIT}) for one in (a, c, b)]))
        driver.add(w, gate)
        driver.move(b, S.BURNT)

        driver.move(a, S.BURNT)

        assert [term.unit for term in gate.broken_terms() if isinstance(term, Reached)] == [a, b]

    def test_a_broken_gate_never_opens(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        gate = Gate(w := lamp("w"), "LIGHT", AllOf([Reached(a, {S.LIT}), Reached(b, {S.LIT})]))
        driver.add(w, gate)
        driver.move(a, S.BURNT)

        light(driver, b)

        assert (driver.performed, gate.status) == ([], GateStatus.BROKEN)

    def test_a_running_delay_cannot_save_it(self, driver: Driver, a: Lamp, b: Lamp) -> None:
        driver.add(w := lamp("w"), Gate(w, "LIGHT", AllOf([Reached(a, {S.LIT}, delay=5), Reached(b, {S.LIT})])))
        light(driver, a)
        driver.move(b, S.BURNT)

        driver.advance(9)

        assert (driver.performed, driver.broken) == ([], [("LIGHT", "w")])


@pytest.mark.parametrize("size", [1_000])
def test_a_thousand_predicates_on_one_unit_are_kept_without_copying(size: int) -> None:
    """The watchers are taken in one by one; each gate that opens goes at once."""
    driver, hub = Driver(), lamp("hub")
    driver.add(hub)
    for number in range(size):
        one = lamp(f"w{number}")
        driver.add(one, Gate(one, "LIGHT", Holds(lambda number=number: hub.watts > number, [hub])))  # type: ignore[misc]
    hub.watts = size // 2
    driver.changed(hub)

    assert (len(driver.performed), len(hub.watchers or ()), broken_invariants(driver.scheduler)) == (
        size // 2,
        size // 2,
        [],
    )
