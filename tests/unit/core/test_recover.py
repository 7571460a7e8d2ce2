"""An interrupt in the middle of `handle` costs nothing: recover, hand the event in again if need be, go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.cutting import Cut, CutAt
from tests.unit.core.lamp import Lamp, S, lamp, lamps
from tests.unit.core.worlds import Plan, World, plans

from headrace.core import (
    Add,
    After,
    AllOf,
    AnyOf,
    Broken,
    Gate,
    GateStatus,
    Guard,
    Holds,
    Move,
    Perform,
    Reached,
    scheduler,
)
from headrace.core import gate as gate_module
from headrace.testing import Driver, VirtualClock, broken_invariants

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Event, Term


class CutDriver(Driver):
    """A driver one of whose events is cut short, and then redone."""

    def __init__(self, cut_event: int, cut_at: int, **options: Any) -> None:  # noqa: ANN401 - the driver's own
        super().__init__(**options)
        self.cut_event = cut_event
        self.cut_at = cut_at
        self.cut_happened = False
        self.events = 0

    def tell(self, event: Event) -> None:
        """Hand in an event, cutting it short if it is its turn."""
        number, self.events = self.events, self.events + 1
        if number != self.cut_event:
            super().tell(event)
            return
        cut = CutAt(self.cut_at, scheduler, gate_module)
        out = None
        try:
            with cut:
                out = self.scheduler.handle(event)
        except Cut:
            self.cut_happened = True
            self.recover()
            if not self._took_effect(event):
                super().tell(event)
            return
        self.take(out)

    def _took_effect(self, event: Event) -> bool:
        if isinstance(event, Add):
            return self.scheduler.units.get(event.unit.id) is event.unit or event.unit.ended
        if isinstance(event, Guard):
            return event.gate.status is not GateStatus.NEW
        return isinstance(event, Move) and event.unit.attempt == event.attempt and event.unit.state is event.state


def story(driver: Driver) -> tuple[list[Lamp], set[Gate]]:
    """Events of every kind, through every branch of the scheduler."""
    driver.scheduler.observed = True
    a, b, c, w, x, y = units = lamps("abcwxy")
    gates: set[Gate] = set()

    def gate(*args: Any) -> Gate:  # noqa: ANN401 - a gate's own
        gates.add(made := Gate(*args))
        return made

    for one in (a, b, c):
        driver.add(one, gate(one, "SCREW"))
    lit = AllOf([Reached(a, {S.LIT}), Reached(b, {S.LIT}, delay=2)], delay=1)
    bright = Holds(lambda: a.watts > 40, [a], delay=1)
    driver.add(w, gate(w, "LIGHT", AnyOf([lit, Reached(c, {S.BURNT}, delay=50)])), gate(w, "DIM", bright))
    driver.add(x, gate(x, "LIGHT", AllOf([Reached(c, {S.LIT}), Reached(a, {S.OUT}), After(3)])))
    driver.add(y, gate(y, "LIGHT", Reached(a, {S.OUT}, delay=4)), gate(y, "THROW", Reached(x, {S.GONE})))
    driver.move(a, S.READY, S.LIT)
    a.watts = 60
    driver.changed(a)
    driver.move(b, S.READY, S.LIT)
    driver.advance(4)
    driver.move(a, S.OUT)
    driver.guard(gate(a, "QUENCH", Reached(a, {S.LIT}, delay=9)))
    driver.unguard(a, "QUENCH")
    driver.guard(gate(a, "DIM", Reached(b, {S.OUT})))
    driver.move(a, S.LIT)
    driver.move(c, S.BURNT)
    driver.move(x, S.GONE, cause=ValueError("dep"))
    driver.move(c, S.GONE)
    driver.advance(100)
    return units, gates


def outcome(driver: Driver, units: list[Lamp]) -> Any:  # noqa: ANN401 - compared only
    """All that matters in the end; instructions that were repeated count once."""
    told = {
        (type(told), told.unit.name, told.action, told.attempt)
        for _, told in driver.given
        if isinstance(told, Perform | Broken)
    }
    first: dict[tuple[str, str], float] = {}
    for at, one in driver.given:
        if isinstance(one, Perform):
            first.setdefault((one.unit.name, one.action), at)
    return (
        told,
        first,
        [(unit.state, unit.attempt, unit.reached) for unit in units],
        [{action: gate.status for action, gate in (unit.gates or {}).items()} for unit in units],
        driver.scheduler.counts,
        [(one.unit.name, one.attempt, one.previous, one.state, one.at, str(one.cause)) for one in driver.transitions],
        broken_invariants(driver.scheduler),
    )


def _events_of_story() -> int:
    driver = CutDriver(-1, 0)
    story(driver)
    return driver.events


@pytest.mark.slow
@pytest.mark.parametrize("event", range(_events_of_story()))
def test_a_cut_before_any_bytecode_of_any_event_changes_nothing_in_the_end(event: int) -> None:
    """Nothing lost, nothing early, nothing late; transitions told exactly once."""
    expected_driver = Driver(clock=VirtualClock(0.0))
    expected = outcome(expected_driver, story(expected_driver)[0])

    different = []
    for cut_at in range(100_000):
        driver = CutDriver(event, cut_at, clock=VirtualClock(0.0))
        actual = outcome(driver, story(driver)[0])
        if not driver.cut_happened:
            break
        if actual != expected:
            different.append(cut_at)
    assert different == []


@given(plans(late=False), st.integers(0, 40), st.integers(0, 900))
@settings(max_examples=60)
def test_a_cut_anywhere_in_a_random_world_changes_no_fate(plan: Plan, event: int, cut_at: int) -> None:
    """Predicates are left out: they are asked again after a cut, and count from then."""
    plan = Plan(tuple(op for op in plan.ops if "Watts" not in repr(op)))
    expected = World(plan).run()
    cut = World(plan)
    cut.driver = CutDriver(event, cut_at, clock=VirtualClock(0.0))
    cut.driver.scheduler.observed = True
    cut.run()

    assert _fates(cut) == _fates(expected)


def _fates(world: World) -> Any:  # noqa: ANN401 - compared only
    gates = [(record.gate.status, world.asked(record.gate)[:1]) for record in world.records]
    return gates, [(u.state, u.attempt, u.reached) for u in world.units], world.driver.scheduler.counts


def test_recovering_in_peace_repeats_what_is_open_and_changes_nothing_else(driver: Driver) -> None:
    a, b = lamps("ab")
    driver.add(a, Gate(a, "SCREW"))
    driver.add(b, Gate(b, "LIGHT", Reached(a, {S.LIT})))

    driver.recover()

    assert driver.performed == [("SCREW", "a"), ("SCREW", "a")]


def test_what_was_returned_and_not_taken_is_told_again() -> None:
    """An interrupt may fall between `handle` and its caller: the move was made, so it must be told."""
    driver, a = Driver(), lamp("a")
    driver.scheduler.observed = True
    driver.add(a)
    driver.scheduler.handle(Move(a, 0, S.READY, driver.clock.monotonic()))

    driver.recover()

    assert [one.state for one in driver.transitions] == [S.NEW, S.READY]


def test_a_latched_term_stays_so_though_its_unit_has_begun_anew(driver: Driver) -> None:
    """The arrival is forgotten by then; that it was met, or is ripening, is a fact of the term's own."""
    driver.add(a := lamp("a"))
    driver.add(w := lamp("w"), Gate(w, "LIGHT", Reached(a, {S.OUT}, delay=5)))
    driver.move(a, S.READY, S.LIT, S.OUT, S.LIT)

    driver.recover()
    driver.advance(5)

    assert driver.performed == [("LIGHT", "w")]


@pytest.mark.parametrize(
    "condition", [lambda: After(5), lambda: AllOf([], delay=5), lambda: AllOf([After(2)], delay=3)]
)
def test_a_running_delay_runs_on(driver: Driver, condition: Callable[[], Term]) -> None:
    driver.add(a := lamp("a"), Gate(a, "LIGHT", condition()))
    driver.advance(1)

    driver.recover()
    driver.advance(4)

    assert driver.performed == [("LIGHT", "a")]


def test_a_predicate_that_raised_stays_broken(driver: Driver) -> None:
    driver.add(a := lamp("a"), Gate(a, "LIGHT", Holds(lambda: 1 // a.watts > 0, [a])))
    a.watts = 60

    driver.recover()

    assert (driver.performed, driver.broken) == ([], [("LIGHT", "a"), ("LIGHT", "a")])


def test_timers_are_asked_for_again(driver: Driver) -> None:
    driver.add(a := lamp("a"), Gate(a, "LIGHT", After(5)))
    driver._wakes.clear()
    driver.recover()

    driver.advance(5)

    assert driver.performed == [("LIGHT", "a")]
