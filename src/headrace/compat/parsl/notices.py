"""How programs are told of what is accepted without effect, and of what is refused."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import headrace
from headrace.compat.errors import CompatWarning, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["refuse", "refused_class", "tell", "tell_of_options"]

_PACKAGE = str(Path(headrace.__file__).parent) + os.sep


def tell(message: str) -> None:
    """Warn, at the line of the program that led here; Python shows that once a line."""
    warnings.warn(message, CompatWarning, stacklevel=_frames_of_ours())


def tell_of_options(owner: str, options: Mapping[str, tuple[object, object]], why: str) -> None:
    """Warn of those options whose value is not the default: they have no effect. One warning names them all.

    Args:
        owner: what the options belong to.
        options: each option's value and default.
        why: what is here instead; a clause.
    """
    given = [name for name, (value, default) in options.items() if value != default]
    if given:
        plural = "s" if len(given) > 1 else ""
        tell(f"{owner}: option{plural} without effect here: {', '.join(given)}; {why}")


def refuse(what: str, instead: str) -> Never:
    """Raise RefusedError, which says what is not here and what to do instead."""
    raise RefusedError(f"{what} is not available in Headrace: {instead}")


def refused_class(name: str, instead: str) -> type[Any]:
    """Return a class that can be named and subclassed, and refuses by its name to be made."""

    def __init__(self: object, *_: object, **__: object) -> None:  # noqa: N807 - it becomes one
        refuse(f"Parsl's {type(self).__name__}", instead)

    text = f"Parsl's `{name}`, which is not here. Making one raises `RefusedError`: {instead}."
    return type(name, (), {"__init__": __init__, "__doc__": text, "__module__": _caller()})


def _frames_of_ours() -> int:
    """Count the frames from `warnings.warn` up to the first that is not ours, as a `stacklevel`."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to walk up the stack
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    return level


def _caller() -> str:
    return str(sys._getframe(2).f_globals["__name__"])  # noqa: SLF001 - as namedtuple does, so that it pickles
