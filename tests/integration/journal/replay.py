"""What a journal's tables must say, worked out from its log alone, one line after the other; and stories to tell."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from tests.integration.journal.things import LAMP, LampState

from headrace.core import Lifecycle, Transition, Unit
from headrace.journal import EdgeRecord, Journal, RunRecord, TransitionRecord, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.journal import JournalReader

__all__ = ["STORIES", "Ways", "check_against_replay", "tell"]

SWITCH = Lifecycle(
    "switch",
    initial=LampState.dark,
    moves={LampState.dark: (LampState.lit, LampState.broken), LampState.lit: (LampState.dark, LampState.out)},
    failed=(LampState.broken,),
)
KINDS = {"lamp": LAMP, "switch": SWITCH}
#: How it comes about that something is derived: as it is written, by whoever reads, or now so and now so.
Ways = st.sampled_from(["written", "read", "both"])

_IDS = st.sampled_from([1, 2, 3, -7, 2**40, "1", "a", "ümlaut\n"])
_STEPS = st.one_of(
    st.tuples(
        st.just("tell"),
        st.sampled_from([{}, {"executor": "wall"}, {"labels": ["old"], "stdout": "/out"}, {"extra": {"watts": 40}}]),
    ),
    st.tuples(
        st.just("move"),
        st.integers(0, 3),
        st.sampled_from([None, "wall", "table"]),
        st.sampled_from([None, None, None, "a moth"]),
    ),
    st.tuples(st.just("move"), st.integers(0, 3), st.just("wall"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from(list(KINDS)), _IDS),
    st.tuples(st.just("anew")),
    st.tuples(st.just("group"), st.booleans(), st.floats(-1e6, 1e6)),
)
#: What is told: which unit, what of it, and how many seconds after what was told before.
STORIES = st.lists(
    st.tuples(st.sampled_from(list(KINDS)), _IDS, _STEPS, st.sampled_from([0.0, 0.25, 1.0, 3600.0])), max_size=60
)


class _Clock:
    """A clock whose wall time is put right now and then."""

    def __init__(self) -> None:
        self.now = 100.0
        self.offset = 1e9

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


def tell(place: str, run: str, story: Iterable[tuple[Any, ...]], way: str) -> None:
    """Tell a journal a story; "group" ends a group, says whether it is derived as written, and sets the clock."""
    clock, units = _Clock(), dict[tuple[str, Any], Unit]()
    told = dict[tuple[str, Any], dict[str, Any]]()
    moved = set[tuple[str, Any]]()
    with Journal.open(place, RunRecord.here(run), clock=clock) as journal:
        store: Any = journal._store
        derives = store.derives
        store.derives = derives and way != "read"
        for kind, ident, (what, *given), later in story:
            clock.now += later
            unit = units.setdefault((kind, ident), Unit(ident, "it", KINDS[kind]))
            if what == "tell":
                if (kind, ident) in told or (kind, ident) not in moved:
                    more = told.setdefault((kind, ident), {})
                    more |= given[0]
                    journal.unit(unit, app="light", **more)
            elif what == "move":
                moved.add((kind, ident))
                _move(journal, unit, *given, at=clock.now)
            elif what == "wait":
                journal.edge(unit, "light", Unit(given[1], "other", KINDS[given[0]]), [LampState.lit], delay=0.5)
            elif what == "anew":
                units[kind, ident] = Unit(ident, "it", KINDS[kind])
            else:
                journal.flush()
                clock.offset = 1e9 + given[1]
                store.derives = derives and (way == "written" or (way == "both" and given[0]))
        journal.flush()


def _move(journal: Journal, unit: Unit, which: int, executor: str | None, cause: str | None, *, at: float) -> None:
    if unit.since is None:
        previous, state = None, unit.lifecycle.initial
    else:
        following = sorted(unit.lifecycle.following[unit.state])
        if not following:
            return
        previous, state = unit.state, following[which % len(following)]
        if (previous, state) in unit.lifecycle.anew:
            unit.attempt += 1
    unit.arrive(state, at)
    error = None if cause is None else ValueError(cause)
    journal.moved(Transition(unit, unit.attempt, previous, state, at, error), executor)


@dataclass
class _Seen:
    """What is known of a unit at some line of the log."""

    record: dict[str, Any] = field(default_factory=dict)
    moves: list[TransitionRecord] = field(default_factory=list)
    started: float | None = None


def check_against_replay(reader: JournalReader, run: str) -> None:
    """Compare all that the tables say of a run with what its log says."""
    units, edges = _replayed(reader, run)
    records = [UnitRecord(run=run, kind=kind, id=ident, **seen.record) for (kind, ident), seen in units.items()]
    records.sort(key=lambda one: (one.kind, isinstance(one.id, str), one.id))

    assert reader.units(run, limit=None) == [_about(one) for one in records]
    for (kind, ident), seen in units.items():
        assert reader.transitions(kind, ident, run) == seen.moves
        assert {_edge_key(one) for one in reader.needs(kind, ident, run)} == {
            _edge_key(one) for one in edges if (one.kind, one.unit) == (kind, ident)
        }
    counts = Counter((one.kind, one.app, one.state) for one in records if one.state is not None)
    assert {(one.kind, one.app, one.state): one.number for one in reader.counters(run)} == counts
    assert [one.id for one in reader.failures(run)] == [one.id for one in records if one.failed]
    timed = [one for one in records if one.seconds is not None]
    assert sorted(one.seconds or 0.0 for one in reader.slowest(run, limit=100)) == pytest.approx(
        sorted(one.seconds or 0.0 for one in timed)
    )
    took: dict[tuple[str, str], list[float]] = {}
    for one in timed:
        if one.seconds:
            took.setdefault((one.kind, one.app), []).append(one.seconds)
    times = {(one.kind, one.app): one for one in reader.times(run)}
    assert times.keys() == took.keys()
    for key, seconds in took.items():
        found = (times[key].number, times[key].total, times[key].longest)
        assert found == pytest.approx((len(seconds), sum(seconds), max(seconds)))
    assert reader.damage(run) == 0


def _about(record: UnitRecord) -> Any:  # noqa: ANN401 - whatever pytest compares by
    """Equal to the record, up to the rounding of times."""
    return _About(record)


class _About:
    def __init__(self, record: UnitRecord) -> None:
        self.record = record

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, UnitRecord)
        for name in UnitRecord.__slots__:
            one, another = getattr(self.record, name), getattr(other, name)
            if isinstance(one, float) and isinstance(another, float):
                one = pytest.approx(one, rel=1e-12, abs=1e-5)
            if one != another:
                return False
        return True

    __hash__ = None  # type: ignore[assignment]  # it is only compared

    def __repr__(self) -> str:
        return repr(self.record)


def _edge_key(edge: EdgeRecord) -> tuple[object, ...]:
    return edge.kind, edge.unit, edge.action, edge.needs_kind, edge.needs, edge.states, edge.delay


def _replayed(reader: JournalReader, run: str) -> tuple[dict[tuple[str, Any], _Seen], list[EdgeRecord]]:
    units: dict[tuple[str, Any], _Seen] = {}
    edges: list[EdgeRecord] = []
    for line in reader.log(run):
        ident = line.id if isinstance(line, UnitRecord) else line.unit
        seen = units.setdefault((line.kind, ident), _Seen())
        if isinstance(line, UnitRecord):
            more = {"labels": line.labels, "executor": line.executor, "stdout": line.stdout, "extra": line.extra}
            seen.record |= {"name": line.name, "app": line.app, **{name: one for name, one in more.items() if one}}
        elif isinstance(line, EdgeRecord):
            edges.append(line)
        else:
            _take_in(seen, line)
    return units, edges


def _take_in(seen: _Seen, move: TransitionRecord) -> None:
    record, lifecycle = seen.record, KINDS[move.kind]
    state = LampState[move.state]
    seen.moves.append(move)
    if move.previous is None:
        record.setdefault("added_at", move.wall)
    if move.previous == lifecycle.initial.name:
        seen.started = move.monotonic
        record["began_at"] = move.wall
    ends = state in lifecycle.final
    record |= {
        "state": move.state,
        "attempt": move.attempt,
        "executor": move.executor or record.get("executor"),
        "cause": move.cause,
        "ended": ends,
        "failed": state in lifecycle.failed,
        "ended_at": move.wall if ends else None,
        "seconds": move.monotonic - seen.started if ends and seen.started is not None else None,
    }
