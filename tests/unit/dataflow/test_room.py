"""The bound on tasks in flight."""

from __future__ import annotations

import threading

from headrace.dataflow.room import Room

WAIT = 10


def entering(room: Room) -> tuple[threading.Thread, threading.Event]:
    entered = threading.Event()

    def enter() -> None:
        room.enter(object(), may_wait=True)
        entered.set()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    return thread, entered


def test_who_may_not_wait_comes_in_although_there_is_no_room() -> None:
    room = Room(1)
    room.enter("first", may_wait=False)

    room.enter("second", may_wait=False)


def test_whoever_leaves_lets_the_next_in() -> None:
    room = Room(1)
    room.enter("first", may_wait=True)
    thread, entered = entering(room)

    room.leave("first")

    assert entered.wait(WAIT)
    thread.join()


def test_leaving_twice_makes_room_for_one() -> None:
    room = Room(2)
    room.enter("first", may_wait=True)
    room.enter("second", may_wait=True)

    room.leave("first")
    room.leave("first")

    assert room._inside == {"second"}


def test_when_it_closes_everybody_is_let_in() -> None:
    room = Room(1)
    room.enter("first", may_wait=True)
    waiting = [entering(room) for _ in range(3)]

    room.close()

    assert all(entered.wait(WAIT) for _, entered in waiting)
    for thread, _ in waiting:
        thread.join()
