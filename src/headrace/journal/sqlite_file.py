"""The file of a SQLite store: making it, looking whether it is sound, migrating and salvaging it."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headrace.journal.carving import lost_frames
from headrace.journal.errors import NewerSchema, StoreRefused
from headrace.journal.lease import lock_in_time, try_lock
from headrace.journal.projection import CHANGE_SQLITE, STEPS, TABLES_SQLITE
from headrace.journal.salvage import Findings, find, put, set_aside
from headrace.journal.schema import DERIVED, MIGRATIONS, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SQLiteFile", "code_of", "is_damage"]

logger = logging.getLogger(__name__)

#: What a database file begins with, and the number that says whose it is.
_MAGIC: Final = b"SQLite format 3\0"
_APPLICATION: Final = int.from_bytes(b"HEAD", "big")

_DIALECT: Final = {
    "{serial}": "INTEGER PRIMARY KEY",
    "{real}": "REAL",
    "{blob}": "BLOB",
    "{id}": "",
    "{key}": "TEXT",
    "{no_rowid}": "WITHOUT ROWID",
}

# Stores up to this size are looked through whole when they are opened: about a fifth of a second.
_CHECKED_UP_TO: Final = 32 << 20


def _here(statement: str) -> str:
    for name, text in _DIALECT.items():
        statement = statement.replace(name, text)
    return statement


_OF_GROUP: Final = re.sub(r":([a-z]+(?:_[a-z]+)?)", r'NEW."\1"', ";".join((*CHANGE_SQLITE, *STEPS)))

_PROJECT: Final = "\n".join(
    (
        *(f"CREATE TEMP TABLE {_here(table)};" for table in TABLES_SQLITE),
        "CREATE TEMP VIEW projecting AS",
        """SELECT 0 AS run, 0 AS seq, 0 AS wall_offset, '' AS found_in, '' AS body, 0 AS "full";""",
        "CREATE TEMP TRIGGER project INSTEAD OF INSERT ON projecting",
        "WHEN (SELECT projected FROM run WHERE number = NEW.run) = NEW.seq - 1 BEGIN",
        f"{_OF_GROUP}; END;",
        # To write a group and derive what is not yet derived up to some group, in one statement: for each that Python
        # does, it gives its interpreter lock up twice.
        "CREATE TEMP VIEW appending AS",
        "SELECT '' AS run_id, 0 AS run, 0 AS seq, 0 AS first, 0 AS lines, 0 AS wall_offset, 0 AS format, 0 AS length,",
        "x'' AS checksum, '' AS body, 0 AS derive_to;",
        "CREATE TEMP TRIGGER append INSTEAD OF INSERT ON appending BEGIN",
        "INSERT OR REPLACE INTO log (run_id, run, seq, first, lines, wall_offset, format, length, checksum, body)",
        "VALUES (NEW.run_id, NEW.run, NEW.seq, NEW.first, NEW.lines, NEW.wall_offset, NEW.format, NEW.length,",
        "NEW.checksum, NEW.body);",
        "INSERT INTO projecting SELECT run, seq, wall_offset, ' ' || seq, '[' || body || ']',",
        "substr(body, 1, 1) = '[' OR instr(body, char(10) || '[') > 0 FROM log",
        "WHERE run = NEW.run AND seq > (SELECT projected FROM run WHERE number = NEW.run) AND seq <= NEW.derive_to",
        "ORDER BY seq; END;",
    )
)


#: What must make sense in a store that is sound.
_TRIED: Final = (
    "SELECT number, id, argv, cwd, script, versions, host, username, pid, began, ended, how, extra FROM run",
    "SELECT projected, damaged FROM run",
    "SELECT position, run_id, run, seq, first, lines, wall_offset, format, length, checksum, body FROM log",
    "SELECT key, codec, length, checksum, place, payload, run, stored_at FROM result WHERE key = ''",
    "INSERT INTO projecting VALUES (0, 0, 0, '', '', 0)",
    "INSERT INTO appending VALUES ('', 0, 0, 0, 0, 0, 0, 0, x'', '', 0)",
    "INSERT INTO run (id) VALUES ('') ON CONFLICT (id) DO NOTHING",
)


# Whoever looks through a store, and salvages it, may take so many seconds before others give up.
_SALVAGED_WITHIN: Final = 60.0


class SQLiteFile:
    """A database file with a folder of locks beside it. Whoever has opened it must close it.

    Args:
        path: the file.
        signing_key: what is salvaged must have been signed with it.
        patience: how many seconds to wait for others who write to it.
        must_exist: do not make it.
    """

    def __init__(self, path: Path, *, signing_key: bytes, patience: float, must_exist: bool) -> None:
        self.path = path
        #: Where the locks are.
        self.locks = path.with_name(path.name + ".locks")
        self._signing_key = signing_key
        self._patience = patience
        self._must_exist = must_exist
        # Shared by all who have it open; held alone while it is looked through.
        self._lock = -1

    def open(self) -> sqlite3.Connection:
        """Open the database: make it, migrate it, salvage it if it is damaged; return a connection for writing.

        Raises:
            FileNotFoundError: it must exist and does not, or its folder does not.
            StoreRefused: it is another user's, others may write to it, or it is something else.
            NewerSchema: a newer Headrace has written it.
            sqlite3.Error, OSError: it cannot be opened, or is damaged while others have it open.
        """
        self._make_file()
        self.locks.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(self.locks / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not try_lock(self._lock, fcntl.LOCK_EX):
                lock_in_time(self._lock, fcntl.LOCK_SH, self.path, _SALVAGED_WITHIN + self._patience)
                return self._opened(check=False)
            connection = self._opened_alone()
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        except BaseException:
            os.close(self._lock)
            raise
        return connection

    def connect(self) -> sqlite3.Connection:
        """Return one more connection, which can `project` and `append`."""
        connection = self._connection(self.path)
        connection.executescript(_PROJECT)
        return connection

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep others from opening it, if nobody else has it open now; give whether that is so. They wait meanwhile."""
        alone = try_lock(self._lock, fcntl.LOCK_EX)
        try:
            yield alone
        finally:
            # Also if it was not to be had: trying may have lost what was held.
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def note_damage(self) -> None:
        """Have it looked through when it is opened next, however large it is."""
        with suppress(OSError):
            (self.locks / "damaged").touch(0o600)

    def close(self) -> None:
        """Let others look through it."""
        fd, self._lock = self._lock, -1
        if fd >= 0:
            os.close(fd)

    def _make_file(self) -> None:
        if not self._must_exist:
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        found = self.path.stat()
        if found.st_uid != os.geteuid():
            raise StoreRefused(
                f"{self.path!s} belongs to user {found.st_uid}, and this process is user {os.geteuid()}: what it holds "
                "would be loaded as its owner made it. Use a store of your own"
            )
        if stat.S_IMODE(found.st_mode) & 0o022:
            raise StoreRefused(f"others may write to {self.path!s}; chmod 600 it, if you trust what it holds")

    def _opened_alone(self) -> sqlite3.Connection:
        """Open while nobody else has the store open: if it is damaged, put that right."""
        logs = self._logs()
        try:
            connection = self._opened(check=True)
        except sqlite3.DatabaseError as error:
            if not is_damage(error, opening=True) and not self._is_needlessly_read_only(error):
                raise
            connection = self._salvaged(logs, error)
        except ValueError as error:
            # A text, or the message that tells of the damage, is no UTF-8.
            connection = self._salvaged(logs, error)
        else:
            try:
                self._salvage_logs(connection, logs)
            except BaseException:
                connection.close()
                raise
        self._log_copy.unlink(missing_ok=True)
        return connection

    @property
    def _log_copy(self) -> Path:
        return self.locks / "log"

    def _logs(self) -> list[bytes]:
        """Return the write-ahead log, and that of an opening that was cut short if there was one.

        SQLite removes a log, and all behind a damaged place of it, when it closes a file that it cannot read. So there
        is a copy until what was in it is in the store again.
        """
        log, earlier = _read(f"{self.path}-wal"), _read(self._log_copy)
        if log and not earlier:
            new = self._log_copy.with_suffix(".new")
            try:
                new.write_bytes(log)
                new.replace(self._log_copy)
            except OSError:
                # A full disk, which should not keep a store from being read. Only a kill would make a difference.
                new.unlink(missing_ok=True)
        return [log] if earlier in {b"", log} else [log, earlier]

    def _refuse_what_is_no_store(self, database: bytes, findings: Findings) -> None:
        """Keep from setting aside what never was a store: whoever named it here made a mistake."""
        alike = sum(here == there for here, there in zip(database, _MAGIC, strict=False))
        if alike < len(_MAGIC) - 1 and not (findings.groups or findings.results):
            raise StoreRefused(f"{self.path} is no store of Headrace's, and is left as it is; give another place")

    def _is_needlessly_read_only(self, error: sqlite3.Error) -> bool:
        """Whether SQLite will not write though the operating system would let it: a damaged header says so."""
        return (
            code_of(error) == sqlite3.SQLITE_READONLY
            and os.access(self.path, os.W_OK)
            and os.access(self.path.parent, os.W_OK)
        )

    def _salvage_logs(self, connection: sqlite3.Connection, logs: list[bytes]) -> None:
        """Put back what was committed behind a damaged place of a write-ahead log: SQLite stops reading there."""
        log, *earlier = logs
        if log:
            ((_, recovered, _),) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if recovered < 0 or not lost_frames(log, recovered):
                logs = earlier
        groups, results = self._put(find(b"", filter(None, logs), self._signing_key), connection)
        if not groups and not results:
            return
        logger.error(
            "the write-ahead log of %s was damaged; %d groups and %d results behind the damage were found whole, and "
            "put back",
            *(str(self.path), groups, results),
        )

    def _salvaged(self, logs: list[bytes], error: Exception) -> sqlite3.Connection:
        database = self.path.read_bytes()
        findings = find(database, logs, self._signing_key)
        self._refuse_what_is_no_store(database, findings)
        fresh = self.path.with_name(f"{self.path.name}.salvaged")
        # What one that was cut short has left: its journal would be taken for this one's.
        for end in ("", "-journal", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{fresh}{end}").unlink()
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = self._connection(fresh)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            self._migrate(connection)
            groups, results = self._put(findings, connection)
        finally:
            connection.close()
        kept = set_aside(self.path, self._log_copy)
        fresh.replace(self.path)
        (self.locks / "damaged").unlink(missing_ok=True)
        logger.error(
            "%s was damaged (%s): %d groups of records and %d results were found whole and are in a new store in its "
            "place; what is left of the damaged one is in %s",
            *(str(self.path), error, groups, results, kept),
        )
        return self._opened(check=False)

    def _put(self, findings: Findings, connection: sqlite3.Connection) -> tuple[int, int]:
        if not findings.groups and not findings.results and not findings.runs:
            return 0, 0
        connection.execute("BEGIN IMMEDIATE")
        groups, results = put(findings, connection)
        if groups:
            # What is derived is derived again.
            for table in DERIVED:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
            connection.execute("UPDATE run SET projected = 0, damaged = 0")
            connection.execute("INSERT INTO summed SELECT number, 0 FROM run")
        connection.execute("COMMIT")
        return groups, results

    def _opened(self, *, check: bool) -> sqlite3.Connection:
        connection = self._connection(self.path)
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            if check and (self.path.stat().st_size <= _CHECKED_UP_TO or (self.locks / "damaged").exists()):
                ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
                _check_verdict(verdict)
                (self.locks / "damaged").unlink(missing_ok=True)
            self._migrate(connection)
            connection.executescript(_PROJECT)
            if check:
                # Every table and column has its name.
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                for statement in _TRIED:
                    connection.execute(f"EXPLAIN {statement}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_what_is_anothers(self, connection: sqlite3.Connection) -> None:
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        ((application,),) = connection.execute("PRAGMA application_id").fetchall()
        if tables and application == _APPLICATION:
            raise sqlite3.DatabaseError("malformed: its version is missing")
        if tables:
            raise StoreRefused(f"{self.path} is another program's database, and is left as it is; give another place")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version == VERSION:
            return _check_version(str(self.path), version)
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            _check_version(str(self.path), version)
            if version == 0:
                self._refuse_what_is_anothers(connection)
                connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            for statement in (one for step in MIGRATIONS[version:] for one in step):
                connection.execute(_here(statement))
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(VERSION),))
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return None

    def _connection(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=self._patience,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
        # A flipped byte may leave what is no UTF-8: the checksum tells, not the decoder.
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


def _check_verdict(verdict: str) -> None:
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"malformed: {verdict}")


def code_of(error: sqlite3.Error) -> int:
    """SQLite's own primary code for what went wrong; that of a generic error if it is none of SQLite's."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_damage(error: sqlite3.Error, *, opening: bool = False) -> bool:
    """Whether the file is to blame. While it is opened nothing is asked of it that a sound one would refuse."""
    blamed = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
    if opening:
        blamed |= {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_CONSTRAINT}
    return code_of(error) in blamed


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""


def _version(connection: sqlite3.Connection) -> int:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'").fetchall()
    if not tables:
        return 0
    rows = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
    version = rows[0][0] if rows else "missing"
    ((again,),) = connection.execute("PRAGMA user_version").fetchall()
    if version != str(again):
        raise sqlite3.DatabaseError(f"malformed: its version is {version!r} in one place and {again} in another")
    return int(again)


def _check_version(place: str, version: int) -> None:
    if version > VERSION:
        raise NewerSchema(
            f"{place} has tables of version {version}, and this Headrace knows them up to {VERSION}: update Headrace"
        )
