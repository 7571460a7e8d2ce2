"""What lives in an experiment, as the scheduler knows it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from headrace.core import Unit
from headrace.experiments.state import ONCE, RESOURCE, ResourceState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection
    from typing import Any

    from headrace.core import Gate
    from headrace.experiments.condition import Condition
    from headrace.experiments.resource import ResourceManager

__all__ = ["Act", "Once", "ResourceUnit", "done_so_far"]


_R = ResourceState
_DONE_IN: Final = {
    "START": frozenset({_R.STARTED, _R.STOPPED, _R.FINISHED}),
    "STOP": frozenset({_R.STOPPED, _R.FINISHED}),
    "RELEASE": frozenset({_R.RELEASED}),
}


class Act:
    """One call of one of a resource's methods, and who is told of its end."""

    __slots__ = ("_claims", "again", "before", "begun", "dropped", "ended", "method", "over", "run", "since", "tasks")

    def __init__(
        self,
        method: str,
        ended: Callable[[BaseException | None], None] | None = None,
        run: Callable[[], Any] | None = None,
    ) -> None:
        #: The public name: ``"start"``.
        self.method = method
        #: Called once, on any thread, with what the call raised; it must be quick.
        self.ended = ended
        #: What is called, where it is not the resource's method of this name.
        self.run = run
        #: The attempt and the state of the resource when it began; None before.
        self.before: tuple[int, object] | None = None
        #: When it was handed to whoever calls it (monotonic seconds).
        self.since = 0.0
        #: Whether it was handed to whoever calls it.
        self.begun = False
        #: Whether it is to end, since something else is more urgent.
        self.dropped = False
        #: Whether it has had itself called again later, so that its work is not done when it returns.
        self.again = False
        #: Whether nobody waits for it any more: it has returned, was left, or was not needed.
        self.over = False
        #: The coroutine that it is, once that has begun; on the loop's thread.
        self.tasks: list[asyncio.Task[Any]] = []
        self._claims: list[None] = [None]

    def claim(self) -> bool:
        """Tell whoever is about to make the call whether it is theirs to make: the first one's only."""
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True


class ResourceUnit(Unit):
    """A resource's life."""

    __slots__ = (
        "acting",
        "barrier",
        "before_deploy",
        "cause",
        "conditions",
        "deploying",
        "judgements",
        "left",
        "manager",
        "releasing",
        "requested",
        "todo",
    )

    def __init__(self, guid: int, name: str, manager: ResourceManager) -> None:
        super().__init__(guid, name, RESOURCE)
        self.manager = manager
        #: The conditions on its actions, in the order in which they were registered.
        self.conditions: list[Condition] = []
        #: What is to be called for each action that somebody has asked for, and that was not begun.
        self.requested: dict[str, Act] = {}
        #: What its start waits for besides, since it was deployed with others: all of them to be READY.
        self.barrier: Once | None = None
        #: The guids of those that must be READY before it is deployed.
        self.before_deploy: tuple[int, ...] = ()
        #: The method that is being called, and those that come after it.
        self.acting: Act | None = None
        self.todo: deque[Act] = deque()
        #: Whether its deployment has begun.
        self.deploying = False
        #: One, for whoever judges its failure first.
        self.judgements: list[None] = [None]
        self.releasing = False
        #: What its release raised: nobody knows what is left of it.
        self.left: BaseException | None = None
        #: Why it failed.
        self.cause: BaseException | None = None

    @property
    def asked(self) -> Collection[str]:
        """The actions that somebody has asked for: a condition alone asks for nothing."""
        asked = {*self.requested, *(each for each, gate in (self.gates or {}).items() if _opened(gate))}
        acting = self.acting
        asked.update(act.method.upper() for act in (*tuple(self.todo), *((acting,) if acting is not None else ())))
        return asked | {"DEPLOY"} if self.deploying else asked

    @property
    def resource_state(self) -> ResourceState:
        """Its state, typed."""
        return self.state  # type: ignore[return-value]  # of its lifecycle

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Once(Unit):
    """Something that happens once, when its gate opens."""

    __slots__ = ("happen",)

    def __init__(self, id: tuple[str, int], name: str, happen: Callable[[], None] | None = None) -> None:  # noqa: A002 - the field's own word
        super().__init__(id, name, ONCE)
        #: Called in the mailbox when the gate opens or breaks: quick, never blocking, and it may be called again.
        self.happen = happen

    def __str__(self) -> str:
        return self.name


def done_so_far(unit: ResourceUnit, action: str) -> int:
    """Return how often a START, a STOP or a RELEASE of a resource has been done, as far as its state tells."""
    states = _DONE_IN[action]
    return unit.attempt * (action != "RELEASE") + bool(unit.arrivals(states))


def _opened(gate: Gate) -> bool:
    return gate.status.name == "OPEN"
