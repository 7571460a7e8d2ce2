"""The writer's thread, on a store that only notes what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from headrace.core import SystemClock
from headrace.core.thread import Thread
from headrace.journal.inbox import MOVE_SIZE, Inbox
from headrace.journal.store import OpenedRun
from headrace.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.journal.group import Group
    from headrace.journal.store import Store


class Notes:
    """Stands for a store."""

    place = "nowhere"
    signing_key = b""
    derives = True

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def append(self, group: Group, *, sync: bool, derive_to: int = 0) -> None:
        del sync, derive_to
        self.groups.append(group)
        self.meanwhile()

    def project(self, number: int, lines: int) -> bool:
        del number, lines
        return False


class Watched(Inbox):
    """Notes how long the writer lets things gather, and tells one more each time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, seconds: float | None) -> bool:
        self.waits.append(seconds)
        self.put(f'"{len(self.waits)}"', 3)
        return True


def writer_of(inbox: Inbox, notes: Notes) -> Writer:
    opened = OpenedRun(number=1, next_seq=1, next_line=0, next_word=1)
    return Writer(inbox, cast("Store", notes), "run", opened, SystemClock(), None, little=1 << 20)


def test_what_is_told_while_a_group_is_written_gathers_before_the_next() -> None:
    """Else a busy run would have its groups written one after another without a pause, each as small as can be."""
    inbox, notes = Watched(), Notes()
    writer = writer_of(inbox, notes)
    inbox.put('"a"', 3)
    notes.meanwhile = lambda: inbox.put('"b"', 3)

    assert writer._step()
    assert writer._step()

    assert [group.body for group in notes.groups] == ['"a"', '"b",\n"1"']
    assert inbox.waits == [0.01, 0.01]


def test_what_somebody_waits_for_does_not_gather() -> None:
    inbox, notes = Watched(), Notes()
    writer = writer_of(inbox, notes)

    def urgently() -> None:
        inbox.put('"b"', 3)
        inbox.hurry()

    inbox.put('"a"', 3)
    notes.meanwhile = urgently
    assert writer._step()
    assert not inbox.waits
    notes.meanwhile = lambda: None
    assert writer._step()
    assert [group.body for group in notes.groups] == ['"a"', '"b"']
    assert not inbox.urgent


def test_what_is_a_group_by_itself_does_not_gather() -> None:
    inbox, notes = Watched(), Notes()
    writer = writer_of(inbox, notes)
    for number in range(3 * 4096):
        inbox.put(f'"{number}"', 5)

    for _ in range(3):
        assert writer._step()

    assert [group.count for group in notes.groups] == [4096, 4096, 4096]
    assert not inbox.waits


def test_lines_are_numbered_one_by_one_when_two_are_told_at_once() -> None:
    inbox, notes = Inbox(), Notes()
    writer = writer_of(inbox, notes)

    inbox.put(('"u1",\n"m', 2.5, 1), 0)
    inbox.put('"b"', 3)
    writer._step()
    inbox.put(('"m', 2.5, "x"), 0)
    writer._step()

    assert [(group.first, group.count) for group in notes.groups] == [(0, 3), (3, 1)]
    assert notes.groups[0].body == '"u1",\n"m10000000000025000001",\n"b"'
    assert notes.groups[1].body == '"m1000000000002500000x"'


@pytest.mark.parametrize("between", [(), ('"b"',)], ids=["moves", "moves and lines"])
def test_what_is_told_twice_in_a_row_is_written_once(between: tuple[str, ...]) -> None:
    inbox, notes = Inbox(), Notes()
    writer = writer_of(inbox, notes)
    for item in (("m", 1.0, 1), ("m", 1.0, 1), *between, ("m", 2.0, 1), ("m", 2.0, 1)):
        inbox.put(cast("Any", item), 0)
    writer._step()
    inbox.put(("m", 2.0, 1), 0)
    writer._take()

    (group,) = notes.groups
    assert group.count == 2 + len(between)
    assert not writer._pending


def test_as_much_is_freed_as_was_put() -> None:
    inbox, notes = Inbox(), Notes()
    writer = writer_of(inbox, notes)

    def move() -> None:
        inbox.size += MOVE_SIZE
        inbox.items.append(('"u1",\n"m', 1.0, 1))

    move()
    inbox.put('"a"', 3)
    # There is always something left, so nothing is put right by the inbox' being empty.
    notes.meanwhile = move
    writer._step()
    assert inbox.size == MOVE_SIZE


def test_bells_that_were_rung_for_what_has_been_taken_out_are_not_heard_later() -> None:
    inbox = Inbox()
    for _ in range(3):
        inbox.put('"a"', 3)
        inbox.hurry()
        inbox.taking()
        inbox.items.clear()

    assert not inbox.wait(0.0)


def test_a_writer_that_ends_early_says_how_many_records_it_has_not_written() -> None:
    inbox, notes = Inbox(), Notes()
    writer = writer_of(inbox, notes)
    writer._thread = Thread(target=lambda: None, name="ends at once")
    writer.start()
    inbox.put(('"u1",\n"m', 2.5, 1), 0)
    inbox.put('"b"', 3)

    assert writer.close(1.0) == 3
