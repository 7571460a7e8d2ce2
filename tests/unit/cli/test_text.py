"""Numbers, times and errors as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.cli.text import count, duration, error_line, one_line, per_second


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 ms"),
        (0.0000131, "0.013 ms"),
        (0.0043, "4.3 ms"),
        (0.024, "24 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_suits_it(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(("rate", "expected"), [(1234.5, "1,234/s"), (10, "10/s"), (9.87, "9.9/s"), (0, "0/s")])
def test_a_rate_has_two_figures(rate: float, expected: str) -> None:
    assert per_second(rate) == expected


def test_a_number_agrees_with_its_noun() -> None:
    assert [count(1, "task"), count(2000, "task"), count(2, "retry", "retries")] == [
        "1 task",
        "2,000 tasks",
        "2 retries",
    ]


@given(st.text(max_size=3000))
def test_one_line_is_one_short_line_that_no_terminal_obeys(text: str) -> None:
    line = one_line(text)

    assert len(line) <= 200
    assert line.isprintable() or all(char.isprintable() or char.isspace() for char in line)
    assert "\n" not in line
    assert "\x1b" not in line


def test_an_error_that_cannot_be_printed_is_told_of_nevertheless() -> None:
    class Shy(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert error_line(Shy()) == "(its str() raises)"
