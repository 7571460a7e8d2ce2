"""The commands over experiments: running one from a file, and looking at runs that go on or are over."""

from __future__ import annotations

__all__: list[str] = []
