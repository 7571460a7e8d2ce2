"""Asking what happened: in a run that goes on, in another process, or long afterwards."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headrace.journal.errors import JournalUnavailable, UnknownRun
from headrace.journal.group import log_checksum
from headrace.journal.lines import ENDS, FAILS, Word, ident_of, parse
from headrace.journal.opening import open_store
from headrace.journal.records import EdgeRecord, Ident, RunRecord, TransitionRecord, UnitRecord
from headrace.journal.removal import remove_run
from headrace.journal.results import Results
from headrace.journal.waits import Path, Waits, dependants_of, path_of, unmet_by

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from headrace.journal.lines import Line
    from headrace.journal.store import Store
    from headrace.journal.waits import Key

__all__ = ["AppTime", "Count", "JournalReader"]

logger = logging.getLogger(__name__)

_RUN: Final = "id, argv, cwd, script, versions, host, username, pid, began, ended, how, number, extra"
_UNIT: Final = (
    "kind, id, name, app, labels, executor, stdout, stderr, extra, state, attempt, flags, added, began, ended, "
    "seconds, cause"
)
# Lines brought up to date by one transaction: a writer waits for it no longer than some 100 ms.
_AT_ONCE: Final = 8192


@dataclass(frozen=True, slots=True)
class AppTime:
    """How long the units of an app took."""

    kind: str
    app: str
    #: How many of them have a time.
    number: int
    #: Seconds: of all of them, and of the longest.
    total: float
    longest: float


@dataclass(frozen=True, slots=True)
class Count:
    """How many units of an app are in a state."""

    kind: str
    app: str
    state: str
    number: int


class JournalReader:
    """Reads a store, whoever writes to it meanwhile.

    Where it may, it first brings up to date what is derived from the log, so that what it returns holds all that has
    been written. Where it may not (a read-only store) it says once what is missing.

    ``JournalReader.open`` makes one.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told_behind = False

    @classmethod
    def open(cls, place: str | os.PathLike[str], *, patience: float = 5.0, signing_key: bytes = b"") -> JournalReader:
        """Open a store, which must be there.

        Raises:
            FileNotFoundError: nothing is there.
            StoreRefused, NewerSchema, DamagedStore, JournalUnavailable: as `Journal.open`.
        """
        return cls(open_store(place, patience=patience, signing_key=signing_key, must_exist=True))

    @property
    def place(self) -> str:
        """What the store is called."""
        return self._store.place

    @property
    def results(self) -> Results:
        """The results in the store."""
        return Results(self._store)

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """Return the runs, the latest first."""
        rows = self._store.query(
            f"SELECT {_RUN} FROM run ORDER BY number DESC LIMIT ?",  # noqa: S608 - constants
            (_limit(limit),),
        )
        return [_run(row) for row in rows]

    def run(self, which: str | int = "last") -> RunRecord:
        """Return one run: the last one, by its number in the store, or by its id or what that begins with.

        Raises:
            UnknownRun: there is none, or more than one.
        """
        value: Any
        if which == "last":
            condition, value = "true ORDER BY number DESC LIMIT ?", 1
        elif isinstance(which, int) or which.isdecimal():
            condition, value = "number = ?", int(which)
        else:
            condition, value = "id LIKE ? ESCAPE '!'", f"{_escaped(which)}%"
        rows = self._store.query(f"SELECT {_RUN} FROM run WHERE {condition}", (value,))  # noqa: S608 - constants
        exact = [row for row in rows if row[0] == which] or rows
        if len(exact) != 1:
            found = "none" if not exact else f"{len(exact)}: {', '.join(row[0] for row in exact[:5])}"
            raise UnknownRun(f"{which!r} names one run of {self._store.place}, please: it names {found}")
        return _run(exact[0])

    def is_alive(self, run: str | int = "last") -> bool:
        """Whether the run's writer lives. A run that has no end and is not alive was killed."""
        return self._store.is_written(self.run(run).id)

    def damage(self, run: str | int = "last") -> int:
        """How many groups of the run's log do not read as they were written, and are left out of every answer."""
        ((damaged,),) = self._store.query("SELECT damaged FROM run WHERE number = ?", (self._caught_up(run).number,))
        return int(damaged)

    # --- units --------------------------------------------------------------------------------------------------------

    def units(
        self,
        run: str | int = "last",
        *,
        kind: str | None = None,
        state: str | None = None,
        app: str | None = None,
        limit: int | None = 100,
        after: UnitRecord | None = None,
    ) -> list[UnitRecord]:
        """Return units by kind and id, those `after` one if that is given: so a long list is read in pages."""
        found = self._caught_up(run)
        conditions, values = ["run = ?"], list[Any]([found.number])
        if kind is not None:
            conditions.append("kind = ?")
            values.append(kind)
        if after is not None:
            conditions.append("(kind, id) > (?, ?)")
            values += [after.kind, self._key(after.id)]
        if state is None and app is None:
            return self._page(found, conditions, values, limit)
        units: list[UnitRecord] = []
        # Each of these is in one place of an index, however many units there are; without the kind none would be used.
        for each_kind, each_state, each_app in self._groups_of(found, kind, state, app):
            of_state, more = ("state IS NULL", []) if each_state is None else ("state = ?", [each_state])
            where = [*conditions, "kind = ?", of_state, "app = ?"]
            units += self._page(found, where, [*values, each_kind, *more, each_app], limit)
        return sorted(units, key=_in_order)[:limit]

    def unit(self, kind: str, id: Hashable, run: str | int = "last") -> UnitRecord | None:  # noqa: A002 - the field's own word
        """Return one unit; None if there is none."""
        found = self._caught_up(run)
        where = "run = ? AND kind = ? AND id = ?"
        return next(iter(self._units(found, where, [found.number, kind, self._key(id)])), None)

    def slowest(self, run: str | int = "last", *, limit: int = 20) -> list[UnitRecord]:
        """Return the units whose last attempt took longest, the longest first; of a run, at most 100 are known."""
        found = self._caught_up(run)
        where = "run = ? AND (kind, id) IN (SELECT kind, id FROM slow WHERE run = ?)"
        units = self._units(found, where, [found.number, found.number])
        return sorted(units, key=lambda unit: -(unit.seconds or 0.0))[:limit]

    def failures(self, run: str | int = "last", *, limit: int | None = 100) -> list[UnitRecord]:
        """Return the units that are in a state that means failure, with their causes."""
        found = self._caught_up(run)
        return self._page(found, ["run = ?", f"(flags & {FAILS}) <> 0"], [found.number], limit)

    def counters(self, run: str | int = "last") -> list[Count]:
        """Return how many units of each app are in each state."""
        rows = self._store.query(
            "SELECT kind, app, state, number FROM counter WHERE run = ? AND number <> 0 ORDER BY kind, app, state",
            (self._caught_up(run).number,),
        )
        return [Count(*row) for row in rows]

    def times(self, run: str | int = "last") -> list[AppTime]:
        """Return how long the units of each app took: of those that ran and ended, their last attempts."""
        number = self._caught_up(run).number
        summed = "SELECT count(*) FROM summed s JOIN run r ON r.number = s.run WHERE s.run = ? AND s.seq = r.projected"
        if self._store.query(summed, (number,)) == [(1,)]:
            rows = self._store.query(
                "SELECT kind, app, number, total, longest FROM duration WHERE run = ? ORDER BY kind, app", (number,)
            )
            return [AppTime(*row) for row in rows]
        kinds = self._store.query("SELECT DISTINCT kind FROM counter WHERE run = ?", (number,))
        # Kind by kind: to group by two columns takes twice as long. What was never run took no time at all.
        return [
            AppTime(kind, *row)
            for (kind,) in kinds
            for row in self._store.query(
                "SELECT app, count(seconds), sum(seconds), max(seconds) FROM unit "
                "WHERE run = ? AND kind = ? AND seconds > 0 GROUP BY app ORDER BY app",
                (number, kind),
            )
        ]

    # --- moves and waits ----------------------------------------------------------------------------------------------

    def transitions(self, kind: str, id: Hashable, run: str | int = "last") -> list[TransitionRecord]:  # noqa: A002 - the field's own word
        """Return all moves of one unit, in order."""
        found = self._caught_up(run)
        rows = self._store.query(
            "SELECT found_in FROM unit WHERE run = ? AND kind = ? AND id = ?",
            (found.number, kind, self._key(id)),
        )
        if not rows:
            return []
        unit = ident_of(id)
        lines = self._log(found, sorted({int(seq) for seq in rows[0][0].split()}))
        return [
            line for line in lines if isinstance(line, TransitionRecord) and line.unit == unit and line.kind == kind
        ]

    def log(self, run: str | int = "last") -> Iterator[Line]:
        """Give all that was recorded of a run, in the order in which it was told.

        Groups that do not read as they were written are left out, and named in a warning.
        """
        found = self.run(run)
        seq = 0
        while True:
            rows = self._store.query(
                "SELECT seq FROM log WHERE run = ? AND seq > ? ORDER BY seq LIMIT 20", (found.number, seq)
            )
            if not rows:
                return
            yield from self._log(found, [seq for (seq,) in rows])
            seq = rows[-1][0]

    def resting_states(self, run: str | int = "last") -> set[tuple[str, str]]:
        """Return the kinds and states in which units of the run begin or end, and so do nothing."""
        rows = self._store.query(
            f"SELECT DISTINCT kind, b FROM word WHERE run = ? AND what = 't' AND (a IS NULL OR (flags & {ENDS}) <> 0)",  # noqa: S608 - a constant
            (self._caught_up(run).number,),
        )
        return {(kind, state) for kind, state in rows}

    def needs(self, kind: str, id: Hashable, run: str | int = "last") -> list[EdgeRecord]:  # noqa: A002 - the field's own word
        """Return what a unit waits or waited for."""
        return self._edges(run, "kind = ? AND unit = ?", kind, id)

    def needed_by(self, kind: str, id: Hashable, run: str | int = "last") -> list[EdgeRecord]:  # noqa: A002 - the field's own word
        """Return what waits or waited for a unit."""
        return self._edges(run, "needs_kind = ? AND needs = ?", kind, id)

    def edges(self, run: str | int = "last") -> Iterator[EdgeRecord]:
        """Give every wait of a run, in the order in which it was told."""
        return (line for line in self.log(run) if isinstance(line, EdgeRecord))

    def waits(self, kind: str, id: Hashable, run: str | int = "last", *, limit: int = 20) -> Waits:  # noqa: A002 - the field's own word
        """Return what a unit still waits for and what waits for it, in numbers and with the first `limit` units."""
        found = self._caught_up(run)
        key = (kind, self._key(id))
        needs, unmet, first = unmet_by(self._store, found.number, key, limit)
        needed_by, dependants = dependants_of(self._store, found.number, key, limit)
        return Waits(
            needs=needs,
            unmet=tuple(unmet),
            first=self._by_keys(found, first),
            needed_by=needed_by,
            dependants=self._by_keys(found, dependants),
        )

    def path(self, kind: str, id: Hashable, run: str | int = "last", *, failed: bool, ends: int = 5) -> Path:  # noqa: A002 - the field's own word
        """Follow one unmet need of a unit, one of that one, and so on.

        Args:
            kind: the unit's kind.
            id: its id.
            run: its run.
            failed: whether to follow what failed, which leads to whose fault it is; or else what has not.
            ends: so many units are returned of each end.
        """
        found = self._caught_up(run)
        keys, whole = path_of(self._store, found.number, (kind, self._key(id)), failed=failed)
        left_out = max(0, len(keys) - 2 * ends)
        shown = keys[:ends] + keys[-ends:] if left_out else keys
        return Path(self._by_keys(found, shown), left_out, whole)

    # --- the end of runs ----------------------------------------------------------------------------------------------

    def last_heard(self, run: str | int = "last") -> float | None:
        """Return when the last move of a run was made, as its machine's clock had it; None if there was none."""
        found = self.run(run)
        for (seq,) in self._store.query(
            "SELECT seq FROM log WHERE run = ? ORDER BY seq DESC LIMIT 20", (found.number,)
        ):
            moves = [line.wall for line in self._log(found, [seq]) if isinstance(line, TransitionRecord)]
            if moves:
                return moves[-1]
        return None

    def remove(self, run: str | int, *, results_under: str | None = None) -> int:
        """Remove a run, and if `results_under` is given all results whose keys begin so; return how many these were.

        Large results are in files, which go with the next `Results.sweep`. If it is cut off, the run is still there,
        its `how` is "being removed", and it can be removed again.

        Raises:
            UnknownRun: there is none, or more than one.
            RunTaken: it is being written.
            JournalUnavailable: nothing can be written now.
        """
        return remove_run(self._store, self.run(run), results_under=results_under)

    def compact(self) -> bool:
        """Give the space of what was removed back to the file system; whether that was possible.

        It is while nobody else has the store open: who wants to open it waits meanwhile. PostgreSQL does it by itself.
        """
        return self._store.compact()

    # --- life ---------------------------------------------------------------------------------------------------------

    def catch_up(self, run: str | int = "last") -> None:
        """Bring what is derived from the log up to date, as every question does."""
        self._caught_up(run)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _key(self, ident: Hashable) -> Ident:
        return self._store.ident(ident_of(ident))

    def _caught_up(self, run: str | int) -> RunRecord:
        found = self.run(run)
        try:
            while self._store.project(found.number, _AT_ONCE):
                pass
        except JournalUnavailable as error:
            if not self._told_behind:
                self._told_behind = True
                logger.warning("answers may lack what was written last: %s", error)
        return found

    def _units(self, run: RunRecord, where: str, values: list[Any]) -> list[UnitRecord]:
        rows = self._store.query(f"SELECT {_UNIT} FROM unit WHERE {where}", values)  # noqa: S608 - constants
        return [self._unit(run.id, row) for row in rows]

    def _by_keys(self, run: RunRecord, keys: Iterable[Key]) -> tuple[UnitRecord, ...]:
        where = "run = ? AND kind = ? AND id = ?"
        return tuple(unit for key in keys for unit in self._units(run, where, [run.number, *key]))

    def _page(self, run: RunRecord, conditions: list[str], values: list[Any], limit: int | None) -> list[UnitRecord]:
        return self._units(run, f"{' AND '.join(conditions)} ORDER BY kind, id LIMIT ?", [*values, _limit(limit)])

    def _groups_of(
        self, run: RunRecord, kind: str | None, state: str | None, app: str | None
    ) -> list[tuple[str, str | None, str]]:
        """The kinds, states and apps of a run's units that match; None is the state of those that never moved."""
        rows = self._store.query(
            "SELECT DISTINCT kind, state, app FROM counter WHERE run = ? AND number <> 0", (run.number,)
        )
        groups: list[tuple[str, str | None, str]] = [
            (one_kind, one_state, one_app)
            for one_kind, one_state, one_app in rows
            if kind in {None, one_kind} and state in {None, one_state} and app in {None, one_app}
        ]
        if state is not None or app is None:
            return groups
        unmoved = self._store.query(
            "SELECT DISTINCT kind FROM unit WHERE run = ? AND state IS NULL AND app = ?", (run.number, app)
        )
        return groups + [(one_kind, None, app) for (one_kind,) in unmoved if kind in {None, one_kind}]

    def _unit(self, run: str, row: tuple[Any, ...]) -> UnitRecord:
        kind, ident, name, app, labels, executor, stdout, stderr, extra, state, attempt, flags = row[:12]
        added, began, ended, seconds, cause = row[12:]
        return UnitRecord(
            run=run,
            kind=kind,
            id=self._store.ident_from(ident),
            name=name or "",
            app=app,
            labels=tuple(json.loads(labels)) if labels else (),
            executor=executor,
            stdout=stdout,
            stderr=stderr,
            extra=json.loads(extra) if extra else {},
            state=state,
            attempt=attempt or 0,
            ended=bool(flags & ENDS),
            failed=bool(flags & FAILS),
            added_at=added,
            began_at=began,
            ended_at=ended,
            seconds=seconds,
            cause=cause,
        )

    def _edges(self, run: str | int, condition: str, kind: str, ident: Hashable) -> list[EdgeRecord]:
        found = self._caught_up(run)
        rows = self._store.query(
            "SELECT kind, unit, action, needs_kind, needs, states, delay FROM edge "  # noqa: S608 - constants
            f"WHERE run = ? AND {condition}",
            (found.number, kind, self._key(ident)),
        )
        return [
            EdgeRecord(
                run=found.id,
                kind=row[0],
                unit=self._store.ident_from(row[1]),
                action=row[2],
                needs_kind=row[3],
                needs=self._store.ident_from(row[4]),
                states=tuple(json.loads(row[5])),
                delay=row[6],
            )
            for row in rows
        ]

    def _log(self, run: RunRecord, seqs: list[int]) -> Iterable[Line]:
        words = self._words(run.number)
        for seq in seqs:
            rows = self._store.query(
                "SELECT first, wall_offset, checksum, body FROM log WHERE run = ? AND seq = ?", (run.number, seq)
            )
            for first, offset, checksum, body in rows:
                key = self._store.signing_key
                if log_checksum(run.id, seq, first, offset, body=_bytes(body), key=key) == checksum:
                    yield from parse(run.id, body, first=first, offset=offset, words=words)
                else:
                    logger.warning(
                        "group %d of the log of run %s in %s is damaged and left out", seq, run.id, self._store.place
                    )

    def _words(self, number: int) -> dict[int, Word]:
        rows = self._store.query(
            "SELECT number, what, kind, a, b, flags, executor, ident FROM word WHERE run = ?", (number,)
        )
        return {row[0]: Word(*row) for row in rows}


def _in_order(unit: UnitRecord) -> tuple[str, bool, Ident]:
    """As the store orders them: numbers before texts."""
    return unit.kind, isinstance(unit.id, str), unit.id


def _bytes(body: str) -> bytes:
    return body.encode("utf-8", "surrogateescape")


def _run(row: tuple[Any, ...]) -> RunRecord:
    run_id, argv, cwd, script, versions, host, user, pid, began, ended, how, number, extra = row
    return RunRecord(
        id=run_id,
        argv=tuple(json.loads(argv or "[]")),
        cwd=cwd or "",
        script=script,
        versions=json.loads(versions or "{}"),
        host=host or "",
        user=user or "",
        pid=pid or 0,
        began=began or 0.0,
        ended=ended,
        how=how,
        number=number,
        extra=json.loads(extra or "{}"),
    )


def _limit(limit: int | None) -> int:
    return 2**62 if limit is None else limit


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
