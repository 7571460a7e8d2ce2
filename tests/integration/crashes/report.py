"""How many kills there were, of what, and when they fell: told by each test, and summed up at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Literal

#: What is killed: the workflow's own process; one of its workers; it and all that belongs to it, at once.
Target = Literal["workflow", "worker", "everything"]
Moment = Literal["before the first", "in the middle", "after the last"]


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill that hit."""

    target: Target
    #: Where it fell among the futures that the run was to resolve.
    moment: Moment
    #: How many futures had resolved, in this run or one before: all these must be found again.
    acknowledged: int


def told(kills: list[Kill], lineages: int) -> dict[str, object]:
    """Return the kills in a form that pytest passes on from one process to another."""
    return {"lineages": lineages, "kills": [asdict(kill) for kill in kills]}


def summary(reports: list[dict[str, object]]) -> list[str]:
    """Say how many kills there were, of what, and when they fell."""
    kills: list[dict[str, object]] = []
    lineages = 0
    for report in reports:
        found = report["kills"]
        assert isinstance(found, list)
        kills += found
        lineages += int(str(report["lineages"]))
    if not kills:
        return []
    moments, targets = (Counter(str(kill[what]) for kill in kills) for what in ("moment", "target"))
    acknowledged = sum(int(str(kill["acknowledged"])) for kill in kills)
    return [
        (
            f"{len(kills)} kills in {lineages} workflows: {targets['workflow']} of the workflow alone, "
            f"{targets['worker']} of a worker, {targets['everything']} of all its processes at once"
        ),
        (
            f"they fell: {moments['before the first']} before the first future had resolved, "
            f"{moments['in the middle']} in the middle, {moments['after the last']} after the last"
        ),
        f"{acknowledged} futures had resolved before them: none was lost, none of their tasks ran again",
    ]
