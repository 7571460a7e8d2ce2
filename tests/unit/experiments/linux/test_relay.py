"""The cable that is a process: one direction of it, on a clock of the test's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from headrace.experiments.linux.relay import Course, Form, main

if TYPE_CHECKING:
    import pytest

PACKET = bytes(1000)


def arrivals(course: Course, until: float = 1e9) -> list[float]:
    """Let everything arrive; return when each packet did."""
    times = []
    while (due := course.next_due()) is not None and due <= until:
        times += [due] * len(list(course.arrived(due)))
    return times


def test_a_packet_arrives_after_the_delay_and_not_before() -> None:
    course = Course(Form(delay=0.5))
    course.offer(PACKET, 10.0)

    assert course.next_due() == 10.5
    assert list(course.arrived(10.49)) == []
    assert list(course.arrived(10.5)) == [PACKET]
    assert course.next_due() is None


def test_packets_are_sent_one_after_the_other_at_the_rate() -> None:
    course = Course(Form(rate=8000))  # 1000 bytes a second
    for _ in range(3):
        course.offer(PACKET, 0.0)

    assert arrivals(course) == [1.0, 2.0, 3.0]


def test_a_rate_and_a_delay_add_up_for_the_first_packet_only() -> None:
    course = Course(Form(rate=8000, delay=0.5))
    for _ in range(3):
        course.offer(PACKET, 0.0)

    assert arrivals(course) == [1.5, 2.5, 3.5]


def test_a_pause_is_not_made_up_for() -> None:
    course = Course(Form(rate=8000))
    course.offer(PACKET, 0.0)
    first = arrivals(course)
    course.offer(PACKET, 5.0)

    assert first + arrivals(course) == [1.0, 6.0]


def test_a_packet_beyond_the_queue_is_lost() -> None:
    course = Course(Form(delay=1, queue=2))
    for _ in range(5):
        course.offer(PACKET, 0.0)

    assert len(arrivals(course)) == 2


def test_chance_decides_which_packets_are_lost() -> None:
    chances = iter([0.1, 0.3, 0.29, 0.9])
    course = Course(Form(loss=0.3), lambda: next(chances))
    for name in b"abcd":
        course.offer(bytes([name]), 0.0)

    assert b"".join(course.arrived(0.0)) == b"bd"


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=50))
def test_jitter_stays_within_its_bounds(chances: list[float]) -> None:
    given_chances = iter(chances)
    course = Course(Form(delay=0.5, jitter=0.2), lambda: next(given_chances))
    for _ in chances:
        course.offer(PACKET, 0.0)

    assert all(0.3 - 1e-9 <= time <= 0.7 + 1e-9 for time in arrivals(course))


def test_with_jitter_a_packet_may_overtake_another() -> None:
    chances = iter([1.0, 0.0])
    course = Course(Form(delay=0.5, jitter=0.2), lambda: next(chances))
    course.offer(b"first", 0.0)
    course.offer(b"second", 0.1)

    assert list(course.arrived(1.0)) == [b"second", b"first"]


def test_without_jitter_the_order_is_kept() -> None:
    course = Course(Form(delay=0.5))
    sent = [bytes([number]) for number in range(20)]
    for packet in sent:
        course.offer(packet, 0.0)

    assert list(course.arrived(0.5)) == sent


def test_a_changed_form_is_for_the_packets_that_come_after() -> None:
    course = Course(Form(delay=1))
    course.offer(b"before", 0.0)
    course.form = Form(delay=0.1)
    course.offer(b"after", 0.0)

    assert list(course.arrived(0.1)) == [b"after"]
    assert list(course.arrived(1.0)) == [b"before"]


def test_a_command_line_that_is_not_understood_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "relay.py run CONTROL" in capsys.readouterr().err
