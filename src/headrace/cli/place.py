"""Where in the user's own files an exception was raised."""

from __future__ import annotations

import os
import re
import sysconfig
import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Place", "place_of"]

_PACKAGE = str(Path(__file__).parents[1])
# A frame in the text of a traceback, as a worker process sends it beside its exception.
_FRAME = re.compile(r'^\s*File "([^"\n]+)", line (\d+), in (\S+)', re.MULTILINE)
# How deep a chain of causes is followed in search of such a text.
_CAUSES = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{_nearest(self.file)}:{self.line}"


def place_of(error: BaseException) -> Place | None:
    """Return the innermost place in a file that is the user's: not of Python, of an installed package, or of Headrace.

    For an error from another process this comes out of the traceback's text that came with it. None if there is no such
    place.
    """
    frames = [
        Place(frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return _innermost(frames) or _innermost(_sent_along(error))


def _innermost(places: Iterable[Place]) -> Place | None:
    return next((place for place in reversed(list(places)) if _is_the_users(place.file)), None)


def _sent_along(error: BaseException) -> list[Place]:
    cause = error.__cause__
    for _ in range(_CAUSES):
        if cause is None:
            break
        text = getattr(cause, "tb", None)
        if isinstance(text, str):
            return [Place(file, int(line), function) for file, line, function in _FRAME.findall(text)]
        cause = cause.__cause__
    return []


@cache
def _is_the_users(file: str) -> bool:
    if file.startswith("<frozen "):
        return False
    return not any(file == folder or file.startswith(folder + os.sep) for folder in _foreign_folders())


@cache
def _foreign_folders() -> frozenset[str]:
    paths = sysconfig.get_paths()
    installed = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths}
    return frozenset({_PACKAGE, *installed, *map(os.path.realpath, installed)})


def _nearest(file: str) -> str:
    """Return the path as seen from the current folder if it lies within, else as it is."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file
