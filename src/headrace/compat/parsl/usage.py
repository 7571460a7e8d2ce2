"""Stands for `parsl.usage_tracking.levels`. Headrace reports nothing to anybody, at any level."""

from __future__ import annotations

from typing import Final

__all__ = ["DISABLED", "LEVEL_1", "LEVEL_2", "LEVEL_3"]

DISABLED: Final = 0
LEVEL_1: Final = 1
LEVEL_2: Final = 2
LEVEL_3: Final = 3
