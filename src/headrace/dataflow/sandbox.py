"""A directory of a command's own, of which only declared files are kept."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.dataflow.errors import BadSandboxPath

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

__all__ = ["Sandbox"]


class Sandbox:
    """A new directory under `scratch`; it is deleted with all that is in it when the ``with`` block ends.

    Relative paths among a call's `inputs` and `outputs` are meant from the workflow's directory, and are the same
    within the sandbox: an input is linked to there, an output is moved from there; what is both is copied first, so
    that a command that fails changes nothing. Absolute paths are as they are.

    Args:
        scratch: the directory in which it is made; made itself if need be.
        name: what the directory's name begins with.
        home: the workflow's directory.
    """

    def __init__(self, scratch: Path, name: str, home: Path) -> None:
        self._home = home
        scratch.mkdir(parents=True, exist_ok=True)
        prefix = re.sub(r"\W+", "_", name).strip("_")
        self.path = Path(tempfile.mkdtemp(prefix=f"{prefix}_", dir=scratch)).resolve()

    def bring(self, inputs: Iterable[object], outputs: Iterable[str | os.PathLike[str]]) -> None:
        """Make the directories that lead to inputs and outputs, and the inputs be there.

        Raises:
            BadSandboxPath: a relative path leads out of the sandbox.
        """
        written = {self._place(output) for output in outputs} - {None}
        for place in written:
            if place is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
        for one in inputs:
            if not isinstance(one, str | os.PathLike):
                continue
            place = self._place(one)
            if place is not None and not os.path.lexists(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                original = self._home / os.fspath(one)
                if place in written:
                    _copy(original, place)
                else:
                    place.symlink_to(original)

    def keep(self, outputs: Iterable[str | os.PathLike[str]]) -> list[object]:
        """Move the outputs to where they are meant to be.

        Return those that are not there; if any is not, none is moved.

        Raises:
            BadSandboxPath: a file would take the place of a directory, or the other way round.
        """
        moves: dict[Path, Path] = {}
        missing: list[object] = []
        for output in outputs:
            place = self._place(output)
            if not (place or Path(output)).exists():
                missing.append(output)
            elif place is not None:
                moves[place] = self._home / os.fspath(output)
        if missing:
            return missing
        for place, target in moves.items():
            if target.exists() and target.is_dir() != place.is_dir():
                kinds = ("directory", "file") if place.is_dir() else ("file", "directory")
                raise BadSandboxPath(
                    f"the output {str(target)!r} is a {kinds[0]}, but a {kinds[1]} of that name is there"
                )
        for place, target in moves.items():
            self._resolve_links(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            _move(place, target)
        return missing

    def _resolve_links(self, place: Path) -> None:
        """Put copies in the place of those links within an output that lead to what will not be kept."""
        links = [place] if place.is_symlink() else []
        if not links and place.is_dir():
            links = [Path(top, name) for top, dirs, files in os.walk(place) for name in (*dirs, *files)]
        for link in links:
            if link.is_symlink():
                real = link.resolve()
                if (
                    real.is_relative_to(self.path)
                    and not (link != place and real.is_relative_to(place))
                    and real.exists()
                ):
                    link.unlink()
                    _copy(real, link)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _place(self, path: str | os.PathLike[str]) -> Path | None:
        """Return where a path is within the sandbox; None for an absolute one."""
        text = os.fspath(path)
        if os.path.isabs(text):  # noqa: PTH117 - a File's path
            return None
        place = Path(os.path.normpath(self.path / text))
        if not place.is_relative_to(self.path) or place == self.path:
            raise BadSandboxPath(f"{text!r} leads out of the sandbox: give it as an absolute path")
        return place


def _copy(original: Path, place: Path) -> None:
    if original.is_dir():
        shutil.copytree(original, place, symlinks=True)
    else:
        shutil.copy2(original, place)


def _move(place: Path, target: Path) -> None:
    """Move a file or a directory: what is at `target` is never half of one, and the old one goes last."""
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        # Beside the target first: the sandbox may be on another file system.
        shutil.move(place, beside / "new")
        if target.is_dir() and not target.is_symlink():
            # The system has no way to put one directory in the place of another that is not empty.
            target.replace(beside / "old")
        (beside / "new").replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
