"""An experiment that can be saved."""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from headrace.experiments.additions import ASKED, CONNECTED, DEPLOY, DISCONNECTED, GIVEN_UP, NOT_DEPLOYED
from headrace.experiments.describing import describe, sets_done
from headrace.experiments.description import DeployDescription, ExperimentDescription
from headrace.experiments.errors import ExperimentError, ResourceFailed
from headrace.experiments.loading import Loader
from headrace.experiments.methods import Kind, kind_of
from headrace.experiments.notation import deploy_to_plain, format_of, read, to_plain, write
from headrace.experiments.place import default_root
from headrace.experiments.recorder import Recorder, open_recorder
from headrace.experiments.recovery import find_run, set_times
from headrace.experiments.registry import Registry
from headrace.experiments.run_file import RUN_FILE, RunFile
from headrace.experiments.run_text import CONNECTIONS, RunText
from headrace.experiments.state import ResourceState
from headrace.experiments.timespan import seconds
from headrace.experiments.units import done_so_far
from headrace.experiments.waiting import WaitReason, WaitResult
from headrace.experiments.wholly import write_whole

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from headrace.experiments.condition import Condition, Predicate
    from headrace.experiments.factory import ResourceFactory
    from headrace.experiments.history import Past
    from headrace.experiments.timespan import Span
    from headrace.experiments.units import ResourceUnit

__all__ = ["Saved"]

logger = logging.getLogger(__name__)


class Saved(Registry):
    """A registry whose content can be described, and so be written into a file.

    Args:
        name: of the experiment.
        factory: where resource types are looked up.
    """

    def __init__(self, name: str, factory: ResourceFactory) -> None:
        super().__init__(name, factory)
        #: What it was loaded from: of this it keeps what says how to deploy and run it.
        self._given = ExperimentDescription()
        self._deploys: list[DeployDescription] = []
        self._predicates: dict[str, Predicate] = {}
        self._journal: bool | str | os.PathLike[str] = False
        #: Whether it is written down; None before that is known.
        self._recording: bool | None = None
        self._recorder: Recorder | None = None
        self._run_file: RunFile | None = None
        self._run_text: RunText | None = None
        #: Whether it goes on with an earlier controller's run.
        self._recovering = False
        #: What became of its resources under a controller that died.
        self._pasts: dict[int, Past] = {}
        self._ended: WaitResult | None = None
        #: What was asked for, and how often that had been done before.
        self._asked: dict[tuple[int, str], int] = {}
        #: Why it was given up by its user; "" if it was not.
        self._given_up = ""

    @property
    def exp_id(self) -> str:
        """The scenario's name."""
        return self._exp_id

    @property
    def run_id(self) -> str:
        """This run's name."""
        raise NotImplementedError

    @property
    def root_dir(self) -> Path:
        """Where the folders of all experiments are."""
        raise NotImplementedError

    @property
    def run_dir(self) -> Path:
        """This run's folder."""
        raise NotImplementedError

    @classmethod
    def load(
        cls,
        source: str | os.PathLike[str] | ExperimentDescription,
        format: str | None = None,  # noqa: A002 - NEPI's name
        *,
        predicates: Mapping[str, Predicate] | None = None,
        exp_id: str | None = None,
        **options: Any,  # noqa: ANN401 - as the class says
    ) -> Self:
        """Make an experiment from its description. Its resources are all NEW; nothing is deployed.

        Args:
            source: the path of a file; or a text, if it is a `str` that has several lines, or begins with ``{`` or
                ``<``; or what was read from one.
            format: "json", "yaml" or "xml" (NEPI's); unless given, as the suffix says, or as the text looks.
            predicates: the functions that it names.
            exp_id: its name, instead of the one that the description gives.
            options: whatever else the class takes.

        Raises:
            DescriptionError: it cannot be read, or made; the message says the file, the place, what and the remedy.
            MissingExtra: it is YAML, and PyYAML is not installed.
        """
        document, description = read(source, format)
        make: Any = cls  # the controller, which has all of these
        ec = make(exp_id or description.exp_id or None, predicates=predicates, **options)
        try:
            ec._given = description  # noqa: SLF001 - a part of it
            Loader(ec, description, document).load()
        except BaseException:
            ec.shutdown()
            raise
        made: Self = ec
        return made

    @classmethod
    def recover(
        cls,
        which: str | os.PathLike[str],
        run_id: str = "last",
        root_dir: str | os.PathLike[str] | None = None,
        *,
        journal: str | os.PathLike[str] | None = None,
        predicates: Mapping[str, Predicate] | None = None,
        prepare: Callable[[Self], object] | None = None,
        timeout: Span = 60.0,
        **options: Any,  # noqa: ANN401 - as the class says
    ) -> Self:
        """Go on with a run whose controller died. What is scheduled (`schedule`) is not gone on with.

        Each resource that may exist is asked where it is (`ResourceManager.do_recover`); one that cannot tell is
        FAILED. What was asked for and not done is asked for again: deployments go on from the last state that was
        reached, conditions are waited for, and their delays have gone on counting. To end it all, `release`.

        Args:
            which: the experiment's name, or the path of the run's folder.
            run_id: the run's name; the latest unless given.
            root_dir: where the folders of all experiments are; the user's state folder unless given.
            journal: the journal's place, where the old controller's was a URL.
            predicates: the functions that its conditions have, by the names that they were given, or else those that
                they have in their program.
            prepare: called with the controller before resources are looked for: the place to set secrets, which are
                not kept.
            timeout: how long resources have, in all, to say where they are.
            options: whatever else the class takes.

        Raises:
            ExperimentError: its controller lives; or there is no such run, or nothing was kept of it.
            DescriptionError: what was kept does not read.
        """
        run = find_run(which, run_id, root_dir, journal, default_root=default_root())
        make: Any = cls  # the controller, which has all of these
        ec = make(run.exp_id, run.root_dir, run_id=run.run_id, journal=run.journal, predicates=predicates, **options)
        try:
            ec._pasts = run.pasts(ec._stage.clock)  # noqa: SLF001 - a part of it
            ec._recovering = True  # noqa: SLF001 - a part of it
            ec._given = run.description  # noqa: SLF001 - a part of it
            run.resume(ec, seconds(timeout), prepare)
            if ec._run_file is not None:  # noqa: SLF001 - a part of it
                ec._run_file.write()  # noqa: SLF001 - a part of it
        except BaseException:
            ec._abandon()  # noqa: SLF001 - a part of it
            raise
        made: Self = ec
        return made

    @property
    def description(self) -> ExperimentDescription:
        """What it consists of, as a value. A predicate without a name is called what it is in its program.

        Raises:
            DescriptionError: an attribute has a value that no file could hold.
        """
        return describe(self, strict=False)

    @property
    def predicates(self) -> Mapping[str, Predicate]:
        """The functions that have names for when it is saved."""
        return self._predicates

    def serialize(
        self,
        format: str = "json",  # noqa: A002 - NEPI's name
        *,
        predicates: Mapping[str, Predicate] | None = None,
    ) -> str:
        """Return what it consists of as a text, "json" or "yaml", of which `load` makes the same. Raises as `save`."""
        return write(to_plain(describe(self, predicates)), format)

    def save(
        self,
        path: str | os.PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - NEPI's name
        *,
        predicates: Mapping[str, Predicate] | None = None,
    ) -> Path:
        """Write what it consists of into a file, and return its path. It is wholly there, or as it was.

        Args:
            path: the file; or a folder, in which it is named for the experiment. The run's folder unless given.
            format: "json" or "yaml"; unless given, as the suffix says, else "json".
            predicates: names for the functions that its conditions have as `when`.

        Raises:
            DescriptionError: it cannot be written down; the message names the resource, and the remedy.
            MissingExtra: it is YAML, and PyYAML is not installed.
            OSError: the file cannot be written.
        """
        target = Path(path) if path is not None else self.run_dir
        if path is None or target.is_dir():
            target /= f"{self._exp_id}.{format or 'json'}"
        write_whole(target, self.serialize(format or format_of(target), predicates=predicates))
        return target

    def _admit(self, unit: ResourceUnit) -> None:
        past = self._pasts.get(unit.manager.guid)
        if past is None:
            super()._admit(unit)
        else:
            if past.state is ResourceState.FAILED:
                unit.cause = ResourceFailed(unit.manager, past.cause)
            set_times(unit.manager, past)
            self._stage.restore(unit, past)

    def _abandon(self) -> None:
        """End it without touching what may run."""
        self._closed = True
        self._end_record("could not be gone on with")
        self._stage.close()
        self._ended = WaitResult(WaitReason.ABORTED, ResourceState.RELEASED, {})

    # --- what is kept of its run --------------------------------------------------------------------------------------

    def _begin_record(self) -> None:
        if self._recording is not None:
            if self._recorder is not None:
                self._recorder.wait_for_room()
            return
        with self._lock:
            if self._recording is not None:
                return
            self._run_text = RunText(self, self._kept)
            run_text = self._run_text
            run_file = RunFile(self.run_dir / RUN_FILE, run_text.text, run_text.addition, self._elsewhere)
            if self._journal is not False and not self._recovering and run_file.path.exists():
                raise ExperimentError(
                    f"run {self.run_id} of experiment {self._exp_id} was begun by an earlier controller: go on with it "
                    "by ExperimentController.recover, or choose another run_id"
                )
            clock = self._stage.clock
            recorder = open_recorder(self._journal, self.root_dir, self.run_dir, self._exp_id, self.run_id, clock)
            self._recording = recorder is not None
            if recorder is not None:
                self._recorder = recorder
                self._run_file = run_file
                self._stage.call(self._listen, recorder)

    def _listen(self, recorder: Recorder) -> None:
        recorder.begin(self._stage.experiment)
        self._stage.observers.append(recorder.seen)

    def _end_record(self, how: str) -> None:
        """Close what was kept; called when nothing more happens."""
        if self._run_file is not None:
            self._run_file.close()
        if self._recorder is not None:
            self._recorder.close(how)

    def _touch(self, *parts: int) -> None:
        if self._run_file is not None and self._run_text is not None:
            self._run_text.changed(parts)
            self._run_file.touch()

    def _note_condition(self, units: Sequence[ResourceUnit], condition: Condition) -> None:
        if self._recorder is not None:
            group = [self._units[guid] for guid in condition.group if guid in self._units]
            for unit in units:
                self._recorder.waits(unit, condition, group)
        self._touch(*(unit.manager.guid for unit in units))
        if self._run_file is not None:
            self._run_file.add(durable=False)

    def _note_connection(self, guid1: int, guid2: int, *, there: bool) -> None:
        if self._run_text is not None:
            self._run_text.note(CONNECTED if there else DISCONNECTED, guid1, guid2)
        self._touch(CONNECTIONS)

    def _note_deployment(
        self, asked: DeployDescription, units: Iterable[ResourceUnit], after: Mapping[int, Iterable[int]]
    ) -> None:
        """Before a deployment begins: whoever comes after this controller is to know of it."""
        self._deploys.append(asked)
        if self._recorder is None or self._run_file is None or self._run_text is None:
            return
        self._run_text.note(DEPLOY, deploy_to_plain(asked))
        for unit in units:
            if unit.conditions:
                self._recorder.introduce(unit.manager)
            others = [self._units[guid] for guid in after.get(unit.manager.guid, ()) if guid in self._units]
            self._recorder.deploys_after(unit, others)
        if self._run_file.begun:
            self._run_file.add(durable=any(_makes_something(unit) for unit in units))
        else:
            self._run_file.write()

    def _take_back_deployment(self, asked: DeployDescription) -> None:
        """It was refused."""
        if asked in self._deploys:
            self._deploys.remove(asked)
            if self._run_file is not None and self._run_text is not None:
                self._run_text.note(NOT_DEPLOYED, deploy_to_plain(asked), int(asked in self._deploys))
                self._run_file.add()

    def _note_asked(self, units: Iterable[ResourceUnit], action: str) -> None:
        """Note that somebody has asked for an action, and how often it had been done before."""
        for unit in units:
            guid, done = unit.manager.guid, done_so_far(unit, action)
            self._asked[guid, action] = done
            if self._run_text is not None:
                self._run_text.note(ASKED, {"guid": guid, "action": action, "done": done})
        self._touch()
        if self._run_file is not None:
            # What is being released may be gone by the time that another controller looks for it.
            self._run_file.add(durable=action == "RELEASE")

    def _note_given_up(self, reason: str) -> None:
        self._given_up = self._given_up or reason
        if self._run_text is not None:
            self._run_text.note(GIVEN_UP, self._given_up)
        self._touch()
        if self._run_file is not None:
            self._run_file.add(durable=False)

    def _kept(self) -> dict[str, Any]:
        place = "" if self._recorder is None else self._recorder.place
        return {
            "run_id": self.run_id,
            # Not a URL: there may be a password in it.
            "journal": place if "://" not in place else "",
            "asked": [
                {"guid": guid, "action": action, "done": done}
                for (guid, action), done in tuple(self._asked.items())
                if guid in self._resources
            ],
            "sets_done": {
                str(each.guid): sets_done(self, each)
                for each in tuple(self._resources.values())
                if each._sets_done  # noqa: SLF001 - a part of it
            },
            "given_up": self._given_up,
        }

    def _elsewhere(self, call: Callable[[], None]) -> None:
        self._stage.crew.execute(call, (), {}, _told)


def _makes_something(unit: ResourceUnit) -> bool:
    """Whether anything outside this process may come of a deployment, that could be lost with its machine's power."""
    return any(kind_of(type(unit.manager), method) is not Kind.TRIVIAL for method in ("deploy", "start"))


def _told(_: object, error: BaseException | None) -> None:
    # It was not begun before the end, which writes the file itself.
    if error is not None and not isinstance(error, CancelledError):
        logger.error("keeping a run's file up to date raised", exc_info=error)
