"""Spans and moments: what is read from them, what is refused and how, and that they are written back exactly."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.experiments.errors import ExperimentError, InvalidTime
from headrace.experiments.timespan import format_span, moment, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC).timestamp()


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is two hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-2")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2s", 2.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("2m30s", 150.0),
        ("1h 2m 3.5s", 3723.5),
        ("10us", 1e-5),
        ("1d", 86400.0),
        (" 2 s ", 2.0),
        ("1e3s", 1000.0),
        ("0.1s", 0.1),
        ("0s", 0.0),
        ("", 0.0),
        ("  ", 0.0),
        (None, 0.0),
        (3, 3.0),
        (0.25, 0.25),
        (dt.timedelta(minutes=1, milliseconds=1), 60.001),
    ],
)
def test_a_span_is_read(value: str | float | dt.timedelta | None, expected: float) -> None:
    assert seconds(value) == expected


def test_parts_are_added_exactly_and_rounded_once() -> None:
    assert seconds("100ms200us") == 0.1002


@pytest.mark.parametrize(
    "value",
    [-1, -0.5, "-2s", dt.timedelta(seconds=-1), float("nan"), float("inf"), 10**400, "1e308d", True, [], b"2s"],
)
def test_what_is_no_finite_span_of_time_is_refused(value: object) -> None:
    with pytest.raises(InvalidTime):
        seconds(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2x", "not understood from character 1 on, '2x'"),
        ("2m30", "'30' at character 3 has no unit"),
        ("5", "'5' at character 1 has no unit"),
        ("1h -2m", "from character 4 on, '-2m', is negative"),
        ("30s2m", "m at character 5 comes after s"),
        ("1m1m", "m at character 4 comes after m"),
        ("2seconds", "not understood from character 1 on"),
        ("soon", "not understood from character 1 on"),
        ("٣s", "not understood from character 1 on"),
    ],
)
def test_a_refusal_quotes_the_text_the_place_and_the_grammar(text: str, said: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        seconds(text)

    message = str(refused.value)
    assert message.startswith(f"{text!r} is no time span")
    assert said in message
    assert '"2m30s"' in message


def test_a_refusal_of_a_long_text_stays_short() -> None:
    with pytest.raises(InvalidTime) as refused:
        seconds("1" * 1_000_000)

    assert len(str(refused.value)) < 1000


def test_a_refusal_is_an_experiments_error_and_a_value_error() -> None:
    assert issubclass(InvalidTime, ExperimentError)
    assert issubclass(InvalidTime, ValueError)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (150, "2m30s"),
        (0.0, "0s"),
        (-0.0, "0s"),
        (2.0, "2s"),
        (0.5, "500ms"),
        (1e-5, "10us"),
        (5400, "1h30m"),
        (3723.5, "1h2m3.5s"),
        (86400, "1d"),
        (90061.25, "1d1h1m1.25s"),
        (1e-7, "1e-07s"),
        (1e300, "1e+300s"),
    ],
)
def test_a_span_is_written_as_people_write_it(span: float, expected: str) -> None:
    assert format_span(span) == expected


@given(st.floats(min_value=0, allow_infinity=False))
@example(5e-324)
@example(1.7976931348623157e308)
@example(0.1 + 0.2)
@example(59.99999999999999)
@example(999999999999999.9)
@example(1e-6)
@example(9.999999999999999e-4)
def test_what_is_written_reads_as_exactly_the_same(span: float) -> None:
    assert seconds(format_span(span)) == span


@pytest.mark.parametrize("span", [-1.0, float("nan"), float("inf")])
def test_what_is_no_span_is_not_written(span: float) -> None:
    with pytest.raises(InvalidTime):
        format_span(span)


@given(st.text(alphabet="0123456789.-+ edhmsu\n٣", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidTime):
        assert seconds(text) >= 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2m30s", 150.0),
        (None, 0.0),
        (1.5, 1.5),
        (dt.timedelta(seconds=3), 3.0),
        (dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC), 5.0),
        ("2026-06-01T12:00:05Z", 5.0),
        ("2026-06-01T14:00:05.5+02:00", 5.5),
        ("2026-06-01 13:00+00:00", 3600.0),
        # From here on in local time, two hours ahead.
        (dt.datetime.fromisoformat("2026-06-01T14:00:05"), 5.0),
        ("2026-06-01T14:00:05", 5.0),
        ("20260601140005250000", 5.25),
        (dt.date(2026, 6, 2), 36000.0),
        ("2026-06-02", 36000.0),
    ],
)
@pytest.mark.usefixtures("in_paris")
def test_a_moment_is_so_many_seconds_from_now(value: dt.date | str | float | dt.timedelta, expected: float) -> None:
    assert moment(value, NOON) == expected


@pytest.mark.parametrize("value", ["2020-01-01", "20200101000000000000", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)])
def test_a_moment_that_has_passed_is_now(value: dt.date | str) -> None:
    assert moment(value, NOON) == 0.0


@pytest.mark.parametrize(
    "value", ["2026-13-01", "20261301000000000000", "20260601", "-1s", -1, "tomorrow", "2026-06-01T25:00", "1" * 2000]
)
def test_what_is_no_moment_is_refused(value: str | float) -> None:
    with pytest.raises(InvalidTime):
        moment(value, NOON)


def test_the_refusal_of_a_moment_says_how_dates_are_written() -> None:
    with pytest.raises(InvalidTime, match="a date is a datetime, ISO 8601"):
        moment("tomorrow", NOON)


def test_a_wrong_date_in_20_digits_is_named_as_one() -> None:
    with pytest.raises(InvalidTime, match="is no date: there is no 2026-13-01T00:00:00"):
        moment("20261301000000000000", NOON)
