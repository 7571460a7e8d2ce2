"""Parsl on four threads, its logging off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.backends import parsl_threads

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.backends.base import Backend

__all__ = ["open_backend"]


def open_backend(scratch: Path) -> Backend:
    """As `parsl_threads`, with `initialize_logging=False`."""
    return parsl_threads.open_backend(scratch, initialize_logging=False)
