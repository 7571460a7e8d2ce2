"""Why tasks failed, and because of which others they did not run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headrace.cli.history.names import task_name
from headrace.cli.text import one_line

if TYPE_CHECKING:
    from headrace.cli.history.standing import Standing
    from headrace.journal import JournalReader, UnitRecord

__all__ = ["Reason", "error_of", "reasons_of", "root_line"]

#: So many failed tasks of each app are read; the others are a number.
_READ: Final = 500
_EXAMPLES: Final = 3
_REASONS: Final = 20
_FAILED: Final = "failed"


@dataclass(slots=True)
class Reason:
    """What a number of tasks of one app failed of: one type of exception."""

    kind: str
    app: str
    number: int = 0
    #: Whether there may be more, that were not read.
    more: bool = False
    #: The first few, with their messages.
    examples: list[tuple[UnitRecord, str]] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "error": self.kind,
            "app": self.app,
            "number": self.number,
            "at_least": self.more,
            "examples": [{"task": unit.id, "message": message} for unit, message in self.examples],
        }


def error_of(cause: str | None) -> tuple[str, str]:
    """Return the type of an error that is recorded as text, as people call it, and its message on one line."""
    if not cause:
        return "an unknown error", ""
    kind, colon, message = cause.partition(": ")
    if not colon and "\n" in cause:
        kind, _, message = cause.partition("\n")
    return one_line(kind.rpartition(".")[2] or kind), one_line(message)


def reasons_of(reader: JournalReader, standing: Standing) -> list[Reason]:
    """Return why tasks of a run failed, what took most tasks first; not those that others kept from running."""
    number = standing.run.number
    reasons: dict[tuple[str, str], Reason] = {}
    for one in standing.counts:
        if one.state != _FAILED or len(reasons) > _REASONS:
            continue
        units = reader.units(number, kind=one.kind, state=one.state, app=one.app, limit=_READ)
        mine = set[tuple[str, str]]()
        for unit in units:
            kind, message = error_of(unit.cause)
            reason = reasons.setdefault((kind, one.app), Reason(kind, one.app))
            mine.add((kind, one.app))
            reason.number += 1
            if len(reason.examples) < _EXAMPLES:
                reason.examples.append((unit, message))
        if one.number > len(units):
            for key in mine:
                reasons[key].more = True
    return sorted(reasons.values(), key=lambda reason: -reason.number)[:_REASONS]


def root_line(reader: JournalReader, run: int, unit: UnitRecord) -> str | None:
    """Return in a line why a unit failed, or because of which other one it did not run; None if neither."""
    if not unit.failed:
        return None
    path = reader.path(unit.kind, unit.id, run, failed=True, ends=1)
    root = path.units[-1]
    kind, message = error_of(root.cause)
    error = f"{kind}: {message}" if message else kind
    if root == unit:
        return error if unit.cause else None
    return f"{task_name(root)}: {error}" if path.whole else f"(a long way off) {error_of(unit.cause)[1]}"
