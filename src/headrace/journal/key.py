"""The key that a user's stores on shared servers are signed with."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from headrace.journal.errors import StoreRefused

__all__ = ["KEY_VARIABLE", "own_key"]

#: Names another file than the usual one.
KEY_VARIABLE: Final = "HEADRACE_JOURNAL_KEY_FILE"

# As long as BLAKE2b takes at most would be 64.
_LENGTH: Final = 32


def own_key() -> bytes:
    """Return the user's key; it is made, at random, when there is none.

    It is in ``headrace/journal.key`` under ``$XDG_CONFIG_HOME`` (``~/.config`` unless set), or in the file that
    `KEY_VARIABLE` names. Who is to read a user's stores, or resume from them on another machine, needs a copy of it.

    Raises:
        StoreRefused: others may read or write the file, it is another user's, or it holds no key.
    """
    path = _path()
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreRefused(f"the key of your journals in {path} cannot be read: {error.strerror}") from error
    try:
        return _made(path)
    except OSError as error:
        raise StoreRefused(
            f"no key for your journals can be made in {path}: {error.strerror}; name another file with {KEY_VARIABLE}"
        ) from error


def _path() -> Path:
    named = os.environ.get(KEY_VARIABLE)
    if named:
        return Path(named)
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "headrace" / "journal.key"


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise StoreRefused(
                f"the key of your journals in {path} must be yours alone: chown it to you, and chmod 600 {path}; if "
                "others may have read it, make a new one and begin new journals"
            )
        key = file.read(2 * _LENGTH)
    if not _LENGTH <= len(key) < 2 * _LENGTH:
        raise StoreRefused(f"{path} holds no key: {_LENGTH} random bytes or a few more, not {len(key)}")
    return key


def _made(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(_LENGTH)
    # Whole or not at all, and the first of two that do this at once wins.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        return _read(path)
    finally:
        temporary.unlink()
    return key
