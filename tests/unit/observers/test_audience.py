"""Each observer has a thread of its own, and can harm nobody but itself."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from tests.unit.observers.lamps import WAIT, LampState, Notes, lamp, move, numbers, run_info

from headrace.observers import Audience, CallbackObserver, Observer, ObserverRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.observers import Observation, RunInfo


@pytest.fixture
def make_audience() -> Iterator[Callable[..., Audience]]:
    """Make audiences, which are closed at the end; then no thread of theirs may be left."""
    before = set(threading.enumerate())
    audiences: list[Audience] = []

    def make(limit: int = 1_000, changed: Callable[[], None] = lambda: None) -> Audience:
        audiences.append(Audience(run_info(), changed, limit=limit))
        return audiences[-1]

    yield make
    for audience in audiences:
        audience.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT)
        assert not thread.is_alive()


@pytest.fixture
def audience(make_audience: Callable[..., Audience]) -> Audience:
    return make_audience()


@pytest.fixture
def notes(make_audience: Callable[..., Audience]) -> Iterator[Notes]:  # so that it goes on before audiences are closed
    notes = Notes()
    yield notes
    notes.go_on.set()


@pytest.fixture
def held(notes: Notes, audience: Audience) -> Notes:
    """An observer that is within a call, and stays there until told to go on."""
    hold(notes, audience)
    return notes


def hold(notes: Notes, audience: Audience) -> None:
    notes.go_on.clear()
    audience.add(notes)
    assert notes.held.wait(WAIT)


def put(audience: Audience, *ids: int) -> None:
    for number in ids:
        audience.put(move(lamp(number), LampState.dark))


def test_an_observer_is_told_the_beginning_the_moves_and_the_end_in_order(audience: Audience, notes: Notes) -> None:
    audience.add(notes)
    put(audience, 1, 2, 3)
    audience.close()

    run = "the-run"
    moves = [("transitions", 1), ("transitions", 2), ("transitions", 3)]
    assert notes.told == [("started", run), *moves, ("ended", run)]


def test_an_observer_is_called_by_one_thread_which_is_not_the_runs(audience: Audience, notes: Notes) -> None:
    audience.add(notes)
    put(audience, 1)
    audience.close()

    assert len(notes.threads) == 1
    assert threading.current_thread() not in notes.threads


def test_what_gathers_while_an_observer_is_busy_comes_as_one_batch(held: Notes, audience: Audience) -> None:
    put(audience, *range(20))
    held.go_on.set()
    audience.close()

    assert held.batches == [20]


def test_no_thread_is_started_before_there_is_an_observer(make_audience: Callable[..., Audience]) -> None:
    before = threading.active_count()
    make_audience()

    assert threading.active_count() == before


def test_when_it_is_closed_no_thread_is_left(audience: Audience, notes: Notes) -> None:
    audience.add(notes)
    audience.close()

    assert not any(thread.is_alive() for thread in notes.threads)


def test_an_observer_that_comes_late_is_told_from_then_on(audience: Audience, notes: Notes) -> None:
    audience.add(Notes())
    put(audience, 1)
    audience.add(notes)
    put(audience, 2)
    audience.close()

    assert numbers(notes) == [2]


def test_an_observer_that_is_removed_has_been_told_what_was_before_and_its_end(audience: Audience) -> None:
    notes = Notes()
    remove = audience.add(notes)
    put(audience, 1)
    remove()
    put(audience, 2)

    assert [what for what, _ in notes.told] == ["started", "transitions", "ended"]


def test_to_remove_an_observer_twice_is_to_remove_it(audience: Audience, notes: Notes) -> None:
    remove = audience.add(notes)
    remove()
    remove()

    assert notes.told[-1:] == [("ended", "the-run")]


def test_an_observer_may_remove_itself(audience: Audience) -> None:
    told: list[object] = []
    added = threading.Event()

    def once(move: Observation) -> None:
        added.wait(WAIT)
        told.append(move.unit.id)
        remove()

    remove = audience.add(CallbackObserver(once))
    put(audience, 1)
    added.set()
    audience.close()

    assert told == [1]


def test_the_face_learns_when_somebody_begins_to_watch_and_when_nobody_does(
    make_audience: Callable[..., Audience],
) -> None:
    changes: list[bool] = []
    watched: list[Audience] = []
    audience = make_audience(changed=lambda: changes.append(bool(watched[0].puts)))
    watched.append(audience)
    one = audience.add(Notes())
    other = audience.add(Notes())
    one()
    other()

    assert changes == [True, False]


class TestOneThatIsTooSlow:
    """An observer that does not keep up."""

    def test_misses_what_finds_no_room_and_is_told_how_much(
        self, make_audience: Callable[..., Audience], notes: Notes
    ) -> None:
        audience = make_audience(limit=3)
        hold(notes, audience)
        put(audience, *range(10))
        notes.go_on.set()
        audience.close()

        assert notes.told[1:-1] == [("transitions", 0), ("transitions", 1), ("transitions", 2), ("missed", 7)]

    def test_is_reported_once_while_it_is_still_busy(
        self, make_audience: Callable[..., Audience], notes: Notes
    ) -> None:
        audience, warned = make_audience(limit=3), Warned()
        with warned:
            hold(notes, audience)
            put(audience, *range(10))

            assert warned.is_set.wait(WAIT)
            notes.go_on.set()
            audience.close()
        assert len(warned.messages) == 1
        assert "Notes() is too slow for run the-run: 3 moves wait for it" in warned.messages[0]

    def test_holds_up_no_other(self, make_audience: Callable[..., Audience], notes: Notes) -> None:
        audience, other, told = make_audience(limit=3), Notes(), threading.Event()
        hold(notes, audience)
        audience.add(other)
        audience.add(CallbackObserver(lambda move: told.set() if move.unit.id == 1 else None))
        put(audience, 1)

        assert told.wait(WAIT)

    def test_catches_up_within_the_time_that_it_has(self, audience: Audience, held: Notes) -> None:
        put(audience, *range(500))
        held.go_on.set()
        audience.close()

        assert numbers(held) == list(range(500))


class TestOneThatRaises:
    """An observer with a defect."""

    @pytest.fixture
    def bad(self) -> Notes:
        notes = Notes()
        notes.raises["transitions"] = ValueError("my own fault")
        return notes

    def test_is_logged_with_its_traceback(
        self, audience: Audience, bad: Notes, caplog: pytest.LogCaptureFixture
    ) -> None:
        audience.add(bad)
        put(audience, 1)
        audience.close()

        assert "Notes() raised in transitions() and is told no more of run the-run" in caplog.text
        assert "ValueError: my own fault" in caplog.text

    def test_is_told_no_more_but_that_the_run_has_ended(self, audience: Audience, bad: Notes) -> None:
        audience.add(bad)
        put(audience, 1)
        assert bad.ended_at_last.wait(WAIT)
        put(audience, 2)
        audience.close()

        assert bad.told == [("started", "the-run"), ("transitions", 1), ("ended", "the-run")]

    def test_costs_the_run_nothing_more(self, audience: Audience, bad: Notes) -> None:
        audience.add(bad)
        put(audience, 1)
        assert bad.ended_at_last.wait(WAIT)

        assert not audience.puts

    def test_harms_no_other(self, audience: Audience, bad: Notes, notes: Notes) -> None:
        audience.add(bad)
        audience.add(notes)
        put(audience, 1)
        assert bad.ended_at_last.wait(WAIT)
        put(audience, 2)
        audience.close()

        assert numbers(notes) == [1, 2]

    def test_at_the_start_is_told_nothing_else(self, audience: Audience, notes: Notes) -> None:
        notes.raises["started"] = OSError("no such file")
        audience.add(notes)
        put(audience, 1)
        audience.close()

        assert notes.told == [("started", "the-run")]

    def test_whatever_it_raises(self, audience: Audience, notes: Notes) -> None:
        notes.raises["transitions"] = SystemExit(3)
        audience.add(notes)
        put(audience, 1)
        audience.close()

        assert notes.told[-1] == ("ended", "the-run")


class TestOneThatHangs:
    """An observer that does not return."""

    @pytest.mark.usefixtures("held")
    def test_is_left_behind_by_name_with_what_it_was_not_told(
        self, audience: Audience, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(audience, *range(7))
        audience.close(patience=0.0)

        assert "observer Notes() of run the-run had not taken all in when the time was up" in caplog.text
        assert "moves that it was not told of: 7" in caplog.text

    def test_is_told_nothing_more_should_it_come_back(self, audience: Audience, held: Notes) -> None:
        put(audience, 1)
        audience.close(patience=0.0)
        held.go_on.set()
        for thread in held.threads:
            thread.join(WAIT)

        assert held.told == [("started", "the-run")]

    def test_keeps_no_other_from_its_end(self, audience: Audience, held: Notes) -> None:
        other = Notes()
        audience.add(other)
        closer = threading.Thread(target=audience.close, args=(WAIT,))
        closer.start()

        assert other.ended_at_last.wait(WAIT)
        held.go_on.set()
        closer.join(WAIT)

    @pytest.mark.usefixtures("held")
    def test_is_not_waited_for_twice(self, audience: Audience, caplog: pytest.LogCaptureFixture) -> None:
        audience.close(patience=0.0)
        audience.close(patience=60.0)

        assert len(caplog.records) == 1


class TestRefused:
    """What cannot observe."""

    def test_what_is_no_observer(self, audience: Audience) -> None:
        with pytest.raises(ObserverRefused, match=r"print.* is no observer: subclass headrace\.observers\.Observer"):
            audience.add(print)  # type: ignore[arg-type]

    def test_an_observers_class(self, audience: Audience) -> None:
        with pytest.raises(ObserverRefused, match="is no observer"):
            audience.add(Notes)  # type: ignore[arg-type]

    def test_one_that_observes_already(self, audience: Audience, notes: Notes) -> None:
        audience.add(notes)

        with pytest.raises(ObserverRefused, match=r"Notes\(\) observes run the-run already"):
            audience.add(notes)

    def test_one_after_the_end(self, audience: Audience, notes: Notes) -> None:
        audience.close()

        with pytest.raises(ObserverRefused, match="run the-run has ended"):
            audience.add(notes)


def test_whatever_has_the_methods_is_an_observer(audience: Audience) -> None:
    told: list[str] = []

    class Plain:
        def started(self, run: RunInfo) -> None:
            told.append(run.id)

        def transitions(self, run: RunInfo, batch: object) -> None: ...
        def missed(self, run: RunInfo, number: int) -> None: ...
        def ended(self, run: RunInfo) -> None: ...

    audience.add(Plain())
    audience.close()

    assert told == ["the-run"]


def test_who_subclasses_the_protocol_writes_only_what_it_needs(audience: Audience) -> None:
    class OnlyTheEnd(Observer):
        at_last = False

        def ended(self, run: RunInfo) -> None:  # noqa: ARG002 - the protocol's
            self.at_last = True

    observer = OnlyTheEnd()
    audience.add(observer)
    put(audience, 1)
    audience.close()

    assert observer.at_last


def test_a_callback_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="calls a function, not 3"):
        CallbackObserver(3)  # type: ignore[arg-type]


class Warned(logging.Handler):
    """Says when something has been logged by the observers."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.is_set = threading.Event()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.is_set.set()

    def __enter__(self) -> None:
        logging.getLogger("headrace.observers").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("headrace.observers").removeHandler(self)
