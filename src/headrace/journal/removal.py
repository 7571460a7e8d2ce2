"""Removing runs from a store, in steps that keep nobody else from writing to it for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from headrace.journal.results import keys_under

if TYPE_CHECKING:
    from headrace.journal.records import RunRecord
    from headrace.journal.store import Store

__all__ = ["REMOVING", "remove_run"]

#: How a run ended of which a part has been removed, and the rest not yet.
REMOVING: Final = "being removed"

# So many rows, or groups of records, by one statement: some tens of milliseconds.
_ROWS: Final = 2_000
_GROUPS: Final = 20
# Seconds between two of these.
_PAUSE_AT_MOST: Final = 0.2


def remove_run(store: Store, run: RunRecord, *, results_under: str | None) -> int:
    """Remove a run, and with `results_under` all results whose keys begin with that; return how many these were.

    It may be cut off at any moment, and be done again: the run is there, and named as what it is, until all is gone.

    Raises:
        RunTaken: the run is being written.
        JournalUnavailable: nothing can be written now.
    """
    number = run.number
    with store.taken(run.id):
        # With `projected` so, nobody derives anything any more from the log while it goes.
        store.execute(
            "UPDATE run SET how = ?, ended = coalesce(ended, began), projected = coalesce((SELECT max(seq) FROM log "
            "WHERE run = ?), projected) WHERE number = ?",
            (REMOVING, number, number),
        )
        results = 0
        if results_under is not None:
            results = _in_steps(
                store,
                "DELETE FROM result WHERE key IN (SELECT key FROM result WHERE key >= ? AND key < ? LIMIT ?)",
                keys_under(results_under),
                _ROWS,
            )
        _in_steps(store, _by_key("unit", "kind, id"), (number, number), _ROWS)
        _in_steps(store, _by_key("edge", "kind, unit, action, needs_kind, needs, states"), (number, number), _ROWS)
        _in_steps(
            store,
            "DELETE FROM log WHERE position IN (SELECT position FROM log WHERE run = ? LIMIT ?)",
            (number,),
            _GROUPS,
        )
        _in_steps(store, _by_key("word", "number"), (number, number), _ROWS)
        for table in ("slow", "counter", "duration", "summed"):
            store.execute(f"DELETE FROM {table} WHERE run = ?", (number,))  # noqa: S608 - constants
        # The number may be given again: what another run has a use for must not seem to be from that one.
        store.execute("UPDATE result SET run = 0 WHERE run = ?", (number,))
        store.execute("DELETE FROM run WHERE number = ?", (number,))
    return results


def _by_key(table: str, key: str) -> str:
    return f"DELETE FROM {table} WHERE run = ? AND ({key}) IN (SELECT {key} FROM {table} WHERE run = ? LIMIT ?)"  # noqa: S608 - constants


def _in_steps(store: Store, statement: str, values: tuple[object, ...], rows: int) -> int:
    """Do a statement that ends with a limit until there is nothing left; return how many rows it removed."""
    removed = 0
    while True:
        begun = time.monotonic()
        step = store.execute(statement, (*values, rows))
        if not step:
            return removed
        removed += step
        # Whoever waits to write to a SQLite file only looks now and then whether it is free: it must be, half the time.
        time.sleep(min(_PAUSE_AT_MOST, time.monotonic() - begun))
