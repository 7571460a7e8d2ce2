"""What is written at once: a group of lines, and the results among them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from headrace.journal.lines import Word

__all__ = ["FORMAT", "Group", "StoredResult", "log_checksum", "result_checksum"]

#: The version of the format of a group's body.
FORMAT: Final = 1

_DIGEST: Final = 16
# With more than this, `hashlib` gives Python's interpreter lock up: beside threads that compute, to get it back takes
# many times as long as the digest of a whole group.
_AT_ONCE: Final = 2047


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A result as it is in the store: its payload in the database, or in the file `place`."""

    key: str
    codec: str
    length: int
    checksum: bytes
    place: str | None
    payload: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some consecutive records of one run."""

    #: The id of the run, its number in the store, and the group's own number in the run, from 1.
    run_id: str
    run: int
    seq: int
    #: The number of its first line in the run, and how many there are.
    first: int
    count: int
    #: Wall time minus monotonic time when the group was made.
    offset: float
    #: Wall time when it was made.
    wall: float
    body: str
    checksum: bytes
    words: tuple[Word, ...] = ()
    results: tuple[StoredResult, ...] = ()


def log_checksum(run_id: str, seq: int, first: int, offset: float, *, body: bytes, key: bytes) -> bytes:
    """Return what a group's row must have as its checksum, given all that the row says."""
    digest = blake2b(f"{run_id} {seq} {first} {offset!r} {len(body)}\n".encode(), digest_size=_DIGEST, key=key)
    view = memoryview(body)
    for begin in range(0, len(body), _AT_ONCE):
        digest.update(view[begin : begin + _AT_ONCE])
    return digest.digest()


def result_checksum(key: str, codec: str, payload: bytes | memoryview, signing_key: bytes) -> bytes:
    """Return what a result's row must have as its checksum: it covers the key too, so that none answers for another."""
    head = f"{len(key)} {key} {codec} {len(payload)}\n".encode("utf-8", "surrogatepass")
    digest = blake2b(head, digest_size=_DIGEST, key=signing_key)
    digest.update(payload)
    return digest.digest()
