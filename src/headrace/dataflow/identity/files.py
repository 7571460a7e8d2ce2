"""What tells files apart: what is in them."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b, file_digest
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from headrace.data import File
from headrace.dataflow.identity.token import DIGEST, MemoKeyError, class_name, token
from headrace.dataflow.identity.walk import Kind, id_for_memo

if TYPE_CHECKING:
    from hashlib import _Hash

__all__: list[str] = []


def _path(value: Path) -> bytes:
    return _name(value.name) + _content(os.fspath(value))


def _path_name(value: PurePath) -> bytes:
    return class_name(type(value)) + _name(os.fspath(value))


def _file(value: File) -> bytes:
    if value.is_remote and value.local_path is None:
        raise MemoKeyError(
            f"{value.url} is remote, and what is in it is not known here: stage it in, pass its address as text, or "
            "leave it out with ignore_for_cache=[its argument's name]"
        )
    return _name(value.filename) + _content(value.filepath)


def _file_name(value: File) -> bytes:
    return b"".join(_name(part) for part in (value.scheme, value.netloc, value.path, value.query))


def _name(name: str) -> bytes:
    return token(b"name", name.encode("utf-8", "surrogatepass"))


def _content(path: str) -> bytes:
    """Return the token of what is in a file, or in a directory and all below it."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a Path for each would cost more than the rest
        if stat.S_ISDIR(mode):
            return token(b"tree", b"".join(sorted(_tree(path))))
        if stat.S_ISREG(mode):
            return token(b"file", _digest(path))
    except (OSError, ValueError) as error:
        raise MemoKeyError(
            f"what is in {path!r} cannot be read, and is needed to tell it from other files: {error}; see that it is "
            "there when the call starts, or leave it out with ignore_for_cache=[its argument's name]"
        ) from error
    raise _neither(path)


def _tree(root: str) -> list[bytes]:
    """Return a token for each thing below a directory, links followed."""
    entries: list[bytes] = []
    todo: list[tuple[str, bytes, frozenset[tuple[int, int]]]] = [(root, b"", frozenset())]
    while todo:
        folder, prefix, above = todo.pop()
        status = os.stat(folder)  # noqa: PTH116 - a Path for each would cost more than the rest
        here = (status.st_dev, status.st_ino)
        if here in above:
            raise MemoKeyError(f"the directory {root!r} has a link that leads back to above it: {folder!r}")
        with os.scandir(folder) as found:
            for entry in found:
                name = prefix + os.fsencode(entry.name)
                if entry.is_dir():
                    entries.append(token(b"folder", name))
                    todo.append((entry.path, name + b"/", above | {here}))
                else:
                    entries.append(token(b"entry", token(b"name", name) + _leaf(entry)))
    return entries


def _leaf(entry: os.DirEntry[str]) -> bytes:
    if entry.is_file():
        return token(b"file", _digest(entry.path))
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - a Path for each would cost more than the rest
        return token(b"link", os.fsencode(os.readlink(entry.path)))  # noqa: PTH115 - a Path for each would cost more than the rest
    raise _neither(entry.path)


def _digest(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - a Path for each would cost more than the rest
        return file_digest(file, _new_hash).digest()


def _new_hash() -> _Hash:
    return blake2b(digest_size=DIGEST)  # type: ignore[return-value]  # typeshed has a class for each


def _neither(path: str) -> MemoKeyError:
    return MemoKeyError(
        f"{path!r} is neither a file nor a directory, and is not hashable for memoization: leave it out with "
        "ignore_for_cache=[its argument's name]"
    )


id_for_memo.register(PurePath, Kind(b"purepath", _path_name, exact=False))
id_for_memo.register(Path, Kind(b"path", _path, by_name=_path_name, exact=False))
id_for_memo.register(File, Kind(b"File", _file, by_name=_file_name, exact=False))
