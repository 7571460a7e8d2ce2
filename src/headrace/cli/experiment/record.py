"""What was kept of a run: its description, and what its journal says of each resource. It may go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from headrace.cli.history.place import CannotDo
from headrace.cli.history.standing import standing_of
from headrace.core import SystemClock
from headrace.experiments.history import Past, read_pasts
from headrace.experiments.recorder import journal_run_id
from headrace.experiments.recovery import find_run
from headrace.experiments.state import RESOURCE, ResourceState
from headrace.journal import EdgeRecord, JournalError, JournalReader, TransitionRecord, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.cli.experiment.place import Place
    from headrace.cli.history.standing import Standing
    from headrace.experiments.description import ExperimentDescription, ResourceDescription

__all__ = ["Record", "Resource", "read_record"]

_CRITICAL: Final = "critical"
_LISTED: Final = 20


@dataclass(slots=True)
class Resource:
    """One resource of a run."""

    guid: int
    rtype: str
    #: What its file calls it; "" if nothing does.
    name: str = ""
    past: Past = field(default_factory=Past)
    #: What it failed of, as text; None if it has not.
    cause: str | None = None
    #: The state that it was in before it was released; None if it was not.
    before: ResourceState | None = None
    #: Those that must be READY before it is deployed, by guid.
    after: list[int] = field(default_factory=list)
    #: None if it was registered after the description was written, or was removed.
    described: ResourceDescription | None = None

    @property
    def state(self) -> ResourceState:
        """Where it is."""
        return self.past.state

    @property
    def critical(self) -> bool:
        """Whether the experiment is given up when it fails."""
        value = self.described.attributes.get(_CRITICAL, True) if self.described is not None else True
        return value is True or str(value).lower() == "true"

    def __str__(self) -> str:
        return f"{self.name or self.rtype} ({self.guid})"


@dataclass(frozen=True, slots=True)
class Record:
    """One run."""

    place: Place
    description: ExperimentDescription
    #: What its controller kept beside the description.
    kept: Mapping[str, Any]
    standing: Standing
    #: The experiment's own state, as text; "" if it is unknown.
    experiment: str
    #: By guid.
    resources: Mapping[int, Resource]

    def find(self, which: str) -> Resource:
        """Return a resource by its guid, or its name. Raises CannotDo."""
        if which.isdecimal() and int(which) in self.resources:
            return self.resources[int(which)]
        named = [one for one in self.resources.values() if one.name and one.name == which]
        if len(named) == 1:
            return named[0]
        listed = list(self.resources.values())
        more = f" and {len(listed) - _LISTED:,} more" if len(listed) > _LISTED else ""
        there = ", ".join(map(str, listed[:_LISTED])) + more or "none"
        raise CannotDo(
            f"there is no resource {which!r} in run {self.place.run_id} of {self.place.exp_id}; there are {there}"
            if not named
            else f"{which!r} may be any of {', '.join(map(str, named))}: say its guid"
        )

    @property
    def deployed(self) -> frozenset[int]:
        """The guids of all that were deployed."""
        return frozenset(guid for each in self.description.deploy for guid in each.guids)


def read_record(place: Place, journal: str | None = None) -> Record:
    """Return what was kept of a run.

    Args:
        place: which.
        journal: where its journal is, if the controller did not keep that.

    Raises:
        CannotDo: there is no such journal, or it does not know the run.
        ExperimentError: what the controller kept does not read.
        JournalError: the journal cannot be read.
    """
    run = find_run(place.run_dir, journal=journal, default_root=place.root_dir)
    name = journal_run_id(place.exp_id, place.run_id)
    try:
        reader = JournalReader.open(run.journal)
    except FileNotFoundError:
        raise CannotDo(
            f"the journal of run {place.run_id} is not there: {run.journal}; --journal names another"
        ) from None
    with reader:
        try:
            found = reader.run(name)
        except JournalError as error:
            raise CannotDo(f"the journal {run.journal} does not know run {place.run_id}: {error}") from error
        standing = standing_of(reader, found)
        lines = list(reader.log(name))
    resources, experiment = _resources(lines)
    for one in run.description.resources:
        resource = resources.setdefault(one.guid, Resource(one.guid, one.rtype))
        resource.described, resource.name = one, one.name or resource.name
    return Record(place, run.description, run.kept, standing, experiment, dict(sorted(resources.items())))


def _resources(lines: Sequence[object]) -> tuple[dict[int, Resource], str]:
    pasts = read_pasts(lines, SystemClock())
    resources: dict[int, Resource] = {}
    experiment = ""
    for line in lines:
        if isinstance(line, UnitRecord):
            if line.kind == RESOURCE.name and isinstance(line.id, int):
                one = resources.setdefault(line.id, Resource(line.id, line.app))
                one.name = str(line.extra.get("name", "")) or one.name
                one.past = pasts.get(line.id, one.past)
        elif isinstance(line, TransitionRecord):
            if line.kind == RESOURCE.name and line.unit in resources:
                _move(resources[line.unit], line)
            elif line.kind == "experiment":
                experiment = line.state
        elif isinstance(line, EdgeRecord):
            _wait(resources, line)
    return resources, experiment


def _move(one: Resource, line: TransitionRecord) -> None:
    if line.state == ResourceState.FAILED.name:
        one.cause = line.cause or "nobody said why"
    elif line.state == ResourceState.RELEASED.name and line.previous is not None:
        one.before = ResourceState.__members__.get(line.previous)


def _wait(resources: Mapping[int, Resource], line: EdgeRecord) -> None:
    """Note what is deployed after what. Conditions are known by the description, which has all of them."""
    one = resources.get(line.unit) if isinstance(line.unit, int) else None
    if one is not None and line.action == "DEPLOY" and isinstance(line.needs, int) and line.needs not in one.after:
        one.after.append(line.needs)
