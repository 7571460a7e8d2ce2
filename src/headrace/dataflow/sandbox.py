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
    within the sandbox: an input is linked to there, an output is moved from there. Absolute paths are as they are.

    Args:
        scratch: the directory in which it is made; made itself if need be.
        name: what the directory's name begins with.
    """

    def __init__(self, scratch: Path, name: str) -> None:
        self._home = Path.cwd()
        scratch.mkdir(parents=True, exist_ok=True)
        prefix = re.sub(r"\W+", "_", name).strip("_")
        self.path = Path(tempfile.mkdtemp(prefix=f"{prefix}_", dir=scratch)).resolve()

    def bring(self, inputs: Iterable[object]) -> None:
        """Link to the inputs, and make the directories that lead to them.

        Raises:
            BadSandboxPath: a relative path leads out of the sandbox.
        """
        for one in inputs:
            if isinstance(one, str | os.PathLike):
                place = self._place(one)
                if place is not None and not place.is_symlink():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.symlink_to(self._home / os.fspath(one))

    def prepare(self, outputs: Iterable[str | os.PathLike[str]]) -> None:
        """Make the directories that lead to the outputs.

        Raises:
            BadSandboxPath: a relative path leads out of the sandbox.
        """
        for output in outputs:
            place = self._place(output)
            if place is not None:
                place.parent.mkdir(parents=True, exist_ok=True)

    def keep(self, outputs: Iterable[str | os.PathLike[str]]) -> list[object]:
        """Move the outputs to where they are meant to be.

        Return those that are not there; if any is not, none is moved.
        """
        moves: list[tuple[Path, Path]] = []
        missing: list[object] = []
        for output in outputs:
            place = self._place(output)
            if not (place or Path(output)).exists():
                missing.append(output)
            elif place is not None:
                moves.append((place, self._home / os.fspath(output)))
        for place, target in moves if not missing else ():
            target.parent.mkdir(parents=True, exist_ok=True)
            _move(place, target)
        return missing

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


def _move(place: Path, target: Path) -> None:
    """Move a file or a directory; whoever looks at `target` meanwhile sees the old one or the new one, never half."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    try:
        place.replace(target)
    except OSError:
        # Another file system: copied beside the target first.
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            shutil.move(place, beside / target.name)
            (beside / target.name).replace(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
