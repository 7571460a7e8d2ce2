"""Outcomes that equal calls share."""

from __future__ import annotations

import functools
import os
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, cast

from headrace.core import Gate, GateCycle, GateStatus, Guard, Reached, Unguard
from headrace.dataflow.errors import TaskAbandonedError
from headrace.dataflow.resolver import substitute
from headrace.dataflow.streams import AUTO_LOGNAME, AutoPath, file_of_stream
from headrace.dataflow.task import DONE, LAUNCH, TaskState

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import State
    from headrace.dataflow.checkpoints import Checkpoints, Found
    from headrace.dataflow.command import CommandCall
    from headrace.dataflow.flow import Flow
    from headrace.dataflow.resolver import DependencyResolver
    from headrace.dataflow.task import Task

__all__ = ["Memo", "memo_key"]

# Results whose pickles have more bytes are not kept in memory when they are on disk.
_LARGE = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any
    error: BaseException | None = None


class Memo:
    """The outcomes of one kernel's calls, by what makes calls equal; and which of them are under way.

    A call that is equal to one under way waits for it, at a gate like any other, and ends as that one does. All but
    `find_key` is done in the kernel's mailbox, and can be done again.

    Args:
        flow: the tasks' life, of which this is a part.
        errors: whether failures are kept too. Calls that are under way at the same time share them anyway.
        checkpoints: where outcomes are kept beyond the run, and those of earlier runs are found; None: nowhere.
    """

    def __init__(self, flow: Flow, *, errors: bool, checkpoints: Checkpoints | None) -> None:
        self._flow = flow
        self._errors = errors
        self._checkpoints = checkpoints
        # Those of them that an earlier run had.
        self._resumed: set[str] = set()
        # Those that are in the store and too large to be kept in memory, too.
        self._in_store: set[str] = set()
        self._reuse = flow.reuse
        self._outcomes: dict[str, _Outcome] = {}
        self._leaders: dict[str, Task] = {}

    def must_run(self, task: Task) -> bool:
        """Tell whether a ready task has to run; if not, see to it that it gets the outcome of an equal one."""
        key = task.memo_key
        if key is None:
            self._flow.backstage.work_out(self.find_key, task, task.attempt)
            return False
        leader = self._leaders.get(key)
        if leader is not None and leader is not task and not leader.ended:
            self._follow(task, leader)
            return False
        outcome = self._outcomes.get(key)
        if outcome is not None and leader is not task and not _files_are_there(task):
            self._forget(task, key)
            return False
        if outcome is None and key in self._in_store and leader is not task:
            # It was let go after this one looked for it.
            self._flow.backstage.work_out(self.find_key, task, task.attempt)
            return False
        if outcome is not None and leader is not task:
            state = TaskState.memo_done if outcome.error is None else TaskState.failed
            if self._flow.saving is not None and outcome.error is None:
                self._flow.saving.share(task, outcome.value)
            if not task.ended:
                self._reuse.calls += key in self._resumed
                self._reuse.shared += key not in self._resumed
            self._flow.finish(task, state, outcome.error, outcome.value)
            if key in self._in_store:
                del self._outcomes[key]
            return False
        if leader is not task:
            self._reuse.run += 1
        self._leaders[key] = task
        return True

    def find_key(self, task: Task, attempt: int) -> None:
        """Work out, on a worker, what makes calls equal to the task's: it may be long, as with large arrays."""
        try:
            key = memo_key(task, self._flow.resolver)
            looked = key not in self._outcomes and key not in self._leaders
            found = self._checkpoints.find(task, key) if looked and self._checkpoints is not None else None
        except BaseException as error:  # noqa: BLE001 - the user's own types take part, and may raise anything
            self._flow.post(self._flow.not_begun, task, attempt, error)
        else:
            self._flow.post(self._keyed, task, attempt, key, found, looked)

    def end(self, task: Task, state: State, value: Any, error: BaseException | None) -> None:  # noqa: ANN401 - any result
        """Take note of how a task ends, for those that are equal."""
        key = task.memo_key or ""
        if self._leaders.get(key) is task:
            if error is None or (self._errors and state is TaskState.failed and not _says_nothing(error)):
                self._outcomes[key] = _Outcome(value, error)
                if self._checkpoints is not None and error is None:
                    self._checkpoints.keep(key, str(task), value)
            del self._leaders[key]

    def share_failure(self, task: Task, leader: Task) -> None:
        """End a task as the equal one did that it waited for; or run it, if that one was not run to its end."""
        if task.ended:
            return
        if leader.error is None or _says_nothing(leader.error):
            self._flow.ready(task)
            if task.leader is leader:
                # Else it waits for another by now. That this gate broke is not to be told again.
                self._flow.tell(Unguard(task, LAUNCH, self._flow.now()))
                task.leader = None
        else:
            self._flow.finish(task, TaskState.failed, leader.error)

    def _forget(self, task: Task, key: str) -> None:
        """A call's files are gone: have it forgotten, also on disk, that it was done; then run it.

        If it fails half-way, or is killed, its files are there again, and not whole.
        """
        if self._checkpoints is None:
            self._forgotten(task, task.attempt, key, None)
        else:
            told = partial(self._flow.post, self._forgotten, task, task.attempt, key)
            self._checkpoints.forget(key, told)

    def _forgotten(self, task: Task, attempt: int, key: str, _: BaseException | None) -> None:
        # With an error, too: the journal keeps the word and writes it before all that comes after it.
        self._outcomes.pop(key, None)
        self._resumed.discard(key)
        self._in_store.discard(key)
        if task.attempt == attempt and task.state is TaskState.pending and task.slot is None:
            self._flow.ready(task)

    def let_go(self, key: str, size: int) -> None:
        """A result of so many bytes is on disk: keep it no longer than needed, if it is large. In the mailbox."""
        if self._checkpoints is not None and size > _LARGE:
            self._checkpoints.look_at_own()
            self._in_store.add(key)
            self._outcomes.pop(key, None)

    def _keyed(
        self,
        task: Task,
        attempt: int,
        key: str,
        found: Found | None,
        looked: bool,  # noqa: FBT001 - likewise
    ) -> None:
        if found is not None and key not in self._outcomes:
            if key not in self._in_store:
                self._resumed.add(key)
            self._outcomes[key] = _Outcome(found.value)
            if found.payload is not None and len(found.payload) > _LARGE:
                self._in_store.add(key)
        elif looked and found is None:
            # It cannot be had after all, which has been told: it is to be run.
            self._in_store.discard(key)
        if task.attempt == attempt and task.state is TaskState.pending and task.slot is None:
            task.memo_key = key
            self._flow.ready(task)

    def _follow(self, task: Task, leader: Task) -> None:
        gate = (task.gates or {}).get(LAUNCH)
        if task.leader is leader and gate is not None and gate.status is GateStatus.ARMED:
            return  # This is done again.
        task.leader = leader
        self._flow.tell(Unguard(task, LAUNCH, self._flow.now()))
        try:
            self._flow.tell(Guard(Gate(task, LAUNCH, Reached(leader, DONE)), self._flow.now()))
        except GateCycle as cycle:
            self._flow.finish(task, TaskState.failed, cycle)


def memo_key(task: Task, resolver: DependencyResolver | None) -> str:
    """Return what the task's call has in common with those that are equal to it, and with no other.

    Raises:
        MemoKeyError: an argument's type is not known to `id_for_memo`.
    """
    key_of_call = _keys()
    args, kwargs = task.args, task.kwargs
    if task.depends:
        args, kwargs = substitute(resolver, args, kwargs)
    if kwargs and any(isinstance(kwargs.get(stream), AutoPath) for stream in ("stdout", "stderr")):
        # Another name for each call, which makes no difference.
        kwargs = {key: AUTO_LOGNAME if isinstance(value, AutoPath) else value for key, value in kwargs.items()}
    func, extra = cast("Callable[..., Any]", task.func), ""
    options = task.options
    if options.command:
        func, extra = cast("CommandCall", func).identity
    key = key_of_call(func, options.name, args, kwargs, options.ignore_for_cache, options.fn_hash)
    return blake2b(f"{key} {extra}".encode(errors="surrogatepass"), digest_size=32).hexdigest() if extra else key


@functools.cache
def _keys() -> Callable[..., str]:
    """Return `key_of_call`, which knows more types than is quick to import, and kernels, which make no difference."""
    from headrace.dataflow.identity import id_for_memo, key_of_call  # noqa: PLC0415 - as said above
    from headrace.dataflow.kernel import DataFlowKernel  # noqa: PLC0415 - it imports this module

    id_for_memo.register(DataFlowKernel, lambda _, output_ref=False: id_for_memo("kernel", output_ref))
    return key_of_call


def _says_nothing(error: BaseException) -> bool:
    """Tell whether a task ended with this for a reason of its own, which says nothing of equal calls."""
    return isinstance(error, CancelledError | TaskAbandonedError)


def _files_are_there(task: Task) -> bool:
    """Tell whether the files that the call is to write are there: else its result would promise too much."""
    kwargs = task.kwargs
    if not all(os.path.exists(output) for output in kwargs.get("outputs") or ()):  # noqa: PTH110 - for every hit
        return False
    if not task.options.command:
        # On threads, these are arguments that a function may heed or not.
        return True
    streams = (kwargs.get(stream) for stream in ("stdout", "stderr"))
    files = (file_of_stream("", stream) for stream in streams if not isinstance(stream, AutoPath))
    return all(file is None or os.path.exists(file[0]) for file in files)  # noqa: PTH110 - likewise
