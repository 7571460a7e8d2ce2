"""The store in one SQLite file, with what belongs to it beside it.

::

    journal.db            the log, what is derived from it, small results (and journal.db-wal, journal.db-shm)
    journal.db.results/   large results, named by what they contain
    journal.db.locks/     who writes which run
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from headrace.journal.errors import DamagedStore, JournalUnavailable, RunTaken
from headrace.journal.group import FORMAT, log_checksum
from headrace.journal.lease import FileLease, hold, is_held
from headrace.journal.projection import KNOW_WORDS, SKIP
from headrace.journal.results import ResultFiles
from headrace.journal.schema import WORD_COLUMNS
from headrace.journal.sqlite_file import SQLiteFile, code_of, is_damage
from headrace.journal.store import OpenedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from headrace.journal.group import Group
    from headrace.journal.records import Ident, RunRecord

__all__ = ["SQLiteStore"]

logger = logging.getLogger(__name__)

# As many results at most are inserted by one statement.
_ROWS_AT_ONCE: Final = 1024
_RESULT: Final = "(?, ?, ?, ?, ?, ?, ?, ?)"

# Others have the store: there is no use in trying again at once.
_OTHERS: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_ORDINARY = re.compile(r"[A-Za-z0-9._-]{1,100}")


class SQLiteStore:
    """A store in a file.

    Args:
        path: the file. It is made if need be; its folder must be there.
        signing_key: enters every checksum; without it nothing reads as right.
        patience: how many seconds to wait for others who write to the store.
        must_exist: do not make a new one.

    Raises:
        StoreRefused: it is another user's, or others may write to it.
        NewerSchema: a newer Headrace has written it.
        DamagedStore: it does not read, and could not be salvaged.
        JournalUnavailable: it cannot be opened just now.
    """

    def __init__(
        self, path: Path, *, signing_key: bytes = b"", patience: float = 5.0, must_exist: bool = False
    ) -> None:
        self.path = path.absolute()
        self.place = str(self.path)
        self.signing_key = signing_key
        self.files: ResultFiles | None = ResultFiles(self.path.with_name(self.path.name + ".results"))
        #: Until that fails, and to write the log does not.
        self.derives = True
        self._file = SQLiteFile(self.path, signing_key=signing_key, patience=patience, must_exist=must_exist)
        self._locks = self._file.locks
        self._must_exist = must_exist
        self._patience = patience
        self._leases: dict[int, FileLease] = {}
        self._claims: list[FileLease] = []
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._abandoned: list[object] = []
        self._synchronous = ""
        self._unsynced = False
        self._clean_up: Callable[[], None] | None = None
        with self._told("open"):
            self._writer = self._file.open()

    # --- runs ---------------------------------------------------------------------------------------------------------

    def begin(self, run: RunRecord) -> OpenedRun:
        """Take the run for writing."""
        if not _ORDINARY.fullmatch(run.id):
            raise ValueError(f"a run's id is letters, digits, '.', '_' and '-', at most 100 of them, not {run.id!r}")
        with self._told("begin a run in"):
            lease = self._lease(run.id)
            try:
                opened = self._begin(run)
            except BaseException:
                lease.release()
                raise
        self._leases[opened.number] = lease
        return opened

    def end(self, number: int, ended: float, how: str) -> None:
        """Note that a run has ended; give it up."""
        try:
            with self._told("write to"):
                self._level("FULL")
                self._writer.execute("UPDATE run SET ended = ?, how = ? WHERE number = ?", (ended, how, number))
        finally:
            lease = self._leases.pop(number, None)
            if lease is not None:
                lease.release()

    def is_written(self, run_id: str) -> bool:
        """Whether a living writer has the run open."""
        with self._told("read the locks of"):
            return is_held(self._locks / f"{run_id}.lock")

    def claim(self, name: str) -> None:
        """Take a name that one open store has at a time, until it is closed."""
        with self._told("lock a name in"):
            self._claims.append(self._lease(name))

    @contextmanager
    def taken(self, run_id: str) -> Iterator[None]:
        """While this is entered, nobody writes the run."""
        with self._told("lock a run of"):
            lease = self._lease(run_id)
        try:
            yield
        finally:
            lease.release()

    def _lease(self, run_id: str) -> FileLease:
        self._locks.mkdir(mode=0o700, exist_ok=True)
        try:
            return FileLease(self._locks / f"{run_id}.lock", f"process {os.getpid()} on {os.uname().nodename}")
        except BlockingIOError as error:
            raise RunTaken(
                f"run {run_id} in {self.place} is being written by {error.strerror}; begin a run of its own, "
                "or wait until that one ends"
            ) from None

    def _begin(self, run: RunRecord) -> OpenedRun:
        values = (
            *(run.id, json.dumps(run.argv), run.cwd, run.script, json.dumps(dict(run.versions))),
            *(run.host, run.user, run.pid, run.began, json.dumps(dict(run.extra))),
        )
        with self._transaction():
            self._writer.execute(
                "INSERT INTO run (id, argv, cwd, script, versions, host, username, pid, began, extra) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET pid = excluded.pid, "
                "host = excluded.host, ended = NULL, how = NULL",
                values,
            )
            ((number,),) = self._writer.execute("SELECT number FROM run WHERE id = ?", (run.id,)).fetchall()
            ((seq, line),) = self._writer.execute(
                "SELECT coalesce(max(seq), 0), coalesce(max(first + lines), 0) FROM log WHERE run = ?", (number,)
            ).fetchall()
            ((projected,),) = self._writer.execute("SELECT projected FROM run WHERE number = ?", (number,)).fetchall()
            if projected == 0:
                self._writer.execute("INSERT OR IGNORE INTO summed VALUES (?, 0)", (number,))
            ((word,),) = self._writer.execute(
                "SELECT coalesce(max(number), 0) FROM word WHERE run = ?", (number,)
            ).fetchall()
        self._writer.execute("DELETE FROM meaning")
        self._writer.execute(KNOW_WORDS, (number,))
        return OpenedRun(number, max(seq, projected) + 1, line, word + 1, behind=seq > projected)

    # --- writing ------------------------------------------------------------------------------------------------------

    def append(self, group: Group, *, sync: bool, derive_to: int = 0) -> None:
        """Write a group, and derive what is not yet derived up to a group."""
        row: tuple[Any, ...] = (group.run_id, group.run, group.seq, group.first, group.count, group.offset, FORMAT)
        row += (len(group.body), group.checksum, group.body)
        with self._told("write to"):
            self._level("FULL" if sync else "NORMAL")
            if derive_to and self.derives:
                try:
                    self._append(group, _APPEND_AND_DERIVE, (*row, derive_to))
                except sqlite3.Error as error:
                    if code_of(error) in _OTHERS:
                        raise
                    # The log is to be written even if there is room for nothing else, or the tables are damaged.
                    self._append(group, _APPEND, row)
                    self._stop_deriving(error)
            else:
                self._append(group, _APPEND, row)
            self._unsynced = not sync

    def _stop_deriving(self, error: sqlite3.Error) -> None:
        self.derives = False
        if is_damage(error):
            self._file.note_damage()
        logger.warning("nothing more is derived from the log in %s as it is written: %s", self.place, error)

    def _append(self, group: Group, statement: str, row: tuple[Any, ...]) -> None:
        if group.words or group.results:
            with self._transaction():
                self._append_words(group)
                self._append_results(group)
                self._writer.execute(statement, row)
        else:
            self._writer.execute(statement, row)

    def sync(self) -> None:
        """Have all that was appended on disk on return."""
        if not self._unsynced:
            return
        with self._told("write to"):
            # A commit that syncs the write-ahead log syncs all that is in it.
            self._level("FULL")
            self._writer.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('synced', random())")
            self._unsynced = False

    def _append_words(self, group: Group) -> None:
        if group.words:
            marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(group.words))
            self._writer.execute(
                f"INSERT OR REPLACE INTO word (run, {WORD_COLUMNS}) VALUES {marks}",  # noqa: S608 - constants
                [value for word in group.words for value in (group.run, *word)],
            )
            self._writer.execute(KNOW_WORDS, (group.run,))

    def _append_results(self, group: Group) -> None:
        rows = [
            (each.key, each.codec, each.length, each.checksum, each.place, each.payload, group.run, group.wall)
            for each in group.results
        ]
        # Each statement gives Python's interpreter lock up, and may wait for it as long as another thread computes. So
        # there is one for hundreds of rows; and few kinds of them, which stay prepared, are filled up with a row twice.
        most = self._writer.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // _RESULT.count("?")
        size = min(_ROWS_AT_ONCE, 1 << (most.bit_length() - 1))
        for begin in range(0, len(rows), size):
            some = rows[begin : begin + size]
            fitting = 1 << (len(some) - 1).bit_length()
            some += [min(some, key=_size_of_row)] * (fitting - len(some))
            statement = f"INSERT OR REPLACE INTO result VALUES {', '.join([_RESULT] * fitting)}"  # noqa: S608 - constants
            self._writer.execute(statement, list(chain.from_iterable(some)))

    def _level(self, level: str) -> None:
        if self._synchronous != level:
            self._writer.execute(f"PRAGMA synchronous = {level}")
            self._synchronous = level

    # --- what is derived ----------------------------------------------------------------------------------------------

    def project(self, number: int, lines: int) -> int:
        """Bring what is derived up to date by about so many lines; return up to which group it is, 0 if it was so."""
        with self._told("write to"), self._borrowed() as connection:
            ((run_id, projected),) = connection.execute(
                "SELECT id, projected FROM run WHERE number = ?", (number,)
            ).fetchall()
            groups = connection.execute(
                "SELECT seq, first, wall_offset, checksum, CAST(body AS BLOB), lines FROM log "
                "WHERE run = ? AND seq > ? ORDER BY seq LIMIT 200",
                (number, projected),
            )
            some: list[tuple[Any, ...]] = []
            found = 0
            for row in groups:
                some.append(row)
                found += row[5]
                if found >= lines:
                    break
            groups.close()
            if some:
                self._project_some(connection, number, run_id, some)
            return some[-1][0] if some else 0

    def _project_some(
        self, connection: sqlite3.Connection, number: int, run_id: str, groups: list[tuple[Any, ...]]
    ) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM meaning")
            connection.execute(KNOW_WORDS, (number,))
            ((projected,),) = connection.execute("SELECT projected FROM run WHERE number = ?", (number,)).fetchall()
            for seq, first, offset, checksum, body, _ in groups:
                if seq <= projected:
                    continue  # Another process was faster.
                missing = seq - projected - 1
                whole = checksum == log_checksum(run_id, seq, first, offset, body=body, key=self.signing_key)
                if missing or not whole:
                    skipped = {"run": number, "seq": seq - 1 if whole else seq, "damaged": missing + (not whole)}
                    for statement in SKIP:
                        connection.execute(statement, skipped)
                if whole:
                    text = body.decode()
                    connection.execute(
                        "INSERT INTO projecting VALUES (?, ?, ?, ?, ?, ?)",
                        (number, seq, offset, f" {seq}", f"[{text}]", "\n[" in text or text.startswith("[")),
                    )
                projected = seq
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    # --- questions ----------------------------------------------------------------------------------------------------

    def query(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a question."""
        with self._told("read"), self._borrowed() as connection:
            return connection.execute(statement, values).fetchall()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Do one statement as one transaction; return how many rows it changed."""
        with self._told("write to"), self._borrowed() as connection:
            return connection.execute(statement, values).rowcount

    def ident(self, ident: Ident) -> Ident:
        """Return a unit's id as the tables hold it: as it is."""
        return ident

    def ident_from(self, value: Ident) -> Ident:
        """Return the id that the tables hold as this."""
        return value

    @contextmanager
    def new_files(self) -> Iterator[None]:
        """While this is entered, no sweep runs."""
        self._locks.mkdir(mode=0o700, exist_ok=True)
        with hold(self._locks / "results.lock", shared=True, patience=self._patience):
            yield

    @contextmanager
    def no_new_files(self) -> Iterator[None]:
        """While this is entered, nobody is between the writing of a file and referring to it."""
        # Told by itself: what is raised while it is entered is not this store's.
        with ExitStack() as stack:
            with self._told("lock the results of"):
                self._locks.mkdir(mode=0o700, exist_ok=True)
                stack.enter_context(hold(self._locks / "results.lock", shared=False, patience=self._patience))
            yield

    # --- life ---------------------------------------------------------------------------------------------------------

    def compact(self) -> bool:
        """Make the file as small as what it holds, if nobody else has it open; tell whether it is done."""
        with self._told("compact"), self._file.alone() as alone:
            if alone:
                self._writer.execute("VACUUM")
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return alone

    def stand_in_for(self, path: Path, clean_up: Callable[[], None]) -> None:
        """Be a copy of the store at `path`; `clean_up` is called when it is closed."""
        self.place = str(path)
        self.files = ResultFiles(path.with_name(path.name + ".results"))
        self._clean_up = clean_up

    def forked(self) -> None:
        """Let go, in a forked child, of what belongs to the parent: its connections are kept open, and never used."""
        for lease in (*self._leases.values(), *self._claims):
            lease.forked()
        self._file.close()
        self._abandoned += [self._writer, self._idle]
        self._idle = SimpleQueue()

    def close(self) -> None:
        """Close all connections, and give up all runs that have not been ended."""
        for lease in (*self._leases.values(), *self._claims):
            lease.release()
        self._leases.clear()
        self._claims.clear()
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()
        with suppress(sqlite3.Error):
            self._writer.close()
        self._file.close()
        if self._clean_up is not None:
            self._clean_up()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._file.connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raise what the database and the operating system raise as errors of the journal."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                self._file.note_damage()
                raise DamagedStore(
                    f"cannot {what} {self.place}: {error}; when nobody has it open, opening it saves what is left"
                ) from error
            raise JournalUnavailable(f"cannot {what} {self.place}: {error}{_remedy(error)}") from error
        except UnicodeError as error:
            raise DamagedStore(f"cannot {what} {self.place}: {error}") from error
        except FileNotFoundError:
            if what == "open" and self._must_exist:
                raise
            raise JournalUnavailable(
                f"cannot {what} {self.place}: its folder {self.path.parent} is not there"
            ) from None
        except OSError as error:
            raise JournalUnavailable(f"cannot {what} {self.place}: {error}") from error


_APPEND: Final = (
    "INSERT OR REPLACE INTO log (run_id, run, seq, first, lines, wall_offset, format, length, checksum, body) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_APPEND_AND_DERIVE: Final = "INSERT INTO appending VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def _remedy(error: sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return "; another process keeps it locked: end that, or give `patience`"
    if "full" in text:
        return "; free some space on its disk"
    if "readonly" in text or "unable to open" in text:
        return "; its folder must be there, and writable"
    return ""


def _size_of_row(row: tuple[Any, ...]) -> int:
    payload = row[5]
    return 0 if payload is None else len(payload)
