"""Going on with a run whose controller died."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headrace.core.condition import Reply
from headrace.experiments.additions import additions_path, fold, read_additions
from headrace.experiments.document import Document, read_json
from headrace.experiments.errors import (
    DescriptionError,
    ExperimentAborted,
    ExperimentError,
    ResourceFailed,
    ResourceLost,
)
from headrace.experiments.history import Past, read_pasts
from headrace.experiments.loading import Loader
from headrace.experiments.named import folder_name, member
from headrace.experiments.recorder import journal_run_id
from headrace.experiments.run_file import RUN_FILE
from headrace.experiments.schema import parse
from headrace.experiments.state import ResourceState
from headrace.experiments.units import Act, done_so_far
from headrace.journal import JournalError, JournalReader

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from headrace.core import Clock
    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.description import ExperimentDescription
    from headrace.experiments.resource import ResourceManager
    from headrace.experiments.units import ResourceUnit

__all__ = ["Recovery", "find_run", "last_written", "set_times"]

logger = logging.getLogger(__name__)

_R = ResourceState
_ACTIONS: Final = frozenset({"START", "STOP", "RELEASE"})


@dataclass(frozen=True, slots=True)
class Recovery:
    """A run whose controller died, as far as it is known. `find_run` makes one."""

    run_dir: Path
    document: Document
    description: ExperimentDescription
    #: What its controller kept beside the description.
    kept: dict[str, Any]
    #: The journal's place.
    journal: str | os.PathLike[str]

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.run_dir.name

    @property
    def root_dir(self) -> Path:
        """Where the folders of all experiments are."""
        return self.run_dir.parent.parent

    @property
    def exp_id(self) -> str:
        """The scenario's name."""
        return self.run_dir.parent.name

    def pasts(self, clock: Clock) -> dict[int, Past]:
        """Return what became of each resource.

        Raises:
            ExperimentError: its controller lives, or the journal does not know the run.
        """
        name = journal_run_id(self.exp_id, self.run_id)
        try:
            with JournalReader.open(self.journal) as reader:
                run = reader.run(name)
                if reader.is_alive(name):
                    raise ExperimentError(
                        f"the controller of run {self.run_id} of experiment {self.exp_id} lives, as process {run.pid} "
                        f"on {run.host}: ask that one, or end it first"
                    )
                return read_pasts(reader.log(name), clock)
        except (JournalError, FileNotFoundError) as error:
            raise ExperimentError(
                f"what became of run {self.run_id} of experiment {self.exp_id} cannot be read from its journal "
                f"{self.journal}: {error}; say where it is, by journal=…"
            ) from error

    # --- what is done in the new controller ---------------------------------------------------------------------------

    def resume(self, ec: ExperimentController, timeout: float, prepare: Callable[[Any], object] | None = None) -> None:
        """Go on with the run in a controller that has nothing so far, and has been told of the pasts.

        Args:
            ec: the controller.
            timeout: how many seconds resources have to say where they are.
            prepare: called before they are asked.

        Raises:
            DescriptionError: what the old controller kept cannot be made.
        """
        ec._asked.update(self._asked())  # noqa: SLF001 - a part of it
        ec._given_up = str(self.kept.get("given_up") or "")  # noqa: SLF001 - a part of it
        loader = Loader(ec, self.description, self.document)
        loader.load_resources()
        if prepare is not None:
            prepare(ec)
        managers = [ec.get_resource(guid) for guid in ec.resources]
        for wave in _waves(managers):
            _find_again(ec, [each for each in wave if _is_to_be_found(each)], timeout)
        loader.load_waits({(int(guid), number) for guid, sets in self._sets_done() for number in sets})
        # From here on a failure is judged, and first those that there were.
        ec._recovering = False  # noqa: SLF001 - a part of it
        if ec._given_up:  # noqa: SLF001 - a part of it
            ec.give_up(reason=ec._given_up)  # noqa: SLF001 - a part of it
        for manager in managers:
            if manager.state is _R.FAILED:
                ec._stage.call(ec._resource_failed, manager._unit)  # noqa: SLF001 - a part of it
        try:
            self._deploy(ec)
            self._ask_again(ec)
        except ExperimentAborted as error:
            logger.info("%s: nothing is asked for again: %s", self.exp_id, error)
        self._release_again(ec)

    def _sets_done(self) -> Iterator[tuple[str, list[int]]]:
        yield from (self.kept.get("sets_done") or {}).items()

    def _deploy(self, ec: ExperimentController) -> None:
        """Deploy again what was being deployed, and start what was to be started; with the same groups."""
        here = set(ec.resources)
        # First: should this controller die as well, whoever comes next is to know of all of them.
        ec._deploys[:] = self.description.deploy  # noqa: SLF001 - a part of it
        for each in self.description.deploy:
            members = ec._groups.setdefault(each.group, [])  # noqa: SLF001 - a part of it
            members += [guid for guid in each.guids if guid in here and guid not in members]
        for each in self.description.deploy:
            left = [guid for guid in each.guids if guid in here and ec.state(guid) < _R.STARTED]
            if left:
                ec.deploy(left, each.wait_all_ready, each.group)
        ec._deploys[:] = self.description.deploy  # noqa: SLF001 - a part of it

    def _ask_again(self, ec: ExperimentController) -> None:
        here = set(ec.resources)
        for (guid, action), done in self._asked().items():
            if guid in here and action != "RELEASE" and ec.state(guid) < _R.FAILED:
                unit = ec._unit(guid)  # noqa: SLF001 - a part of it
                if done_so_far(unit, action) <= done:
                    (ec.start_with_conditions if action == "START" else ec.stop_with_conditions)(guid)

    def _release_again(self, ec: ExperimentController) -> None:
        here = set(ec.resources)
        asked = [guid for guid, action in self._asked() if action == "RELEASE" and guid in here]
        if any(ec.state(guid) is not _R.RELEASED for guid in asked):
            ec.release(asked, timeout=0.0)

    def _asked(self) -> dict[tuple[int, str], int]:
        return {
            (each["guid"], each["action"]): each["done"]
            for each in self.kept.get("asked") or ()
            if each["action"] in _ACTIONS
        }


def find_run(
    which: str | os.PathLike[str],
    run_id: str = "last",
    root_dir: str | os.PathLike[str] | None = None,
    journal: str | os.PathLike[str] | None = None,
    *,
    default_root: Path,
) -> Recovery:
    """Return the run that is meant.

    Args:
        which: the experiment's name, or the path of the run's folder.
        run_id: the run's name; the one whose folder was written to last unless given.
        root_dir: where the folders of all experiments are.
        journal: the journal's place; unless given, as the old controller kept it.
        default_root: the `root_dir` unless that is given.

    Raises:
        ExperimentError: there is none, or its controller deployed nothing, or kept nothing.
        DescriptionError: what it kept does not read.
    """
    folder = _folder(which, run_id, Path(root_dir) if root_dir is not None else default_root).absolute()
    file = folder / RUN_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ExperimentError(f"{file} cannot be read: {error.strerror}") from error
    document = read_json(text, str(file))
    kept = document.content.get("run") if isinstance(document.content, dict) else None
    if not isinstance(kept, dict):
        raise DescriptionError(f"{file}: it describes an experiment, and no run of one: load it instead")
    _take_additions(file, document)
    description = parse(document)
    place = journal or kept.get("journal")
    if not place:
        raise ExperimentError(f"{file} does not say where the run's journal is: say it, by journal=…")
    return Recovery(folder, document, description, kept, place)


def _take_additions(file: Path, document: Document) -> None:
    name = document.content["run"].get("additions")
    if name:
        added = additions_path(file, str(name))
        try:
            fold(document.content, read_additions(added))
        except (OSError, LookupError, TypeError, ValueError) as error:
            raise DescriptionError(f"{added}, which belongs to {file.name}, cannot be read: {error!r}") from error


def _folder(which: str | os.PathLike[str], run_id: str, root: Path) -> Path:
    path = Path(which)
    if (path / RUN_FILE).is_file():
        return path
    if len(path.parts) > 1:
        raise ExperimentError(
            f"there is no {path / RUN_FILE}: the folder is no run's, or its controller deployed nothing, or kept "
            "nothing (journal=False)"
        )
    exp_dir = root / folder_name(str(which), "exp_id")
    runs = sorted(exp_dir.glob(f"*/{RUN_FILE}"), key=last_written)
    found = [file.parent for file in runs if run_id in {"last", file.parent.name}]
    if not found:
        there = ", ".join(file.parent.name for file in runs[-20:])
        what = f"run {run_id!r} of experiment" if run_id != "last" else "run of experiment"
        raise ExperimentError(
            f"there is no {what} {which} in {root} that could be gone on with; "
            + (f"there are {there}" if there else "nothing was deployed in any, or nothing was kept (journal=False)")
        )
    return found[-1]


def last_written(file: Path) -> float:
    """Return when a run's file, or what has been added to it, was last written to (wall time).

    Raises:
        FileNotFoundError: it has been removed.
    """
    last = file.stat().st_mtime
    for added in file.parent.glob(additions_path(file, "*").name):
        # A controller that lives may remove it meanwhile.
        with suppress(FileNotFoundError):
            last = max(last, added.stat().st_mtime)
    return last


def _is_to_be_found(manager: ResourceManager) -> bool:
    """Whether something of it may exist: it has come so far, or has kept facts of what it was about to make."""
    if manager.state is _R.RELEASED or manager.state >= _R.PROVISIONED:
        return manager.state is not _R.RELEASED
    try:
        return bool(manager.facts)
    except (OSError, ValueError):
        # It will find out.
        return True


def _waves(managers: Iterable[ResourceManager]) -> Iterator[list[ResourceManager]]:
    """Give all of them, those that others are deployed after before these."""
    left = {manager.guid: manager for manager in managers}
    while left:
        wave = [each for each in left.values() if not any(one.guid in left for one in each.deploy_after())]
        wave = wave or [*left.values()]  # a circle: nobody is first
        for each in wave:
            del left[each.guid]
        yield wave


def _find_again(ec: ExperimentController, managers: list[ResourceManager], timeout: float) -> None:
    """Have resources say where they are, all at once, and move them there."""
    stage = ec._stage  # noqa: SLF001 - a part of it
    waiting: list[tuple[ResourceManager, Reply[None], tuple[int, object], list[Any]]] = []
    for manager in managers:
        unit = manager._unit  # noqa: SLF001 - a part of it
        ended: Reply[None] = Reply()
        found: list[Any] = []

        def run(manager: ResourceManager = manager, found: list[Any] = found) -> None:
            found.append(stage.finish(manager.do_recover()))

        before: tuple[int, object] = (unit.attempt, unit.state)
        stage.call(stage.request, unit, Act("recover", partial(_tell, ended), run))
        waiting.append((manager, ended, before, found))
    deadline = stage.clock.monotonic() + timeout
    for manager, ended, before, found in waiting:
        if not ended.wait(max(0.0, deadline - stage.clock.monotonic())):
            lost = ResourceLost(f"{manager} has not said within {timeout:g} s where it is")
            stage.call(stage.fail, manager._unit, lost)  # noqa: SLF001 - a part of it
        elif found:
            stage.call(_settle, ec, manager._unit, before, found[0])  # noqa: SLF001 - a part of it


def _tell(ended: Reply[None], _: BaseException | None) -> None:
    ended.give(None)


def _settle(ec: ExperimentController, unit: ResourceUnit, before: tuple[int, object], found: object) -> None:
    """Move a resource to where it is; a message. What has moved since it was asked knows better."""
    stage = ec._stage  # noqa: SLF001 - a part of it
    here = unit.resource_state
    if (unit.attempt, here) != before or here is _R.FAILED:
        return
    try:
        state = member(ResourceState, found)  # type: ignore[arg-type]  # it is checked
    except ExperimentError as error:
        stage.fail(
            unit, ResourceFailed(unit, f"its do_recover returned {found!r}, and should return its state: {error}")
        )
        return
    if state is _R.FAILED:
        stage.fail(unit, ResourceLost(f"{unit.manager} is found to have failed"))
    elif state < here and state < _R.STARTED:
        stage.put_back(unit, state)
    else:
        if here < _R.READY < state < _R.FAILED:
            # It came further than could be written down.
            stage.set_state(unit, _R.READY)
        stage.set_state(unit, state)


def set_times(manager: ResourceManager, past: Past) -> None:
    """Have a resource say when it came where."""
    for state, wall in past.walls.items():
        manager._times[state] = wall  # noqa: SLF001 - a part of it
