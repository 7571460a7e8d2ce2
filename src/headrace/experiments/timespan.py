"""How an experiment's times are written: spans, as "2m30s", and moments, as a span from now or a date."""

from __future__ import annotations

import datetime as dt
import math
import re
import reprlib
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from headrace.experiments.errors import InvalidTime

__all__ = ["Moment", "Span", "format_span", "moment", "seconds"]

#: What says how long: text, seconds as a number, or a timedelta. None and "" are no time at all.
Span: TypeAlias = "str | float | dt.timedelta | None"
#: What says when: how long from now, or a date.
Moment: TypeAlias = "Span | dt.date"

# Largest first, as they must follow one another in a text.
_UNITS = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
    "us": Fraction(1, 1_000_000),
}
_ORDER = list(_UNITS)
# The exponent is bounded, since 1e999999999 is exact here and would take all memory.
_PART = re.compile(r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?)\s*(ms|us|[dhms])(?![a-z])\s*", re.ASCII)
_LONGEST_TEXT = 1000
_GRAMMAR = 'A span is numbers with units, the largest first, of d, h, m, s, ms, us: "2s", "1.5h", "2m30s", "1h 2m 3.5s"'
_DATES = 'a date is a datetime, ISO 8601 ("2026-01-31T12:00:00+01:00") or 20 digits YYYYmmddHHMMSSffffff (local time)'
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{6})", re.ASCII)
# The notation with the seconds written out is exact to any size, but nobody reads 11574074074074 days.
_PLAIN_BELOW = 1e15
_MILLISECOND = 1e-3
_MICROSECOND = 1e-6


def seconds(value: Span) -> float:
    """Return how many seconds a span of time is: 0 or more, and finite.

    A number is seconds. A text is one or more numbers with units, the largest unit first and each once, with or without
    spaces: "2s", "500ms", "1.5h", "2m30s", "1h 2m 3.5s", "10us", "1d". The sum is exact, rounded once.

    Raises:
        InvalidTime: it is negative, not finite, or says no span; the message quotes it, and where it went wrong.
    """
    if value is None:
        return 0.0
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, dt.timedelta):
        return _checked(value.total_seconds(), value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _checked(value, value)
    raise InvalidTime(f"{_quoted(value)} is no time span: {type(value).__name__}s say none. {_GRAMMAR}")


def moment(value: Moment, clock_wall: float) -> float:
    """Return how many seconds from now a moment is: 0 for one that has passed.

    Args:
        value: how long from now, as `seconds` takes it, or a date: a datetime (one without a zone is local time), a
            date (its midnight), a text in ISO 8601, or NEPI's 20 digits YYYYmmddHHMMSSffffff in local time.
        clock_wall: what the wall clock shows now: seconds since the Unix epoch.

    Raises:
        InvalidTime: it says neither, or a date that no clock shows.
    """
    date = _date(value)
    if date is None:
        if isinstance(value, str):
            return _parsed(value, also=f"; {_DATES}")
        assert not isinstance(value, dt.date)  # noqa: S101 - ours: every date is a datetime by now
        return seconds(value)
    try:
        then = date.timestamp()
    except (OverflowError, OSError, ValueError) as error:
        raise InvalidTime(f"{_quoted(value)} is beyond what this machine's clock can show") from error
    return max(0.0, then - clock_wall)


def format_span(span: float) -> str:
    """Write so many seconds as a text, as "2m30s", from which `seconds` reads exactly the same number.

    Raises:
        InvalidTime: it is negative or not finite.
    """
    span = _checked(span, span)
    if span >= _PLAIN_BELOW or 0 < span < _MICROSECOND:
        return f"{span!r}s"
    exact = Decimal(repr(span))
    if span < _MILLISECOND:
        return f"{_plain(exact * 1_000_000)}us" if span else "0s"
    if span < 1:
        return f"{_plain(exact * 1000)}ms"
    written = ""
    for unit in ("d", "h", "m"):
        count, exact = divmod(exact, int(_UNITS[unit]))
        written += f"{count}{unit}" if count else ""
    return f"{written}{_plain(exact)}s" if exact else written


def _plain(number: Decimal) -> str:
    """Write a number without an exponent, and without zeros that say nothing."""
    return f"{number.normalize():f}"


def _parsed(text: str, *, also: str = "") -> float:
    if len(text) > _LONGEST_TEXT:
        raise InvalidTime(f"{_quoted(text)} is no time span: it is {len(text)} characters long. {_GRAMMAR}{also}")
    total, at, last = Fraction(0), 0, -1
    end = len(text.rstrip())
    while at < end:
        part = _PART.match(text, at)
        if part is None:
            raise _unreadable(text, at, also)
        number, unit = part.groups()
        if _ORDER.index(unit) <= last:
            raise InvalidTime(
                f"{_quoted(text)} is no time span: {unit} at character {part.start(2) + 1} comes after "
                f"{_ORDER[last]}. {_GRAMMAR}{also}"
            )
        total += Fraction(number) * _UNITS[unit]
        at, last = part.end(), _ORDER.index(unit)
    try:
        return float(total)
    except OverflowError:
        raise InvalidTime(f"{_quoted(text)} is more seconds than a number can hold") from None


def _unreadable(text: str, at: int, also: str) -> InvalidTime:
    at += len(text[at:]) - len(text[at:].lstrip())
    rest = text[at:]
    if re.fullmatch(r"\d+(\.\d+)?(e[+-]?\d+)?", rest.rstrip(), re.ASCII):
        why = f"{_quoted(rest.rstrip())} at character {at + 1} has no unit"
    elif rest.startswith("-"):
        why = f"the part from character {at + 1} on, {_quoted(rest)}, is negative"
    else:
        why = f"not understood from character {at + 1} on, {_quoted(rest)}"
    return InvalidTime(f"{_quoted(text)} is no time span: {why}. {_GRAMMAR}{also}")


def _checked(number: float, value: object) -> float:
    try:
        span = float(number)
    except OverflowError:
        raise InvalidTime(f"{_quoted(value)} is more seconds than a number can hold") from None
    if not math.isfinite(span):
        raise InvalidTime(f"{_quoted(value)} is no time span: it is not finite")
    if span < 0:
        raise InvalidTime(f"{_quoted(value)} is no time span: it is negative")
    return span or 0.0  # -0.0 is none


def _date(value: Moment) -> dt.datetime | None:
    """Return the date that something says, None if it says none."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.min)
    if not isinstance(value, str):
        return None
    text = value.strip()
    stamp = _STAMP.fullmatch(text)
    if stamp is not None:
        text = "{}-{}-{}T{}:{}:{}.{}".format(*stamp.groups())
    elif text.isdigit() or len(text) > _LONGEST_TEXT:
        # Without a unit 20260131 could be seconds, too.
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        if stamp is None:
            return None
    raise InvalidTime(f"{_quoted(value)} is no date: there is no {text}")


def _quoted(value: object) -> str:
    return _REPR.repr(value)


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 100
