"""Data: files by URL, where they are, and how they get there."""

from __future__ import annotations

from headrace.data.file import File

__all__ = ["File"]
