"""A folder to import from, for a process that is to have nothing else of Headrace: workers begin in milliseconds."""

from __future__ import annotations

__all__: list[str] = []
