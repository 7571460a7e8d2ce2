"""How much of a package is left when it is packed: what is said twice takes room once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .summary import share

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

#: Packages of fewer bytes are left out of comparisons: the archive's own bookkeeping would speak in them.
WEIGHTY: Final = 20_000


@dataclass(frozen=True, slots=True)
class Packed:
    """One package and its archive, in bytes."""

    package: str
    size: int
    packed: int

    @property
    def left(self) -> float:
        """The share of its size that is left."""
        return share(self.packed, self.size)


def weigh(package: str, files: Sequence[str], archive: str | os.PathLike[str]) -> Packed:
    """Compare the `files` of a package with the archive they were packed into."""
    return Packed(package, sum(Path(file).stat().st_size for file in files), Path(archive).stat().st_size)


def together(packed: Iterable[Packed], name: str = "all") -> Packed:
    """All of them as one."""
    parts = list(packed)
    return Packed(name, sum(part.size for part in parts), sum(part.packed for part in parts))


def weighty(packed: Iterable[Packed]) -> list[Packed]:
    """Those large enough to be compared, from the one of which least is left to the one of which most is."""
    return sorted((one for one in packed if one.size >= WEIGHTY), key=lambda one: (one.left, one.package))
