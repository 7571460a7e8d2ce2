"""Tokens: bytes that tell a value from all others."""

from __future__ import annotations

import functools
from hashlib import blake2b

from headrace.core import HeadraceError

__all__ = ["DIGEST", "MemoKeyError", "a", "class_name", "text", "token"]

#: How long a digest is, in bytes.
DIGEST = 32

# A payload longer than this is replaced by its digest.
_INLINE = 64


class MemoKeyError(HeadraceError, TypeError, ValueError):
    """A value cannot be part of a memo key: nothing says what makes it equal to another, or it cannot be read."""


def token(tag: bytes, payload: bytes | memoryview) -> bytes:
    """Return the token of a value.

    Args:
        tag: its type; without a colon or a hash sign.
        payload: what tells it from others of the type. A memoryview is one of bytes.
    """
    if len(payload) > _INLINE:
        return tag + b"#" + blake2b(payload, digest_size=DIGEST).digest()
    return b"".join((tag, b":%d:" % len(payload), payload))


@functools.lru_cache(maxsize=4096)
def text(value: str) -> bytes:
    """Return the token of a name: a text that will be asked for again."""
    return token(b"str", value.encode("utf-8", "surrogatepass"))


def class_name(cls: type) -> bytes:
    """Return tokens that name a class."""
    return text(cls.__module__) + text(cls.__qualname__)


def a(cls: type) -> str:
    """Return a class's name with its article, for errors."""
    return f"{'an' if cls.__name__[:1].lower() in 'aeiou' else 'a'} {cls.__name__}"
