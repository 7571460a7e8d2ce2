"""Which cores, how much memory and which GPUs are lent to which call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.compute.resources import Resources

__all__ = ["Grant", "Ledger"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a call may use while it runs, and nobody else who asked."""

    #: Numbers of places; several may stand for the same core, see `Ledger.cores_of`.
    places: tuple[int, ...]
    #: Bytes; 0: without limit.
    memory: int
    #: The devices' names.
    gpus: tuple[str, ...]


class Ledger:
    """Lends concrete things.

    Args:
        cores: the numbers of the machine's cores that may be used.
        places: how many cores may be lent; where that is more than there are, a core counts for several.
        memory: bytes.
        gpus: the devices' names.
    """

    def __init__(self, cores: Sequence[int], places: int, memory: int, gpus: Sequence[str]) -> None:
        self._cores = tuple(cores)
        self._places = list(range(places))
        self._memory = memory
        self._gpus = list(gpus)
        self._order = {name: position for position, name in enumerate(gpus)}

    def lend(self, need: Resources) -> Grant | None:
        """Return what is needed; None if it is not all there now."""
        if need.cores > len(self._places) or need.memory > self._memory or need.gpus > len(self._gpus):
            return None
        places, self._places = self._places[: need.cores], self._places[need.cores :]
        gpus, self._gpus = self._gpus[: need.gpus], self._gpus[need.gpus :]
        self._memory -= need.memory
        return Grant(tuple(places), need.memory, tuple(gpus))

    def take_back(self, grant: Grant) -> None:
        """Take back what was lent. Lower numbers are lent first, so that the same call gets the same again."""
        self._places = sorted((*self._places, *grant.places))
        self._gpus = sorted((*self._gpus, *grant.gpus), key=self._order.__getitem__)
        self._memory += grant.memory

    def cores_of(self, grant: Grant) -> tuple[int, ...]:
        """Return the numbers of the cores behind the places that were lent."""
        return tuple(sorted({self._cores[place % len(self._cores)] for place in grant.places}))
