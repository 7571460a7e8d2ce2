"""Stands for `parsl.serialize` and its modules."""

from __future__ import annotations

import pickle
from typing import Any, Final, Never

from headrace.compat.parsl.notices import refuse, refused_class

__all__ = [
    "ProxyStoreSerializer",
    "SerializerBase",
    "deserialize",
    "register_method_for_code",
    "register_method_for_data",
    "serialize",
]

_INSTEAD: Final = (
    "what goes between processes is pickled, with cloudpickle where need be: give the type a __reduce__ method, or "
    "register it with copyreg.pickle"
)

ProxyStoreSerializer = refused_class("ProxyStoreSerializer", _INSTEAD)


class SerializerBase:
    """The base class of ways to serialize of a program's own. None can be registered."""


def serialize(obj: Any, buffer_threshold: int = 1_000_000) -> bytes:  # noqa: ANN401, ARG001 - Parsl's signature
    """Return an object as bytes.

    Raises:
        pickle.PicklingError: it cannot be one; TypeError and AttributeError likewise.
    """
    return pickle.dumps(obj)


def deserialize(payload: bytes) -> Any:  # noqa: ANN401 - any object
    """Return the object that `serialize` made the bytes of. Only for bytes that you trust."""
    return pickle.loads(payload)  # noqa: S301 - as said


def register_method_for_code(serializer: object) -> Never:
    """Refuse."""
    refuse(f"register_method_for_code({serializer!r})", _INSTEAD)


def register_method_for_data(serializer: object) -> Never:
    """Refuse."""
    refuse(f"register_method_for_data({serializer!r})", _INSTEAD)
