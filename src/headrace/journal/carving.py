"""Finding rows in what is left of a SQLite file, without SQLite.

A flipped byte near the root of a table makes all of it unreadable for SQLite, though the rows are there. They are
looked for on every page that holds rows, also in the write-ahead log. What is found by this may be garbage, or a copy
that was replaced: that is for the caller to find out, by checksums that belong to the rows.

The formats are those of https://www.sqlite.org/fileformat2.html, sections 1.6 (pages), 2.1 (records), 4.1 (the log).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Row", "lost_frames", "rows_of"]

#: The values of one row.
Row = tuple[Any, ...]

_LEAF: Final = 0x0D
_FILE_HEADER: Final = 100
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_DEFAULT_PAGE: Final = 4096
_PAGES: Final = {1 << bits for bits in range(9, 17)}
_VARINT_AT_MOST: Final = 9
_COLUMNS_AT_MOST: Final = 64
# How many bytes an integer or a float of each serial type has.
_SIZES: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
_REAL: Final = 7
_ZERO: Final = 8
_ONE: Final = 9
_VARIABLE: Final = 12


class _Garbage(Exception):
    """This is no row."""


def rows_of(database: bytes, log: bytes) -> Iterator[Row]:
    """Give whatever looks like a row in a database file and its write-ahead log, in no order, and more than once."""
    size = _page_size(database, log)
    frames = list(_frames(log, size))
    newest = {number: image for number, image, _ in frames}

    def page(number: int) -> bytes:
        found = newest.get(number)
        return database[(number - 1) * size : number * size] if found is None else found

    for begin in range(0, len(database), size):
        yield from _rows_on(database[begin : begin + size], page, _FILE_HEADER if begin == 0 else 0, size)
    for number, image, _ in frames:
        yield from _rows_on(image, page, _FILE_HEADER if number == 1 else 0, size)


def lost_frames(log: bytes, recovered: int) -> bool:
    """Tell whether transactions were committed to a write-ahead log behind the `recovered` frames that still read."""
    frames = list(_frames(log, _page_size(b"", log), same_salts=True))
    return any(commits for _, _, commits in frames[recovered:])


def _page_size(database: bytes, log: bytes) -> int:
    size = int.from_bytes(database[16:18], "big")
    size = 65536 if size == 1 else size
    if size not in _PAGES:
        size = int.from_bytes(log[8:12], "big")
    return size if size in _PAGES else _DEFAULT_PAGE


def _frames(log: bytes, size: int, *, same_salts: bool = False) -> Iterator[tuple[int, bytes, bool]]:
    """The pages in a write-ahead log: number, content, and whether a transaction ends with it."""
    # Frames of an earlier use of the file have other salts than its header. The first frame's count too, in case it is
    # the header that is damaged.
    salts = {log[16:24], log[_WAL_HEADER + 8 : _WAL_HEADER + 16]}
    for begin in range(_WAL_HEADER, len(log) - _FRAME_HEADER, _FRAME_HEADER + size):
        header = log[begin : begin + _FRAME_HEADER]
        if same_salts and header[8:16] not in salts:
            continue
        number, after = struct.unpack(">II", header[:8])
        image = log[begin + _FRAME_HEADER : begin + _FRAME_HEADER + size]
        yield number, image, after > 0 and len(image) == size


def _rows_on(image: bytes, page: Callable[[int], bytes], begin: int, size: int) -> Iterator[Row]:
    if len(image) < begin + 8 or image[begin] != _LEAF:
        return
    cells = int.from_bytes(image[begin + 3 : begin + 5], "big")
    for index in range(min(cells, size // 4)):
        at = begin + 8 + 2 * index
        try:
            yield _row(image, int.from_bytes(image[at : at + 2], "big"), page, size)
        except (_Garbage, IndexError, struct.error, UnicodeDecodeError, OverflowError):
            continue


def _row(image: bytes, at: int, page: Callable[[int], bytes], size: int) -> Row:
    length, at = _varint(image, at)
    _, at = _varint(image, at)
    # How much of it is on this page: section 1.6 of the format.
    here = length
    if length > size - 35:
        least = (size - 12) * 32 // 255 - 23
        here = least + (length - least) % (size - 4)
        here = here if here <= size - 35 else least
    payload = image[at : at + here]
    if here < length:
        payload += _overflow(int.from_bytes(image[at + here : at + here + 4], "big"), length - here, page, size)
    if len(payload) != length:
        raise _Garbage
    return _values(payload)


def _overflow(number: int, length: int, page: Callable[[int], bytes], size: int) -> bytes:
    parts = []
    for _ in range(length // (size - 4) + 2):
        if number == 0 or length <= 0:
            break
        image = page(number)
        parts.append(image[4 : 4 + min(length, size - 4)])
        length -= size - 4
        number = int.from_bytes(image[:4], "big")
    return b"".join(parts)


def _values(payload: bytes) -> Row:
    end, at = _varint(payload, 0)
    types = []
    while at < end:
        kind, at = _varint(payload, at)
        types.append(kind)
        if len(types) > _COLUMNS_AT_MOST:
            raise _Garbage
    values = []
    for kind in types:
        size = _SIZES.get(kind, (kind - _VARIABLE) // 2)
        value = payload[at : at + size]
        if size < 0 or len(value) != size:
            raise _Garbage
        values.append(_value(kind, value))
        at += size
    return tuple(values)


def _value(kind: int, value: bytes) -> Any:  # noqa: ANN401 - whatever is in a column
    if kind >= _VARIABLE:
        return value.decode() if kind % 2 else value
    if kind == _REAL:
        return struct.unpack(">d", value)[0]
    if kind in {_ZERO, _ONE}:
        return kind - _ZERO
    return int.from_bytes(value, "big", signed=True) if value else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_AT_MOST):
        byte = data[at + index]
        if index == _VARINT_AT_MOST - 1:
            return value << 8 | byte, at + index + 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, at + index + 1
    raise _Garbage
