"""The controller: what users of experiments hold."""

from __future__ import annotations

import itertools
import logging
import secrets
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from headrace.experiments.condition import Condition
from headrace.experiments.deployment import Deployment
from headrace.experiments.description import DeployDescription
from headrace.experiments.errors import InvalidCondition
from headrace.experiments.factory import default_factory
from headrace.experiments.failure import FailureLevel, FailureManager
from headrace.experiments.named import folder_name, group_number, member
from headrace.experiments.place import default_root
from headrace.experiments.reasons import reasons
from headrace.experiments.saved import Saved
from headrace.experiments.stage import Stage
from headrace.experiments.state import ECState, ResourceAction, ResourceState
from headrace.experiments.tasks import Tasks
from headrace.experiments.timespan import seconds
from headrace.experiments.units import Act
from headrace.experiments.waiting import Waiting, WaitResult

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from headrace.core import Clock, Wait
    from headrace.experiments.condition import Need, Predicate
    from headrace.experiments.factory import ResourceFactory
    from headrace.experiments.registry import Guids
    from headrace.experiments.resource import ResourceManager
    from headrace.experiments.tasks import Task
    from headrace.experiments.timespan import Moment, Span
    from headrace.experiments.units import ResourceUnit

__all__ = ["ExperimentController"]

logger = logging.getLogger(__name__)

_R = ResourceState
_T = TypeVar("_T")


class ExperimentController(Saved):
    """One experiment: its resources, what they wait for, and what becomes of them.

    Args:
        exp_id: names the scenario, for all its runs; letters, digits, ``.``, ``_``, ``-``. A new one unless given.
        root_dir: where the folders of all experiments are; the user's state folder unless given.
        run_id: names this run of it; the local time unless given.
        fm: decides what a resource's failure means.
        factory: where resource types are looked up; the process's own unless given.
        stop_on_abort: whether what runs is stopped when the experiment is given up.
        clock: the time.
        predicates: names for the functions that its conditions have as `when`, for when it is saved.
        journal: where the run is written down, as a path or a ``postgresql://`` URL; ``journal.db`` in `root_dir` if
            true. False: nowhere, and then no later controller can go on with it.

    Every method may be called from any thread. Waiting is by events; nothing is polled. As a context manager it shuts
    down at the end.

    Raises:
        ExperimentError: `exp_id` or `run_id` is no name that a folder can have.
    """

    def __init__(
        self,
        exp_id: str | None = None,
        root_dir: str | os.PathLike[str] | None = None,
        *,
        run_id: str | None = None,
        fm: FailureManager | None = None,
        factory: ResourceFactory | None = None,
        stop_on_abort: bool = True,
        clock: Clock | None = None,
        predicates: Mapping[str, Predicate] | None = None,
        journal: bool | str | os.PathLike[str] = True,
    ) -> None:
        name = folder_name(exp_id or f"exp-{secrets.token_hex(8)}", "exp_id")
        super().__init__(name, factory if factory is not None else default_factory())
        self._run_id = folder_name(run_id or f"{datetime.now().astimezone():%Y%m%d%H%M%S%f}", "run_id")
        self._root_dir = Path(root_dir) if root_dir is not None else default_root()
        self._fm = fm if fm is not None else FailureManager()
        self._fm.attach(self)
        self._shared: dict[str, Any] = {}
        self._groups: dict[int, list[int]] = {}
        self._group_numbers = itertools.count(1)
        self._ended: WaitResult | None = None
        self._deployment = Deployment(self._units, self._resource_failed, stop_on_abort=stop_on_abort)
        self._stage = Stage(self._exp_id, perform=self._deployment.perform, broken=self._deployment.broken, clock=clock)
        self._deployment.attach(self._stage)
        self._waiting = Waiting(self._stage)
        self._tasks = Tasks(self._stage)
        self._predicates = dict(predicates or {})
        self._journal = journal

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def exp_id(self) -> str:
        """The scenario's name."""
        return self._exp_id

    @property
    def run_id(self) -> str:
        """This run's name."""
        return self._run_id

    @property
    def root_dir(self) -> Path:
        """Where the folders of all experiments are."""
        return self._root_dir

    @property
    def local_dir(self) -> Path:
        """The same, by its other name."""
        return self._root_dir

    @property
    def exp_dir(self) -> Path:
        """The scenario's folder."""
        return self._root_dir / self._exp_id

    @property
    def run_dir(self) -> Path:
        """This run's folder, made when it is first needed."""
        return self.exp_dir / self._run_id

    @property
    def ecstate(self) -> ECState:
        """Where the experiment is."""
        return self._stage.experiment.state  # type: ignore[return-value]  # of its lifecycle

    @property
    def finished(self) -> bool:
        """Whether it is over: given up, or shut down."""
        return self.ecstate in {ECState.FAILED, ECState.TERMINATED}

    @property
    def abort(self) -> bool:
        """Whether it was given up."""
        return self._fm.abort or self.ecstate is ECState.FAILED

    @property
    def failure_level(self) -> FailureLevel:
        """How badly it went so far."""
        return self._fm.failure_level

    # --- conditions ---------------------------------------------------------------------------------------------------

    def register_condition(
        self,
        guids1: Guids,
        action: ResourceAction | str,
        guids2: Guids,
        state: ResourceState | str | None = None,
        time: Span = None,
        *,
        need: Need = "all",
        when: Predicate | None = None,
    ) -> None:
        """Have an action of resources wait until others have been in a state, or a predicate holds.

        Args:
            guids1: whose action it is; each gets the condition.
            action: DEPLOY, START or STOP. For SET see `set_with_conditions`.
            guids2: the group that is waited for.
            state: which its members are to have reached, or passed.
            time: how much longer to wait, counted from the moment at which the group had reached the state.
            need: ``"all"`` of the group, ``"any"``, or at least so many.
            when: instead of a state: it is given the group's resources and says whether the action may begin. It is
                asked whenever one of them moves or has an attribute set. Use `Compare` to have it saved.

        Conditions on one action are all to be met. A member that fails and is critical ends the wait: the waiter fails
        as well if it was to be deployed or started. Without one that is not critical the others are waited for, and a
        delay counts from its failure.

        Raises:
            UnknownResource, UnknownState, InvalidCondition, InvalidTime: nothing has changed.
            GateCycle: it could never be met, since the group waits for the resources itself; nothing has changed.
        """
        waiters = self._units_of(guids1)
        condition = self._condition(action, guids2, state, time, need, when)
        if condition.action is ResourceAction.SET:
            raise InvalidCondition("SET takes its conditions with what is to be set: use set_with_conditions")
        if condition.action is ResourceAction.RELEASE:
            raise InvalidCondition("RELEASE takes no conditions: it is never made to wait")
        self._stage.call(self._deployment.add_condition, waiters, condition)
        self._note_condition(waiters, condition)

    def unregister_condition(self, guids1: Guids, guids2: Guids, action: ResourceAction | str | None = None) -> None:
        """Have the actions of resources not wait for a group any more; for one action, or for all of them."""
        waiters = self._units_of(guids1)
        group = frozenset(unit.manager.guid for unit in self._units_of(guids2))
        named = None if action is None else member(ResourceAction, action)
        self._stage.call(self._deployment.drop_conditions, waiters, group, named)
        self._touch(*(unit.manager.guid for unit in waiters))

    def conditions(self, guid: int) -> list[Condition]:
        """Return the conditions on the actions of a resource, in the order in which they were registered."""
        return list(self._unit(guid).conditions)

    def why(self, guid: int) -> list[Wait]:
        """Return what a resource waits for, what that waits for, and so on; empty when nothing is in its way.

        A method that is being called, and has not returned, is told of as well, and since when.
        """
        return self._stage.call(reasons, self._unit(guid), self._stage.now())

    # --- deploying, starting, stopping --------------------------------------------------------------------------------

    def discover(self, guid: int) -> None:
        """Have a resource found; DISCOVERED on return. Raises what its `do_discover` does."""
        self.get_resource(guid).discover()

    def reserve(self, guid: int) -> None:
        """Have a resource set aside; RESERVED on return. Raises what its `do_reserve` does."""
        self.get_resource(guid).reserve()

    def provision(self, guid: int) -> None:
        """Have a resource made; PROVISIONED on return. Raises what its `do_provision` does."""
        self.get_resource(guid).provision()

    def deploy(
        self,
        guids: Guids | None = None,
        wait_all_ready: bool = True,  # noqa: FBT001, FBT002 - NEPI's order
        group: int | Guids | None = None,
    ) -> int:
        """Have resources made ready, and then started, each when its conditions are met. Returns at once.

        Args:
            guids: which; all that are NEW unless given.
            wait_all_ready: whether none is started before all are READY (or have failed).
            group: the number of a deployment group to go on with: none of these is started before all of the group are
                READY. A list, tuple or set is taken for `guids`.

        Returns:
            the number of the deployment group.

        Raises:
            UnknownResource: nothing is deployed.
            InvalidAction: one has been started, has failed or is being released; nothing is deployed.
            GateCycle: some wait for themselves, with what they must be deployed after; nothing is deployed.
            ExperimentAborted, ExperimentClosed: the experiment is over.
        """
        self._check_open()
        if isinstance(group, list | tuple | set | frozenset):
            guids, group = group, None
        if guids is None:
            units = [unit for unit in tuple(self._units.values()) if unit.resource_state is _R.NEW]
        else:
            units = self._units_of(guids)
        with self._lock:
            number = self._new_group() if group is None else group_number(group)
            members = self._groups.setdefault(number, [])
            members += [unit.manager.guid for unit in units if unit.manager.guid not in members]
            barrier = [self._units[guid] for guid in members if guid in self._units] if wait_all_ready else []
        after = {}
        for unit in units:
            before = tuple(other.guid for other in unit.manager.deploy_after())
            if before:
                after[unit.manager.guid] = before
        asked = DeployDescription(
            guids=tuple(unit.manager.guid for unit in units), group=number, wait_all_ready=bool(wait_all_ready)
        )
        if units:
            self._note_deployment(asked, units, after)
        try:
            self._stage.call(self._deployment.deploy, units, barrier, after, {}, guids is None)
        except BaseException:
            self._take_back_deployment(asked)
            raise
        return number

    def start(self, guid: int) -> None:
        """Start a resource now, whatever its conditions; it has been, on return. Raises InvalidAction, or its error."""
        self.get_resource(guid).start()

    def stop(self, guid: int) -> None:
        """Stop a resource now, whatever its conditions; it has been stopped on return. Raises InvalidAction."""
        self.get_resource(guid).stop()

    def start_with_conditions(self, guid: int) -> None:
        """Have a resource started, or started again, once it is READY and its conditions are met. Returns at once."""
        self._note_asked([self._unit(guid)], "START")
        self._stage.call(self._deployment.ask, self._unit(guid), "START", {})

    def stop_with_conditions(self, guid: int) -> None:
        """Have a resource stopped once it is STARTED and its conditions are met. Returns at once."""
        self._note_asked([self._unit(guid)], "STOP")
        self._stage.call(self._deployment.ask, self._unit(guid), "STOP", {})

    def set_with_conditions(  # noqa: PLR0917 - NEPI's order
        self,
        name: str,
        value: Any,  # noqa: ANN401 - it is checked
        guids1: Guids,
        guids2: Guids,
        state: ResourceState | str | None = None,
        time: Span = None,
        *,
        need: Need = "all",
        when: Predicate | None = None,
    ) -> None:
        """Have an attribute of resources set once they are STARTED and a condition is met. Returns at once.

        The arguments after `guids1` are those of `register_condition`.

        Raises:
            UnknownResource, UnknownAttribute, InvalidAttribute, UnknownState, InvalidTime: nothing will be set.
            ReadOnlyAttribute: it may not be set in a resource that is STARTED.
        """
        units = self._units_of(guids1)
        condition = self._condition(ResourceAction.SET, guids2, state, time, need, when)
        for unit in units:
            unit.manager.check_later(name, value)
        for unit in units:
            self._set_later(unit.manager, name, value, condition)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def wait(
        self,
        guids: Guids,
        state: ResourceState | str = _R.STOPPED,
        quit: Callable[[], object] | None = None,  # noqa: A002 - NEPI's name
        timeout: Span = None,
    ) -> WaitResult:
        """Wait until resources have been in a state, or cannot be any more.

        Args:
            guids: which.
            state: in their present attempts, or a later state.
            quit: asked now and then; the wait ends once it says true.
            timeout: how long at most.

        Returns:
            why it ended: true if all got there; not if one failed, the experiment was given up, or the time was up.
        """
        limit = None if timeout is None else seconds(timeout)
        return self._waiting.wait(self._units_of(guids), member(ResourceState, state), timeout=limit, quit=quit)

    def wait_deployed(self, guids: Guids, timeout: Span = None) -> WaitResult:
        """Wait until resources are READY. Returns as `wait`."""
        return self.wait(guids, _R.READY, timeout=timeout)

    def wait_started(self, guids: Guids, timeout: Span = None) -> WaitResult:
        """Wait until resources have been STARTED. Returns as `wait`."""
        return self.wait(guids, _R.STARTED, timeout=timeout)

    def wait_finished(self, guids: Guids, timeout: Span = None) -> WaitResult:
        """Wait until resources have ended: STOPPED or FINISHED. Returns as `wait`."""
        return self.wait(guids, _R.STOPPED, timeout=timeout)

    def wait_released(self, guids: Guids, timeout: Span = None) -> WaitResult:
        """Wait until resources have been RELEASED, also when the experiment was given up. Returns as `wait`."""
        return self._wait_released(self._units_of(guids), timeout)

    def schedule(
        self,
        date: Moment,
        callback: Callable[[], Any],
        track: bool = False,  # noqa: FBT001, FBT002 - NEPI's order
    ) -> int:
        """Have a function, or a coroutine function, called at a time; return its task's id.

        Args:
            date: in how long, as "2s" or "2m30s", seconds as a number, a timedelta; or a date: a datetime, ISO 8601,
                or 20 digits. A past one is now.
            callback: called without arguments, on a thread where it may block.
            track: whether `get_task` finds it.

        Raises:
            InvalidTime: it is none of these.
            TypeError: `callback` cannot be called.
        """
        if (again := self._come_again(callback)) is None:
            self._check_open()
        return self._tasks.schedule(date, again or callback, track=track)

    def get_task(self, tid: int) -> Task:
        """Return a task that was scheduled with ``track=True``. Raises UnknownTask."""
        return self._tasks.get(tid)

    def shared(self, key: str, make: Callable[[], _T]) -> _T:
        """Return what the experiment's resources share under a name; the first who asks for it has it made.

        If it has a method `close`, that is called at the end, when everything has been released.

        Raises:
            ExperimentClosed: the controller has been shut down, so that nobody would close it.
        """
        if key not in self._shared:
            # While `shutdown` releases, what was not made before may be needed for that.
            if self.ecstate is ECState.TERMINATED:
                raise self._closed_error()
            made = make()
            if self._shared.setdefault(key, made) is not made:
                # Somebody was quicker.
                _close(made)
        thing: _T = self._shared[key]
        return thing

    # --- ending -------------------------------------------------------------------------------------------------------

    def give_up(self, guid: int | None = None, reason: str = "") -> None:
        """Give the experiment up: nothing new begins, what runs is stopped, waits end. Nothing is released yet."""
        if guid is not None:
            manager = self.get_resource(guid)
            reason = reason or f"{manager} failed: {manager.cause}"
        reason = reason or "its user gave it up"
        self._note_given_up(reason)
        self._stage.post(self._deployment.give_up, reason)

    def release(self, guids: Guids | None = None, timeout: Span = None) -> WaitResult:
        """Give resources back, all of them unless told which, and wait for that.

        Those with `hardRelease` are forgotten then. The experiment is RELEASED once all its resources are. A method
        that does not return is left, see `ResourceManager.release_patience`.

        Returns:
            true if all are RELEASED, as `wait`; not if a release raised, of which `failed` has the error.
        """
        units = list(self._units.values()) if guids is None else self._units_of(guids)
        mine = {unit.manager.guid for unit in units}
        after: dict[int, tuple[int, ...]] = {}
        for unit in units:
            manager = unit.manager
            pairs = [(other.guid, manager.guid) for other in manager.release_after()]
            pairs += [(manager.guid, other.guid) for other in manager.release_before()]
            for first, then in pairs:
                if first in mine and then in mine:
                    after[then] = (*after.get(then, ()), first)
        self._note_asked(units, "RELEASE")
        self._stage.call(self._deployment.release, units, after, {})
        result = self._wait_released(units, timeout)
        for unit in units:
            if unit.ended and unit.manager.get("hardRelease"):
                self._withdraw(unit.manager.guid)
        if all(unit.ended for unit in tuple(self._units.values())):
            self._stage.call(self._move_experiment, ECState.RUNNING, ECState.RELEASED)
        return result

    def shutdown(self, timeout: Span = 60.0) -> WaitResult:
        """Release everything and end all threads; nothing if that was done. What is scheduled and not due is dropped.

        Args:
            timeout: how long releases may take, in all. What is not released then is left, and named in the result.
        """
        self._closed = True
        # Not noted as done before it is: an interrupt, and whoever calls it meanwhile, find it still to be done.
        if self._ended is not None:
            return self._ended
        self._stage.call(self._tasks.drop)
        result = self.release(timeout=timeout)
        for state in (ECState.RUNNING, ECState.RELEASED, ECState.FAILED):
            self._stage.call(self._move_experiment, state, ECState.TERMINATED)
        shared, self._shared = self._shared, {}
        for key, thing in reversed(shared.items()):
            try:
                _close(thing)
            except Exception:
                logger.exception("%s: what its resources share as %r could not be closed", self._exp_id, key)
        self._end_record("given up" if self.abort else "ended" if result else "left resources behind")
        self._stage.close()
        self._ended = result
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.shutdown()
        except BaseException:
            # An interrupt at the end of what went well: nobody has asked to leave everything as it is.
            if kind is None:
                self.shutdown()
            raise

    # --- what its parts use -------------------------------------------------------------------------------------------

    def _resource_failed(self, unit: ResourceUnit) -> None:
        """Have the failure judged; called in the mailbox. While resources are looked for, not yet."""
        if self._recovering:
            return
        if type(self._fm).eval_failure is FailureManager.eval_failure:
            # At once: nothing that waits begins in between.
            if unit.manager.get("critical"):
                self._fm.set_rm_failure()
                self._deployment.give_up(f"{unit} failed: {unit.cause}")
        else:
            self._stage.crew.execute(self._judge, (unit,), {}, self._judged)

    def _judge(self, unit: ResourceUnit) -> None:
        with suppress(IndexError):
            # Each failure once, even if that it is to be judged is told again.
            unit.judgements.pop()
            self._fm.eval_failure(unit.manager.guid)

    def _judged(self, _: object, error: BaseException | None) -> None:
        if error is not None:
            # Whoever was to decide could not: that is no reason to go on.
            self._fm.set_ec_failure()
            self._stage.post(self._deployment.give_up, f"its failure manager raised {error!r}")

    def _watch(
        self, other: ResourceManager, state: ResourceState, happened: Callable[[BaseException | None], None]
    ) -> Callable[[], None]:
        return self._waiting.watch(other._unit, state, happened)  # noqa: SLF001 - a part of it

    def _wait_released(self, units: list[ResourceUnit], timeout: Span) -> WaitResult:
        limit = None if timeout is None else seconds(timeout)
        return self._waiting.wait(units, _R.RELEASED, timeout=limit, abort=False)

    def _new_group(self) -> int:
        while (number := next(self._group_numbers)) in self._groups:
            pass
        return number

    def _deploy_one(self, guid: int) -> None:
        self.deploy(guid)

    def _set_later(
        self,
        manager: ResourceManager,
        name: str,
        value: Any,  # noqa: ANN401 - it is checked
        condition: Condition,
        *,
        done: bool = False,
    ) -> None:
        """Note what is to be set, and, unless that is `done`, have it set."""
        sets = manager._sets  # noqa: SLF001 - a part of it
        with self._lock:
            index = len(sets)
            sets.append((name, manager._declared(name).check(value), condition))  # noqa: SLF001 - a part of it
            if done:
                manager._sets_done.add(index)  # noqa: SLF001 - a part of it
                return
            act = Act("set", run=partial(self._set_now, manager, name, value, index))
            _, number = self._stage.new_id("SET")
            try:
                self._stage.call(self._deployment.set_later, manager._unit, f"SET {number}", act, (condition,))  # noqa: SLF001 - a part of it
            except BaseException:
                sets.pop()
                raise
        self._touch(manager.guid)

    def _set_now(self, manager: ResourceManager, name: str, value: Any, index: int) -> None:  # noqa: ANN401 - it is checked
        manager.set(name, value)
        manager._sets_done.add(index)  # noqa: SLF001 - a part of it
        self._touch()

    def _come_again(self, callback: Callable[[], Any]) -> Callable[[], None] | None:
        """A method of a resource that has itself called again later is not done when it returns."""
        unit = getattr(getattr(callback, "__self__", None), "_unit", None)
        return None if unit is None else self._stage.come_again(unit, getattr(callback, "__name__", ""))

    def _condition(  # noqa: PLR0917 - as those who call it
        self,
        action: ResourceAction | str,
        group: Guids,
        state: ResourceState | str | None,
        time: Span,
        need: Need,
        when: Predicate | None,
    ) -> Condition:
        members = tuple(unit.manager.guid for unit in self._units_of(group))
        wanted = None if state is None else member(ResourceState, state)
        return Condition(
            action=member(ResourceAction, action),
            group=members,
            state=wanted,
            delay=seconds(time),
            need=need,
            when=when,
        )

    def __repr__(self) -> str:
        return f"<ExperimentController {self._exp_id} {self._run_id} {self.ecstate}: {len(self._resources)} resources>"


def _close(thing: object) -> None:
    close = getattr(thing, "close", None)
    if close is not None:
        close()
