"""What a unit waits for, and whose fault it is if that never comes: asked of the tables, not of the log.

However many units one waits for, and however long the path to what went wrong is, each question is a few statements.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from headrace.journal.lines import FAILS

if TYPE_CHECKING:
    from headrace.journal.records import Ident, UnitRecord
    from headrace.journal.store import Store

__all__ = ["Key", "Path", "UnmetCount", "Waits", "dependants_of", "path_of", "unmet_by"]

#: A unit's kind, and its id as the tables hold it.
Key: TypeAlias = "tuple[str, Ident]"

# A path of so many steps takes a few tenths of a second.
_STEPS_AT_MOST: Final = 100_000
# From so many needs on it may be faster to ask units whether they are needed than to ask all needs where they are.
_MANY: Final = 10_000

_OF_UNIT: Final = "e.run = ? AND e.kind = ? AND e.unit = ?"
_NEEDED: Final = "u.run = e.run AND u.kind = e.needs_kind AND u.id = e.needs"
# States are in quotes in `e.states`. There is no plainer word for this that both databases know.
_UNMET: Final = "(u.state IS NULL OR replace(e.states, '\"' || u.state || '\"', '') = e.states)"
_FAILED: Final = f"(u.flags & {FAILS}) <> 0"


@dataclass(frozen=True, slots=True)
class UnmetCount:
    """How many of the units that one waits for are in a state that does not do."""

    kind: str
    #: The name of the state; None: no move of theirs was recorded.
    state: str | None
    #: Whether it means failure.
    failed: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What one unit waits or waited for, and what waits for it."""

    #: How many others it needs, or needed.
    needs: int
    #: Those of them that are not where it needs them, by state: those that failed first.
    unmet: tuple[UnmetCount, ...]
    #: The first few of them, those that failed first.
    first: tuple[UnitRecord, ...]
    #: How many need it, and the first few of these.
    needed_by: int
    dependants: tuple[UnitRecord, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """From one unit to one that it waits for, to one that this waits for, and so on."""

    #: The first few and the last few of the units on it, the one that was asked about among them.
    units: tuple[UnitRecord, ...]
    #: How many are left out in the middle of these.
    left_out: int
    #: Whether the last one waits for nothing; else the path was too long to be followed to its end.
    whole: bool


def unmet_by(store: Store, run: int, key: Key, limit: int) -> tuple[int, list[UnmetCount], list[Key]]:
    """Return how many units one needs; how many of them are in which state that does not do; the first few of these."""
    ((needs, least, most),) = store.query(
        f"SELECT count(*), min(e.states), max(e.states) FROM edge e WHERE {_OF_UNIT}",  # noqa: S608 - constants
        (run, *key),
    )
    source = f"edge e CROSS JOIN unit u WHERE {_OF_UNIT} AND {_NEEDED} AND {_UNMET}"
    values: tuple[Ident, ...] = (run, *key)
    if needs > _MANY and least == most:
        asked = _states_but(store, run, set(json.loads(least)))
        if asked and sum(asked.values()) < needs:
            marks = ", ".join("?" * len(asked))
            source = f"unit u CROSS JOIN edge e WHERE u.run = ? AND u.state IN ({marks}) AND {_OF_UNIT} AND "
            source += f"{_NEEDED} AND {_UNMET}"
            values = (run, *asked, run, *key)
    counts = [
        UnmetCount(kind, state, bool(failed), number)
        for kind, state, failed, number in store.query(
            f"SELECT u.kind, u.state, {_FAILED}, count(*) FROM {source} GROUP BY 1, 2, 3",  # noqa: S608 - constants and marks
            values,
        )
    ]
    counts.sort(key=lambda one: (not one.failed, one.kind, one.state or ""))
    first: list[Key] = []
    for count in counts:
        if len(first) < limit:
            of_state, more = ("u.state IS NULL", ()) if count.state is None else ("u.state = ?", (count.state,))
            first += store.query(
                f"SELECT u.kind, u.id FROM {source} AND u.kind = ? AND {of_state} LIMIT ?",  # noqa: S608 - constants and marks
                (*values, count.kind, *more, limit - len(first)),
            )
    return needs, counts, first


def dependants_of(store: Store, run: int, key: Key, limit: int) -> tuple[int, list[Key]]:
    """Return how many units need one, and the first few of these."""
    where = "FROM edge e WHERE e.run = ? AND e.needs_kind = ? AND e.needs = ?"
    ((number,),) = store.query(f"SELECT count(*) {where}", (run, *key))
    first = store.query(f"SELECT DISTINCT e.kind, e.unit {where} LIMIT ?", (run, *key, limit))
    return number, list(first)


def path_of(store: Store, run: int, key: Key, *, failed: bool) -> tuple[list[Key], bool]:
    """Follow one unmet need of a unit, one of that one, and so on; tell also whether the end was reached.

    Args:
        store: where.
        run: the number of the run.
        key: the unit that the path begins with.
        failed: whether to follow what failed, or else what has not.
    """
    path = [key]
    follow = _FAILED if failed else f"NOT {_FAILED}"
    # With `|| ''` no index is chosen by it: that of the needs would go through all edges of the run.
    steps = (
        "WITH RECURSIVE path (step, id) AS (SELECT 0, id FROM unit WHERE run = ? AND kind = ? AND id = ? UNION ALL "  # noqa: S608 - constants
        f"SELECT p.step + 1, (SELECT e.needs FROM edge e JOIN unit u ON {_NEEDED} "
        f"WHERE e.run = ? AND e.kind = ? AND e.unit = p.id AND e.needs_kind || '' = e.kind AND {follow} AND {_UNMET} "
        "LIMIT 1) FROM path p WHERE p.id IS NOT NULL AND p.step < ?) "
        "SELECT id FROM path WHERE step > 0 AND id IS NOT NULL ORDER BY step"
    )
    to_another_kind = (
        f"SELECT u.kind, u.id FROM edge e JOIN unit u ON {_NEEDED} "  # noqa: S608 - constants
        f"WHERE {_OF_UNIT} AND {follow} AND {_UNMET} LIMIT 1"
    )
    while len(path) <= _STEPS_AT_MOST:
        kind, ident = path[-1]
        path += [(kind, to) for (to,) in store.query(steps, (run, kind, ident, run, kind, _STEPS_AT_MOST))]
        if len(path) > _STEPS_AT_MOST:
            break
        other = store.query(to_another_kind, (run, *path[-1]))
        if not other:
            return path, True
        path.append((other[0][0], other[0][1]))
    return path, False


def _states_but(store: Store, run: int, enough: set[str]) -> dict[str, int]:
    """How many units of the run are in each state but these."""
    rows = store.query("SELECT state, sum(number) FROM counter WHERE run = ? AND number <> 0 GROUP BY state", (run,))
    return {state: int(number) for state, number in rows if state not in enough}
