"""Compute: executors run Python callables, engines run commands."""

from __future__ import annotations

__all__: list[str] = []
