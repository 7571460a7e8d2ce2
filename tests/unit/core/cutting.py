"""Cutting code short: an exception between any two bytecodes, as a signal handler may raise one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import FrameType, ModuleType, TracebackType

__all__ = ["Cut", "CutAt"]


class Cut(BaseException):
    """What an interrupt raises."""


class CutAt:
    """Within this context, raises `Cut` once, before the `number`-th step (from 0) of this thread in the modules' code.

    Steps are bytecodes; or, with `events`, whatever other events of `sys.settrace` are named. Python itself handles
    signals only where a function begins, after a call and when a loop goes round, so bytecodes are the harsher test,
    and too harsh for a `with`. `happened` tells afterwards whether there were as many steps.
    """

    def __init__(self, number: int, *modules: ModuleType, events: Collection[str] = ("opcode",)) -> None:
        self._left = number
        self._files = {module.__file__ for module in modules}
        self._events = events
        self.happened = False

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:  # noqa: ANN401, ARG002 - settrace's own
        if frame.f_code.co_filename not in self._files or self.happened:
            return None
        frame.f_trace_opcodes = "opcode" in self._events
        if event in self._events:
            if not self._left:
                self.happened = True
                raise Cut
            self._left -= 1
        return self._trace
