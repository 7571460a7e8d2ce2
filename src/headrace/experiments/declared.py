"""What a class of resources declares of its attributes and traces: collected once, when the class is made.

A class lists its own ones, and has its parents' as well; an own one takes the place of a parent's of the same name::

    class Server(ResourceManager):
        _rtype = "Server"
        attributes = (Attribute("port", "where it listens", type=Types.Integer, default=80, range=(1, 65535)),)
        traces = (Trace("log", "what it was asked for"),)

Programs written for NEPI say the same by the class methods `_register_attributes` and `_register_traces`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from headrace.experiments.attribute import Attribute
from headrace.experiments.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Declares", "clsinit", "clsinit_copy", "declared_attributes", "declared_traces"]

_D = TypeVar("_D", Attribute, Trace)
_Class = TypeVar("_Class", bound=type)

# What a class's own tuple of each is called.
_TUPLES = {Attribute: "attributes", Trace: "traces"}


class Declares:
    """The base of classes that declare attributes and traces.

    Raises:
        TypeError: at a class's creation: what it declares is no `Attribute` or `Trace`, or one name is declared twice.
    """

    #: What this class declares itself, its parents' not among them.
    attributes: ClassVar[Sequence[Attribute]] = ()
    traces: ClassVar[Sequence[Trace]] = ()

    #: All that instances have, by name: parents' first, each in the order of its declaration.
    _attributes: ClassVar[Mapping[str, Attribute]] = MappingProxyType({})
    _traces: ClassVar[Mapping[str, Trace]] = MappingProxyType({})

    # What NEPI's class methods have registered so far; None when the class is complete.
    _registered: ClassVar[list[Any] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - other bases'
        super().__init_subclass__(**kwargs)
        cls._attributes = MappingProxyType(_merged(cls, Attribute))
        cls._traces = MappingProxyType(_merged(cls, Trace))

    @classmethod
    def _register_attributes(cls) -> None:
        """Register own attributes, as NEPI's resources do: by `_register_attribute`. Called once, for this class."""

    @classmethod
    def _register_traces(cls) -> None:
        """Register own traces, as NEPI's resources do: by `_register_trace`. Called once, for this class."""

    @classmethod
    def _register_attribute(cls, attribute: Attribute) -> None:
        _register(cls, attribute, "_register_attributes")

    @classmethod
    def _register_trace(cls, trace: Trace) -> None:
        _register(cls, trace, "_register_traces")


def declared_attributes(cls: type) -> Mapping[str, Attribute]:
    """Return the attributes that a class's instances have, by name: its own and its parents'. It cannot be changed."""
    return cls._attributes if issubclass(cls, Declares) else MappingProxyType(_merged(cls, Attribute))


def declared_traces(cls: type) -> Mapping[str, Trace]:
    """Return the traces that a class's instances have, by name: its own and its parents'. It cannot be changed."""
    return cls._traces if issubclass(cls, Declares) else MappingProxyType(_merged(cls, Trace))


def clsinit(cls: _Class) -> _Class:
    """Return the class as it is. NEPI's resources are decorated with this; here a class's creation does it all."""
    return cls


def clsinit_copy(cls: _Class) -> _Class:
    """Return the class as it is. NEPI's resources are decorated with this; here a class's creation does it all."""
    return cls


def _merged(cls: type, kind: type[_D]) -> dict[str, _D]:
    """Collect what a class and its parents declare, from the most general one to the class itself."""
    merged: dict[str, _D] = {}
    for base in reversed(cls.__mro__):
        merged |= _own(base, kind, cls)
    return merged


def _own(base: type, kind: type[_D], cls: type) -> dict[str, _D]:
    """Return what one of a class's bases, or the class, declares itself, by name."""
    name: str = _TUPLES[kind]
    kept = f"_own_{name}"
    own: dict[str, _D] | None = vars(base).get(kept)
    if own is None:
        declarations = [*_listed(base, name, kind), *_registered_by(vars(base).get(f"_register_{name}"), cls)]
        own = _by_name(declarations, base, kind)
        if base is cls and issubclass(cls, Declares):
            # For the classes below, whose merging must not run this one's methods again.
            setattr(cls, kept, own)
    return own


def _listed(base: type, name: str, kind: type) -> Sequence[Any]:
    """Return a class's own tuple of declarations."""
    listed = vars(base).get(name, ())
    if not isinstance(listed, tuple | list):
        raise TypeError(
            f"{base.__qualname__}.{name} is {listed!r}, and should be a tuple of {kind.__name__}s, as "
            f"`{name} = ({kind.__name__}(...),)`"
        )
    return listed


def _registered_by(method: Any, cls: type) -> list[Any]:  # noqa: ANN401 - a classmethod object, or nothing
    """Return what one of NEPI's methods registers, when it is called for a class."""
    if method is None or not issubclass(cls, Declares):
        return []
    collected: list[Any] = []
    cls._registered = collected
    try:
        method.__get__(None, cls)()
    finally:
        cls._registered = None
    return collected


def _register(cls: type[Declares], declaration: object, method: str) -> None:
    if cls._registered is None:
        raise TypeError(
            f"{cls.__qualname__} is complete and takes no more declarations: {declaration!r} is to be declared in its "
            f"body, or registered by its class method {method}"
        )
    cls._registered.append(declaration)


def _by_name(declarations: Sequence[object], base: type, kind: type[_D]) -> dict[str, _D]:
    named: dict[str, _D] = {}
    for one in declarations:
        if not isinstance(one, kind):
            raise TypeError(f"{base.__qualname__} declares {one!r} as one of its {kind.__name__}s, which it is not")
        if one.name in named:
            raise TypeError(f"{base.__qualname__} declares two {kind.__name__}s named {one.name!r}")
        named[one.name] = one
    return named
