"""Ages, as they are given on a command line."""

from __future__ import annotations

import re
from typing import Final

from headrace.cli.history.place import CannotDo

__all__ = ["age_of"]

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def age_of(text: str) -> float:
    """Return the seconds that ``90s``, ``30m``, ``12h``, ``7d`` or ``2w`` means. Raises CannotDo."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip())
    if found is None:
        raise CannotDo(f"{text!r} is no age: a number and s, m, h, d or w, such as 12h or 30d")
    return float(found[1]) * _SECONDS[found[2]]
