"""A future of resources' states, for a dataflow to wait for."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from headrace.core.thread import Thread
from headrace.experiments.named import member
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.experiments import ExperimentController, ResourceManager
    from headrace.experiments.registry import Guids
    from headrace.experiments.timespan import Span

__all__ = ["when"]


def when(
    ec: ExperimentController, guids: Guids, state: ResourceState | str, timeout: Span = None
) -> Future[dict[int, ResourceState]]:
    """Return a future that is done when resources have been in a state: with where each of them is then, by guid.

    It may be given to any app, which then waits for it. Cancelling it changes nothing in the experiment.

    Args:
        ec: the experiment.
        guids: which resources; all of them are waited for.
        state: the state; a later one will do, but neither FAILED nor RELEASED, unless that is what is waited for.
        timeout: how long to wait at most.

    Raises, as the future's exception:
        ResourceFailed: one of them never will be in that state.
        ExperimentAborted: the experiment was given up meanwhile.
        TimeoutError: the time was up; it says who is not there.

    Raises:
        UnknownResource, UnknownState, InvalidTime: there is no future then.
    """
    many = guids if isinstance(guids, list | tuple | set | frozenset) else [guids]
    managers = {guid: ec.get_resource(guid) for guid in many}
    waiting = _Waiting(managers, member(ResourceState, state))
    waiting.begin(ec)
    if timeout is not None and not waiting.future.done():
        ec.schedule(timeout, partial(waiting.expire, str(timeout)))
    return waiting.future


class _Waiting:
    """One call of `when`."""

    def __init__(self, managers: dict[int, ResourceManager], state: ResourceState) -> None:
        self.future: Future[dict[int, ResourceState]] = Future()
        self._managers = managers
        self._state = state
        self._missing = set(managers)
        self._handles: list[Callable[[], None]] = []
        # Whoever takes it settles the future.
        self._claims: list[None] = [None]

    def begin(self, ec: ExperimentController) -> None:
        """Watch all of them."""
        for guid, manager in self._managers.items():
            self._handles.append(ec._watch(manager, self._state, partial(self._happened, guid)))  # noqa: SLF001 - what experiments have for this
        self.future.add_done_callback(self._drop)
        if not self._managers:
            self._end(None)

    def expire(self, timeout: str) -> None:
        """End the wait: the time is up."""
        there = ", ".join(f"{self._managers[guid]} ({self._managers[guid].state})" for guid in sorted(self._missing))
        self._end(TimeoutError(f"not {self._state} within {timeout}: {there}"))

    def _happened(self, guid: int, error: BaseException | None) -> None:
        """In the experiment's mailbox, maybe more than once."""
        if error is None:
            self._missing.discard(guid)
        if error is not None or not self._missing:
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        try:
            self._claims.pop()
        except IndexError:
            return
        # On a thread of its own: a future's callbacks are other people's code, and the mailbox must not wait for that.
        # Not one of the experiment's, which may be shutting down.
        Thread(target=self._settle, args=(error,), name=f"when-{self._state}").start()

    def _settle(self, error: BaseException | None) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result({guid: manager.state for guid, manager in self._managers.items()})

    def _drop(self, _: Future[Any]) -> None:
        for handle in self._handles:
            handle()
