"""A backlog keeps the order, keeps within its bounds, and counts what it drops, in its place."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.observers.lamps import WAIT, LampState, lamp, move

from headrace.observers.backlog import BATCH_AT_MOST, Backlog

if TYPE_CHECKING:
    from headrace.core import Transition


def one(number: int) -> Transition:
    return move(lamp(number), LampState.dark, at=float(number))


def take_all(backlog: Backlog) -> list[str]:
    """What is in it: the numbers of the lamps, and how many were missed in between."""
    found: list[str] = []
    while batch := backlog.take():
        found += [f"missed {batch}"] if isinstance(batch, int) else [str(told.unit.id) for told in batch]
    return found


def nothing() -> None:
    """Do nothing."""


def test_what_is_put_comes_out_in_order_with_where_it_was() -> None:
    backlog = Backlog(10, nothing)
    for number, executor in enumerate([None, "wall", "wall", "shelf"]):
        backlog.put(one(number), executor)

    batch = backlog.take()

    assert isinstance(batch, list)
    assert [(told.unit.id, told.executor) for told in batch] == [(0, None), (1, "wall"), (2, "wall"), (3, "shelf")]


def test_an_observation_has_all_that_its_transition_has() -> None:
    backlog, error = Backlog(10, nothing), ValueError("glass")
    unit = lamp()
    move(unit, LampState.dark)
    transition = move(unit, LampState.broken, at=3.0, cause=error)
    backlog.put(transition, "wall")

    batch = backlog.take()

    assert isinstance(batch, list)
    assert batch[0] == (*transition, "wall")


def test_a_batch_is_bounded() -> None:
    backlog = Backlog(10_000, nothing)
    for number in range(BATCH_AT_MOST + 1):
        backlog.put(one(number))

    assert [len(batch) for batch in (backlog.take(), backlog.take()) if isinstance(batch, list)] == [BATCH_AT_MOST, 1]


def test_a_move_that_is_told_twice_in_a_row_counts_once() -> None:
    backlog, again = Backlog(10, nothing), one(1)
    for transition in (one(0), again, again):
        backlog.put(transition)

    assert take_all(backlog) == ["0", "1"]


def test_a_move_that_is_told_again_after_it_was_taken_counts_once() -> None:
    backlog, again = Backlog(10, nothing), one(1)
    backlog.put(again)
    first = take_all(backlog)
    backlog.put(again)

    assert (first, take_all(backlog)) == (["1"], [])


def test_what_finds_no_room_is_counted_after_what_did() -> None:
    backlog = Backlog(3, nothing)
    for number in range(8):
        backlog.put(one(number))

    assert take_all(backlog) == ["0", "1", "2", "missed 5"]


def test_what_was_missed_stands_between_what_came_before_and_after() -> None:
    backlog = Backlog(3, nothing)
    for number in range(5):
        backlog.put(one(number))
    batch = backlog.take()
    backlog.put(one(5))

    assert isinstance(batch, list)
    assert take_all(backlog) == ["missed 2", "5"]


def test_each_gap_is_told_by_itself() -> None:
    backlog = Backlog(2, nothing)
    told = []
    for number in range(10):
        backlog.put(one(number))
        if number == 5:
            told += take_all(backlog)

    assert [*told, *take_all(backlog)] == ["0", "1", "missed 4", "6", "7", "missed 2"]


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4))
def test_whatever_the_timing_every_move_is_told_or_counted_in_its_place(puts: list[bool], limit: int) -> None:
    backlog = Backlog(limit, nothing)
    told: list[str] = []
    number = 0
    for is_put in puts:
        if is_put:
            backlog.put(one(number))
            number += 1
        elif batch := backlog.take():
            told += [f"missed {batch}"] if isinstance(batch, int) else [str(got.unit.id) for got in batch]
    told += take_all(backlog)

    expected = 0
    for line in told:
        if line.startswith("missed"):
            expected += int(line.split()[1])
        else:
            assert line == str(expected)
            expected += 1
    assert expected == number


def test_the_first_drop_of_all_is_reported_and_no_other() -> None:
    reports: list[None] = []
    backlog = Backlog(1, lambda: reports.append(None))
    for number in range(4):
        backlog.put(one(number))
    take_all(backlog)
    for number in range(4, 8):
        backlog.put(one(number))

    assert len(reports) == 1


def test_it_says_how_much_is_left() -> None:
    backlog = Backlog(3, nothing)
    for number in range(5):
        backlog.put(one(number))

    assert backlog.left() == 5
    take_all(backlog)
    assert backlog.left() == 0


def test_whoever_waits_is_woken_by_what_is_put() -> None:
    backlog = Backlog(3, nothing)
    waiter = threading.Thread(target=backlog.wait)
    waiter.start()
    backlog.put(one(0))
    waiter.join(WAIT)

    assert not waiter.is_alive()


def test_nobody_waits_while_there_is_something() -> None:
    backlog = Backlog(3, nothing)
    backlog.put(one(0))
    waiter = threading.Thread(target=backlog.wait, daemon=True)
    waiter.start()
    waiter.join(WAIT)

    assert not waiter.is_alive()


def test_one_thread_puts_while_another_takes_and_nothing_is_lost() -> None:
    backlog = Backlog(500, nothing)
    number, told, done = 20_000, 0, threading.Event()
    transitions = [one(each) for each in range(number)]

    def put_all() -> None:
        for transition in transitions:
            backlog.put(transition)
        done.set()
        backlog.ring()

    thread = threading.Thread(target=put_all)
    thread.start()
    while not done.is_set() or backlog.left():
        batch = backlog.take()
        if isinstance(batch, int):
            told += batch
        else:
            assert [got.unit.id for got in batch] == list(range(told, told + len(batch)))
            told += len(batch)
        if not batch:
            backlog.wait(0.01)
    thread.join(WAIT)

    assert told == number
