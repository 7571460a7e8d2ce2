"""Numbers, times and errors as people read them."""

from __future__ import annotations

import unicodedata

__all__ = ["count", "duration", "error_line", "one_line", "per_second"]

_MINUTE = 60
_HOUR = 3600
# Longer messages are cut: a line is for seeing what is wrong, the exception itself has the rest.
_LONGEST = 200


def count(number: int, noun: str, plural: str = "") -> str:
    """Return the number with its noun: "1 task", "2,000 tasks"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """Return the time in the unit that suits it, with two or three figures."""
    if seconds < 0.9995:  # noqa: PLR2004 - what rounds to a second
        milliseconds = seconds * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"  # noqa: PLR2004 - two figures
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def per_second(rate: float) -> str:
    """Return a rate: "244/s", "0.31/s"."""
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"  # noqa: PLR2004 - two figures


def one_line(text: str) -> str:
    """Return the text on one line, without anything that a terminal would obey, cut if it is long."""
    words = " ".join(text[: 4 * _LONGEST].split())
    safe = "".join(char if unicodedata.category(char)[0] != "C" else "?" for char in words)
    return safe if len(safe) <= _LONGEST else safe[: _LONGEST - 3] + "..."


def error_line(error: BaseException) -> str:
    """Return the error's message on one line; whatever its `__str__` does, this does not raise."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it is any app's own
        return "(its str() raises)"
    return one_line(text)
