"""Whatever happens in whatever order: nothing is asked for early, twice or never, and the books are in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from tests.unit.core.worlds import Oracle, Plan, World, plans

from headrace.core import GateStatus, Perform, Reached, TermStatus, why
from headrace.testing import broken_invariants

if TYPE_CHECKING:
    from headrace.core import Scheduler


def fates(world: World) -> list[tuple[str, float]]:
    """What became of each gate, and when its owner was told."""
    found: list[tuple[str, float]] = []
    for record in world.records:
        asked = world.asked(record.gate)
        if asked:
            found.append(("open", asked[0]))
        elif world.told_broken(record.gate):
            found.append(("broken", 0.0))
        else:
            found.append(("dropped" if record.gate.status is GateStatus.DROPPED else "waiting", 0.0))
    return found


@given(plans(late=False))
@settings(max_examples=300)
def test_every_gate_does_what_a_naive_oracle_says_and_when(plan: Plan) -> None:
    """Opened at the very second, broken, taken away, or still waiting."""
    world = World(plan).run()
    oracle = Oracle(world)

    expected = [(what, at if what == "open" else 0.0) for what, at in map(oracle.verdict, world.records)]
    assert fates(world) == expected


@given(plans())
@settings(max_examples=200)
def test_no_gate_opens_before_the_oracle_says_even_when_ticks_are_late(plan: Plan) -> None:
    world = World(plan).run()
    oracle = Oracle(world)

    early = [
        record
        for record, (what, at) in zip(world.records, fates(world), strict=True)
        if what == "open" and not (oracle.verdict(record)[0] == "open" and at >= oracle.verdict(record)[1])
    ]
    assert early == []


@given(plans())
@settings(max_examples=200)
def test_late_ticks_change_when_gates_open_and_nothing_else(plan: Plan) -> None:
    punctual = [what for what, _ in fates(World(Plan(plan.ops, late=0)).run())]

    assert [what for what, _ in fates(World(plan).run())] == punctual


@given(plans())
def test_every_open_gate_is_asked_for_exactly_once(plan: Plan) -> None:
    world = World(plan).run()

    asked = Counter(id(told.gate) for _, told in world.driver.given if isinstance(told, Perform))
    assert set(asked.values()) <= {1}


@given(plans())
def test_the_books_are_in_order_after_every_event(plan: Plan) -> None:
    def check(world: World) -> None:
        assert broken_invariants(world.driver.scheduler) == []
        assert world.driver.scheduler.counts == Counter(unit.state for unit in world.units)

    World(plan, after_each=check).run()


@given(plans())
def test_no_stale_instruction_is_current(plan: Plan) -> None:
    """Of all that was ever asked for, only what belongs to the present attempt and to a gate that is there stands."""

    def check(world: World) -> None:
        for _, told in world.driver.given:
            if isinstance(told, Perform) and world.driver.scheduler.current(told):
                unit = told.unit
                assert (told.attempt, (unit.gates or {}).get(told.action)) == (unit.attempt, told.gate)

    World(plan, after_each=check).run()


@given(plans())
def test_whatever_waits_is_explained(plan: Plan) -> None:
    """Every gate of a living unit has opened, or `why` names it."""
    world = World(plan).run()

    for unit in world.units:
        told = {wait.action for wait in why(unit, world.driver.clock.monotonic()) if wait.depth == 0}
        shut = {action for action, gate in (unit.gates or {}).items() if gate.status is not GateStatus.OPEN}
        assert told == shut


@given(plans())
def test_a_broken_gate_says_why(plan: Plan) -> None:
    world = World(plan).run()

    for record in world.records:
        if world.told_broken(record.gate):
            causes = record.gate.broken_terms()
            assert causes
            assert all(term.status is TermStatus.BROKEN for term in causes)


@given(plans())
def test_the_same_plan_gives_the_same_instructions(plan: Plan) -> None:
    def told(world: World) -> list[tuple[float, str]]:
        return [(at, repr(instruction)) for at, instruction in world.driver.given]

    assert told(World(plan).run()) == told(World(plan).run())


@given(plans())
def test_the_observed_stream_is_each_units_history(plan: Plan) -> None:
    world = World(plan).run()

    for unit, history in zip(world.units, world.moves, strict=True):
        told = [(one.attempt, one.state) for one in world.driver.transitions if one.unit is unit]
        assert told == [(one.attempt, one.state) for one in history]


@given(plans())
def test_nothing_waits_on_the_lists_of_what_it_needs_no_more(plan: Plan) -> None:
    """Lists hold only terms of gates that may still open, or that tell further causes."""
    world = World(plan).run()

    assert _leftovers(world.driver.scheduler) == []


def _leftovers(scheduler: Scheduler) -> list[Reached]:
    return [
        term
        for unit in scheduler.units.values()
        for terms in (unit.waiters or {}).values()
        for term in terms
        if term.status is not TermStatus.WAITING
    ]
