"""Those who want to be told of every move."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

from headrace.observers import Audience, RunInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from headrace.core import Scheduler, Transition
    from headrace.dataflow.task import TaskState

__all__ = ["Observers"]

logger = logging.getLogger(__name__)


class Observers:
    """Who is told of each transition of one scheduler's tasks, in order.

    Callbacks are called in the middle of its work. One that raises is logged and told no more: an observer can harm
    nothing but itself. The audience of the run is told on threads beside it.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._callbacks: tuple[Callable[[Transition], None], ...] = ()
        self._audience: Audience | None = None
        self._changing = threading.RLock()
        # The transition in the middle of which the stack was too deep, or memory too short.
        self._cut_short: Transition | None = None

    def add(self, callback: Callable[[Transition], None]) -> Callable[[], None]:
        """Tell `callback` from now on; return what ends that, which may be called more than once."""
        with self._changing:
            self._callbacks = (*self._callbacks, callback)
            self._note_change()
        return partial(self._drop, callback)

    def audience(self, run_id: str, run_dir: Path, counts: Callable[[], Mapping[TaskState, int]]) -> Audience:
        """Return the audience of the run, which is told from now on. To be called once.

        `counts` says how many tasks are in each state.
        """

        def by_kind() -> dict[str, dict[str, int]]:
            return {"task": {state.name: number for state, number in counts().items()}}

        run = RunInfo(id=run_id, face="dataflow", dir=run_dir.absolute(), counts=by_kind)
        self._audience = Audience(run, self._note_change)
        return self._audience

    def tell(self, transition: Transition) -> None:
        """Tell all of them. To be done again if it raises."""
        audience = self._audience
        if audience is not None and audience.puts:
            # One that has just been added had none yet: it may have been launched before this is told.
            added = transition.previous is None
            executor = None if added else transition.unit.executor  # type: ignore[attr-defined]  # told of tasks only
            for put in audience.puts:
                put(transition, executor)
        for callback in self._callbacks:
            try:
                callback(transition)
            except BaseException as error:
                if self._is_no_fault_of_its_own(error, transition):
                    raise
                logger.exception("observer %r raised and is told no more", callback)
                self._drop(callback)

    def _is_no_fault_of_its_own(self, error: BaseException, transition: Transition) -> bool:
        if isinstance(error, KeyboardInterrupt):
            return threading.current_thread() is threading.main_thread()
        if isinstance(error, RecursionError | MemoryError) and transition is not self._cut_short:
            # The stack may be that of whoever submits: another thread does it again, on a stack of its own.
            self._cut_short = transition
            return True
        return False

    def _drop(self, callback: Callable[[Transition], None]) -> None:
        with self._changing:
            self._callbacks = tuple(one for one in self._callbacks if one is not callback)
            self._note_change()

    def _note_change(self) -> None:
        with self._changing:
            self._scheduler.observed = bool(self._callbacks) or bool(self._audience and self._audience.puts)
