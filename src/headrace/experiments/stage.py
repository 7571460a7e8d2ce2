"""The shell around an experiment's scheduler: what threads, time and the loop do to it.

The methods in the sections "messages" and "instructions" are done in the mailbox (`headrace.core.mailbox`): one thread
at a time, never blocking, and such that each can be done again after it was cut short anywhere. Whatever authors of
resources wrote runs elsewhere: coroutines on one loop, all else on threads that are started as they are needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextvars import ContextVar
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from headrace.compute.executors import ThreadPoolExecutor
from headrace.core import (
    Add,
    After,
    Broken,
    Changed,
    Gate,
    Guard,
    Keeper,
    Mailbox,
    Move,
    Perform,
    Scheduler,
    SystemClock,
    Tick,
    Transition,
    Unguard,
    Unit,
    WakeAt,
)
from headrace.core.condition import Reply
from headrace.experiments.errors import ExperimentAborted, ExperimentError, InvalidAction, ResourceFailed
from headrace.experiments.loop import LoopThread
from headrace.experiments.methods import STEPS, Kind, entry_of, kind_of, run_method
from headrace.experiments.state import EXPERIMENT, ECState, OnceState, ResourceState
from headrace.experiments.units import Act, Once, ResourceUnit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from headrace.core import Clock, Instruction, Step, Term
    from headrace.experiments.history import Past

__all__ = ["Stage"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: As many calls of blocking methods may go on at once: a limit that a machine meets before an experiment does.
_MANY = 30_000

#: The methods that the caller is in, and whose they are.
_within: ContextVar[tuple[tuple[ResourceUnit, Act], ...]] = ContextVar("within", default=())

_R = ResourceState
_ENDS = frozenset({_R.STOPPED, _R.FINISHED})
_OVER = frozenset({ECState.FAILED, ECState.TERMINATED})
#: What a method's return means, unless the method moved the resource itself.
_TARGETS = {
    "discover": _R.DISCOVERED,
    "reserve": _R.RESERVED,
    "provision": _R.PROVISIONED,
    "deploy": _R.READY,
}


class Stage:
    """Moves the resources of one experiment, calls their methods, and keeps its time.

    Args:
        name: of the experiment, in messages and threads' names.
        perform: does an action whose gate has opened; called in the mailbox.
        broken: told, in the mailbox, that an action's gate can never open.
        clock: the time.
    """

    def __init__(
        self,
        name: str,
        *,
        perform: Callable[[ResourceUnit, str], None],
        broken: Callable[[ResourceUnit, Broken], None],
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.clock: Clock = clock or SystemClock()
        #: The experiment's own life.
        self.experiment = Unit("experiment", name, EXPERIMENT)
        #: Why it was given up; "" if it was not.
        self.why_over = ""
        #: Told, in the mailbox, of every move of every unit, in order.
        self.observers: list[Callable[[Transition], None]] = []
        self.loop = LoopThread(name)
        self.crew = ThreadPoolExecutor(name, _MANY)
        self.crew.start()
        self._perform = perform
        self._broken = broken
        self._numbers = count(1)
        self._scheduler = Scheduler()
        self._scheduler.observed = True
        self._keeper = Keeper(self.clock, self.tick, name)
        self._mailbox = Mailbox(
            self._scheduler,
            self.clock,
            obey=self._obey,
            hand_over=self._keeper.wake_now,
            resume=self._resume,
            on_failure=self._give_up,
        )
        #: Gives the scheduler an event, from within the mailbox.
        self.tell = self._mailbox.tell
        self.call(self._begin)

    # --- called from any thread ---------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the monotonic time."""
        return self.clock.monotonic()

    def call(self, message: Callable[..., T], *args: object) -> T:
        """Have `message(*args)` done in the mailbox; return what it returns, or raise what it raises.

        Raises:
            ExperimentError: it is called in the middle of the mailbox's work, as by a condition's predicate.
        """
        if self._mailbox.mine:
            raise ExperimentError(
                f"{self.name} is in the middle of a step: a condition's predicate, or an observer, may look at "
                "resources, and change nothing"
            )
        reply: Reply[T] = Reply()
        self._mailbox.post(self._answer, reply, message, args)
        return reply.get()

    def post(self, message: Callable[..., None], *args: object) -> None:
        """Have `message(*args)` done in the mailbox, now or soon."""
        self._mailbox.post(message, *args)

    def tick(self) -> None:
        """Let what is due happen."""
        self._mailbox.post(self._tick)

    def new_id(self, kind: str) -> tuple[str, int]:
        """Return an id for a unit that is no resource."""
        return (kind, next(self._numbers))

    def act(self, unit: ResourceUnit, method: str) -> None:
        """Have one of a resource's methods called in its turn, and wait for it; raise what it raises.

        Within another method of the same resource it is called at once, as a part of that.
        """
        innermost = self.innermost(unit)
        if innermost is not None:
            self._nested(unit, method, innermost)
            return
        if method in {*STEPS, "deploy", "start"} and self.experiment.state in _OVER:
            raise ExperimentAborted(f"{self.name} is {self.experiment.state}: {method} of {unit} is not begun any more")
        if self.loop.here:
            raise ExperimentError(
                f"{method} of {unit} would make the loop wait for itself: in a coroutine, use "
                f"`await asyncio.to_thread(resource.{method})`"
            )
        ended: Reply[None] = Reply()
        self.call(
            self.request, unit, Act(method, lambda error: ended.give(None) if error is None else ended.fail(error))
        )
        ended.get()

    def within(self, unit: ResourceUnit) -> bool:
        """Whether the caller is in a method of this resource's."""
        return any(each is unit for each, _ in _within.get())

    def innermost(self, unit: ResourceUnit) -> str | None:
        """Return which method of this resource's the caller is in, the innermost one that has not returned."""
        return next((act.method for each, act in reversed(_within.get()) if each is unit and not act.over), None)

    def come_again(self, unit: ResourceUnit, method: str) -> Callable[[], None] | None:
        """Take note that a method has itself called again later; return what is to be called then.

        None if the caller is not in that method.
        """
        acts = [act for each, act in _within.get() if each is unit and act.method == method and not act.over]
        for act in acts:
            act.again = True
        return partial(self._again, unit, method) if acts else None

    def _again(self, unit: ResourceUnit, method: str) -> None:
        over = self.experiment.state in _OVER or unit.releasing or unit.resource_state is _R.FAILED
        if method == "release" or not over:
            self.call(self.request, unit, Act(method))

    def finish(self, found: object) -> Any:  # noqa: ANN401 - what the author's method returns
        """Return what a method has returned; if that is a coroutine, what it returns. Not on the loop's thread."""
        return self.loop.run(found) if asyncio.iscoroutine(found) else found

    def move(self, unit: ResourceUnit, state: ResourceState, cause: BaseException | None = None) -> None:
        """Move a resource; nothing if it is there, has been released, or has ended in another way than was meant.

        Raises:
            InvalidTransition: its lifecycle does not allow that.
        """
        self.call(self._move_once, unit, state, cause, [])

    def _move_once(
        self, unit: ResourceUnit, state: ResourceState, cause: BaseException | None, before: list[object]
    ) -> None:
        # Cut short and done again, it finds what it had to move from.
        if not before:
            before.append((unit.attempt, unit.state))
        if before == [(unit.attempt, unit.state)]:
            self.set_state(unit, state, cause)

    def close(self) -> None:
        """End the threads. What does not return is left: its thread keeps nothing from ending."""
        self.loop.close()
        self.crew.shutdown(wait=False, cancel_futures=True)
        self._keeper.close()

    # --- messages -----------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self.experiment.id not in self._scheduler.units:
            self.tell(Add(self.experiment, self.now()))

    def _resume(self) -> None:
        """A step was cut short: finish what it had begun to call."""
        for unit in tuple(self._scheduler.units.values()):
            if isinstance(unit, ResourceUnit):
                if unit.acting is not None:
                    self._begin_act(unit, unit.acting)
                if unit.acting is None:
                    self._next_act(unit)

    def _answer(self, reply: Reply[Any], message: Callable[..., Any], args: tuple[object, ...]) -> None:
        try:
            reply.give(message(*args))
        except Exception as error:  # noqa: BLE001 - it is raised by the one who waits
            reply.fail(error)

    def _tick(self) -> None:
        self.tell(Tick(self.now()))

    def add(self, unit: Unit, *gates: Gate) -> None:
        """Take a unit in."""
        if unit.id not in self._scheduler.units:
            self.tell(Add(unit, self.now(), gates))

    def new_once(self, kind: str, name: str) -> Once:
        """Take in something that happens once a gate that it is given later opens."""
        unit = Once(self.new_id(kind), name)
        self.add(unit)
        return unit

    def restore(self, unit: ResourceUnit, past: Past) -> None:
        """Take a resource in as an earlier controller left it. Nobody is told of a move: there is none."""
        if unit.id in self._scheduler.units:
            return
        unit.attempt, unit.state, unit.earlier, unit.since = past.attempt, past.state, past.earlier, past.since
        if unit.ended:
            unit.releasing = True
        else:
            self._scheduler.observed = False
            try:
                self.tell(Add(unit, past.since))
            finally:
                self._scheduler.observed = True

    def put_back(self, unit: ResourceUnit, state: ResourceState) -> None:
        """Have a resource be in an earlier state than it was thought to be; nothing waits for it yet."""
        previous, now = unit.state, self.now()
        kept = {each: at for each, at in unit.reached.items() if each < state}
        unit.earlier = tuple(part for each in kept.items() for part in each)
        unit.state, unit.since = state, now
        told = Transition(unit, unit.attempt, previous, state, now, None)
        for observer in self.observers:
            observer(told)
        # Its counts are made anew from the facts.
        for instruction in self._scheduler.recover(now):
            self._mailbox.ask(instruction)

    def once(self, kind: str, name: str, condition: Term | None, happen: Callable[[], None]) -> Once:
        """Have `happen` called, in the mailbox, when the condition is met or can never be."""
        unit = Once(self.new_id(kind), name, happen)
        self.tell(Add(unit, self.now(), (Gate(unit, "HAPPEN", condition),)))
        return unit

    def forget(self, unit: Once) -> None:
        """Let something never happen; nothing if it has."""
        if unit.state is OnceState.PENDING:
            self.tell(Move(unit, unit.attempt, OnceState.DONE, self.now()))

    def guard(self, unit: Unit, action: str, condition: Term) -> None:
        """Put a gate on an action in place of what is there. Raises GateCycle, and then there is none."""
        self.unguard(unit, action)
        self.tell(Guard(Gate(unit, action, condition), self.now()))

    def unguard(self, unit: Unit, action: str) -> None:
        """Take the gate on an action away."""
        if unit.gates and action in unit.gates:
            self.tell(Unguard(unit, action, self.now()))

    def changed(self, unit: Unit) -> None:
        """Have predicates that watch a unit looked at again."""
        self.tell(Changed(unit, self.now()))

    def set_state(self, unit: ResourceUnit, state: ResourceState, cause: BaseException | None = None) -> None:
        """Move a resource; see `move`."""
        here = unit.resource_state
        if here is state or here is _R.RELEASED or (here in _ENDS and state in _ENDS):
            return
        if cause is not None:
            unit.cause = cause
        self.tell(Move(unit, unit.attempt, state, self.now(), cause))

    def fail(self, unit: ResourceUnit, cause: BaseException) -> None:
        """Make a resource FAILED, and have its `do_fail` called. Nothing if it has failed or was released."""
        if unit.resource_state in {_R.FAILED, _R.RELEASED}:
            return
        self.set_state(unit, _R.FAILED, cause)
        if kind_of(type(unit.manager), "fail") is not Kind.TRIVIAL:
            self.request(unit, Act("fail"))

    def move_on(self, unit: ResourceUnit, act: Act) -> bool:
        """Do an act for which there is nothing to call, if nothing else is being done; return whether that was so.

        No more than a short cut: `request` comes to the same.
        """
        method = act.method
        if unit.acting is not None or unit.todo or act.over or method not in {"deploy", "start"}:
            return False
        here, target = unit.resource_state, _R.READY if method == "deploy" else _R.STARTED
        allowed = here < target if method == "deploy" else here is _R.READY
        if not allowed or kind_of(type(unit.manager), method) is not Kind.TRIVIAL:
            return False
        self.set_state(unit, target)
        self._end_act(unit, act, None)
        return True

    def request(self, unit: ResourceUnit, act: Act) -> None:
        """Have a method of a resource's called when those before it have returned."""
        if act.over:
            return
        if unit.acting is not act and act not in unit.todo:
            unit.todo.append(act)
        if unit.acting is None:
            self._next_act(unit)
        elif unit.acting is act:
            self._begin_act(unit, act)

    def overtake(self, unit: ResourceUnit, act: Act, patience: float) -> None:
        """As `request`, but before all others that wait; and what is being called is ended, or left after a while."""
        under_way = unit.acting
        if act.over or under_way is act:
            self.request(unit, act)
            return
        for dropped in tuple(unit.todo):
            if dropped is not act:
                self._drop(unit, dropped, f"is not begun: {act.method} comes first")
        unit.todo = deque([act])
        if under_way is None:
            self._next_act(unit)
        else:
            under_way.dropped = True
            self.loop.cancel(under_way.tasks)
            name = f"patience with {under_way.method} of {unit}"
            self.once("patience", name, After(patience), partial(self._leave, unit, under_way))

    def _leave(self, unit: ResourceUnit, act: Act) -> None:
        if unit.acting is act:
            logger.warning("%s of %s has not returned; it is left, and what comes next begins", act.method, unit)
            self._drop(unit, act, "has not returned, and was left")
            unit.acting = None
        if unit.acting is None:
            self._next_act(unit)

    @staticmethod
    def _drop(unit: ResourceUnit, act: Act, why: str) -> None:
        if act.ended is not None:
            act.ended(ExperimentError(f"{act.method} of {unit} {why}"))
        act.over = True

    def _begin_act(self, unit: ResourceUnit, act: Act) -> None:
        if act.over:
            # Left in the queue when this was cut short before.
            unit.acting = None
            return
        unit.acting = act
        if act.begun:
            return
        needed, refused = _needed(unit, act)
        if not needed:
            self._end_act(unit, act, refused)
            return
        if act.before is None:
            act.before, act.since = (unit.attempt, unit.state), self.now()
        unit.deploying |= act.method == "deploy"
        if act.method == "start" and unit.requested.get("START") is not act:
            # Whoever had asked for a start has it.
            unit.requested.pop("START", None)
        kind = Kind.BLOCKING if act.run is not None else kind_of(type(unit.manager), act.method)
        if kind is Kind.TRIVIAL:
            self._act_over(unit, act, None)
            return
        try:
            if kind is Kind.ASYNC:
                ended = partial(self.post, self._act_over, unit, act)
                self.loop.spawn(partial(self._begin_await, unit, act), ended, act.tasks)
            else:
                self.crew.execute(self._call_act, (unit, act), {}, partial(self._returned, unit, act))
        except (RuntimeError, ExperimentError) as error:
            # No thread can be had, or all is shut down.
            self._act_over(unit, act, error)
        else:
            act.begun = True

    def _next_act(self, unit: ResourceUnit) -> None:
        while unit.todo and unit.acting is None:
            # Noted first: should this be cut short, `_act_over` finds it there, and the one left in the queue is over
            # when its turn comes.
            unit.acting = act = unit.todo[0]
            unit.todo.popleft()
            self._begin_act(unit, act)

    def _act_over(self, unit: ResourceUnit, act: Act, error: BaseException | None) -> None:
        if unit.acting is act:
            try:
                self._settle(unit, act, error)
            except Exception as wrong:  # noqa: BLE001 - a move that is not allowed is the method's fault
                error = wrong
                self.fail(unit, wrong)
            if error is None and act.method not in {"fail", "release"} and unit.resource_state is _R.FAILED:
                # It said so itself, by `fail`.
                error = unit.cause
            self._end_act(unit, act, error)
        elif error is not None and act.over and not isinstance(error, asyncio.CancelledError):
            logger.warning("%s of %s, which had been left, raised", act.method, unit, exc_info=error)
        if unit.acting is None:
            self._next_act(unit)
        elif not unit.acting.begun:
            # This was cut short before.
            self._begin_act(unit, unit.acting)

    @staticmethod
    def _end_act(unit: ResourceUnit, act: Act, error: BaseException | None) -> None:
        if act.ended is not None:
            act.ended(error)
        act.over = True
        unit.acting = None

    def _settle(self, unit: ResourceUnit, act: Act, error: BaseException | None) -> None:
        if error is not None:
            if act.dropped and isinstance(error, asyncio.CancelledError):
                return
            if act.method == "release":
                # What is left of it nobody knows; but nobody can do more about it either.
                logger.error("release of %s: %s: %s", unit, type(error).__name__, error, exc_info=error)
                unit.cause = unit.cause or error
                unit.left = error
                self.set_state(unit, _R.RELEASED, error)
            elif act.method == "fail":
                logger.error("do_fail of %s: %s: %s", unit, type(error).__name__, error, exc_info=error)
            else:
                self.fail(unit, error)
            return
        state = self._arrival(unit, act)
        if state is not None and not act.again:
            self.set_state(unit, state)

    @staticmethod
    def _arrival(unit: ResourceUnit, act: Act) -> ResourceState | None:
        """Where a method that returned leaves the resource, if it has not moved it itself."""
        here = unit.resource_state
        target = _TARGETS.get(act.method)
        if target is not None:
            return target if here < target else None
        if act.method == "start":
            unmoved = act.before == (unit.attempt, here)
            return _R.STARTED if unmoved and here in {_R.READY, *_ENDS} else None
        if act.method == "stop":
            return _R.STOPPED if here is _R.STARTED else None
        return _R.RELEASED if act.method == "release" else None

    # --- what resources' authors wrote --------------------------------------------------------------------------------

    def _call_act(self, unit: ResourceUnit, act: Act) -> bool:
        """On a thread of the crew's. Return whether the call was this thread's to make."""
        if not act.claim():
            return False
        token = _within.set((*_within.get(), (unit, act)))
        try:
            manager = unit.manager
            found = act.run() if act.run is not None else getattr(manager, entry_of(type(manager), act.method))()
            self.finish(found)
        finally:
            _within.reset(token)
        return True

    def _begin_await(self, unit: ResourceUnit, act: Act) -> Coroutine[Any, Any, None] | None:
        """On the loop."""
        return self._await_act(unit, act) if act.claim() else None

    @staticmethod
    async def _await_act(unit: ResourceUnit, act: Act) -> None:
        _within.set((*_within.get(), (unit, act)))
        await run_method(unit.manager, act.method)

    def _returned(self, unit: ResourceUnit, act: Act, called: object, error: BaseException | None) -> None:
        if called or error is not None:
            if error is not None and not isinstance(error, Exception | asyncio.CancelledError):
                # A `sys.exit` in a resource's method ends that, and not whoever waits for it.
                error = ResourceFailed(unit, error, act.method)
            self.post(self._act_over, unit, act, error)

    def _nested(self, unit: ResourceUnit, method: str, within: str) -> None:
        manager = unit.manager
        # What an author wrote under the public name calls its parent's, which is this.
        name = f"do_{method}" if method == within else entry_of(type(manager), method)
        act = Act(method)
        act.before = (unit.attempt, unit.state)
        token = _within.set((*_within.get(), (unit, act)))
        try:
            found = getattr(manager, name)()
            if asyncio.iscoroutine(found) and self.loop.here:
                found.close()
                raise ExperimentError(f"in a coroutine of {unit}, call `await self.do_{method}()`, not self.{method}()")
            self.finish(found)
        finally:
            _within.reset(token)
        self.call(self._settle, unit, act, None)
        act.over = True

    # --- instructions -------------------------------------------------------------------------------------------------

    def _obey(self, told: Instruction) -> None:
        if isinstance(told, Transition):
            for observer in self.observers:
                observer(told)
        elif isinstance(told, WakeAt):
            self._keeper.wake_at(told.at)
        elif self._scheduler.current(told):
            unit = told.unit
            if isinstance(unit, Once):
                if unit.state is OnceState.PENDING:
                    if unit.happen is not None:
                        unit.happen()
                    self.tell(Move(unit, unit.attempt, OnceState.DONE, self.now()))
            elif isinstance(unit, ResourceUnit):
                if isinstance(told, Broken):
                    self._broken(unit, told)
                else:
                    self._perform(unit, told.action)

    def _give_up(self, step: Step, error: BaseException) -> None:
        message, args = step
        logger.critical("a defect of the experiments: %r of %r raised", message, args, exc_info=error)
        for each in args:
            if isinstance(each, Reply):
                each.fail(error)
            elif isinstance(each, Act) and each.ended is not None:
                each.ended(error)
            elif isinstance(each, Perform | Broken) and isinstance(each.unit, ResourceUnit):
                self.fail(each.unit, error)


def _needed(unit: ResourceUnit, act: Act) -> tuple[bool, InvalidAction | None]:
    """Tell whether a call is to be made, now that it could be; if not, what its caller is told."""
    here, method = unit.resource_state, act.method
    if method == "start" and here not in {_R.READY, *_ENDS}:
        return False, InvalidAction(unit, "be started", here)
    if method == "stop" and here is not _R.STARTED:
        return False, InvalidAction(unit, "be stopped", here) if here < _R.STARTED else None
    if method == "deploy" and here >= _R.READY:
        return False, InvalidAction(unit, "be deployed", here) if here > _R.READY else None
    if here is _R.RELEASED or (here is _R.FAILED and method in STEPS):
        return False, None if method in {"release", "fail"} else InvalidAction(unit, f"do {method}", here)
    return True, None
