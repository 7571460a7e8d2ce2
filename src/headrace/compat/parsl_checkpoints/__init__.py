"""Checkpoints in the form that Parsl has: read, and written.

`ParslCheckpoints` answers calls with the results in checkpoints that Parsl wrote. It works in programs written for
Headrace, and in those that are written for Parsl: `headrace.compat.parsl` uses it by itself. Importing this package
does not stand in for Parsl.
"""

from __future__ import annotations

from headrace.compat.errors import BadCheckpoint
from headrace.compat.parsl_checkpoints.results import ParslCheckpoints

__all__ = ["BadCheckpoint", "ParslCheckpoints"]
