"""Conducting an experiment: loading it or going on with it, deploying, waiting, releasing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from headrace.cli.experiment.metric import metric_of
from headrace.cli.experiment.outcome import Outcome
from headrace.cli.history.place import CannotDo
from headrace.experiments.controller import ExperimentController
from headrace.experiments.description import RunsDescription, WaitDescription
from headrace.experiments.errors import InvalidAttribute, UnknownResource
from headrace.experiments.notation import read_description
from headrace.experiments.replica import deploy_alike
from headrace.experiments.resource import ResourceManager
from headrace.experiments.runner import ExperimentRunner
from headrace.experiments.state import ResourceAction, ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headrace.cli.experiment.moment import Sampler
    from headrace.cli.experiment.request import Assignment, Request
    from headrace.experiments.description import ExperimentDescription
    from headrace.experiments.factory import ResourceFactory

__all__ = ["Conductor", "apply", "awaited", "find_guid"]

#: Where the types are that stand, once started, until they are released: hosts, interfaces, links.
_STANDING: Final = frozenset({"headrace.experiments.linux.machine", "headrace.experiments.linux.part"})


class Conductor:
    """Does what was asked for, once.

    Args:
        request: what that is.
        sampler: is told which controller there is to look at, and what is being done.
        factory: where resource types are looked up; the process's own unless given.
    """

    def __init__(self, request: Request, sampler: Sampler, factory: ResourceFactory | None = None) -> None:
        self.outcome = Outcome(only_release=request.only_release)
        self._request = request
        self._sampler = sampler
        self._options: dict[str, Any] = {} if factory is None else {"factory": factory}
        #: What is not shown: the experiment before it is known to be as it should be, or of which all runs are made.
        self._hidden: ExperimentController | None = None
        #: Whether an interrupt cut it short.
        self.interrupted = False

    def conduct(self) -> None:
        """Do it. Whatever happens, what was deployed is released before this returns, or raises.

        Raises:
            CannotDo, HeadraceError: what was asked for cannot be done: nothing was deployed.
        """
        try:
            self._go()
        except KeyboardInterrupt:
            # There is one at most: the second one ends the process.
            self.interrupted = True
        finally:
            try:
                self._end()
            except KeyboardInterrupt:
                self.interrupted = True
                self._end()

    def _go(self) -> None:
        request = self._request
        if request.place is not None:
            self._go_on()
            return
        loaded = self._load()
        runs = _runs(loaded.description, request.runs)
        if runs is None:
            self._sampler.follow(loaded)
            deployed = deploy_alike(loaded, loaded)
            self._wait(loaded, deployed)
        else:
            self._repeat(loaded, runs)

    def _go_on(self) -> None:
        request, place = self._request, self._request.place
        if place is None:
            return
        self._sampler.notice = "finding again what its controller left"
        ec = ExperimentController.recover(
            *(place.run_dir, place.run_id),
            journal=request.journal,
            prepare=lambda ec: apply(ec, request.assignments),
            **self._options,
        )
        self._sampler.follow(ec)
        self._sampler.notice = ""
        if not request.only_release:
            self._wait(ec, ec.resources)

    def _load(self) -> ExperimentController:
        request = self._request
        file = request.file or ""
        options = {**self._options, "exp_id": request.exp_id, "root_dir": request.root}
        if _runs(read_description(file), request.runs) is None:
            ec = self._hidden = ExperimentController.load(file, run_id=request.run_id, **options)
        else:
            if request.run_id is not None:
                raise CannotDo("--run-id names one run, and this is to be run several times: leave it out")
            # It is not run itself, and so leaves no record; each of its runs does.
            ec = self._hidden = ExperimentController.load(file, journal=False, **options)
            ec._journal = True  # noqa: SLF001 - what replicas of it are given
        apply(ec, request.assignments)
        return ec

    def _wait(self, ec: ExperimentController, deployed: Iterable[int]) -> None:
        described = ec.description.wait or WaitDescription()
        guids = list(described.guids) or awaited(ec, deployed)
        state = described.state if guids else ResourceState.STARTED
        timeout = self._request.timeout if self._request.timeout is not None else described.timeout
        self.outcome.waited = ec.wait(guids or list(deployed), state, timeout=timeout)

    def _repeat(self, ec: ExperimentController, runs: RunsDescription) -> None:
        described = ec.description.wait or WaitDescription()
        deployed = [guid for each in ec.description.deploy for guid in each.guids] or ec.resources
        guids = list(described.guids) or awaited(ec, deployed)
        if described.state not in {ResourceState.STARTED, ResourceState.STOPPED} or (
            described.state is ResourceState.STARTED and described.guids
        ):
            raise CannotDo(
                f"{self._request.file}, wait.state: with several runs it is STOPPED, or STARTED without resources: "
                f"each run waits for resources to end, or for all to have been STARTED; it is {described.state}"
            )
        self.outcome.runs = ExperimentRunner().run(
            ec,
            runs.min_runs,
            runs.max_runs,
            runs.wait_time,
            guids if guids and described.state is ResourceState.STOPPED else None,
            compute_metric=None if runs.metric is None else metric_of(runs.metric),
            timeout=self._request.timeout if self._request.timeout is not None else described.timeout,
            prepare=self._prepare,
        )

    def _prepare(self, ec: ExperimentController, number: int) -> None:
        self._sampler.follow(ec, f", run {number}")

    def _end(self) -> None:
        if self._hidden is not None and self._hidden is not self._sampler.ec:
            self._hidden.shutdown()
        ec = self._sampler.ec
        if ec is not None:
            try:
                if self.outcome.released is None:
                    self.outcome.look(ec)
                    self._sampler.notice = self._sampler.notice or "releasing"
            finally:
                self.outcome.released = ec.shutdown()
            self.outcome.look(ec)
        self.outcome.elapsed = self._sampler.elapsed


def apply(ec: ExperimentController, assignments: Iterable[Assignment]) -> None:
    """Set what the command line sets.

    Raises:
        CannotDo: there is no such resource, or the attribute may not be set so; the message names the option.
    """
    for each in assignments:
        guid = find_guid(ec, each.resource, str(each))
        try:
            ec.set(guid, each.attribute, each.value)
        except (InvalidAttribute, LookupError) as error:
            raise CannotDo(f"{each}: {error}") from error


def find_guid(ec: ExperimentController, which: str, what: str) -> int:
    """Return the guid of a resource that is named by it, or by its name. Raises CannotDo; the message begins `what`."""
    if which.isdecimal() and int(which) in ec.resources:
        return int(which)
    for guid in ec.resources:
        if ec.get_resource(guid).label == which:
            return guid
    known = [ec.get_resource(guid).label or guid for guid in ec.resources]
    raise CannotDo(f"{what}: {UnknownResource(which, known, f'experiment {ec.exp_id}')}")


def awaited(ec: ExperimentController, guids: Iterable[int]) -> list[int]:
    """Return those that end some time: what they run ends by itself, or a condition stops them.

    What has nothing of its own to run when it is started stands until it is released, and so do hosts and links.
    """
    return [guid for guid in guids if _ends(ec, guid)]


def _ends(ec: ExperimentController, guid: int) -> bool:
    if any(each.action is ResourceAction.STOP for each in ec.conditions(guid)):
        return True
    kind = type(ec.get_resource(guid))
    stands = any(each.__module__ in _STANDING for each in kind.__mro__)
    runs = any({"do_start", "start"} & vars(each).keys() for each in _below(kind))
    return runs and not stands


def _below(kind: type[ResourceManager]) -> Iterable[type]:
    """Give a type's own classes, without those that every resource has."""
    return kind.__mro__[: kind.__mro__.index(ResourceManager)]


def _runs(description: ExperimentDescription, asked: tuple[int, int | None] | None) -> RunsDescription | None:
    """Return how often it is run; None: once, with nothing measured."""
    described = description.runs
    if asked is not None:
        base = described or RunsDescription()
        return RunsDescription(min_runs=asked[0], max_runs=asked[1], wait_time=base.wait_time, metric=base.metric)
    if described is None or (described.max_runs == 1 and described.metric is None and not described.wait_time):
        return None
    return described
