"""Functions that can be sent to another process although a decorator has taken their name."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Portable"]


class Portable:
    """Calls `func`; pickles by name also where that name now belongs to the app that was made of the function.

    pickle stores a function as its module and name, and refuses if the name leads to another object. A decorated
    function is found again behind the ``__wrapped__`` of what stands there.
    """

    __slots__ = ("func",)

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - any function's
        """Call the function."""
        return self.func(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """Find the function by its name again, if that leads to it."""
        module = getattr(self.func, "__module__", None)
        name = getattr(self.func, "__qualname__", None)
        if module is not None and name is not None:
            try:
                if _unwrapped(module, name) is self.func:
                    return _portable, (module, name)
            except (ImportError, AttributeError):
                pass  # A local function, say: pickle itself then says what is wrong with it.
        return Portable, (self.func,)


def _unwrapped(module: str, name: str) -> Any:  # noqa: ANN401 - whatever stands there
    found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    return getattr(found, "__wrapped__", None)


def _portable(module: str, name: str) -> Portable:
    return Portable(_unwrapped(module, name))
