"""A call that was handed to the pool."""

from __future__ import annotations

import enum
import logging
from typing import TYPE_CHECKING, Any

from headrace.compute.executors.base import CallSpec
from headrace.compute.resources import InsufficientResourcesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.compute.executors.base import Ended
    from headrace.compute.executors.processes.ledger import Grant
    from headrace.compute.executors.processes.loop import Loop
    from headrace.compute.resources import Resources

__all__ = ["Call", "CallState"]

logger = logging.getLogger(__name__)

_PLAIN = CallSpec()


class CallState(enum.IntEnum):
    """Where a call is. Only the pool's loop moves it."""

    #: The loop has not seen it.
    new = 0
    #: It waits for a worker.
    waiting = 1
    #: It is in front of a worker that has another to end first. It can be taken back until the worker reads it.
    sent = 2
    #: A worker has it.
    running = 3
    #: Its end has been told, or is being told.
    ended = 4


class Call:
    """What to call, whom to tell of its end, and what has become of it. It is the `Stoppable` of `execute`."""

    __slots__ = (
        "_ended",
        "_loop",
        "args",
        "cancelled",
        "fate",
        "fn",
        "grant",
        "kwargs",
        "number",
        "packed",
        "spec",
        "state",
    )

    def __init__(  # noqa: PLR0917 - those of `execute`
        self,
        loop: Loop,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ended: Ended,
        spec: CallSpec | None,
    ) -> None:
        self.fn: Callable[..., Any] | None = fn
        self.args: tuple[Any, ...] | None = args
        self.kwargs: dict[str, Any] | None = kwargs
        self.spec = _PLAIN if spec is None else spec
        self.state = CallState.new
        self.number = 0
        self.cancelled = False
        #: What it ends with if its worker dies: the reason for which it was stopped, if it was.
        self.fate: BaseException | None = None
        #: What it has been lent.
        self.grant: Grant | None = None
        #: It as bytes, where a worker died before it read them.
        self.packed: tuple[bytes, bytes] | None = None
        # A list, since taking it out of there is one step, whoever else tries.
        self._ended = [ended]
        self._loop: Loop | None = loop

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return self.spec.name

    @property
    def is_running(self) -> bool:
        """Whether a worker has it."""
        return self.state is CallState.running

    def objection(self, label: str, resources: Resources) -> BaseException | None:
        """Return what it ends with without having begun, where the executor could never do as its spec says."""
        need, walltime = self.spec.resources, self.spec.walltime
        if need is not None and not need.within(resources):
            return InsufficientResourcesError(f"{self.name} asks for {need}; executor {label!r} has {resources}")
        if walltime is not None and not (isinstance(walltime, (int, float)) and walltime > 0):
            return ValueError(f"{self.name}: walltime must be a number of seconds above 0, not {walltime!r}")
        return None

    def cancel(self) -> bool:
        """See `Stoppable.cancel`."""
        loop = self._loop
        if loop is None or self.state is CallState.ended:
            return False
        self.cancelled = True
        return loop.post(self)

    def end(self, value: Any, error: BaseException | None) -> None:  # noqa: ANN401 - any result
        """Tell of its end, once; let go of all that it holds."""
        self.state = CallState.ended
        self.fn = self.args = self.kwargs = self.packed = self._loop = self.fate = None
        try:
            ended = self._ended.pop()
        except IndexError:
            return
        try:
            ended(value, error)
        except BaseException:
            logger.exception("telling of the end of %s raised", self.name)
