"""What an experiment consists of, as a value: what is saved, loaded, written by hand, and kept for a later controller.

It says nothing of where resources are: a controller that is made from it has them all NEW. Passwords are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headrace.experiments.condition import Compare, Need
    from headrace.experiments.state import ResourceAction

__all__ = [
    "VERSION",
    "ConditionDescription",
    "DeployDescription",
    "ExperimentDescription",
    "GlobalDescription",
    "MetricDescription",
    "ResourceDescription",
    "RunsDescription",
    "SetDescription",
    "WaitDescription",
]

#: The version of the files that are written.
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionDescription:
    """What an action waits for: a `Condition`, with a predicate only if that can be written down."""

    action: ResourceAction
    #: Guids.
    group: tuple[int, ...]
    #: None if `compare` or `predicate` says what is waited for.
    state: ResourceState | None = None
    #: Seconds.
    delay: float = 0.0
    need: Need = "all"
    compare: Compare | None = None
    #: The name of a predicate, which whoever loads it says.
    predicate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDescription:
    """A `set_with_conditions`: an attribute that is set once a condition is met."""

    attribute: str
    value: Any
    #: Its action is SET.
    condition: ConditionDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDescription:
    """One resource."""

    guid: int
    rtype: str
    #: What a file calls it; "" if it has a guid only.
    name: str = ""
    #: Those that were set, credentials left out.
    attributes: Mapping[str, Any] = field(default_factory=dict)
    #: The names of the credentials that were set, and are not here.
    credentials: tuple[str, ...] = ()
    #: The enabled ones.
    traces: tuple[str, ...] = ()
    conditions: tuple[ConditionDescription, ...] = ()
    sets: tuple[SetDescription, ...] = ()

    def __str__(self) -> str:
        return f"{self.name or self.guid} ({self.rtype})"


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalDescription:
    """A value that an attribute has for every resource of a type that was not given its own."""

    rtype: str
    attribute: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployDescription:
    """One call of `deploy`."""

    #: Guids, in order.
    guids: tuple[int, ...]
    #: The number of the deployment group.
    group: int
    wait_all_ready: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitDescription:
    """What is waited for before an experiment is released."""

    #: Guids; empty: all resources.
    guids: tuple[int, ...] = ()
    state: ResourceState = ResourceState.STOPPED
    #: Seconds; None: for ever.
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDescription:
    """What is measured of a run: a number in a trace."""

    guid: int
    trace: str
    #: A regular expression; its first group, or all that it matches, is the number. None: the whole trace is.
    pattern: str | None = None
    #: What is taken of several matches: "first", "last", "mean", "min", "max" or "sum".
    take: str = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsDescription:
    """How often an experiment is run."""

    min_runs: int = 1
    #: None: until it has settled.
    max_runs: int | None = 1
    #: Seconds between the end of what is waited for and the release.
    wait_time: float = 0.0
    metric: MetricDescription | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentDescription:
    """An experiment."""

    #: "" if whoever loads it is to choose.
    exp_id: str = ""
    resources: tuple[ResourceDescription, ...] = ()
    #: Pairs of guids, in the order in which they are to be connected.
    connections: tuple[tuple[int, int], ...] = ()
    globals: tuple[GlobalDescription, ...] = ()
    #: In order; empty: all at once, none started before all are READY.
    deploy: tuple[DeployDescription, ...] = ()
    wait: WaitDescription | None = None
    runs: RunsDescription | None = None

    def resource(self, which: int | str) -> ResourceDescription:
        """Return a resource by its guid or its name. Raises KeyError."""
        for each in self.resources:
            if which == each.guid or (which and which == each.name):
                return each
        raise KeyError(which)

    @property
    def names(self) -> dict[int, str]:
        """What the file calls those that it calls by name, by guid."""
        return {each.guid: each.name for each in self.resources if each.name}
