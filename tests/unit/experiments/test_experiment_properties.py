"""Whatever waits for whatever, and whatever happens in whatever order: nothing is early, nothing hangs unexplained."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.experiments.lab import Lab

from headrace.core import GateCycle, InvalidTransition, Transition
from headrace.experiments import ResourceState
from headrace.experiments.errors import ExperimentError

S: Any = ResourceState
NUMBER = 5
_GUIDS = st.integers(1, NUMBER)
_DELAYS = st.sampled_from([0.0, 0.5, 1.0, 2.0])


@dataclass(frozen=True)
class Need:
    """A condition."""

    waiter: int
    action: str
    group: tuple[int, ...]
    state: str
    delay: float
    need: Any


@dataclass(frozen=True)
class Event:
    """What happens to a resource, after some time."""

    what: str
    guid: int
    after: float


needs = st.builds(
    Need,
    _GUIDS,
    st.sampled_from(["START", "START", "DEPLOY", "STOP"]),
    st.lists(_GUIDS, min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from(["READY", "STARTED", "STOPPED"]),
    _DELAYS,
    st.sampled_from(["all", "any", 1]),
)
events = st.builds(
    Event, st.sampled_from(["finish", "stop", "fail", "deploy", "again", "release", "drop"]), _GUIDS, _DELAYS
)


class World:
    """One experiment, with all its moves in order."""

    def __init__(self, plan: list[Need], happenings: list[Event], critical: list[bool], *, barrier: bool) -> None:
        self.moves: list[tuple[float, int, ResourceState]] = []
        self.kept: list[Need] = []
        self.dropped: set[int] = set()
        with tempfile.TemporaryDirectory() as folder:
            self.lab = Lab(Path(folder))
            self.ec = self.lab.ec
            self.ec._stage.observers.append(self._observe)
            for each in critical:
                self.lab.add(critical=each)
            for need in plan:
                try:
                    self.ec.register_condition(
                        need.waiter, need.action, need.group, need.state, need.delay, need=need.need
                    )
                    self.kept.append(need)
                except GateCycle:
                    pass
            self.taken = self._try(self.ec.deploy, wait_all_ready=barrier)
            for event in happenings:
                self.lab.clock.advance(event.after)
                self._happen(event)
            for _ in range(20):
                self.lab.clock.advance(2)
            self.whys = {guid: self.ec.why(guid) for guid in self.ec.resources}
            self.states = {guid: self.ec.state(guid) for guid in self.ec.resources}
            self.lab.close()

    def _observe(self, told: Transition) -> None:
        if isinstance(told.unit.id, int):
            self.moves.append((told.at, told.unit.id, S[told.state.name]))

    def _happen(self, event: Event) -> None:
        manager = self.ec.get_resource(event.guid)
        match event.what:
            case "finish":
                self._try(manager.set_finished)
            case "stop":
                self._try(manager.stop)
            case "fail":
                self._try(manager.fail, "broke")
            case "deploy":
                self._try(self.ec.deploy, [event.guid])
            case "again":
                self._try(self.ec.start_with_conditions, event.guid)
            case "release":
                self._try(self.ec.release, [event.guid])
            case _:
                self.dropped.add(event.guid)
                self.ec.unregister_condition(event.guid, list(range(1, NUMBER + 1)))

    @staticmethod
    def _try(call: Any, *args: Any, **options: Any) -> bool:  # noqa: ANN401 - any method
        """Tell whether it was not refused."""
        try:
            call(*args, **options)
        except (ExperimentError, GateCycle, InvalidTransition):
            return False
        return True

    def first(self, guid: int, states: set[ResourceState]) -> float | None:
        return next((at for at, one, state in self.moves if one == guid and state in states), None)


worlds = st.builds(
    World,
    st.lists(needs, max_size=6),
    st.lists(events, max_size=8),
    st.lists(st.booleans(), min_size=NUMBER, max_size=NUMBER),
    barrier=st.booleans(),
)

_OF = {"START": S.STARTED, "DEPLOY": S.READY, "STOP": S.STOPPED}


@given(worlds)
def test_nothing_begins_before_its_conditions_held_nor_a_moment_before_its_delay(world: World) -> None:
    by_hand = world.dropped
    for need in world.kept:
        if need.waiter in by_hand or need.action == "STOP":
            continue
        begun = world.first(need.waiter, {_OF[need.action]})
        if begun is None:
            continue
        wanted = {state for state in S if S[need.state] <= state < S.FAILED}
        arrivals = []
        for guid in need.group:
            critical = world.ec.get_resource(guid).get("critical")
            at = world.first(guid, wanted if critical else wanted | {S.FAILED})
            arrivals.append(float("inf") if at is None else at)
        enough = len(need.group) if need.need == "all" else 1
        assert begun >= sorted(arrivals)[enough - 1] + need.delay


@given(worlds)
def test_every_resource_has_run_or_is_explained(world: World) -> None:
    """All were asked to be deployed and started, unless a cycle kept the deployment from being taken at all."""
    if not world.taken or world.ec.failure_level.name != "OK":
        return
    unexplained = {guid: state for guid, state in world.states.items() if state < S.STARTED and not world.whys[guid]}
    assert unexplained == {}


@given(
    st.lists(needs, max_size=6),
    st.lists(events, max_size=8),
    st.lists(st.booleans(), min_size=NUMBER, max_size=NUMBER),
    st.booleans(),
)
def test_the_same_events_move_the_same_resources_in_the_same_order(
    plan: list[Need],
    happenings: list[Event],
    critical: list[bool],
    barrier: bool,  # noqa: FBT001
) -> None:
    one, other = (World(plan, happenings, critical, barrier=barrier) for _ in range(2))

    assert one.moves == other.moves
