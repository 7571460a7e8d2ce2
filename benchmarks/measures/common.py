"""What every measure needs: results that are checked, a process at rest, memory in use."""

from __future__ import annotations

import gc
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.backends.base import Backend

__all__ = ["Figures", "Start", "WrongResultError", "expect", "need", "resident", "settle", "warm_up"]

#: Figure key to measured values.
Figures: TypeAlias = "dict[str, list[float]]"
T = TypeVar("T")

_WARM_UP = 200
_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Start:
    """Starts a backend whose module is imported."""

    open: Callable[..., Any]
    scratch: Path
    """Where files of the sample belong."""

    def __call__(self, **options: object) -> Any:  # noqa: ANN401 - a Backend or Commands, as the group has it
        """Start it with these options of its own, ready for tasks."""
        return self.open(self.scratch, **options)


class WrongResultError(Exception):
    """A backend gave a result that is not the task's: its timing would be worth nothing."""


def settle() -> None:
    """Return when the process has used no processor time for 50 ms: nothing is left to do before the gate opens."""
    used = time.process_time()
    while True:
        time.sleep(0.05)
        before, used = used, time.process_time()
        if used - before < 0.002:
            return


def resident() -> int:
    """Bytes of the process in memory, after a full collection and when nothing more is going on."""
    settle()
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def expect(expected: object, actual: object) -> None:
    """Raise `WrongResultError` unless they are equal."""
    if actual != expected:
        message = f"expected {expected!r}, got {actual!r}"
        raise WrongResultError(message)


def need(part: T | None) -> T:
    """Return what a backend has; raise `LookupError` where it has none."""
    if part is None:
        message = "the backend has no part in this cell"
        raise LookupError(message)
    return part


def warm_up(backend: Backend) -> None:
    """Have the backend run a few tasks and a join, so that its workers have started and its imports are done."""
    for future in [backend.noop() for _ in range(_WARM_UP)]:
        future.result()
    expect(2, backend.join([backend.noop(), backend.noop()]).result())
