"""Where futures are looked for among a task's arguments, and how their results are put in their place."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headrace.dataflow.future import result_now, unsaved_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headrace.dataflow.task import Task

__all__ = [
    "DEEP_DEPENDENCY_RESOLVER",
    "SHALLOW_DEPENDENCY_RESOLVER",
    "DependencyResolver",
    "gather",
    "note_unseen_futures",
    "substitute",
]


_CONTAINERS = (list, tuple, set, frozenset, dict)


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
    if not kwargs:
        return found
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
    if resolver is not None:
        with unsaved_results():
            return _substituted(resolver.traverse_to_unwrap, args, kwargs)
    return _substituted(_unwrap_shallow, args, kwargs)


def _substituted(
    unwrap: Callable[[Any], Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
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
    # Done, unless the caller has changed a container since: then this raises rather than wait.
    return result_now(value) if isinstance(value, Future) else value


def _gather_deep(value: object) -> Sequence[Future[Any]]:
    """Iterative, and each container once, so neither depth nor a container that holds itself matters here."""
    found: list[Future[Any]] = []
    seen: set[int] = set()
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, Future):
            found.append(one)
        elif isinstance(one, _CONTAINERS) and id(one) not in seen:
            seen.add(id(one))
            todo += _parts(one)
    return found


def _unwrap_deep(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Iterative, innermost containers first; what holds no future is returned as it is.

    Raises:
        ValueError: a container that holds a future also holds itself, and so cannot be made anew.
    """
    made: dict[int, Any] = {}
    open_now: set[int] = set()
    todo = [(value, False)]
    while todo:
        one, parts_made = todo.pop()
        if not isinstance(one, _CONTAINERS) or id(one) in made:
            continue
        if parts_made:
            made[id(one)] = _made_anew(one, made)
            open_now.discard(id(one))
        elif id(one) in open_now:
            if _gather_deep(one):
                raise ValueError(f"a {type(one).__name__} among the arguments holds itself and a future")
            made[id(one)] = one
        else:
            open_now.add(id(one))
            todo.append((one, True))
            todo += [(part, False) for part in _parts(one)]
    return _part(value, made)


def _made_anew(container: Any, made: dict[int, Any]) -> Any:  # noqa: ANN401 - any container
    parts = _parts(container)
    anew = [_part(part, made) for part in parts]
    if all(new is old for new, old in zip(anew, parts, strict=True)):
        return container
    if isinstance(container, dict):
        half = len(container)
        return dict(zip(anew[:half], anew[half:], strict=True))
    return _like(container, anew)


def _parts(container: Any) -> list[Any]:  # noqa: ANN401 - any container
    return [*container, *container.values()] if isinstance(container, dict) else list(container)


def _part(part: Any, made: dict[int, Any]) -> Any:  # noqa: ANN401 - any argument
    return part.result(timeout=0) if isinstance(part, Future) else made.get(id(part), part)


def _like(model: Any, values: list[Any]) -> Any:  # noqa: ANN401 - any container
    """Return a container of the model's type that holds `values`."""
    if hasattr(model, "_make"):
        return model._make(values)
    return values if type(model) is list else type(model)(values)


#: Futures at the top: arguments, keyword values, and the elements of `inputs`. Parsl's default, and ours.
SHALLOW_DEPENDENCY_RESOLVER: Final = DependencyResolver(_gather_shallow, _unwrap_shallow)

#: Also futures within lists, tuples, sets and dicts (keys and values), however deep.
DEEP_DEPENDENCY_RESOLVER: Final = DependencyResolver(_gather_deep, _unwrap_deep)


def note_unseen_futures(task: Task, error: BaseException) -> None:
    """Say so where a container that was not looked into holds futures, since that may be why the call failed."""
    for value in (*task.args, *(value for key, value in task.kwargs.items() if key != "inputs")):
        if isinstance(value, list | tuple | set) and any(isinstance(one, Future) for one in value):
            error.add_note(
                f"A {type(value).__name__} among the arguments holds futures, which were not waited for: pass it as "
                "inputs=[...], or use Config(dependency_resolver=DEEP_DEPENDENCY_RESOLVER)"
            )
            return
