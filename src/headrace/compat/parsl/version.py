"""Stands for `parsl.version`."""

from __future__ import annotations

from typing import Final

__all__ = ["VERSION"]

#: The version of Parsl whose names and meanings are offered.
VERSION: Final = "2026.10.26"
