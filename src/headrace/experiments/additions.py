"""What has been added to a run's file since it was written whole: a file of lines beside it.

A program may deploy thousands of resources one by one, and each deployment is to be on disk before it begins. Writing
the whole file each time would cost as much as there is by then, so what is new is added to a file of its own, which the
next whole write makes superfluous. The whole file names it; so one that was left over by a crash is never read.

Each line is a list of what has changed, in order; saying the same again changes nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "ASKED",
    "CONNECTED",
    "DEPLOY",
    "DISCONNECTED",
    "GIVEN_UP",
    "GLOBALS",
    "GONE",
    "NOT_DEPLOYED",
    "RESOURCE",
    "Additions",
    "additions_path",
    "fold",
    "read_additions",
]

#: The kinds of changes.
RESOURCE: Final = "resource"
GONE: Final = "gone"
CONNECTED: Final = "connected"
DISCONNECTED: Final = "disconnected"
GLOBALS: Final = "globals"
DEPLOY: Final = "deploy"
NOT_DEPLOYED: Final = "not deployed"
ASKED: Final = "asked"
GIVEN_UP: Final = "given_up"


def additions_path(whole: Path, name: str) -> Path:
    """Return where the lines are that belong to a whole file."""
    return whole.with_name(f"{whole.stem}-{name}.jsonl")


class Additions:
    """The lines that are added to one whole file. One thread at a time may use it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._on_disk = False
        #: How many bytes have been added.
        self.size = 0

    def add(self, line: str, *, durable: bool) -> None:
        """Add a line: whoever reads the file from now on finds it; with `durable` also after a loss of power.

        Raises OSError, and then nothing more is to be added.
        """
        if self._handle is None:
            self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        data = f"{line}\n".encode()
        written = 0
        while written < len(data):
            written += os.write(self._handle, data[written:])
        self.size += len(data)
        if durable:
            os.fsync(self._handle)
            if not self._on_disk:
                _sync_folder(self._path.parent)
                self._on_disk = True

    def close(self) -> None:
        """Close the file."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_additions(path: Path) -> list[list[list[Any]]]:
    """Return the lines that have been added; not one that was cut short, nor what comes after such a one.

    Raises OSError, unless there is no such file: then nothing was added.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = []
    for line in data.split(b"\n")[:-1]:
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def fold(content: dict[str, Any], lines: Iterable[list[list[Any]]]) -> None:
    """Have what a whole file says say as well what has been added to it."""
    folder = _Folder(content)
    for line in lines:
        for kind, *what in line:
            folder.take(kind, *what)
    folder.finish()


class _Folder:
    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content
        self._resources: dict[int, Any] = {each["guid"]: each for each in content.get("resources") or ()}
        self._pairs = {_pair(*each): None for each in content.get("connections") or ()}
        self._globals: dict[str, Any] = content.get("globals") or {}
        self._deploys: list[Any] = list(content.get("deploy") or ())
        self._kept: dict[str, Any] = content.setdefault("run", {})
        self._asked = {(each["guid"], each["action"]): each for each in self._kept.get("asked") or ()}

    def take(self, kind: str, *what: Any) -> None:  # noqa: ANN401 - plain values
        """Take one change."""
        if kind == RESOURCE:
            self._resources[what[0]["guid"]] = what[0]
        elif kind == GONE:
            self._resources.pop(what[0], None)
        elif kind == CONNECTED:
            self._pairs.setdefault(_pair(*what))
        elif kind == DISCONNECTED:
            self._pairs.pop(_pair(*what), None)
        elif kind == GLOBALS:
            self._globals = what[0]
        elif kind == DEPLOY:
            self._deploys.append(what[0])
        elif kind == NOT_DEPLOYED:
            # It may have been asked for before, and that stands.
            self._deploys = [each for each in self._deploys if each != what[0]] + [what[0]] * what[1]
        elif kind == ASKED:
            self._asked[what[0]["guid"], what[0]["action"]] = what[0]
        elif kind == GIVEN_UP:
            self._kept["given_up"] = what[0]

    def finish(self) -> None:
        """Put together what there is now."""
        here = self._resources
        found = {
            "resources": list(here.values()),
            "connections": [[one, other] for one, other in self._pairs if one in here and other in here],
            "globals": self._globals,
            "deploy": list({json.dumps(each): each for each in self._deploys}.values()),
        }
        for key, value in found.items():
            if value or key == "resources":
                self._content[key] = value
            else:
                self._content.pop(key, None)
        self._kept["asked"] = [each for each in self._asked.values() if each["guid"] in here]


def _pair(one: int, other: int) -> tuple[int, int]:
    return (min(one, other), max(one, other))
