"""Which store a place is."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.journal.key import own_key
from headrace.journal.sqlite import SQLiteStore

if TYPE_CHECKING:
    from headrace.journal.store import Store

__all__ = ["open_store"]

_SCHEMES = ("postgresql://", "postgres://")


def open_store(
    place: str | os.PathLike[str], *, patience: float, signing_key: bytes, must_exist: bool = False
) -> Store:
    """Open the store at a path or a URL; salvage a file that does not read. Raises what `Journal.open` does.

    What is on a server is signed with the user's own key unless another is given: others may write there too.

    With `must_exist` it is for reading: nothing is made there, and of a file in a folder that cannot be written to a
    copy is opened.
    """
    text = os.fspath(place)
    if text.startswith(_SCHEMES):
        # Only here: SQLite needs nothing to be installed.
        from headrace.journal.postgres import PostgresStore  # noqa: PLC0415 - see above

        return PostgresStore(text, signing_key=signing_key or own_key(), patience=patience)
    path = Path(text).absolute()
    if must_exist and path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return _open_copy(path, patience=patience, signing_key=signing_key)
    return SQLiteStore(path, signing_key=signing_key, patience=patience, must_exist=must_exist)


def _open_copy(path: Path, *, patience: float, signing_key: bytes) -> SQLiteStore:
    folder = tempfile.TemporaryDirectory(prefix="headrace-journal-")
    try:
        copy = Path(folder.name) / path.name
        for end in ("", "-wal"):
            if (original := path.with_name(path.name + end)).exists():
                shutil.copyfile(original, f"{copy}{end}")
                Path(f"{copy}{end}").chmod(0o600)
        store = SQLiteStore(copy, signing_key=signing_key, patience=patience, must_exist=True)
    except BaseException:
        folder.cleanup()
        raise
    store.stand_in_for(path, folder.cleanup)
    return store
