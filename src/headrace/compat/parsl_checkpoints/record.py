"""The records of a file ``tasks.pkl``: how they are told apart, and how one is made. Nothing here unpickles anything.

The file is a row of pickles. Each is a dict with a call's key under ``"hash"``, None under ``"exception"`` and the
call's value under ``"result"``, in this order. A pickle says how long most of its parts are, so its end can be found
without loading it.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Damage", "Record", "is_swallowed", "pack_record", "records_in"]

_STOP: Final = pickle.STOP
_FRAME: Final = pickle.FRAME

# How a record begins, in protocols from 2 to 5, up to the key.
_HEAD: Final = re.compile(
    rb"\x80([\x02-\x05])(?:\x95(.{8}))?\}(?:\x94|q.)?\((?:\x8c\x04|X\x04\0\0\0)hash(?:\x94|q.)?"
    rb"(?:\x8c\x20|X\x20\0\0\0)([0-9a-f]{32})",
    re.DOTALL,
)
_LONGEST_HEAD: Final = 72
#: Where a record ends and another begins.
_NEXT: Final = pickle.STOP + pickle.PROTO
#: A pickle below this length is one frame, or has none.
_LARGE: Final = 1 << 16
#: How many bytes may be between two frames.
_LOOSE: Final = 3
_CHUNK: Final = 1 << 20


class Record(NamedTuple):
    """One record of a file."""

    #: The call's key.
    key: str
    #: Where it begins in the file, and where it ends.
    begin: int
    end: int
    #: The pickle protocol that it says it is in: the one that was the default for whoever made its key.
    protocol: int


class Damage(NamedTuple):
    """The place from which on a file's records cannot be told apart."""

    begin: int
    #: How many records are there or behind it, as far as can be seen.
    lost: int
    #: Whether what stands there begins as a record does.
    is_torn: bool


def records_in(file: BinaryIO) -> Iterator[Record | Damage]:
    """Give the file's records in order; at the first place where none stands whole, a `Damage`, and no more.

    What is behind a damaged place is not looked for: it could not be told from what only looks like a record, in the
    result of a call.

    Args:
        file: open for reading and seeking. What is added to it meanwhile is not looked at.

    Raises:
        OSError: it cannot be read.
    """
    bounded = _Bounded(file)
    offset, place = 0, 0
    window = bounded.read_at(0, _CHUNK)
    while place < len(window):
        head = _HEAD.match(window, place)
        # Nearly all are one frame, which says how long it is.
        end = 0 if head is None or head[2] is None else place + 11 + int.from_bytes(head[2], "little")
        if head is None or window[end - 1 : end + 1] != _NEXT:
            if place > 0:  # Perhaps it is only cut off by the window.
                offset, place = offset + place, 0
                window = bounded.read_at(offset, _CHUNK)
                continue
            end = 0 if head is None else _end_of(bounded, offset, head)
            if head is None or not end:
                yield Damage(offset, _count(bounded, offset), window[:1] == pickle.PROTO)
                return
        yield Record(head[3].decode("ascii"), offset + place, offset + end, head[1][0])
        place = end
        if place >= len(window):
            offset, place = offset + place, 0
            window = bounded.read_at(offset, _CHUNK)


def is_swallowed(data: bytes) -> bool:
    """Tell whether what looks like one record is a torn one, and another that was appended and ends where it should."""
    return any(
        head[2] is not None and head.start() + 11 + _number(head[2]) == len(data) for head in _HEAD.finditer(data, 1)
    )


def pack_record(key: str, payload: bytes) -> bytes:
    """Return the record of a call's result.

    Args:
        key: the call's, in 32 digits.
        payload: the pickled result, in protocol 4 or later. It is put in as it is, since it may be large: a dict is
            opened around it, by steps that keep nothing in the pickle's memo, to which the payload refers by number.
    """
    # The protocol is that of the key. The payload's may be later, which no unpickler minds.
    begin = pickle.PROTO + bytes([pickle.DEFAULT_PROTOCOL])
    opened = b"".join(
        (pickle.EMPTY_DICT, pickle.MARK, *map(_text, ("hash", key, "exception")), pickle.NONE, _text("result"))
    )
    body = memoryview(payload)[2:-1]
    framed = payload[2:3] == _FRAME
    if len(payload) >= _LARGE or (framed and _number(body[1:9]) != len(body) - 8):
        # Of several frames. The last counts the last byte, so another has to be in its place.
        return b"".join((begin, _frame(len(opened)), opened, body, pickle.SETITEMS, _STOP))
    # A frame may not be in another: this one takes the place of the payload's.
    body = body[9:] if framed else body
    return b"".join((begin, _frame(len(opened) + len(body) + 2), opened, body, pickle.SETITEMS, _STOP))


def _frame(length: int) -> bytes:
    return _FRAME + length.to_bytes(8, "little")


class _Bounded:
    """A file as long as it was when this was made."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._size = file.seek(0, io.SEEK_END)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return what stands there; less where the file ends, nothing where there is no such place."""
        left = self._size - offset
        if left <= 0:
            return b""
        self.file.seek(offset)
        return self.file.read(min(left, length))


def _text(value: str) -> bytes:
    return pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode("ascii")


def _number(data: bytes | memoryview) -> int:
    return int.from_bytes(data, "little")


def _end_of(file: _Bounded, offset: int, head: re.Match[bytes]) -> int:
    """Return how long the record is that begins at `offset`; 0 if it has no end."""
    one_frame = 0 if head[2] is None else offset + 11 + _number(head[2])
    if one_frame and _ends_at(file, one_frame):
        return one_frame - offset
    for find in (partial(_end_by_frames, framed=head[2] is not None), partial(_end_before_damage, end=one_frame)):
        try:
            end = find(file, offset)
        except OSError:
            raise
        except Exception:  # noqa: BLE001, S112 - of damage, a walk over a pickle makes any error
            continue
        if end:
            return end - offset
    return 0


def _ends_at(file: _Bounded, end: int) -> bool:
    """Tell whether a record may end there: the next one, which may be torn, or the end of the file follows."""
    return file.read_at(end - 1, 2) in {_STOP, _NEXT}


def _end_by_frames(file: _Bounded, offset: int, *, framed: bool) -> int:
    """Find a record's end by going over it, from frame to frame, and step by step where there are none; 0 for none.

    Where there are frames, only what is large is in none of them, and three bytes between two at most.
    """
    at, loose = offset + 2, 0
    while loose <= _LOOSE:
        frame = file.read_at(at, 9)
        if frame[:1] == _FRAME:
            at, loose = at + 9 + _number(frame[1:]), 0
            if _ends_at(file, at):
                return at
            continue
        end = _step(file.file, at)
        if frame[:1] == _STOP:
            return end if _ends_at(file, end) else 0
        loose = loose + end - at if framed and end - at < _LARGE else 0
        at = end
    return 0


def _end_before_damage(file: _Bounded, offset: int, *, end: int) -> int:
    """Return `end` if each step of the record is whole up to there, although no record follows; else 0."""
    at, step = offset + 2, b""
    while at < end:
        step = file.read_at(at, 1)
        at = _step(file.file, at)
        if step in {_STOP, pickle.PROTO}:
            break
    return end if at == end and step == _STOP else 0


def _step(file: BinaryIO, at: int) -> int:
    """Return where the step of a pickle ends that begins at `at`."""
    file.seek(at)
    next(pickletools.genops(file))
    return file.tell()


def _count(file: _Bounded, offset: int) -> int:
    """Return how many records begin at `offset` or behind it, counting one for `offset` itself in any case."""
    count = 1
    place, before = offset, b""
    while chunk := file.read_at(place, _CHUNK):
        window = before + chunk
        begin = place - len(before)
        seen = 0
        for match in _HEAD.finditer(window):
            count += begin + match.start() != offset
            seen = match.end()
        place += len(chunk)
        # The beginning of a head may be at the chunk's end.
        before = window[max(seen, len(window) - _LONGEST_HEAD + 1) :]
    return count
