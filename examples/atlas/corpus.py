"""Which files make up the corpus, and what their modules are called."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Installed packages live under these; they are not the corpus's own source.
FOREIGN: Final = frozenset({"site-packages", "dist-packages", "__pycache__"})

#: A module below a package of one of these names is a test.
TEST_PACKAGES: Final = frozenset({"test", "tests", "idle_test"})


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """One Python file of the corpus."""

    #: Path below the corpus, with forward slashes: what the report calls the file.
    name: str
    #: Where to read it.
    path: str

    @property
    def module(self) -> str:
        """The dotted name the file is imported by; a package's name for its `__init__.py`."""
        parts = self.name.removesuffix(".py").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    @property
    def is_package(self) -> bool:
        """Whether the file is the `__init__.py` of a package."""
        return self.name.endswith("/__init__.py")

    @property
    def is_test(self) -> bool:
        """Whether the file belongs to a test suite, judged by the packages it lies in."""
        return not TEST_PACKAGES.isdisjoint(self.name.split("/")[:-1])

    @property
    def package(self) -> str:
        """The top-level package or module that the file belongs to."""
        return self.module.partition(".")[0]


def standard_library() -> Path:
    """Where the source of the running Python's standard library lies."""
    return Path(sysconfig.get_path("stdlib"))


def discover(corpus: Path) -> list[SourceFile]:
    """Every Python file below `corpus` but those of installed packages, by name."""
    found = (path.relative_to(corpus) for path in corpus.rglob("*.py"))
    return sorted(
        SourceFile(path.as_posix(), str(corpus / path)) for path in found if FOREIGN.isdisjoint(path.parts[:-1])
    )


def sample(files: list[SourceFile], limit: int | None) -> list[SourceFile]:
    """At most `limit` of the files, spread evenly over the whole list; all of them without a limit."""
    if limit is None or limit >= len(files):
        return files
    return [files[index * len(files) // limit] for index in range(limit)]
