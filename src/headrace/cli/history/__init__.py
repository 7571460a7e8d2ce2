"""The commands over the journal: what ran, what runs, why something does not, and running it again."""

from __future__ import annotations

__all__: list[str] = []
