"""What `headrace experiment run`, `recover` and `release` were asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from headrace.cli.history.place import CannotDo
from headrace.experiments.errors import InvalidTime
from headrace.experiments.timespan import seconds

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.cli.experiment.place import Place

__all__ = ["Assignment", "How", "Request", "parse_assignment", "parse_runs", "parse_timeout"]

How: TypeAlias = Literal["live", "plain", "quiet"] | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A ``--set``."""

    #: A guid, or a name.
    resource: str
    attribute: str
    value: str

    def __str__(self) -> str:
        return f"--set {self.resource}.{self.attribute}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One experiment to run, or a run to go on with or to release."""

    root: Path
    #: The file to load; None where `place` says a run.
    file: str | None = None
    place: Place | None = None
    #: The place of the run's journal, where its controller did not keep that.
    journal: str | None = None
    #: Only to release what is left.
    only_release: bool = False
    exp_id: str | None = None
    run_id: str | None = None
    assignments: tuple[Assignment, ...] = ()
    #: Seconds; None: as the file says.
    timeout: float | None = None
    #: At least and at most so many; None: as the file says.
    runs: tuple[int, int | None] | None = None
    allow_failures: bool = False
    #: How it is shown; None: as the terminal can.
    how: How = None
    as_json: bool = False


def parse_assignment(text: str) -> Assignment:
    """Read ``client.rate=10``. Raises CannotDo."""
    name, equals, value = text.partition("=")
    resource, dot, attribute = name.rpartition(".")
    if not (equals and dot and resource and attribute):
        raise CannotDo(f"--set takes RESOURCE.ATTRIBUTE=VALUE, as in client.command='sleep 1', and not {text!r}")
    return Assignment(resource.strip(), attribute.strip(), value)


def parse_runs(text: str) -> tuple[int, int | None]:
    """Read ``5``, ``3:20``, or ``3:`` for at least three and as many as it takes. Raises CannotDo."""
    found = re.fullmatch(r"([0-9]{1,9})(:([0-9]{0,9}))?", text.strip())
    least = int(found[1]) if found is not None else 0
    most = least if found is None or found[2] is None else int(found[3]) if found[3] else None
    if found is None or least < 1 or (most is not None and most < least):
        raise CannotDo(f"--runs takes MIN:MAX, as in 3:20, 5, or 3: for no limit, and not {text!r}")
    return least, most


def parse_timeout(text: str) -> float:
    """Read ``90``, ``2m30s``. Raises CannotDo."""
    try:
        number: float | str = float(text)
    except ValueError:
        number = text
    try:
        return seconds(number)
    except InvalidTime as error:
        raise CannotDo(f"--timeout: {error}") from error
