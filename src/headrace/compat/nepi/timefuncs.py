"""Stands for `nepi.util.timefuncs`: dates as NEPI's programs handle them, which are naive and local."""

from __future__ import annotations

from datetime import datetime, timedelta

from headrace.experiments.timespan import moment

__all__ = [
    "compute_delay_ms",
    "stabsformat",
    "stformat",
    "tdiff",
    "tdiffsec",
    "tnow",
    "tsformat",
]

_FORMAT = "%Y%m%d%H%M%S%f"


def tnow() -> datetime:
    """Return now, in local time."""
    return datetime.now()  # noqa: DTZ005 - NEPI's are naive


def tdiff(date1: datetime, date2: datetime) -> timedelta:
    """Return how much later the first one is."""
    return date1 - date2


def tdiffsec(date1: datetime, date2: datetime) -> float:
    """Return how many seconds later the first one is."""
    return (date1 - date2).total_seconds()


def tsformat(date: datetime | None = None) -> str:
    """Return a date, now unless given, as 20 digits."""
    return (date or tnow()).strftime(_FORMAT)


def stformat(sdate: str) -> datetime:
    """Return the date that 20 digits say: with its time of day. Raises ValueError."""
    return datetime.strptime(sdate, _FORMAT)  # noqa: DTZ007 - NEPI's are naive


def stabsformat(sdate: str, dbase: datetime | None = None) -> str:
    """Return, as 20 digits, a date that is given so, or as a time span from a base, which is now unless given.

    Raises:
        InvalidTime: it is neither.
    """
    base = dbase or tnow()
    return tsformat(base + timedelta(seconds=moment(sdate, base.timestamp())))


def compute_delay_ms(timestamp2: datetime, timestamp1: datetime) -> float:
    """Return how many milliseconds later the first one is."""
    return tdiffsec(timestamp2, timestamp1) * 1000
