"""The one import hook: it maps the names of other packages' modules to modules of ours."""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

from headrace.compat.errors import AlreadyImportedError, UnknownFaceError
from headrace.compat.faces import FACES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from headrace.compat.faces import Face

__all__ = ["AliasFinder", "install", "installed", "uninstall"]


class AliasFinder(MetaPathFinder):
    """Finds the modules of the faces that are installed. It stands first in ``sys.meta_path``, once at most."""

    def __init__(self) -> None:
        self.faces: dict[str, Face] = {}

    @property
    def headrace_preload(self) -> tuple[str, ...]:
        """The modules that a worker process must import before it unpickles anything, to find the same names."""
        return tuple(face.home for face in self.faces.values())

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the interface's
        target: ModuleType | None = None,  # noqa: ARG002 - the interface's
    ) -> ModuleSpec | None:
        """Return how to import one of the names; None if it is of no face.

        Raises:
            ModuleNotFoundError: it is of a face, which has no such module; the message names those that it has.
        """
        face = self.faces.get(fullname.partition(".")[0])
        if face is None:
            return None
        real = face.real(fullname)
        if real is None:
            raise ModuleNotFoundError(face.missing(fullname), name=fullname)
        return ModuleSpec(fullname, _AliasLoader(real, face), is_package=face.has_children(fullname))


class _AliasLoader(Loader):
    """Loads the real module in place of the alias."""

    def __init__(self, real: str, face: Face) -> None:
        self._real = real
        self._face = face
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002 - the interface's
        module = importlib.import_module(self._real)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just overwritten it with the alias's.
        module.__spec__ = self._spec
        if self._real == self._face.home:
            # Programs import the package and then name its modules as attributes.
            for name in self._face.modules:
                importlib.import_module(name)


def install(face: str) -> None:
    """Have ``import FACE`` and its submodules give Headrace's objects from now on. Again, it does nothing.

    Args:
        face: the name of the package to stand in for.

    Raises:
        UnknownFaceError: there is no stand-in for it.
        AlreadyImportedError: the real one has been imported.
    """
    wanted = FACES.get(face)
    if wanted is None:
        raise UnknownFaceError(f"there is no stand-in for {face!r}; there is one for: {', '.join(FACES)}")
    _refuse_real_one(wanted)
    finder = _finder()
    if finder is None:
        finder = AliasFinder()
        sys.meta_path.insert(0, finder)
    finder.faces[face] = wanted


def installed() -> tuple[str, ...]:
    """Return the names of the packages that are stood in for in this process."""
    finder = _finder()
    return () if finder is None else tuple(finder.faces)


def uninstall(face: str) -> None:
    """Undo `install`: the name is the real package's again. What was imported from it stays what it is.

    For tests and interactive sessions. If it is not installed, this does nothing.
    """
    finder = _finder()
    if finder is None or face not in finder.faces:
        return
    del finder.faces[face]
    if not finder.faces:
        sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if name.partition(".")[0] == face]:
        del sys.modules[name]


def _finder() -> AliasFinder | None:
    return next((one for one in sys.meta_path if isinstance(one, AliasFinder)), None)


def _refuse_real_one(face: Face) -> None:
    there = sys.modules.get(face.name)
    if there is not None and there is not sys.modules.get(face.home):
        where = getattr(there, "__file__", None) or "from somewhere"
        raise AlreadyImportedError(
            f"the real {face.name} has been imported already ({where}): install the stand-in before anything "
            f"imports it, as the first line of the program or by headrace run --{face.name}"
        )
