"""How much of an earlier run was of use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reuse"]


@dataclass(slots=True)
class Reuse:
    """What one kernel has of the runs before it. Its numbers grow while it works."""

    #: The id of the run that it resumes; None if it resumes none.
    resumed: str | None = None
    #: That run as people call it: by its directory's name.
    name: str | None = None
    #: How many calls were answered with results of earlier runs, and not run.
    calls: int = 0
    #: How many were answered with an equal call's result in this run.
    shared: int = 0
    #: How many calls of cached apps were run.
    run: int = 0
