"""Events in, instructions out."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.core.lamp import Lamp, S, lamp, lamps

from headrace.core import (
    Add,
    After,
    AllOf,
    AnyOf,
    Changed,
    DuplicateGate,
    DuplicateUnit,
    Gate,
    GateCycle,
    GateStatus,
    Guard,
    Holds,
    InvalidTransition,
    Move,
    Perform,
    Reached,
    Scheduler,
    Tick,
    Transition,
    Unguard,
    UnitEnded,
    WakeAt,
)
from headrace.testing import Driver, broken_invariants

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Event


def snapshot(scheduler: Scheduler, *units: Lamp) -> Any:  # noqa: ANN401 - compared only
    """All that an event could change."""
    return (
        dict(scheduler.units),
        scheduler.counts,
        list(scheduler._timers),
        [
            (u.state, u.attempt, dict(u.reached), dict(u.gates or {}), [g.status for g in (u.gates or {}).values()])
            for u in units
        ],
        [({k: list(v) for k, v in (u.waiters or {}).items()}, list(u.watchers or ())) for u in units],
    )


class TestErrors:
    """What is refused changes nothing."""

    @pytest.mark.parametrize(
        ("error", "event"),
        [
            (InvalidTransition, lambda a, _b: Move(a, 0, S.OUT, 9.0)),
            (InvalidTransition, lambda a, _b: Move(a, 0, S.NEW, 9.0)),
            (DuplicateUnit, lambda _a, _b: Add(lamp("a"), 9.0)),
            (DuplicateUnit, lambda a, _b: Add(a, 9.0)),
            (DuplicateGate, lambda a, _b: Guard(Gate(a, "LIGHT"), 9.0)),
            (UnitEnded, lambda _a, b: Guard(Gate(b, "LIGHT"), 9.0)),
            (UnitEnded, lambda _a, b: Add(b, 9.0)),
            (InvalidTransition, lambda _a, b: Move(b, 0, S.GONE, 9.0)),
            (GateCycle, lambda a, _b: Guard(Gate(a, "SCREW", Reached(a, {S.READY})), 9.0)),
            (ValueError, lambda _a, _b: Guard(Gate(lamp("c"), "LIGHT"), 9.0)),
            (ValueError, lambda _a, _b: Move(lamp("c"), 0, S.READY, 9.0)),
            (ValueError, lambda a, _b: Add(lamp("c"), 9.0, (Gate(a, "DIM"),))),
            (ValueError, lambda a, _b: Guard(a.gates["LIGHT"], 9.0)),
        ],
        ids=[
            "a move not in the table",
            "a report given twice",
            "an id that is alive",
            "a unit added twice",
            "a second gate on an action",
            "a gate for the dead",
            "the dead added again",
            "a move of the dead",
            "a gate that waits for itself",
            "a gate for a unit never added",
            "a move of a unit never added",
            "a gate of another unit",
            "a gate used again",
        ],
    )
    def test_leave_everything_unchanged(self, error: type[Exception], event: Callable[[Lamp, Lamp], Event]) -> None:
        driver, (a, b) = Driver(), lamps("ab")
        driver.add(a, Gate(a, "LIGHT", AllOf([After(5), Reached(b, {S.OUT})])))
        driver.add(b)
        driver.move(b, S.GONE)
        before = snapshot(driver.scheduler, a, b)

        with pytest.raises(error):
            driver.tell(event(a, b))

        assert snapshot(driver.scheduler, a, b) == before

    def test_two_gates_on_one_action_are_refused_when_a_unit_is_added(self, driver: Driver) -> None:
        a = lamp("a")

        with pytest.raises(DuplicateGate):
            driver.add(a, Gate(a, "LIGHT"), Gate(a, "LIGHT"))

        assert (driver.scheduler.units, a.gates) == ({}, None)

    def test_an_invalid_transition_names_the_unit_and_both_states(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))

        with pytest.raises(InvalidTransition, match=r"^lamp a \(a\) cannot go from NEW to OUT: its lifecycle"):
            driver.move(a, S.OUT)

    def test_an_id_may_be_used_again_when_its_unit_has_ended(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))
        driver.move(a, S.GONE)

        driver.add(again := lamp("a"))

        assert driver.scheduler.units["a"] is again


class TestAttempts:
    """A unit whose life begins anew."""

    def test_begins_a_new_attempt_on_a_move_that_is_marked_so(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))
        driver.move(a, S.READY, S.LIT, S.OUT)
        driver.advance(3)

        driver.move(a, S.LIT)

        assert (a.attempt, a.reached) == (1, {S.LIT: driver.clock.monotonic()})

    def test_reports_of_an_earlier_attempt_are_dropped(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))
        driver.move(a, S.READY, S.LIT, S.OUT, S.LIT)

        driver.move(a, S.OUT, attempt=0)

        assert a.state is S.LIT

    def test_reports_of_an_attempt_that_has_not_begun_are_dropped(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))

        driver.move(a, S.READY, attempt=1)

        assert a.state is S.NEW

    def test_a_stale_report_of_an_ended_unit_is_dropped(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))
        driver.move(a, S.READY, S.LIT, S.OUT, S.LIT, S.GONE)

        driver.move(a, S.OUT, attempt=0)

        assert a.state is S.GONE

    def test_armed_gates_stay_and_spent_ones_go(self, driver: Driver) -> None:
        a = lamp("a")
        driver.add(a, Gate(a, "LIGHT"), Gate(a, "QUENCH", After(1_000)))
        driver.move(a, S.READY, S.LIT, S.OUT)

        driver.move(a, S.LIT)

        assert list(a.gates or ()) == ["QUENCH"]

    def test_an_armed_gate_that_opens_in_the_new_attempt_asks_for_that(self, driver: Driver) -> None:
        a = lamp("a")
        driver.add(a, Gate(a, "QUENCH", After(10)))
        driver.move(a, S.READY, S.LIT, S.OUT, S.LIT)

        driver.advance(10)

        assert [told.attempt for _, told in driver.given if isinstance(told, Perform)] == [1]

    def test_the_same_action_may_be_guarded_anew_when_it_was_done(self, driver: Driver) -> None:
        driver.add(a := lamp("a"), Gate(a, "DIM"))

        driver.guard(Gate(a, "DIM"))

        assert driver.performed == [("DIM", "a"), ("DIM", "a")]


class TestCurrent:
    """Which instructions still stand."""

    @pytest.fixture
    def told(self, driver: Driver) -> Perform:
        driver.add(a := lamp("a"), Gate(a, "LIGHT"))
        ((_, told),) = driver.given
        assert isinstance(told, Perform)
        return told

    def test_one_just_given_does(self, driver: Driver, told: Perform) -> None:
        assert driver.scheduler.current(told)

    def test_not_when_the_unit_began_anew(self, driver: Driver, told: Perform) -> None:
        driver.move(told.unit, S.READY, S.LIT, S.OUT, S.LIT)

        assert not driver.scheduler.current(told)

    def test_not_when_the_unit_has_ended(self, driver: Driver, told: Perform) -> None:
        driver.move(told.unit, S.GONE)

        assert not driver.scheduler.current(told)

    def test_not_when_the_gate_was_taken_away(self, driver: Driver, told: Perform) -> None:
        driver.unguard(told.unit, "LIGHT")

        assert not driver.scheduler.current(told)

    def test_not_when_another_gate_took_its_place(self, driver: Driver, told: Perform) -> None:
        driver.guard(Gate(told.unit, "LIGHT", After(1)))

        assert not driver.scheduler.current(told)


class TestUnguard:
    """A gate taken away."""

    def test_what_it_guarded_is_not_asked_for(self, driver: Driver) -> None:
        driver.add(a := lamp("a"), Gate(a, "LIGHT", After(2)))
        driver.unguard(a, "LIGHT")

        driver.advance(5)

        assert driver.performed == []

    def test_its_status_says_so(self, driver: Driver) -> None:
        driver.add(a := lamp("a"), gate := Gate(a, "LIGHT", After(2)))

        driver.unguard(a, "LIGHT")

        assert gate.status is GateStatus.DROPPED

    @pytest.mark.parametrize("gates", [(), ("QUENCH",)])
    def test_of_no_gate_does_nothing(self, driver: Driver, gates: tuple[str, ...]) -> None:
        a = lamp("a")
        driver.add(a, *(Gate(a, action) for action in gates))

        driver.unguard(a, "LIGHT")

        assert list(a.gates or ()) == list(gates)

    def test_the_action_may_then_be_guarded_anew(self, driver: Driver) -> None:
        driver.add(a := lamp("a"), Gate(a, "LIGHT", After(2)))
        driver.unguard(a, "LIGHT")

        driver.guard(Gate(a, "LIGHT"))

        assert driver.performed == [("LIGHT", "a")]


class TestTimers:
    """Ticks are asked for when needed, and only then."""

    def test_the_first_delay_asks_for_its_time(self) -> None:
        scheduler, a = Scheduler(), lamp("a")

        assert scheduler.handle(Add(a, 10.0, (Gate(a, "LIGHT", After(2.5)),))) == [WakeAt(12.5)]

    def test_a_later_one_asks_for_nothing(self) -> None:
        scheduler, (a, b) = Scheduler(), lamps("ab")
        scheduler.handle(Add(a, 10.0, (Gate(a, "LIGHT", After(2.5)),)))

        assert scheduler.handle(Add(b, 10.0, (Gate(b, "LIGHT", After(5)),))) == []

    def test_an_earlier_one_asks_for_its_own(self) -> None:
        scheduler, (a, b) = Scheduler(), lamps("ab")
        scheduler.handle(Add(a, 10.0, (Gate(a, "LIGHT", After(2.5)),)))

        assert scheduler.handle(Add(b, 10.0, (Gate(b, "LIGHT", After(1)),))) == [WakeAt(11.0)]

    def test_a_tick_asks_for_the_next(self) -> None:
        scheduler, a = Scheduler(), lamp("a")
        scheduler.handle(Add(a, 10.0, (Gate(a, "LIGHT", After(1)), Gate(a, "QUENCH", After(5)))))

        assert [type(told) for told in scheduler.handle(Tick(11.0))] == [Perform, WakeAt]

    def test_a_tick_too_early_asks_again(self) -> None:
        scheduler, a = Scheduler(), lamp("a")
        scheduler.handle(Add(a, 10.0, (Gate(a, "LIGHT", After(1)),)))

        assert scheduler.handle(Tick(10.5)) == [WakeAt(11.0)]

    def test_a_tick_that_nobody_asked_for_does_nothing(self) -> None:
        assert Scheduler().handle(Tick(10.5)) == []

    def test_an_event_later_than_a_timer_opens_its_gate_first(self) -> None:
        """A tick may be late; the events that overtake it change nothing."""
        scheduler, (a, b) = Scheduler(), lamps("ab")
        scheduler.handle(Add(b, 10.0))
        scheduler.handle(Add(a, 10.0, (Gate(a, "LIGHT", Holds(lambda: b.watts == 0, [b], delay=1)),)))
        b.watts = 60

        assert [type(told) for told in scheduler.handle(Changed(b, 12.0))] == [Perform]

    def test_those_of_dropped_gates_do_not_pile_up(self) -> None:
        scheduler, a = Scheduler(), lamp("a")
        scheduler.handle(Add(a, 0.0))
        for _ in range(10_000):
            scheduler.handle(Guard(Gate(a, "LIGHT", After(86_400)), 0.0))
            scheduler.handle(Unguard(a, "LIGHT", 0.0))

        assert len(scheduler._timers) <= 2_000

    def test_living_ones_survive_the_clearing_away(self) -> None:
        driver = Driver()
        kept = lamp("kept")
        driver.add(kept, Gate(kept, "LIGHT", After(100)))
        driver.add(a := lamp("a"))
        for _ in range(3_000):
            driver.guard(Gate(a, "LIGHT", After(50)))
            driver.unguard(a, "LIGHT")

        driver.advance(100)

        assert driver.performed == [("LIGHT", "kept")]


class TestCounts:
    """How many units are in each state."""

    def test_the_living_and_the_ended_are_counted(self, driver: Driver) -> None:
        for one in (named := lamps("abcd")):
            driver.add(one)
        driver.move(named[0], S.READY)
        driver.move(named[1], S.GONE)
        driver.move(named[2], S.GONE)

        assert driver.scheduler.counts == {S.NEW: 1, S.READY: 1, S.GONE: 2}

    def test_the_ended_are_among_the_units_no_more(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))

        driver.move(a, S.GONE)

        assert driver.scheduler.units == {}

    def test_nothing_is_counted_in_a_new_scheduler(self) -> None:
        assert Scheduler().counts == {}


class TestObserved:
    """The stream of transitions."""

    def test_nothing_is_told_unless_somebody_listens(self, driver: Driver) -> None:
        driver.add(a := lamp("a"))
        driver.move(a, S.READY)

        assert driver.given == []

    def test_every_move_is_told_with_its_attempt_time_and_cause(self, driver: Driver) -> None:
        driver.scheduler.observed = True
        now, cause = driver.clock.monotonic(), ValueError("fuse")
        driver.add(a := lamp("a"))
        driver.move(a, S.READY, S.LIT, S.OUT)
        driver.advance(2)
        driver.move(a, S.LIT)
        driver.move(a, S.BURNT, cause=cause)

        assert driver.transitions == [
            Transition(a, 0, None, S.NEW, now, None),
            Transition(a, 0, S.NEW, S.READY, now, None),
            Transition(a, 0, S.READY, S.LIT, now, None),
            Transition(a, 0, S.LIT, S.OUT, now, None),
            Transition(a, 1, S.OUT, S.LIT, now + 2, None),
            Transition(a, 1, S.LIT, S.BURNT, now + 2, cause),
        ]

    def test_a_move_is_told_before_what_it_brings_about(self, driver: Driver) -> None:
        driver.scheduler.observed = True
        driver.add(a := lamp("a"))
        driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.READY})))
        driver.given.clear()

        driver.move(a, S.READY)

        assert [type(told) for _, told in driver.given] == [Transition, Perform]

    def test_a_dropped_report_is_not_told(self, driver: Driver) -> None:
        driver.scheduler.observed = True
        driver.add(a := lamp("a"))

        driver.move(a, S.READY, attempt=7)

        assert len(driver.transitions) == 1


class TestMemory:
    """Nothing is kept longer than it is needed."""

    def test_a_unit_that_has_ended_is_let_go(self) -> None:
        scheduler, a = Scheduler(), lamp("a")
        scheduler.handle(Add(a, 0.0, (Gate(a, "LIGHT", After(5)),)))
        scheduler.handle(Tick(5.0))
        scheduler.handle(Move(a, 0, S.GONE, 6.0))
        kept = weakref.ref(a)
        del a
        gc.collect()

        assert kept() is None

    @pytest.mark.parametrize("end", ["the unit ends", "the gate is taken away", "the gate opens by an alternative"])
    def test_whatever_waited_is_let_go_by_what_it_waited_for(self, end: str) -> None:
        """A thing that lives for long must not keep all those that ever waited for it."""
        driver = Driver()
        for one in (long := lamp("long"), other := lamp("other")):
            driver.add(one)
        condition = AnyOf([AllOf([Reached(long, {S.LIT}), Holds(lambda: False, [long])]), Reached(other, {S.READY})])
        driver.add(w := lamp("w"), Gate(w, "LIGHT", condition))
        if end == "the unit ends":
            driver.move(w, S.GONE)
        elif end == "the gate is taken away":
            driver.unguard(w, "LIGHT")
        else:
            driver.move(other, S.READY)

        assert (long.waiters, long.watchers) == ({}, {})

    def test_a_thousand_that_waited_and_were_cancelled_leave_nothing(self) -> None:
        driver, long = Driver(), lamp("long")
        driver.add(long)
        waiting = [lamp(f"w{number}") for number in range(1_000)]
        for w in waiting:
            driver.add(w, Gate(w, "LIGHT", Reached(long, {S.LIT})))
        for w in waiting:
            driver.move(w, S.GONE)

        assert (long.waiters, broken_invariants(driver.scheduler)) == ({}, [])


def test_the_same_events_give_the_same_instructions() -> None:
    def run() -> list[tuple[float, str]]:
        driver = Driver()
        driver.scheduler.observed = True
        named = lamps("abcdef")
        for one in named[:3]:
            driver.add(one)
        for one in named[3:]:
            condition = AtLeastTwoLit(named[:3])
            driver.add(one, Gate(one, "LIGHT", condition))
        for one in named[:3]:
            driver.move(one, S.READY, S.LIT)
            driver.advance(1)
        return [(at, repr(told)) for at, told in driver.given]

    assert run() == run()


def AtLeastTwoLit(named: list[Lamp]) -> AnyOf:  # noqa: N802 - reads as the term it makes
    """Two of three, spelt out."""
    a, b, c = named
    return AnyOf([AllOf([Reached(x, {S.LIT}), Reached(y, {S.LIT}, delay=0.5)]) for x, y in ((a, b), (b, c), (a, c))])
