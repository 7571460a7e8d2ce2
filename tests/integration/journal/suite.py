"""What holds for every store. Whoever imports these tests gives the fixture `place`: a new, empty store's."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from tests.integration.journal.replay import STORIES, Ways, check_against_replay, tell
from tests.integration.journal.things import LampState, burn, journal_at, lamp, move, payload_of

from headrace.core import Lifecycle, Transition, Unit
from headrace.journal import (
    CorruptResultError,
    Count,
    Journal,
    JournalClosed,
    JournalReader,
    JournalUnavailable,
    RunRecord,
    RunTaken,
    UnknownRun,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_stories = count()


def test_what_a_unit_is_reads_as_it_was_told(place: str) -> None:
    with journal_at(place) as journal:
        journal.unit(
            lamp("hall", "the hall's"),
            app="light",
            labels=["old", "brass"],
            executor="wall",
            stdout="/tmp/out",  # noqa: S108 - a text here
            stderr="/tmp/err",  # noqa: S108 - likewise
            extra={"watts": 40, "where": {"room": "hall"}},
        )

    with JournalReader.open(place) as reader:
        (unit,) = reader.units()

    assert (unit.kind, unit.id, unit.name, unit.app) == ("lamp", "hall", "the hall's", "light")
    assert (unit.labels, unit.executor) == (("old", "brass"), "wall")
    assert (unit.stdout, unit.stderr) == ("/tmp/out", "/tmp/err")  # noqa: S108 - a text here
    assert unit.extra == {"watts": 40, "where": {"room": "hall"}}
    assert unit.state is None


def test_a_unit_is_where_its_last_move_left_it(place: str) -> None:
    with journal_at(place) as journal:
        burn(journal, lamp(1), at=5.0)

    with JournalReader.open(place) as reader:
        unit = reader.unit("lamp", 1)

    assert unit is not None
    assert (unit.state, unit.attempt, unit.ended, unit.failed) == ("out", 0, True, False)
    assert unit.seconds == pytest.approx(0.5)
    assert unit.executor == "wall"


@pytest.mark.parametrize("number", [3, "hall", -3, 2**70])
def test_a_unit_and_its_being_added_can_be_told_at_once(place: str, number: int | str) -> None:
    unit = lamp(number, 'the "hall"')
    with journal_at(place) as journal:
        journal.added(move(unit, LampState.dark, at=1.5), "light")
        journal.moved(move(unit, LampState.lit, at=2.0), "wall")
        journal.added(move(lamp("other"), LampState.dark))

    with JournalReader.open(place) as reader:
        record, other = reader.units()
        moves = reader.transitions("lamp", number)
        counts = {(count.app, count.state, count.number) for count in reader.counters()}

    assert (record.name, record.app, record.state, record.executor) == ('the "hall"', "light", "lit", "wall")
    assert record.id == (number if number != 2**70 else str(number))
    assert (other.app, other.state) == ("", "dark")
    assert [line.state for line in moves] == ["dark", "lit"]
    assert counts == {("light", "lit", 1), ("", "dark", 1)}


def test_many_units_that_are_told_at_once_with_being_added_are_all_there(place: str) -> None:
    """Also when each has a name of its own, of which not so many are kept; and when they are told twice."""
    with journal_at(place) as journal:
        for number in range(2_500):
            transition = move(lamp(number, f"lamp {number}"), LampState.dark)
            journal.added(transition, "light")
            journal.added(transition, "light")

    with JournalReader.open(place) as reader:
        names = [unit.name for unit in reader.units(limit=3_000)]
        (count,) = reader.counters()
        assert len(reader.transitions("lamp", 7)) == 1

    assert names == [f"lamp {number}" for number in range(2_500)]
    assert count.number == 2_500


@pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf")])
def test_a_move_at_no_time_is_refused_where_it_is_told(place: str, at: float) -> None:
    unit = lamp(1)
    with journal_at(place) as journal:
        journal.added(move(unit, LampState.dark), "light")
        with pytest.raises(ValueError, match="cannot have moved at"):
            journal.moved(move(unit, LampState.lit, at=at))
        journal.moved(Transition(unit, 0, LampState.lit, LampState.out, -5.0, None))
        journal.flush()

    with JournalReader.open(place) as reader:
        assert [one.monotonic for one in reader.transitions("lamp", 1)] == [1.0, -5.0]


def test_moves_read_in_order_with_their_times_and_causes(place: str) -> None:
    unit = lamp(7)
    with journal_at(place) as journal:
        journal.unit(unit, app="light")
        journal.moved(move(unit, LampState.dark, at=1.0))
        journal.moved(move(unit, LampState.lit, at=2.0), "wall")
        unit.attempt = 1
        journal.moved(move(unit, LampState.dark, at=3.0, cause=OSError("a draught")))
        journal.flush()
        journal.moved(move(unit, LampState.lit, at=4.0), "table")
        journal.moved(move(unit, LampState.broken, at=5.5, cause=ValueError("a moth")), "table")

    with JournalReader.open(place) as reader:
        moves = reader.transitions("lamp", 7)
        (failure,) = reader.failures()

    assert [(one.previous, one.state, one.attempt) for one in moves] == [
        (None, "dark", 0),
        ("dark", "lit", 0),
        ("lit", "dark", 1),
        ("dark", "lit", 1),
        ("lit", "broken", 1),
    ]
    assert [one.monotonic for one in moves] == [1.0, 2.0, 3.0, 4.0, 5.5]
    assert [one.executor for one in moves] == [None, "wall", None, "table", "table"]
    assert [one.cause for one in moves] == [None, None, "OSError: a draught", None, "ValueError: a moth"]
    assert sorted(moves, key=lambda one: one.seq) == moves
    assert (failure.id, failure.cause) == (7, "ValueError: a moth")
    assert failure.seconds == pytest.approx(1.5)


def test_waits_read_from_both_ends(place: str) -> None:
    with journal_at(place) as journal:
        journal.edge(lamp(2), "light", lamp("main"), [LampState.lit, LampState.out], delay=0.5)

    with JournalReader.open(place) as reader:
        (needs,) = reader.needs("lamp", 2)
        (needed,) = reader.needed_by("lamp", "main")
        (edge,) = reader.edges()

    assert needs == needed == edge
    assert (edge.action, edge.needs, edge.states, edge.delay) == ("light", "main", ("lit", "out"), 0.5)


def test_counters_tell_apps_and_states_apart(place: str) -> None:
    with journal_at(place) as journal:
        for number in range(30):
            burn(journal, lamp(number), app="light" if number % 3 else "shine")
            if number % 10 == 0:
                journal.flush()
        unit = lamp(99)
        journal.unit(unit, app="light")
        journal.moved(move(unit, LampState.dark))

    with JournalReader.open(place) as reader:
        counters = reader.counters()

    assert counters == [
        Count("lamp", "light", "dark", 1),
        Count("lamp", "light", "out", 20),
        Count("lamp", "shine", "out", 10),
    ]


def test_a_reader_sees_a_run_that_goes_on(place: str) -> None:
    with journal_at(place) as journal, JournalReader.open(place) as reader:
        unit = lamp(1)
        seen = []
        for state in (LampState.dark, LampState.lit, LampState.out):
            journal.moved(move(unit, state))
            journal.flush()
            seen.append([one.state for one in reader.units()])

        assert seen == [["dark"], ["lit"], ["out"]]
        assert reader.is_alive()


def test_units_are_read_in_pages(place: str) -> None:
    with journal_at(place) as journal:
        for number in range(25):
            burn(journal, lamp(number))

    with JournalReader.open(place) as reader:
        pages = [reader.units(limit=10)]
        while pages[-1]:
            pages.append(reader.units(limit=10, after=pages[-1][-1]))

    assert [unit.id for page in pages for unit in page] == list(range(25))


def test_the_slowest_come_first(place: str) -> None:
    with journal_at(place) as journal:
        for number in range(5):
            unit = lamp(number)
            journal.moved(move(unit, LampState.dark))
            journal.moved(move(unit, LampState.lit, at=10.0))
            journal.moved(move(unit, LampState.out, at=10.0 + number))

    with JournalReader.open(place) as reader:
        slowest = reader.slowest(limit=2)

    assert [(unit.id, unit.seconds) for unit in slowest] == [(4, 4.0), (3, 3.0)]


@pytest.mark.parametrize("ident", [-5, 2**70, "", 'a "quoted"\n', "ümlaut\N{SNOWMAN}", "nul\0", "half\udc80", (1, "a")])
def test_units_of_any_id_are_found_by_it(place: str, ident: int | str) -> None:
    unit = lamp(ident)
    with journal_at(place) as journal:
        burn(journal, unit)

    with JournalReader.open(place) as reader:
        found = reader.unit("lamp", ident)
        moves = reader.transitions("lamp", ident)

    assert found is not None
    assert found.state == "out"
    assert len(moves) == 3


def test_a_step_that_is_done_again_is_recorded_once(place: str) -> None:
    unit = lamp(1)
    with journal_at(place) as journal:
        for transition in (move(unit, LampState.dark), move(unit, LampState.broken, cause=ValueError("twice"))):
            journal.moved(transition)
            journal.moved(transition)

    with JournalReader.open(place) as reader:
        assert len(reader.transitions("lamp", 1)) == 2


def test_an_error_that_cannot_be_put_into_words_is_recorded_all_the_same(place: str) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise SystemExit

    unit = lamp(1)
    with journal_at(place) as journal:
        journal.moved(move(unit, LampState.dark))
        journal.moved(move(unit, LampState.broken, cause=Mute()))

    with JournalReader.open(place) as reader:
        (failure,) = reader.failures()

    assert failure.cause is not None
    assert "Mute" in failure.cause


def test_whoever_waits_is_told_once_what_was_told_before_is_on_disk(place: str) -> None:
    told: list[BaseException | None] = []
    done = threading.Event()
    with journal_at(place) as journal, JournalReader.open(place) as reader:
        found = []

        def durable(error: BaseException | None) -> None:
            told.append(error)
            found.append(reader.results.find("key"))
            done.set()

        journal.result("key", b"value", durable=durable)
        assert done.wait(30)

    assert told == [None]
    assert found[0] is not None


def test_results_read_as_they_were_stored(place: str) -> None:
    with journal_at(place) as journal:
        for number in range(60):
            journal.result(f"key-{number}", payload_of(number), codec="json")
        journal.flush()

        for number in range(60):
            found = journal.results.find(f"key-{number}")
            assert found is not None
            assert found.payload == payload_of(number)
            assert (found.record.codec, found.record.run) == ("json", journal.run.id)
        assert journal.results.find("another") is None
        assert [record.key for record in journal.results.records()] == sorted(f"key-{n}" for n in range(60))
        assert journal.results.verify() == []


def test_a_result_takes_the_place_of_the_one_before(place: str) -> None:
    with journal_at(place) as journal:
        journal.result("key", b"first")
        journal.result("key", b"second")
        journal.flush()

        found = journal.results.find("key")

    assert found is not None
    assert found.payload == b"second"


def test_a_result_that_was_forgotten_is_gone(place: str) -> None:
    with journal_at(place) as journal:
        journal.result("key", b"value")
        journal.flush()

        assert journal.results.forget(["key", "another"]) == 1
        assert journal.results.find("key") is None


def test_a_run_has_one_writer(place: str) -> None:
    with journal_at(place, "the-run"):
        with pytest.raises(RunTaken, match="the-run"):
            journal_at(place, "the-run").__enter__()
        with journal_at(place, "another-run"):
            pass


def test_a_run_may_be_gone_on_with_when_its_writer_has_left(place: str) -> None:
    unit = lamp(1)
    with journal_at(place, "the-run") as journal:
        journal.moved(move(unit, LampState.dark, at=1.0))
    with journal_at(place, "the-run") as journal:
        journal.moved(move(unit, LampState.lit, at=2.0))

    with JournalReader.open(place) as reader:
        assert [one.state for one in reader.transitions("lamp", 1)] == ["dark", "lit"]
        assert len(reader.runs()) == 1


def test_runs_are_found_by_place_number_and_the_beginning_of_their_ids(place: str) -> None:
    record = RunRecord.here("abc-1", script="x.py", versions={"numpy": "2"}, extra={"folder": "/x"})
    with journal_at(place, "abd-2"), pytest.raises(RuntimeError), journal_at(place, "other"):
        raise RuntimeError
    with Journal.open(place, record):
        pass

    with JournalReader.open(place) as reader:
        assert [run.number for run in reader.runs()] == [3, 2, 1]
        assert reader.run().id == "abc-1"
        assert reader.run(1).id == reader.run("1").id == "abd-2"
        assert reader.run("oth").id == "other"
        with pytest.raises(UnknownRun, match="abc-1"):
            reader.run("ab")
        with pytest.raises(UnknownRun, match="none"):
            reader.run("nobody")
        assert reader.run().ended is not None
        assert reader.run().extra == {"folder": "/x"}
        assert not reader.is_alive()


def test_a_closed_journal_says_so(place: str) -> None:
    with journal_at(place) as journal:
        pass

    with pytest.raises(JournalClosed):
        journal.moved(move(lamp(1), LampState.dark))
    with pytest.raises(JournalClosed):
        journal.flush()
    journal.close()


def test_without_the_key_it_was_signed_with_nothing_passes(place: str) -> None:
    with Journal.open(place, RunRecord.here(), signing_key=b"secret") as journal:
        journal.result("key", b"value")
        burn(journal, lamp(1))

    with JournalReader.open(place, signing_key=b"guess") as reader:
        with pytest.raises(CorruptResultError, match="key"):
            reader.results.find("key")
        assert list(reader.log()) == []
        assert reader.damage() > 0


def test_a_place_that_is_not_there_is_named(place: str) -> None:
    with pytest.raises((FileNotFoundError, JournalUnavailable), match="nowhere"):
        JournalReader.open(f"{place}-nowhere")


def test_waits_tell_what_is_missing_and_what_waits(place: str) -> None:
    with journal_at(place) as journal:
        main, third = lamp("main"), lamp(3)
        for number, state in enumerate((LampState.lit, LampState.broken, LampState.dark)):
            unit = lamp(number)
            journal.moved(move(unit, LampState.dark))
            if state is not LampState.dark:
                journal.moved(move(unit, state))
            journal.edge(main, "light", unit, [LampState.lit])
        journal.moved(move(main, LampState.dark))
        journal.edge(third, "light", main, [LampState.lit])
        journal.moved(move(third, LampState.dark))

    with JournalReader.open(place) as reader:
        waits = reader.waits("lamp", "main")

    assert waits.needs == 3
    assert [(one.state, one.failed, one.number) for one in waits.unmet] == [("broken", True, 1), ("dark", False, 1)]
    assert [unit.id for unit in waits.first] == [1, 2]
    assert (waits.needed_by, [unit.id for unit in waits.dependants]) == (1, [3])


@pytest.mark.slow
def test_of_many_needs_those_that_are_missing_are_found(place: str) -> None:
    """From ten thousand on they are looked for the other way round."""
    many, missing = 10_500, {17: LampState.broken, 9_000: LampState.dark}
    with journal_at(place) as journal:
        main = lamp("main")
        for number in range(many):
            unit = lamp(number)
            journal.moved(move(unit, LampState.dark))
            if (state := missing.get(number, LampState.lit)) is not LampState.dark:
                journal.moved(move(unit, state))
            journal.edge(main, "light", unit, [LampState.lit])
        journal.moved(move(main, LampState.dark))

    with JournalReader.open(place) as reader:
        waits = reader.waits("lamp", "main")

    assert waits.needs == many
    assert [(one.state, one.number) for one in waits.unmet] == [("broken", 1), ("dark", 1)]
    assert [unit.id for unit in waits.first] == [17, 9_000]


def _chain(journal: Journal, length: int) -> None:
    """The first lamp breaks, and so each that waits for the one before."""
    before = lamp(0)
    journal.moved(move(before, LampState.dark))
    journal.moved(move(before, LampState.broken, cause=ValueError("a moth")))
    for number in range(1, length):
        unit = lamp(number)
        journal.edge(unit, "light", before, [LampState.lit])
        journal.moved(move(unit, LampState.dark))
        journal.moved(move(unit, LampState.broken))
        before = unit


@pytest.mark.slow
def test_a_path_leads_to_what_failed_first(place: str) -> None:
    with journal_at(place) as journal:
        _chain(journal, 2_000)

    with JournalReader.open(place) as reader:
        path = reader.path("lamp", 1_999, failed=True, ends=2)
        none = reader.path("lamp", 1_999, failed=False)

    assert [unit.id for unit in path.units] == [1_999, 1_998, 1, 0]
    assert (path.left_out, path.whole) == (1_996, True)
    assert path.units[-1].cause == "ValueError: a moth"
    assert [unit.id for unit in none.units] == [1_999]


def test_a_path_goes_on_from_one_kind_of_unit_to_another(place: str) -> None:
    switch = Lifecycle(
        "switch",
        initial=LampState.dark,
        moves={LampState.dark: (LampState.lit,), LampState.lit: (LampState.out, LampState.broken)},
    )
    button = Unit("b", "button", switch)
    with journal_at(place) as journal:
        journal.moved(move(button, LampState.dark))
        journal.edge(lamp(1), "light", button, [LampState.lit])
        journal.moved(move(lamp(1), LampState.dark))

    with JournalReader.open(place) as reader:
        path = reader.path("lamp", 1, failed=False)

    assert [(unit.kind, unit.id) for unit in path.units] == [("lamp", 1), ("switch", "b")]


def test_times_leave_out_what_was_never_run(place: str) -> None:
    with journal_at(place) as journal:
        for number in range(3):
            burn(journal, lamp(number))
        unit = lamp(9)
        journal.unit(unit, app="light")
        journal.moved(move(unit, LampState.dark, at=1.0))
        journal.moved(move(unit, LampState.broken, at=2.0))

    with JournalReader.open(place) as reader:
        (times,) = reader.times()

    assert (times.kind, times.app, times.number) == ("lamp", "light", 3)
    assert times.total == pytest.approx(1.5)
    assert times.longest == pytest.approx(0.5)


def test_a_run_was_last_heard_of_when_its_last_move_was_made(place: str) -> None:
    with journal_at(place) as journal:
        burn(journal, lamp(1))
        journal.result("key", b"value")

    with JournalReader.open(place) as reader:
        last = reader.transitions("lamp", 1)[-1]

        assert reader.last_heard() == last.wall


def test_units_rest_in_the_states_that_they_begin_and_end_in(place: str) -> None:
    with journal_at(place) as journal:
        burn(journal, lamp(1))

    with JournalReader.open(place) as reader:
        assert reader.resting_states() == {("lamp", "dark"), ("lamp", "out")}


@pytest.mark.slow
def test_a_run_that_is_removed_leaves_nothing_behind(place: str) -> None:
    with journal_at(place, "gone") as journal:
        _chain(journal, 50)
        burn(journal, lamp("last"))
        for number in range(60):
            journal.result(f"mine/{number}", payload_of(number))
        journal.result("minetoo", b"of somebody else")
    with journal_at(place, "kept") as journal:
        burn(journal, lamp(1))

    with JournalReader.open(place) as reader:
        before = [unit.id for unit in reader.units("kept")]
        removed = reader.remove("gone", results_under="mine/")
        reader.results.sweep()

        assert removed == 60
        assert [run.id for run in reader.runs()] == ["kept"]
        assert [record.key for record in reader.results.records()] == ["minetoo"]
        assert [unit.id for unit in reader.units("kept")] == before
        store = reader._store
        for table in ("unit", "edge", "log", "word", "slow", "counter"):
            assert store.query(f"SELECT count(*) FROM {table} WHERE run = 1") == [(0,)], table  # noqa: S608 - constants
        assert store.files is None or store.files.names() == []


def test_results_outlive_the_run_that_stored_them_and_name_no_other(place: str) -> None:
    with journal_at(place, "gone") as journal:
        journal.result("key", b"value")
    with JournalReader.open(place) as reader:
        reader.remove("gone")
    # It may be given the number that the first one had.
    with journal_at(place, "next"):
        pass

    with JournalReader.open(place) as reader:
        found = reader.results.find("key")

    assert found is not None
    assert (found.payload, found.record.run) == (b"value", "")


def test_a_run_that_is_being_written_is_not_removed(place: str) -> None:
    with journal_at(place, "the-run") as journal, JournalReader.open(place) as reader:
        burn(journal, lamp(1))
        journal.flush()

        with pytest.raises(RunTaken, match="the-run"):
            reader.remove("the-run")

        assert [unit.state for unit in reader.units("the-run")] == ["out"]


def test_what_was_cut_off_while_a_run_was_removed_is_done_again(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with journal_at(place, "gone") as journal:
        _chain(journal, 10)

    with JournalReader.open(place) as reader:
        execute = reader._store.execute

        def cut_off(statement: str, values: Sequence[object] = ()) -> int:
            if "DELETE FROM log" in statement:
                raise JournalUnavailable("cut off")
            return execute(statement, values)

        monkeypatch.setattr(reader._store, "execute", cut_off)
        with pytest.raises(JournalUnavailable):
            reader.remove("gone")
        monkeypatch.undo()

        assert reader.run("gone").how == "being removed"
        assert not reader.is_alive("gone")
        reader.remove("gone")
        assert reader.runs() == []


def test_a_name_is_had_by_one_journal_at_a_time(place: str) -> None:
    with (
        Journal.open(place, RunRecord.here(), claim="lineage-1"),
        pytest.raises(RunTaken, match="lineage-1"),
    ):
        Journal.open(place, RunRecord.here(), claim="lineage-1")
    Journal.open(place, RunRecord.here(), claim="lineage-1").close()


@pytest.mark.slow
@settings(
    max_examples=100,
    deadline=None,
    # All examples have one store and one patch: each is a run of its own in it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=STORIES, way=Ways)
def test_what_is_derived_is_what_the_log_says_however_it_is_derived(
    place: str, story: list[tuple[object, ...]], way: str
) -> None:
    run = f"story-{next(_stories)}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("headrace.journal.writer._LAG_AT_LEAST", 0)
        tell(place, run, story, way)

    with JournalReader.open(place) as reader:
        check_against_replay(reader, run)
