"""The engine that runs a dataflow's commands on the machine where their tasks are."""

from __future__ import annotations

import os
import threading
from itertools import count

from headrace.compute.engines import Engine, EngineClosedError, ProcessEngine

__all__ = ["LocalEngine", "engine_here"]


class LocalEngine:
    """An engine that is started when the first command comes."""

    def __init__(self) -> None:
        self._starting = threading.RLock()
        self._engine: Engine | None = None
        self._closed = False
        self._numbers = count()

    @property
    def engine(self) -> Engine:
        """The engine.

        Raises:
            EngineClosedError: it has been closed.
        """
        engine = self._engine
        if engine is None:
            with self._starting:
                if self._closed:
                    raise EngineClosedError("the kernel has been cleaned up, and starts no more commands")
                engine = self._engine = self._engine or ProcessEngine(name="commands")
        return engine

    def new_key(self) -> str:
        """Return what the next command is called."""
        return str(next(self._numbers))

    def close(self, grace: float | None = None) -> None:
        """End what runs, within `grace` seconds at most, or as it was asked for; and free everything."""
        with self._starting:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close(grace)


#: By process id, so that a forked copy does not take its parent's for its own. It ends with its process.
_engines: dict[int, LocalEngine] = {}


def engine_here() -> LocalEngine:
    """Return the engine of this process, for commands that a foreign executor's worker runs."""
    return _engines.setdefault(os.getpid(), LocalEngine())
