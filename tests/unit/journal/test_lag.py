"""What the writer knows of the groups that nothing has been derived from."""

from __future__ import annotations

from headrace.journal.lag import Lag
from headrace.journal.store import OpenedRun

NEW = OpenedRun(1, 1, 0, 1)


def test_what_has_been_derived_is_taken_off() -> None:
    lag = Lag(NEW)
    for seq in range(1, 6):
        lag.add(seq, 2_000)

    assert (lag.lines, lag.next(4_000), lag.next(4_001), lag.next(99_999)) == (10_000, 2, 3, 0)
    lag.derived(3)
    assert (lag.lines, lag.next(1)) == (4_000, 4)
    lag.derived(0)
    assert (lag.lines, lag.next(1)) == (0, 0)


def test_small_groups_are_counted_together() -> None:
    """However many groups of a line each are written, few are remembered."""
    lag = Lag(NEW)
    for seq in range(1, 10_001):
        lag.add(seq, 1)

    assert len(lag._groups) < 20
    assert lag.lines == 10_000
    lag.derived(10_000)
    assert lag.lines == 0


def test_what_an_earlier_writer_has_left_is_known_once_it_has_been_derived() -> None:
    lag = Lag(OpenedRun(1, 7, 300, 3, behind=True))

    assert not lag.known
    lag.derived(6)
    assert not lag.known
    lag.derived(0)
    assert lag.known


def test_what_cannot_be_derived_is_forgotten() -> None:
    lag = Lag(NEW)
    lag.add(1, 5)

    lag.forget()

    assert (lag.lines, lag.known) == (0, False)
