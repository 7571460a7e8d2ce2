"""Why nothing happens to a resource: what it waits for, and the methods that have not returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.core import Wait, why
from headrace.experiments.methods import STEPS, entry_of, is_written
from headrace.experiments.units import ResourceUnit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.core import Unit
    from headrace.experiments.units import Act

__all__ = ["reasons"]


def reasons(unit: ResourceUnit, at: float) -> list[Wait]:
    """Return what a resource waits for at `at`, and what that waits for, and so on; asked in the mailbox.

    Where one of a resource's methods is being called, that it has not returned is among them.
    """
    found = [*_under_way(unit, at, 0)]
    seen = {id(unit)}
    for wait in why(unit, at):
        found.append(wait)
        if wait.on is not None and id(wait.on) not in seen:
            seen.add(id(wait.on))
            found += _under_way(wait.on, at, wait.depth + 1)
    return found


def _under_way(unit: Unit, at: float, depth: int) -> Iterator[Wait]:
    act = unit.acting if isinstance(unit, ResourceUnit) else None
    if act is not None and isinstance(unit, ResourceUnit):
        needs = f"{_called(unit, act)} of {unit} to return, since {max(0.0, at - act.since):.3g} s"
        yield Wait(str(unit), act.method.upper(), needs, depth=depth)


def _called(unit: ResourceUnit, act: Act) -> str:
    manager = unit.manager
    if act.run is not None:
        return act.method
    entry = entry_of(type(manager), act.method)
    if entry == "do_deploy" and not is_written(type(manager), "deploy"):
        # The base class's, which calls the steps in turn.
        steps = (each for each in STEPS if is_written(type(manager), each) and manager.is_before(each))
        return next((f"do_{each}" for each in steps), entry)
    return entry
