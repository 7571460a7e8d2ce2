"""What an experiment writes into the journal: its resources, what they wait for, and every move."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.core import Transition
from headrace.experiments.attribute import Flags
from headrace.experiments.errors import ExperimentError
from headrace.experiments.state import ResourceState, satisfying
from headrace.experiments.units import ResourceUnit
from headrace.journal import Journal, JournalError, JournalUnavailable, RunRecord, RunTaken

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from headrace.core import Clock, Unit
    from headrace.experiments.condition import Condition
    from headrace.experiments.resource import ResourceManager

__all__ = ["BOOT", "FACE", "Recorder", "boot_id", "journal_run_id", "open_recorder"]

logger = logging.getLogger(__name__)

#: What says, of a run in a journal, that it is an experiment's.
FACE: Final = "experiments"
#: Under which name the experiment's own record says during which life of the machine what follows was written.
BOOT: Final = "boot"

_STORE: Final = "journal.db"
_BOOT_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
_ID_AT_MOST: Final = 100
#: Those of a resource that files and tables may show.
_SHOWN: Final = 200


class Recorder:
    """Tells a journal of one experiment. Its methods may be called in the mailbox.

    Args:
        journal: open for the experiment's run.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        #: To be called by whoever makes work; see the journal's.
        self.wait_for_room = journal.wait_for_room

    @property
    def place(self) -> str:
        """What the journal's store is called."""
        return self._journal.place

    def begin(self, experiment: Unit) -> None:
        """Note the experiment itself, and that what follows happens in this life of the machine."""
        self._journal.unit(experiment, app="experiment", extra={BOOT: boot_id()})
        if experiment.since is not None:
            told = Transition(experiment, experiment.attempt, None, experiment.state, experiment.since, None)
            self._journal.moved(told)

    def introduce(self, manager: ResourceManager) -> None:
        """Note what a resource is: called before its first move, and when more is known."""
        extra: dict[str, Any] = {"attributes": _shown(manager)}
        conditions = manager._unit.conditions  # noqa: SLF001 - a part of it
        if conditions:
            extra["conditions"] = [str(each) for each in conditions[:_SHOWN]]
        if manager.label:
            extra["name"] = manager.label
        self._journal.unit(manager._unit, app=manager.rtype, extra=extra)  # noqa: SLF001 - a part of it

    def waits(self, unit: ResourceUnit, condition: Condition, units: Iterable[ResourceUnit]) -> None:
        """Note that an action waits for others. Of a predicate the units' records tell."""
        if condition.state is None:
            return
        for other in units:
            states = satisfying(condition.state, critical=bool(other.manager.get("critical")))
            self._journal.edge(unit, condition.action.value, other, states, condition.delay)

    def deploys_after(self, unit: ResourceUnit, others: Iterable[ResourceUnit]) -> None:
        """Note that a resource is deployed after others."""
        for other in others:
            self._journal.edge(unit, "DEPLOY", other, satisfying(ResourceState.READY))

    def seen(self, told: Transition) -> None:
        """Take note of one move; an observer, called in the mailbox."""
        unit = told.unit
        if isinstance(unit, ResourceUnit):
            if told.previous is None:
                self.introduce(unit.manager)
            self._journal.moved(told)
        elif unit.id == "experiment":
            self._journal.moved(told)

    def close(self, how: str) -> None:
        """Write all that is left. What cannot be written is told in a warning."""
        try:
            self._journal.close(how)
        except JournalError as error:
            logger.warning("%s", error)


def open_recorder(  # noqa: PLR0917 - what makes a run
    journal: bool | str | os.PathLike[str],  # noqa: FBT001 - as the controller's
    root_dir: Path,
    run_dir: Path,
    exp_id: str,
    run_id: str,
    clock: Clock,
) -> Recorder | None:
    """Begin the record of a run, or go on with that of one whose controller died.

    Returns:
        None, if it is to have none, or, with a warning, if the default place cannot have one.

    Raises:
        ExperimentError: the journal that was asked for cannot be used, or another controller has this run.
    """
    if journal is False:
        return None
    place = root_dir / _STORE if journal is True else journal
    run = RunRecord.here(journal_run_id(exp_id, run_id))
    extra = {"face": FACE, "exp_id": exp_id, "run_id": run_id, "run_dir": str(run_dir)}
    run = replace(run, versions={**run.versions, "headrace": _version()}, extra=extra)
    try:
        if journal is True:
            root_dir.mkdir(parents=True, exist_ok=True)
        return Recorder(Journal.open(place, run, failure="warn", clock=clock))
    except RunTaken as error:
        raise ExperimentError(
            f"run {run_id} of experiment {exp_id} goes on under another controller: {error}. Choose another run_id"
        ) from error
    except (JournalError, OSError) as error:
        if journal is True and isinstance(error, JournalUnavailable | OSError):
            # Such as on a file system that several machines share.
            logger.warning(
                "%s; this run of experiment %s is not recorded, and no later controller can go on with it. Choose "
                "another place with journal=…, or none with journal=False",
                error,
                exp_id,
            )
            return None
        raise ExperimentError(f"{error}; choose another place with journal=…, or none with journal=False") from error


def journal_run_id(exp_id: str, run_id: str) -> str:
    """Return what a run is called in a journal."""
    whole = f"{exp_id}.{run_id}"
    return whole if len(whole) <= _ID_AT_MOST else f"experiment-{sha256(whole.encode()).hexdigest()}"


def boot_id() -> str:
    """Return which life of this machine this is: its monotonic clock is one clock within it. "" if that is unknown."""
    try:
        return _BOOT_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _shown(manager: ResourceManager) -> dict[str, Any]:
    declared = manager._attributes  # noqa: SLF001 - a part of it
    values = tuple(manager._values.items())  # noqa: SLF001 - a part of it
    return {name: value for name, value in values if Flags.Credential not in declared[name].flags}


def _version() -> str:
    # Not imported: the package gathers what this floor has, and so stands above it.
    package = sys.modules[__name__.partition(".")[0]]
    return str(vars(package)["__version__"])
