"""What users name: experiments, states and actions."""

from __future__ import annotations

import re
from enum import Enum
from typing import TypeVar

from headrace.experiments.errors import ExperimentError, UnknownState

__all__ = ["folder_name", "group_number", "member"]

E = TypeVar("E", bound=Enum)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def folder_name(name: str, what: str) -> str:
    """Return a name that a folder can have.

    Raises:
        ExperimentError: it is none; the message calls it `what`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ExperimentError(
            f"{what} names a folder: up to 100 letters, digits, '.', '_' and '-', beginning with a letter or digit, "
            f"not {name!r}"
        )
    return name


def member(kind: type[E], value: E | str) -> E:
    """Return a state or an action, named or given as itself.

    Raises:
        UnknownState: there is none of that name.
    """
    if isinstance(value, kind):
        return value
    found = kind.__members__.get(value.upper()) if isinstance(value, str) else None
    if found is None:
        raise UnknownState(value, kind.__members__)
    return found


def group_number(group: object) -> int:
    """Return a deployment group's number. Raises ExperimentError if it is none."""
    if isinstance(group, bool) or not isinstance(group, int):
        raise ExperimentError(
            f"a deployment group is the number that an earlier deploy returned, not {group!r}; for resources give guids"
        )
    return group
