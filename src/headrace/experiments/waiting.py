"""Waiting for resources, and why a wait ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from headrace.core import AllOf, AnyOf, Reached
from headrace.core.condition import Reply
from headrace.experiments.errors import ExperimentAborted, ExperimentError, ResourceFailed
from headrace.experiments.state import ECState, ResourceState, satisfying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from headrace.core import Term
    from headrace.experiments.stage import Stage
    from headrace.experiments.units import Once, ResourceUnit

__all__ = ["WaitReason", "WaitResult", "Waiting"]

_OVER = frozenset({ECState.FAILED, ECState.TERMINATED})

# How often a caller's own `quit` is asked, in seconds: nobody tells when it changes.
_ASK = 0.1


class WaitReason(Enum):
    """Why a wait ended. The value says it in words."""

    REACHED = "all of them got there"
    FAILED = "some failed, or were released, and will never get there"
    ABORTED = "the experiment was given up, or shut down, meanwhile"
    TIMED_OUT = "the time was up"
    QUIT = "the caller's own `quit` said so"


@dataclass(frozen=True, slots=True)
class WaitResult:
    """How a wait ended; true if all got there."""

    reason: WaitReason
    #: The state that was waited for.
    state: ResourceState
    #: Where each of those waited for was when the wait ended, by guid.
    states: Mapping[int, ResourceState]
    #: The guids of those that have not got there. One that failed, and is not critical, is not among them.
    missing: tuple[int, ...] = ()
    #: The guids of those that are FAILED, with what they failed of.
    failed: Mapping[int, BaseException | None] = field(default_factory=dict)
    #: For ABORTED: why the experiment was given up; the culprit need not be among those waited for.
    why: str = ""

    def __bool__(self) -> bool:
        return self.reason is WaitReason.REACHED

    @property
    def timed_out(self) -> bool:
        """Whether the time was up."""
        return self.reason is WaitReason.TIMED_OUT

    def __str__(self) -> str:
        text = f"{self.reason.value}: {self.why}" if self.why else self.reason.value
        if self.missing:
            there = ", ".join(f"{guid} ({self.states[guid]})" for guid in self.missing)
            text = f"{text}; not {self.state}: {there}"
        for guid, cause in self.failed.items():
            text += f"; {guid} FAILED" + (f": {cause}" if cause is not None else "")
        return text


class Waiting:
    """The waits of one experiment."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def wait(
        self,
        units: Sequence[ResourceUnit],
        state: ResourceState,
        *,
        timeout: float | None = None,
        quit: Callable[[], object] | None = None,  # noqa: A002 - NEPI's name
        abort: bool = True,
    ) -> WaitResult:
        """Wait until each has been at least in `state`, has failed, or was released.

        Args:
            units: what to wait for.
            state: each of them, in its present attempt.
            timeout: seconds, on the monotonic clock; None: for ever.
            quit: asked now and then; the wait ends once it says true.
            abort: whether it ends with the experiment.

        Raises:
            ExperimentError: this thread may not wait: it runs the coroutines, or a condition's predicate.
        """
        if self._stage.loop.here:
            raise ExperimentError("a coroutine cannot wait so: use `await self.reached(other, state)` there")
        units = tuple(units)
        ended: Reply[WaitResult] = Reply()
        # What there is to say is said when it happens: a moment later one of them may have begun anew.
        happen = partial(self._happen, ended, units, state)
        wait = self._stage.call(self._begin, units, state, abort, happen)
        try:
            why = self._sleep(ended, timeout, quit)
            return ended.get() if why is None else self._stage.call(self._result, units, state, why)
        finally:
            self._stage.post(self._stage.forget, wait)

    def watch(
        self, unit: ResourceUnit, state: ResourceState, happened: Callable[[BaseException | None], None]
    ) -> Callable[[], None]:
        """Have `happened` told, once, when a resource has been in a state; or why it never will. Return what ends that.

        It is called in the mailbox: it must be quick, and may be called again.
        """
        wait = self._stage.call(self._begin_watch, unit, state, happened)
        return partial(self._stage.post, self._stage.forget, wait)

    def _begin(
        self,
        units: Iterable[ResourceUnit],
        state: ResourceState,
        abort: bool,  # noqa: FBT001 - `call` hands no keywords on
        happen: Callable[[], None],
    ) -> Once:
        states = ResourceState.at_least(state)
        there: Term = AllOf([Reached(unit, states) for unit in units])
        if abort:
            there = AnyOf([there, Reached(self._stage.experiment, _OVER)])
        return self._stage.once("wait", f"a wait for {state}", there, happen)

    def _begin_watch(
        self, unit: ResourceUnit, state: ResourceState, happened: Callable[[BaseException | None], None]
    ) -> Once:
        states = satisfying(state)
        term = AnyOf(
            [
                Reached(unit, states | {ResourceState.FAILED, ResourceState.RELEASED}),
                Reached(self._stage.experiment, _OVER),
            ]
        )

        def happen() -> None:
            if unit.arrivals(states):
                happened(None)
            elif unit.resource_state >= ResourceState.FAILED:
                happened(ResourceFailed(unit, unit.cause, f"a wait for it to be {state}"))
            else:
                happened(ExperimentAborted(f"{self._stage.name} was given up, while {unit} was waited for"))

        return self._stage.once("watch", f"{state} of {unit}", term, happen)

    @staticmethod
    def _sleep(
        ended: Reply[WaitResult], timeout: float | None, leave: Callable[[], object] | None
    ) -> WaitReason | None:
        """Sleep until it has ended, and return None; or say why it was left before."""
        if leave is None:
            return None if ended.wait(timeout) else WaitReason.TIMED_OUT
        left = timeout
        while not ended.wait(_ASK if left is None else min(_ASK, left)):
            if leave():
                return WaitReason.QUIT
            if left is not None:
                left -= _ASK
                if left <= 0:
                    return WaitReason.TIMED_OUT
        return None

    def _happen(self, ended: Reply[WaitResult], units: Sequence[ResourceUnit], state: ResourceState) -> None:
        ended.give(self._result(units, state, WaitReason.REACHED))

    def _result(self, units: Sequence[ResourceUnit], state: ResourceState, reason: WaitReason) -> WaitResult:
        states = {_guid(unit): unit.resource_state for unit in units}
        failed = {_guid(unit): unit.cause for unit in units if unit.state is ResourceState.FAILED}
        if state is ResourceState.RELEASED:
            failed |= {_guid(unit): unit.left for unit in units if unit.left is not None}
        missing = tuple(_guid(unit) for unit in units if not _has_been(unit, state))
        if not missing:
            reason = WaitReason.REACHED
        elif reason is WaitReason.REACHED:
            over = all(unit.resource_state >= ResourceState.FAILED for unit in units if not _has_been(unit, state))
            reason = WaitReason.FAILED if over else WaitReason.ABORTED
        why = self._stage.why_over if reason is WaitReason.ABORTED else ""
        return WaitResult(reason, state, states, missing, failed, why)


def _has_been(unit: ResourceUnit, state: ResourceState) -> bool:
    if state is ResourceState.RELEASED and unit.left is not None:
        return False
    return bool(unit.arrivals(satisfying(state, critical=bool(unit.manager.get("critical")))))


def _guid(unit: ResourceUnit) -> int:
    return unit.manager.guid
