"""A life that has nothing to do with tasks: a lamp is lit and put out, again and again, until it breaks."""

from __future__ import annotations

from headrace.core import Lifecycle, State, Unit

__all__ = ["LAMP", "Lamp", "S", "lamp", "lamps"]


class S(State):
    """Where a lamp is."""

    NEW = "in its box"
    READY = "screwed in"
    LIT = "shining"
    OUT = "put out; it may be lit anew"
    BURNT = "broken; nobody has noticed yet"
    GONE = "thrown away"


LAMP = Lifecycle(
    "lamp",
    initial=S.NEW,
    moves={
        S.NEW: (S.READY, S.BURNT, S.GONE),
        S.READY: (S.LIT, S.BURNT, S.GONE),
        S.LIT: (S.OUT, S.BURNT, S.GONE),
        S.OUT: (S.LIT, S.BURNT, S.GONE),
        S.BURNT: (S.GONE,),
    },
    failed=(S.BURNT,),
    anew=((S.OUT, S.LIT),),
    actions={"SCREW": (S.READY,), "LIGHT": (S.LIT,), "QUENCH": (S.OUT,), "THROW": (S.GONE,), "DIM": ()},
)


class Lamp(Unit):
    """One lamp; its watts are what predicates look at."""

    __slots__ = ("__weakref__", "watts")

    def __init__(self, name: str) -> None:
        super().__init__(name, name, LAMP)
        self.watts = 0


def lamp(name: str) -> Lamp:
    """A new lamp."""
    return Lamp(name)


def lamps(names: str) -> list[Lamp]:
    """A new lamp for each letter."""
    return [Lamp(name) for name in names]
