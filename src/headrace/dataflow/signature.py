"""Checking a call against a function's signature, quickly when it fits."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["CallChecker"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class CallChecker:
    """Raises, at the call, what Python would raise only when the task runs."""

    __slots__ = ("_least", "_most", "_name", "_signature", "_simple")

    def __init__(self, func: Callable[..., Any], name: str) -> None:
        self._name = name
        try:
            self._signature: inspect.Signature | None = inspect.signature(func)
        except (TypeError, ValueError):
            # Some builtins have none; then the task itself finds out.
            self._signature = None
            return
        parameters = list(self._signature.parameters.values())
        positional = [one for one in parameters if one.kind in _POSITIONAL]
        # A call with so many positional arguments, and no other, fits without a closer look, which costs 10 µs.
        self._simple = not any(
            one.kind is inspect.Parameter.KEYWORD_ONLY and one.default is inspect.Parameter.empty for one in parameters
        )
        self._least = sum(one.default is inspect.Parameter.empty for one in positional)
        unlimited = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
        self._most = float("inf") if unlimited else len(positional)

    def defaults(self, names: Collection[str]) -> dict[str, tuple[float, Any]]:
        """Return, for those of the parameters that have a default worth passing on, their place and the default."""
        if self._signature is None:
            return {}
        parameters = self._signature.parameters
        return {
            name: (place if one.kind in _POSITIONAL else float("inf"), one.default)
            for place, (name, one) in enumerate(parameters.items())
            if name in names and one.default is not inspect.Parameter.empty and one.default
        }

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise TypeError, naming the app and its signature, unless the arguments fit."""
        if self._signature is None or (not kwargs and self._simple and self._least <= len(args) <= self._most):
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            msg = f"app {self._name}{self._signature} was called wrongly: {error}"
            raise TypeError(msg) from None
