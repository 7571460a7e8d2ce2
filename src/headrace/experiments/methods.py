"""The methods that authors of resources write: which they are, and how each class's are to be called."""

from __future__ import annotations

import inspect
from enum import Enum
from functools import wraps
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from headrace.experiments.resource import ResourceManager

__all__ = [
    "DONE",
    "METHODS",
    "STEPS",
    "Kind",
    "entry_of",
    "in_turn",
    "is_written",
    "kind_of",
    "run_method",
    "run_steps",
]

#: The steps of a deployment, in order: what each is called, and whether a state says that it is done.
STEPS: Final = ("discover", "reserve", "provision", "configure")

#: All that is called on a resource in its turn. Each has a `do_` hook.
METHODS: Final = (*STEPS, "deploy", "start", "stop", "release", "fail")


class _Done:
    """May be awaited, so that a coroutine may call its base's hook with or without `await`."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


#: What hooks return whose work is done when they return.
DONE: Final = _Done()


class Kind(Enum):
    """How a method is to be called."""

    TRIVIAL = "its author has written nothing: there is nothing to call"
    ASYNC = "all that its author has written are coroutines"
    BLOCKING = "it may block"


def kind_of(cls: type[ResourceManager], method: str) -> Kind:
    """Return how a class's method is to be called."""
    kinds = _kinds.get(cls)
    if kinds is None:
        kinds = _kinds[cls] = {}
    kind = kinds.get(method)
    if kind is None:
        kind = kinds[method] = _kind_of(cls, method)
    return kind


#: What was worked out, for as long as the class is there.
_kinds: WeakKeyDictionary[type[ResourceManager], dict[str, Kind]] = WeakKeyDictionary()


def _kind_of(cls: type[ResourceManager], method: str) -> Kind:
    from headrace.experiments.resource import ResourceManager  # noqa: PLC0415 - it stands above this

    if getattr(cls, method) is not getattr(ResourceManager, method):
        return Kind.BLOCKING
    hooks = [method]
    if method == "deploy" and cls.do_deploy is ResourceManager.do_deploy:
        hooks = [*STEPS]
    written = [hook for hook in hooks if getattr(cls, f"do_{hook}") is not getattr(ResourceManager, f"do_{hook}")]
    if not written:
        return Kind.TRIVIAL
    if all(inspect.iscoroutinefunction(getattr(cls, f"do_{hook}")) for hook in written):
        return Kind.ASYNC
    return Kind.BLOCKING


def entry_of(cls: type[ResourceManager], method: str) -> str:
    """Return what is to be called of a resource for one of its methods: the public name, if its author wrote that."""
    from headrace.experiments.resource import ResourceManager  # noqa: PLC0415 - it stands above this

    return method if getattr(cls, method) is not getattr(ResourceManager, method) else f"do_{method}"


def in_turn(method: str, written: Callable[..., Any]) -> Callable[..., Any]:
    """Return a public method that an author wrote (as NEPI's oldest do), such that it is called in its turn.

    Called by anybody, it does what the public methods of `ResourceManager` do; these call `written`, when its turn has
    come, and that may call its parent's.
    """
    from headrace.experiments.resource import ResourceManager  # noqa: PLC0415 - it stands above this

    @wraps(written)
    def call(self: ResourceManager, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the author's
        if self._stage.innermost(self._unit) == method:
            return written(self, *args, **kwargs)
        return getattr(ResourceManager, method)(self, *args, **kwargs)

    return call


async def run_method(manager: ResourceManager, method: str) -> None:
    """Await what the author of an ASYNC method has written."""
    if method == "deploy" and not is_written(type(manager), "deploy"):
        await run_steps(manager)
    else:
        await getattr(manager, f"do_{method}")()


async def run_steps(manager: ResourceManager) -> None:
    """Await the steps of a deployment, as far as they are not done."""
    for step in STEPS:
        if manager.is_before(step):
            hook = getattr(manager, f"do_{step}")()
            if inspect.iscoroutine(hook):
                await hook
            manager.note_step(step)


def is_written(cls: type[ResourceManager], hook: str) -> bool:
    """Tell whether the author has written this hook."""
    from headrace.experiments.resource import ResourceManager  # noqa: PLC0415 - it stands above this

    return getattr(cls, f"do_{hook}") is not getattr(ResourceManager, f"do_{hook}")
