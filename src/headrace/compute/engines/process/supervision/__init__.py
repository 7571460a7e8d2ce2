"""What runs beside a command: one small process for each, made of the standard library only.

The nursery imports this package by itself, without the rest of Headrace, so that its children are small. Nothing here
imports anything of Headrace from elsewhere.
"""

from __future__ import annotations

__all__: list[str] = []
