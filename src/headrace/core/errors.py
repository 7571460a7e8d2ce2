"""The root of Headrace's one exception tree, and the errors of the core.

::

    HeadraceError
     ├── InvalidTransition      a unit was asked for a move its lifecycle does not allow
     ├── DuplicateUnit          two living units with one id
     ├── UnitEnded              a gate for a unit whose life is over
     ├── DuplicateGate          two gates for one action of one unit
     └── GateCycle              a gate that could never open: it would wait for itself

Each floor adds its own branch in its own ``errors`` module, drawn there.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["DuplicateGate", "DuplicateUnit", "GateCycle", "HeadraceError", "InvalidTransition", "UnitEnded"]


class HeadraceError(Exception):
    """The base of every error that Headrace raises."""

    #: Whether the same request, made again later, may succeed with nothing changed.
    #: An unreachable server is transient; a wrong argument is not.
    transient: ClassVar[bool] = False


class InvalidTransition(HeadraceError):
    """A unit was asked for a move that its lifecycle's table does not list."""

    def __init__(self, unit: object, previous: object, state: object) -> None:
        super().__init__(unit, previous, state)
        self.unit = unit
        self.previous = previous
        self.state = state

    def __str__(self) -> str:
        return f"{self.unit} cannot go from {self.previous} to {self.state}: its lifecycle does not allow it"


class DuplicateUnit(HeadraceError):
    """A unit was added under the id of one that is still alive."""


class UnitEnded(HeadraceError):
    """A gate was asked for a unit that has already reached a final state."""


class DuplicateGate(HeadraceError):
    """A unit's action was given a second gate; combine the conditions into one, or drop the first."""


class GateCycle(HeadraceError):
    """A gate was refused because it could never open: it waits, through others, for itself.

    ``path`` lists the (unit, action) pairs, each waiting for the next; the last waits for the first.
    """

    def __init__(self, path: tuple[tuple[object, str], ...]) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        steps = [f"{action} of {unit}" for unit, action in (*self.path, self.path[0])]
        return "a wait that could never end: " + " waits for ".join(steps)
