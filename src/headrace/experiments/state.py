"""The lives of resources, of experiments, and of what waits for them."""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Final

from headrace.core import Lifecycle, State

__all__ = [
    "EXPERIMENT",
    "ONCE",
    "RESOURCE",
    "ECState",
    "OnceState",
    "ResourceAction",
    "ResourceState",
    "satisfying",
]


class ResourceState(State):
    """Where a resource is."""

    NEW = "registered; nothing of it exists yet"
    DISCOVERED = "found, or chosen among what there is"
    RESERVED = "set aside for this experiment"
    PROVISIONED = "it exists, and what it needs is on it"
    READY = "it may be started"
    STARTED = "it is running"
    STOPPED = "somebody stopped it; it may be started again"
    FINISHED = "it ended by itself; it may be started again"
    FAILED = "something went wrong with it; it can only be released"
    RELEASED = "given back; its life is over"


_R = ResourceState


class ResourceAction(Enum):
    """What is done to a resource under conditions."""

    DEPLOY = "DEPLOY"
    START = "START"
    STOP = "STOP"
    SET = "SET"
    RELEASE = "RELEASE"

    def __str__(self) -> str:
        return self.value


#: Whoever goes on from one of these has been deployed.
_RUNS: Final = (_R.STARTED, _R.STOPPED, _R.FINISHED)


class _ResourceLife(Lifecycle):
    """A resource may always fail or be released, but nobody who waits for it to be anything else hopes for that."""

    def required_actions(self, state: State, wanted: frozenset[State]) -> frozenset[str]:
        """As `Lifecycle.required_actions`, of the other states that are wanted, if there are any."""
        return super().required_actions(state, (wanted - {_R.FAILED, _R.RELEASED}) or wanted)


RESOURCE: Final = _ResourceLife(
    "resource",
    initial=_R.NEW,
    moves={
        _R.NEW: (_R.DISCOVERED, _R.RESERVED, _R.PROVISIONED, _R.READY, _R.FAILED, _R.RELEASED),
        _R.DISCOVERED: (_R.RESERVED, _R.PROVISIONED, _R.READY, _R.FAILED, _R.RELEASED),
        _R.RESERVED: (_R.PROVISIONED, _R.READY, _R.FAILED, _R.RELEASED),
        _R.PROVISIONED: (_R.READY, _R.FAILED, _R.RELEASED),
        # What has nothing to run is over as soon as it is started.
        _R.READY: (*_RUNS, _R.FAILED, _R.RELEASED),
        _R.STARTED: (_R.STOPPED, _R.FINISHED, _R.FAILED, _R.RELEASED),
        _R.STOPPED: (_R.STARTED, _R.FAILED, _R.RELEASED),
        _R.FINISHED: (_R.STARTED, _R.FAILED, _R.RELEASED),
        _R.FAILED: (_R.RELEASED,),
    },
    failed=(_R.FAILED,),
    anew=((_R.STOPPED, _R.STARTED), (_R.FINISHED, _R.STARTED)),
    # A resource also ends by itself, so STOP makes no move that nothing else makes. SET moves nothing.
    actions={
        "DEPLOY": (_R.DISCOVERED, _R.RESERVED, _R.PROVISIONED, _R.READY),
        "START": (_R.STARTED, (_R.READY, _R.STOPPED), (_R.READY, _R.FINISHED)),
        "STOP": (),
        "SET": (),
        "RELEASE": (_R.RELEASED,),
    },
)


@cache
def satisfying(wanted: ResourceState, *, critical: bool = True) -> frozenset[ResourceState]:
    """Return the states in which a resource has been at least in `wanted`.

    Neither FAILED nor RELEASED says so, unless it is what is wanted. For a resource that is not `critical`, FAILED
    does: whoever waits for it goes on without it, and a delay counts from the moment at which it failed.
    """
    states = frozenset(state for state in ResourceState if state >= wanted)
    if wanted < _R.FAILED:
        states -= {_R.FAILED, _R.RELEASED}
        return states if critical else states | {_R.FAILED}
    return frozenset({wanted})


class ECState(State):
    """Where an experiment is."""

    RUNNING = "its resources may be deployed"
    FAILED = "aborted: nothing new begins, and what ran has been told to stop"
    RELEASED = "all its resources have been released"
    TERMINATED = "shut down"


_E = ECState

EXPERIMENT: Final = Lifecycle(
    "experiment",
    initial=_E.RUNNING,
    moves={
        _E.RUNNING: (_E.FAILED, _E.RELEASED, _E.TERMINATED),
        _E.FAILED: (_E.TERMINATED,),
        _E.RELEASED: (_E.RUNNING, _E.TERMINATED),
    },
    failed=(_E.FAILED,),
)


class OnceState(State):
    """Where something is that happens once: a wait, a barrier, a scheduled callback."""

    PENDING = "it has not happened"
    DONE = "it has happened, or nobody waits for it any more"


ONCE: Final = Lifecycle(
    "once",
    initial=OnceState.PENDING,
    moves={OnceState.PENDING: (OnceState.DONE,)},
    actions={"HAPPEN": (OnceState.DONE,)},
)
