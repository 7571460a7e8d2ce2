"""What is done to resources, and what that waits for.

All here is done in the mailbox, see `headrace.experiments.stage`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from headrace.core import AllOf, GateCycle, HeadraceError, Holds, Move, Reached, Transition
from headrace.experiments.condition import held_since
from headrace.experiments.errors import ExperimentAborted, InvalidAction, ResourceFailed, UnknownResource
from headrace.experiments.state import ECState, OnceState, ResourceAction, ResourceState, satisfying
from headrace.experiments.units import Act, Once, ResourceUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headrace.core import Broken, Term
    from headrace.experiments.condition import Condition
    from headrace.experiments.stage import Stage

__all__ = ["Deployment"]

logger = logging.getLogger(__name__)

_R = ResourceState
_DEPLOY, _START, _STOP, _RELEASE = (
    each.value for each in (ResourceAction.DEPLOY, ResourceAction.START, ResourceAction.STOP, ResourceAction.RELEASE)
)
_DONE_TO = {_START: "be started", _STOP: "be stopped"}
_BARRIER = "the barrier (all that are deployed together to be READY)"
#: A resource that failed, or was released, holds up none of those that are deployed with it.
_SETTLED = ResourceState.at_least(_R.READY)
_ENDS = frozenset({_R.STOPPED, _R.FINISHED})
_HAPPENED = frozenset({OnceState.DONE})
_HAS_BEEN_READY = satisfying(_R.READY)
_HAS_BEEN_STARTED = satisfying(_R.STARTED)


class Deployment:
    """The actions on the resources of one experiment, each begun when its gate opens.

    Args:
        units: the resources by guid; the controller adds to them and takes away.
        failed: told, in the mailbox, of each resource that has become FAILED.
        stop_on_abort: whether what runs is stopped when the experiment is given up.
    """

    def __init__(
        self, units: dict[int, ResourceUnit], failed: Callable[[ResourceUnit], None], *, stop_on_abort: bool
    ) -> None:
        self._units = units
        self._failed = failed
        self._stop_on_abort = stop_on_abort
        self._stage: Stage
        #: Those that a condition has named, and of these those that the experiment has forgotten.
        self._named: set[int] = set()
        self._gone: dict[int, ResourceUnit] = {}
        self._given_up = False

    def waiters_of(self, guid: int) -> list[int]:
        """Return the guids of those that have a condition on a resource. May be called by any thread."""
        if guid not in self._named:
            return []
        return [each for each, unit in tuple(self._units.items()) if _waits_for(unit, guid)]

    def attach(self, stage: Stage) -> None:
        """Use this stage: called once, before anything else."""
        self._stage = stage
        stage.observers.append(self._observe)

    # --- what the stage asks for --------------------------------------------------------------------------------------

    def perform(self, unit: ResourceUnit, action: str) -> None:
        """Do an action whose gate has opened."""
        if self._over and action != _RELEASE:
            return
        if action == _STOP and unit.resource_state is _R.STARTED:
            # A condition is enough to ask for it.
            unit.requested.setdefault(_STOP, Act("stop"))
        act = unit.requested.get(action)
        if act is None:
            # It has been done, or was withdrawn.
            return
        if action == _RELEASE:
            self._stage.overtake(unit, act, unit.manager.release_patience)
        elif self._stage.move_on(unit, act):
            pass
        elif not (action == _START and _is_starting(unit, act)):
            self._stage.request(unit, act)
        unit.requested.pop(action, None)

    def broken(self, unit: ResourceUnit, told: Broken) -> None:
        """Take note that an action's gate can never open."""
        if self._over or unit.releasing:
            return
        terms = told.gate.broken_terms()
        causes = [_cause(term) for term in terms]
        waits = "; ".join(text for text, _ in causes) or "what it waits for can never come about"
        if told.action in {_DEPLOY, _START} and unit.resource_state < _R.STARTED:
            if told.action not in unit.requested:
                # Nobody has asked for it: `why` tells, and whoever does ask will see it fail.
                return
            error = ResourceFailed(unit, f"its {told.action} can never come: {waits}")
            error.__cause__ = next((cause for _, cause in causes if cause is not None), None)
            self._stage.fail(unit, error)
        elif unit.resource_state is not _R.FAILED:
            logger.warning("%s: its %s will never come: %s", unit, told.action, waits)

    # --- messages -----------------------------------------------------------------------------------------------------

    def deploy(
        self,
        units: Sequence[ResourceUnit],
        barrier: Sequence[ResourceUnit],
        after: dict[int, tuple[int, ...]],
        acts: dict[Any, Any],
        new_only: bool,  # noqa: FBT001 - `call` hands no keywords on
    ) -> None:
        """Deploy resources, and start them once they are READY; with a barrier, once all of its are.

        Args:
            units: what to deploy.
            barrier: whom their starts wait for; empty: nobody.
            after: by guid, the guids of those that must be READY before.
            acts: empty; what is to be called, should this be cut short and done again.
            new_only: whether those that have been deployed meanwhile are left out.

        Raises:
            InvalidAction: one has been started, has failed or is being released; nothing is deployed.
            GateCycle: some would wait for themselves; nothing is deployed.
        """
        self._check_open()
        units = [each for each in units if not new_only or _is_new(each) or (each.id, _DEPLOY) in acts]
        for unit in units:
            _check_deployable(unit, acts)
        self._unguard_all(units, acts)
        gate: Once | None = acts.setdefault("barrier", self._stage.new_once("barrier", _BARRIER)) if barrier else None
        try:
            for unit in units:
                unit.barrier = gate
                unit.before_deploy = after.get(unit.manager.guid, ())
                if _note_request(unit, _DEPLOY, acts) and (unit.before_deploy or self._conditions(unit, _DEPLOY)):
                    self._regate(unit, _DEPLOY)
                if _note_request(unit, _START, acts):
                    self._regate(unit, _START)
            # Last, so that cycles through it are looked for once.
            if gate is not None and not gate.ended:
                self._stage.guard(gate, "HAPPEN", AllOf([Reached(unit, _SETTLED) for unit in barrier]))
        except GateCycle:
            self._take_back(units)
            raise
        for unit in units:
            if not unit.before_deploy and not self._conditions(unit, _DEPLOY):
                self._stage.unguard(unit, _DEPLOY)
                self.perform(unit, _DEPLOY)

    def _unguard_all(self, units: Iterable[ResourceUnit], acts: dict[Any, Any]) -> None:
        """All of them first, so that the search for cycles has no way to go: these waits were looked at when made."""
        for unit in units:
            for action in (_DEPLOY, _START):
                # A predicate is watched all the time.
                watches = any(each.when is not None for each in self._conditions(unit, action))
                if (unit.id, action) not in acts and not watches:
                    self._stage.unguard(unit, action)

    def _take_back(self, units: Iterable[ResourceUnit]) -> None:
        for unit in units:
            unit.barrier = None
            unit.before_deploy = ()
            for action in (_START, _DEPLOY):
                unit.requested.pop(action, None)
                self._regate(unit, action)

    def ask(self, unit: ResourceUnit, action: str, acts: dict[Any, Any]) -> None:
        """Have a START or STOP done once its conditions are met; `acts` as in `deploy`.

        Raises:
            InvalidAction: it has failed, or is being released.
        """
        self._check_open()
        if unit.resource_state is _R.FAILED or unit.releasing:
            raise InvalidAction(unit, _DONE_TO[action], unit.state)
        if _note_request(unit, action, acts):
            self._regate(unit, action)

    def set_later(self, unit: ResourceUnit, action: str, act: Act, conditions: Sequence[Condition]) -> None:
        """Have something changed once the resource is STARTED and the conditions are met; `action` is a new name."""
        self._check_open()
        if unit.resource_state is _R.FAILED or unit.releasing:
            raise InvalidAction(unit, "be set", unit.state)
        if not (act.begun or act.over):
            unit.requested[action] = act
            self._name(conditions)
            terms = [Reached(unit, _HAS_BEEN_STARTED), *(each.term(self._members(each)) for each in conditions)]
            self._stage.guard(unit, action, AllOf(terms))

    def add_condition(self, units: Sequence[ResourceUnit], condition: Condition) -> None:
        """Put a condition on an action of resources. Raises GateCycle, and then none has it."""
        self._check_open()
        self._name([condition])
        try:
            for unit in units:
                if condition not in unit.conditions:
                    unit.conditions.append(condition)
                # Also if it was there: this may have been cut short before.
                self._regate(unit, condition.action.value)
        except GateCycle:
            for unit in units:
                # An equal one, which was there before, stays.
                unit.conditions = [each for each in unit.conditions if each is not condition]
                self._regate(unit, condition.action.value)
            raise

    def drop_conditions(
        self, units: Iterable[ResourceUnit], group: frozenset[int], action: ResourceAction | None
    ) -> None:
        """Take the resources of a group out of the conditions on an action, or on all of them."""
        for unit in units:
            kept = [_without(each, group, action) for each in unit.conditions]
            left = [each for each in kept if each is not None]
            names = {each.action.value for each in unit.conditions if each not in left}
            for name in sorted(names):
                self._regate(unit, name, left)
            # Last: should this be cut short, it is all done again.
            unit.conditions = left

    def critical_changed(self, unit: ResourceUnit) -> None:
        """Take note that a resource is critical now, or not any more: those who wait for it go on accordingly."""
        if unit.manager.guid in self._named:
            for waiter in tuple(self._units.values()):
                for action in {each.action.value for each in waiter.conditions if unit.manager.guid in each.group}:
                    self._regate(waiter, action)

    def forget(self, unit: ResourceUnit) -> None:
        """Take note that the experiment has forgotten a resource; what waited for it keeps what it has seen of it."""
        if unit.manager.guid in self._named:
            self._gone[unit.manager.guid] = unit
        self._stage.set_state(unit, _R.RELEASED)

    def release(
        self,
        units: Sequence[ResourceUnit],
        after: dict[int, tuple[int, ...]],
        acts: dict[Any, Any],
    ) -> None:
        """Release resources, whatever their conditions; each after those that must be released before it.

        Nothing happens to those that are being released already, or have been. `acts` is as in `deploy`.
        """
        units = [each for each in units if not each.ended and (not each.releasing or (each.id, _RELEASE) in acts)]
        for unit in units:
            act = acts.setdefault((unit.id, _RELEASE), Act("release"))
            unit.releasing = True
            for action in list(unit.gates or ()):
                self._stage.unguard(unit, action)
            unit.requested = {_RELEASE: act}
        for unit in units:
            # One that is forgotten has been released.
            before = [self._units[guid] for guid in after.get(unit.manager.guid, ()) if guid in self._units]
            try:
                self._stage.guard(unit, _RELEASE, AllOf([Reached(each, {_R.RELEASED}) for each in before]))
            except GateCycle as cycle:
                logger.warning("%s is released without waiting: %s", unit, cycle)
                self.perform(unit, _RELEASE)

    def give_up(self, reason: str) -> None:
        """Give the experiment up: nothing new begins, and what runs is stopped."""
        experiment = self._stage.experiment
        if experiment.state is ECState.RUNNING:
            self._stage.why_over = reason
            now = self._stage.now()
            self._stage.tell(Move(experiment, experiment.attempt, ECState.FAILED, now, ExperimentAborted(reason)))
        elif experiment.state is not ECState.FAILED or self._given_up:
            return
        for unit in tuple(self._units.values()):
            if not unit.releasing:
                unit.requested.clear()
                for action in list(unit.gates or ()):
                    self._stage.unguard(unit, action)
        if self._stop_on_abort:
            # A step of its own: those who wait are told first, of what had got there before and what had not.
            self._stage.post(self._end_all_that_runs)
        # Last: should this be cut short, it is all done again.
        self._given_up = True

    def _end_all_that_runs(self) -> None:
        for unit in tuple(self._units.values()):
            if not unit.releasing:
                self._end_what_runs(unit)

    def _end_what_runs(self, unit: ResourceUnit) -> None:
        """A resource that has failed is cleaning up by itself, if anything of it runs."""
        acting = unit.acting
        if unit.resource_state in {_R.FAILED, _R.RELEASED} or (acting is not None and acting.method == "stop"):
            return
        if acting is not None:
            self._stage.overtake(unit, Act("stop"), unit.manager.release_patience)
        elif unit.resource_state is _R.STARTED:
            self._stage.request(unit, Act("stop"))

    # --- gates --------------------------------------------------------------------------------------------------------

    def _regate(self, unit: ResourceUnit, action: str, among: Sequence[Condition] | None = None) -> None:
        """Make the gate on an action anew, from what there is to wait for; `among` stands for its conditions."""
        conditions = self._conditions(unit, action, among)
        asked = action in unit.requested
        if unit.releasing or self._over or (not asked and not conditions):
            self._stage.unguard(unit, action)
            return
        if (
            action == _START
            and asked
            and not conditions
            and unit.barrier is not None
            and unit.resource_state < _R.READY
        ):
            # It waits for this one as well. Of a thousand that do nothing, this is most of the work.
            self._stage.guard(unit, action, Reached(unit.barrier, _HAPPENED))
            return
        terms: list[Term] = []
        if action == _DEPLOY:
            terms += [Reached(self._member(guid), _HAS_BEEN_READY) for guid in unit.before_deploy]
        elif action == _START:
            # One that runs may be asked to start again: that is when it has ended.
            terms.append(Reached(unit, _ENDS if unit.resource_state is _R.STARTED else _HAS_BEEN_READY))
            if unit.barrier is not None:
                terms.append(Reached(unit.barrier, _HAPPENED))
        elif action == _STOP:
            # A condition is enough to ask for it, since it takes a start to begin with.
            asked = True
            terms.append(Reached(unit, _HAS_BEEN_STARTED))
        if not asked:
            terms.append(Holds(_Asked(unit, action), [unit]))
        gate = (unit.gates or {}).get(action)
        terms += [each.term(self._members(each), held_since(gate, each)) for each in conditions]
        self._stage.guard(unit, action, AllOf(terms))

    @staticmethod
    def _conditions(unit: ResourceUnit, action: str, among: Sequence[Condition] | None = None) -> list[Condition]:
        conditions = unit.conditions if among is None else among
        return [each for each in conditions if each.action.value == action] if conditions else []

    def _name(self, conditions: Iterable[Condition]) -> None:
        for each in conditions:
            self._named.update(each.group)
            self._members(each)

    def _members(self, condition: Condition) -> dict[int, ResourceUnit]:
        return {guid: self._member(guid) for guid in condition.group}

    def _member(self, guid: int) -> ResourceUnit:
        unit = self._units.get(guid) or self._gone.get(guid)
        if unit is None:
            raise UnknownResource(guid, self._units, f"experiment {self._stage.name}")
        return unit

    def _observe(self, told: Transition) -> None:
        unit = told.unit
        if isinstance(unit, ResourceUnit):
            try:
                unit.manager.note_move(told)
            except Exception:
                logger.exception("%s: note_move of %s raised", self._stage.name, unit)
            if told.state is _R.FAILED:
                logger.error("%s: %s failed: %s", self._stage.name, unit, _told(unit.cause), exc_info=_unexpected(unit))
                self._failed(unit)

    @property
    def _over(self) -> bool:
        return self._stage.experiment.state in {ECState.FAILED, ECState.TERMINATED}

    def _check_open(self) -> None:
        if self._over:
            raise ExperimentAborted(
                f"{self._stage.name} is {self._stage.experiment.state}: nothing new begins in it; make another"
            )


def _told(cause: BaseException | None) -> str:
    return str(cause) if cause is None or isinstance(cause, HeadraceError) else f"{type(cause).__name__}: {cause}"


def _unexpected(unit: ResourceUnit) -> BaseException | None:
    """Return an error that its author has to look for in the resource's own code; None for one that says it all."""
    return None if isinstance(unit.cause, HeadraceError) else unit.cause


class _Asked:
    """Whether somebody has asked for an action."""

    def __init__(self, unit: ResourceUnit, action: str) -> None:
        self._unit = unit
        self._action = action
        self.__qualname__ = f"a request to {action} {unit}"

    def __call__(self) -> bool:
        return self._action in self._unit.requested


def _note_request(unit: ResourceUnit, action: str, acts: dict[Any, Any]) -> bool:
    """Take note that an action is asked for; False if it has been begun, since this is done again."""
    act = acts.setdefault((unit.id, action), Act(action.lower()))
    if act.begun or act.over or act is unit.acting or act in unit.todo:
        return False
    unit.requested[action] = act
    return True


def _is_new(unit: ResourceUnit) -> bool:
    return unit.resource_state is _R.NEW and _DEPLOY not in unit.asked and not unit.releasing


def _check_deployable(unit: ResourceUnit, acts: dict[Any, Any]) -> None:
    if (unit.resource_state >= _R.STARTED or unit.releasing) and (unit.id, _DEPLOY) not in acts:
        raise InvalidAction(unit, "be deployed", unit.state)


def _is_starting(unit: ResourceUnit, act: Act) -> bool:
    """Whether a resource is being started for the first time, by another call than this one."""
    calls = [each for each in (unit.acting, *unit.todo) if each is not None and each is not act]
    return unit.resource_state is _R.READY and any(each.method == "start" for each in calls)


def _without(condition: Condition, group: frozenset[int], action: ResourceAction | None) -> Condition | None:
    if action is not None and condition.action is not action:
        return condition
    return condition.without(group)


def _waits_for(unit: ResourceUnit, guid: int) -> bool:
    """Whether a condition of a resource names another, also on what is to be set."""
    later = (condition for _, _, condition in tuple(unit.manager._sets))  # noqa: SLF001 - a part of it
    return any(guid in each.group for each in (*tuple(unit.conditions), *later))


def _cause(term: Term) -> tuple[str, BaseException | None]:
    if isinstance(term, Reached) and isinstance(term.unit, ResourceUnit):
        states = " or ".join(str(each) for each in sorted(term.states) if each is not _R.FAILED)
        return f"{term.unit} is {term.unit.state}, and was to be {states}", term.unit.cause
    return f"its condition raised {type(term.cause).__name__}: {term.cause}", term.cause
