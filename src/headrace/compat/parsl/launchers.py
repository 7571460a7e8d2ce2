"""Stands for `parsl.launchers` and its modules."""

from __future__ import annotations

from typing import Final

from headrace.compat.parsl.notices import refuse, refused_class

__all__ = [
    "AprunLauncher",
    "GnuParallelLauncher",
    "JsrunLauncher",
    "Launcher",
    "MpiExecLauncher",
    "MpiRunLauncher",
    "SimpleLauncher",
    "SingleNodeLauncher",
    "SrunLauncher",
    "SrunMPILauncher",
    "WrappedLauncher",
    "check_launcher",
]

_INSTEAD: Final = (
    "workers are children of this process, so nothing launches them; use SimpleLauncher(), and put what a task needs "
    "into the command of its bash_app"
)

AprunLauncher = refused_class("AprunLauncher", _INSTEAD)
GnuParallelLauncher = refused_class("GnuParallelLauncher", _INSTEAD)
JsrunLauncher = refused_class("JsrunLauncher", _INSTEAD)
MpiExecLauncher = refused_class("MpiExecLauncher", _INSTEAD)
MpiRunLauncher = refused_class("MpiRunLauncher", _INSTEAD)
SrunLauncher = refused_class("SrunLauncher", _INSTEAD)
SrunMPILauncher = refused_class("SrunMPILauncher", _INSTEAD)
WrappedLauncher = refused_class("WrappedLauncher", _INSTEAD)


class Launcher:
    """The base class of ways to start the workers of a block."""

    def __init__(self, debug: bool = True) -> None:  # noqa: FBT001, FBT002 - Parsl's signature
        self.debug = debug

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class SimpleLauncher(Launcher):
    """Nothing but the workers: what Headrace does."""


class SingleNodeLauncher(Launcher):
    """The workers of one node: what Headrace does."""

    def __init__(self, debug: bool = True, fail_on_any: bool = False) -> None:  # noqa: FBT001, FBT002 - Parsl's signature
        super().__init__(debug)
        self.fail_on_any = fail_on_any


def check_launcher(launcher: object) -> None:
    """Refuse ways of launching that do something.

    Raises:
        RefusedError: it is neither of the two that only start workers.
    """
    if type(launcher) not in {SimpleLauncher, SingleNodeLauncher}:
        refuse(f"launcher {launcher!r}", _INSTEAD)
