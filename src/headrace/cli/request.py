"""What `headrace run` was asked for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One `headrace run`, as its command line says."""

    #: The path of a script, or the name of a module.
    target: str
    #: Whether `target` is a module's name.
    is_module: bool = False
    #: Everything after the target, untouched.
    arguments: tuple[str, ...] = ()
    #: Say nothing but what failed.
    quiet: bool = False
    #: Say how it is going while it goes.
    progress: bool = True
    #: Let failed tasks alone not make the exit code 3.
    allow_failures: bool = False
    #: Whose results answer equal calls of cached apps: a run, ``"last"``, or None for nobody's.
    resume: str | None = "last"
    #: Seconds to wait for running tasks when told to end; None: as each kernel's `Config` says.
    drain: float | None = None
    #: Stand in for Parsl: ``import parsl`` gives Headrace's own objects.
    parsl: bool = False
    #: Stand in for NEPI: ``import nepi`` likewise.
    nepi: bool = False
