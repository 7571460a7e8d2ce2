"""Where futures are looked for among a task's arguments, and how their results are put in their place."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["DEEP_DEPENDENCY_RESOLVER", "SHALLOW_DEPENDENCY_RESOLVER", "DependencyResolver", "gather", "substitute"]


@dataclass(frozen=True, slots=True)
class DependencyResolver:
    """How to find the futures in one argument, and to make that argument anew with their results.

    Each is called with every positional argument, keyword value and element of `inputs`.
    """

    #: Return every future in the object, whether or not it has ended.
    traverse_to_gather: Callable[[Any], Sequence[Future[Any]]]
    #: Return the object with each future's result in its place; all have ended well. It must not change the object it
    #: is given.
    traverse_to_unwrap: Callable[[Any], Any]


def gather(resolver: DependencyResolver | None, args: Iterable[Any], kwargs: dict[str, Any]) -> list[Future[Any]]:
    """Return the futures among the arguments. Without a resolver, those at the top: the shallow way, inlined."""
    if resolver is not None:
        find = resolver.traverse_to_gather
        return [future for value in _values(args, kwargs) for future in find(value)]
    found = [value for value in args if isinstance(value, Future)]
    if kwargs:
        found += [value for value in kwargs.values() if isinstance(value, Future)]
        inputs = kwargs.get("inputs")
        if isinstance(inputs, list | tuple):
            found += [value for value in inputs if isinstance(value, Future)]
    return found


def substitute(
    resolver: DependencyResolver | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with results in the place of futures. What was passed in is left as it was."""
    unwrap = resolver.traverse_to_unwrap if resolver is not None else _unwrap_shallow
    args = tuple([unwrap(value) for value in args])
    if kwargs:
        inputs = kwargs.get("inputs")
        kwargs = {key: unwrap(value) for key, value in kwargs.items()}
        if isinstance(inputs, list | tuple):
            kwargs["inputs"] = _like(inputs, [unwrap(value) for value in inputs])
    return args, kwargs


def _values(args: Iterable[Any], kwargs: dict[str, Any]) -> Iterable[Any]:
    yield from args
    for key, value in kwargs.items():
        if key == "inputs" and isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _gather_shallow(value: object) -> Sequence[Future[Any]]:
    return [value] if isinstance(value, Future) else ()


def _unwrap_shallow(value: Any) -> Any:  # noqa: ANN401 - any argument
    return value.result() if isinstance(value, Future) else value


def _gather_deep(value: object) -> Sequence[Future[Any]]:
    """Iterative, and each container once, so neither depth nor a container that holds itself matters here."""
    found: list[Future[Any]] = []
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, Future):
            found.append(one)
        elif isinstance(one, list | tuple | set | frozenset | dict) and id(one) not in seen:
            seen.add(id(one))
            todo.extend(one)
            if isinstance(one, dict):
                todo.extend(one.values())
    return found


def _unwrap_deep(value: Any) -> Any:  # noqa: ANN401 - any argument
    if isinstance(value, Future):
        return value.result()
    if isinstance(value, list | tuple | set | frozenset | dict) and _gather_deep(value):
        if isinstance(value, dict):
            return {_unwrap_deep(key): _unwrap_deep(one) for key, one in value.items()}
        return _like(value, [_unwrap_deep(one) for one in value])
    return value


def _like(model: Any, values: list[Any]) -> Any:  # noqa: ANN401 - any container
    """Return a container of the model's type that holds `values`."""
    if hasattr(model, "_make"):
        return model._make(values)
    return values if type(model) is list else type(model)(values)


#: Futures at the top: arguments, keyword values, and the elements of `inputs`. Parsl's default, and ours.
SHALLOW_DEPENDENCY_RESOLVER: Final = DependencyResolver(_gather_shallow, _unwrap_shallow)

#: Also futures within lists, tuples, sets and dicts (keys and values), however deep.
DEEP_DEPENDENCY_RESOLVER: Final = DependencyResolver(_gather_deep, _unwrap_deep)
