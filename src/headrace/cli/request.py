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
    #: Stand in for Parsl: ``import parsl`` gives Headrace's own objects.
    parsl: bool = False
