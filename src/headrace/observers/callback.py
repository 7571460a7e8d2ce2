"""An observer made of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.observers.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.observers.observation import Observation
    from headrace.observers.run_info import RunInfo

__all__ = ["CallbackObserver"]


class CallbackObserver(Observer):
    """Calls a function with each move, on a thread beside the run.

    Args:
        callback: called with one `Observation` at a time, in order.
    """

    def __init__(self, callback: Callable[[Observation], object]) -> None:
        if not callable(callback):
            raise TypeError(f"a CallbackObserver calls a function, not {callback!r}")
        self._callback = callback

    def transitions(self, run: RunInfo, batch: Sequence[Observation]) -> None:  # noqa: ARG002 - the protocol's
        """Call the function with each."""
        for move in batch:
            self._callback(move)

    def __repr__(self) -> str:
        return f"CallbackObserver({self._callback!r})"
