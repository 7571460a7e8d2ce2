"""Results: payloads under keys, which read as what was stored or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headrace.journal.errors import CorruptResultError
from headrace.journal.group import StoredResult, result_checksum
from headrace.journal.records import ResultRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from headrace.journal.store import Store

__all__ = ["INLINE_AT_MOST", "Result", "ResultFiles", "Results", "keys_under", "to_store"]

#: Payloads up to this many bytes are in the database.
INLINE_AT_MOST: Final = 64 * 1024

_COLUMNS: Final = "r.key, r.codec, r.length, r.checksum, r.place, r.stored_at, run.id"
# Parameters of one statement.
_KEYS_AT_ONCE: Final = 500
_TEMPORARY: Final = ".new-"


@dataclass(frozen=True, slots=True)
class Result:
    """A stored result that has been read and found whole."""

    record: ResultRecord
    payload: bytes


class ResultFiles:
    """Files named by what they contain, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, payload: bytes) -> str:
        """Have the payload in a file; return the file's name. On return it is on disk under that name, whole.

        Raises:
            OSError: it could not be written. Nothing is left of it.
        """
        name = blake2b(payload, digest_size=32).hexdigest()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # Written anew even if it is there: what is there may be damaged.
        handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=self.folder)
        new = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.folder / name)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return name

    def get(self, name: str) -> bytes:
        """Return what the file contains. Raises OSError."""
        return (self.folder / name).read_bytes()

    def names(self) -> list[str]:
        """Return the names of all files, the halves of those that were never finished among them."""
        try:
            return sorted(file.name for file in self.folder.iterdir())
        except FileNotFoundError:
            return []

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.folder / name).unlink(missing_ok=True)


class Results:
    """The results in a store. Loading what they hold means trusting whoever could write to it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: str) -> Result | None:
        """Return the result under a key, or None.

        Raises:
            CorruptResultError: what is there is not what was stored.
            JournalUnavailable: the store does not answer.
        """
        rows = self._store.query(
            f"SELECT {_COLUMNS}, r.payload FROM result r LEFT JOIN run ON run.number = r.run WHERE r.key = ?",  # noqa: S608 - a constant
            (key,),
        )
        return self._checked(rows[0]) if rows else None

    def among(self, keys: Sequence[str]) -> list[str]:
        """Return those of the keys that there are results for, in the order given."""
        found: set[str] = set()
        for first in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[first : first + _KEYS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            found.update(key for (key,) in self._store.query(f"SELECT key FROM result WHERE key IN ({marks})", some))  # noqa: S608 - marks
        return [key for key in keys if key in found]

    def records(self) -> Iterator[ResultRecord]:
        """Give what is known of every result, by key, without reading what it holds."""
        after = ""
        while True:
            rows = self._store.query(
                f"SELECT {_COLUMNS} FROM result r LEFT JOIN run ON run.number = r.run WHERE r.key > ? "  # noqa: S608 - a constant
                "ORDER BY r.key LIMIT 1000",
                (after,),
            )
            if not rows:
                return
            yield from map(_record, rows)
            after = rows[-1][0]

    def number(self, under: str) -> int:
        """Return how many results have keys that begin with `under`, which must not be empty."""
        ((number,),) = self._store.query("SELECT count(*) FROM result WHERE key >= ? AND key < ?", keys_under(under))
        return int(number)

    def verify(self) -> list[CorruptResultError]:
        """Read every result; return what is wrong with those that are not as they were stored."""
        wrong = []
        for record in self.records():
            try:
                self.find(record.key)
            except CorruptResultError as error:
                wrong.append(error)
        return wrong

    def forget(self, keys: Iterable[str]) -> int:
        """Remove results; return how many there were. Their files go with the next `sweep`."""
        return sum(self._store.execute("DELETE FROM result WHERE key = ?", (key,)) for key in keys)

    def sweep(self) -> int:
        """Remove the files that no result refers to; return how many. Writers wait meanwhile."""
        files = self._store.files
        if files is None:
            return 0
        with self._store.no_new_files():
            used = {
                place for (place,) in self._store.query("SELECT DISTINCT place FROM result WHERE place IS NOT NULL")
            }
            unused = [name for name in files.names() if name not in used]
            for name in unused:
                files.remove(name)
        return len(unused)

    def _checked(self, row: tuple[object, ...]) -> Result:
        record = _record(row)
        payload = row[7]
        place = self._store.place
        if record.place is not None and self._store.files is not None:
            place = str(self._store.files.folder / record.place)
            try:
                payload = self._store.files.get(record.place)
            except OSError as error:
                raise CorruptResultError(record.key, place, f"cannot be read: {error}") from error
        if not isinstance(payload, bytes):
            raise CorruptResultError(record.key, place, "is not there")
        if len(payload) != record.length:
            raise CorruptResultError(record.key, place, f"has {len(payload)} bytes instead of {record.length}")
        if result_checksum(record.key, record.codec, payload, self._store.signing_key) != record.checksum:
            raise CorruptResultError(record.key, place, "does not have the checksum that it was stored with")
        return Result(record, payload)


def to_store(key: str, codec: str, payload: bytes, store: Store) -> StoredResult:
    """Return a result as the store keeps it, with its file written if it needs one. Raises OSError."""
    checksum = result_checksum(key, codec, payload, store.signing_key)
    place = None
    if store.files is not None and len(payload) > INLINE_AT_MOST:
        place = store.files.put(payload)
    return StoredResult(
        key=key,
        codec=codec,
        length=len(payload),
        checksum=checksum,
        place=place,
        payload=payload if place is None else None,
    )


def keys_under(beginning: str) -> tuple[str, str]:
    """Return the first key that may begin so, and the first after all that do."""
    return beginning, beginning[:-1] + chr(ord(beginning[-1]) + 1)


def _record(row: tuple[object, ...]) -> ResultRecord:
    key, codec, length, checksum, place, stored_at, run = row[:7]
    return ResultRecord(
        key=str(key),
        codec=str(codec),
        length=length if isinstance(length, int) else -1,
        checksum=checksum if isinstance(checksum, bytes) else b"",
        place=None if place is None else str(place),
        run="" if run is None else str(run),
        stored_at=stored_at if isinstance(stored_at, float) else 0.0,
    )
