"""Stands for `nepi.execution`, `nepi.util` and `nepi.resources`, which hold nothing but modules."""

from __future__ import annotations

__all__: list[str] = []
