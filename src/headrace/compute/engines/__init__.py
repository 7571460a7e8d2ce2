"""Engines: what runs a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.compute.engines.base import (
    INHERIT,
    JOB,
    CommandSpec,
    Engine,
    EngineClosedError,
    EngineError,
    EngineUnreachableError,
    Handle,
    Inherit,
    JobState,
    KeyTakenError,
    LaunchError,
    Orphan,
    Output,
    Status,
    StreamError,
    UnknownJobError,
    UnsupportedSpecError,
    Watcher,
)

if TYPE_CHECKING:
    from headrace.compute.engines.process import ProcessEngine

__all__ = [
    "INHERIT",
    "JOB",
    "CommandSpec",
    "Engine",
    "EngineClosedError",
    "EngineError",
    "EngineUnreachableError",
    "Handle",
    "Inherit",
    "JobState",
    "KeyTakenError",
    "LaunchError",
    "Orphan",
    "Output",
    "ProcessEngine",
    "Status",
    "StreamError",
    "UnknownJobError",
    "UnsupportedSpecError",
    "Watcher",
]


def __getattr__(name: str) -> object:
    # The engines themselves are imported when they are used: programs without commands need none.
    if name == "ProcessEngine":
        from headrace.compute.engines.process import ProcessEngine  # noqa: PLC0415 - see above

        return ProcessEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
