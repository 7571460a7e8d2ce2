"""States as programs of either vintage compare them."""

from __future__ import annotations

from typing import Final

from headrace.experiments import ResourceState

__all__ = ["ENDED", "Ended", "as_seen"]


class Ended:
    """The state of a resource that has ended by itself: FINISHED of the older vintage, and STOPPED of the younger.

    It equals both, and stands where FINISHED does in the order. Its name is that of the one that it is.
    """

    def __init__(self, state: ResourceState) -> None:
        self.name = state.name

    def __eq__(self, other: object) -> bool:
        return other in _BOTH or isinstance(other, Ended)

    def __hash__(self) -> int:
        return hash(ResourceState.FINISHED)

    def __lt__(self, other: object) -> bool:
        return isinstance(other, ResourceState) and other > ResourceState.FINISHED

    def __le__(self, other: object) -> bool:
        return self == other or self < other

    def __gt__(self, other: object) -> bool:
        return isinstance(other, ResourceState) and other < ResourceState.STOPPED

    def __ge__(self, other: object) -> bool:
        return self == other or self > other

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return "<ended>"


_BOTH: Final = (ResourceState.STOPPED, ResourceState.FINISHED)

ENDED: Final = {each: Ended(each) for each in _BOTH}


def as_seen(state: ResourceState) -> ResourceState | Ended:
    """Return a state as the program is to see it."""
    return ENDED.get(state, state)
