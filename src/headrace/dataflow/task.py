"""A task: one call of an app, and its life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from headrace.core import Lifecycle, State, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from concurrent.futures import Future

    from headrace.compute.executors import Stoppable
    from headrace.compute.resources import Resources
    from headrace.dataflow.command import CommandRun
    from headrace.dataflow.dispatcher import Slot
    from headrace.dataflow.flow import Flow
    from headrace.dataflow.future import AppFuture
    from headrace.dataflow.retry import Backoff

__all__ = ["DONE", "JOIN", "LAUNCH", "TASK", "CallOptions", "Task", "TaskState", "Unsaved"]


class TaskState(State):
    """Where a task is. The names are Parsl's; `cancelled` is Headrace's own."""

    pending = "waiting for its dependencies, for the delay before a retry, or for a place on an executor"
    launched = "handed to an executor; it may not have begun yet"
    running = "begun, as told by an executor that tells it"
    joining = "a join app's body has returned, and what it returned has not all ended"
    exec_done = "ended well; the result is there"
    memo_done = "not run: the result of an equal call was there already"
    failed = "it raised, or could not be run, and no retry is left"
    dep_fail = "not run: something that it depends on failed or was cancelled"
    cancelled = "cancelled before it began; or, for a join app, while it was joining"


_S = TaskState

#: The action of handing a task to an executor.
LAUNCH: Final = "launch"
#: The action of taking the results of what a join app's body returned.
JOIN: Final = "join"

TASK: Final = Lifecycle(
    "task",
    initial=_S.pending,
    moves={
        _S.pending: (_S.launched, _S.memo_done, _S.failed, _S.dep_fail, _S.cancelled),
        _S.launched: (_S.running, _S.joining, _S.exec_done, _S.failed, _S.cancelled, _S.pending),
        _S.running: (_S.joining, _S.exec_done, _S.failed, _S.cancelled, _S.pending),
        _S.joining: (_S.exec_done, _S.failed, _S.cancelled),
    },
    failed=(_S.failed, _S.dep_fail, _S.cancelled),
    anew=((_S.launched, _S.pending), (_S.running, _S.pending)),
    actions={LAUNCH: (_S.launched, _S.memo_done), JOIN: ((_S.joining, _S.exec_done),)},
)

#: The states in which a task's result is there.
DONE: Final[frozenset[State]] = frozenset({_S.exec_done, _S.memo_done})


# One for all calls without keyword arguments, which are most; nobody changes a task's.
_NO_KWARGS: Final[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What an app's decorator says about each of its calls."""

    #: What people call the app.
    name: str
    #: The labels of the executors that may run it, or ``"all"``.
    executors: tuple[str, ...] | str = "all"
    #: How many retries; None: as the kernel's `Config` says.
    retries: int | None = None
    #: The delay before each retry; None: as the kernel's `Config` says.
    backoff: Backoff | None = None
    #: Among tasks ready to run, the higher goes first.
    priority: int = 0
    #: Whether the body returns futures to be joined.
    join: bool = False
    #: Whether it runs a command: `func` is a `CommandCall`.
    command: bool = False
    #: Seconds after which an attempt is ended.
    walltime: float | None = None
    #: What it needs for itself; None: a place on any executor.
    resources: Resources | None = None
    #: Whether equal calls share a result; None: as the kernel's `Config` says.
    cache: bool | None = None
    #: Arguments that make no difference to whether calls are equal.
    ignore_for_cache: tuple[str, ...] = ()
    #: What stands for the function in telling whether calls are equal; None: its name and source.
    fn_hash: str | None = None


class Unsaved:
    """The value of a task that has ended well, while it is being written to disk.

    Args:
        value: what those that depend on the task go on with.
        payload: what is written; None when another task's result, which is being written, is this one's too.
    """

    __slots__ = ("payload", "value")

    def __init__(self, value: Any, payload: bytes | None) -> None:  # noqa: ANN401 - any app's result
        self.value = value
        self.payload = payload


class Task(Unit):
    """One call of an app: the record that retry handlers and observers see.

    Only its kernel writes it. When the task has ended its inputs are let go.
    """

    __slots__ = (
        "__weakref__",
        "args",
        "command_run",
        "depends",
        "error",
        "exec_future",
        "executor",
        "fail_cost",
        "fail_count",
        "fail_history",
        "flow",
        "func",
        "future",
        "joins",
        "kwargs",
        "leader",
        "memo_key",
        "options",
        "slot",
        "turn",
        "unsaved",
    )

    id: int

    def __init__(  # noqa: PLR0917 - made in one place only, for every call
        self,
        tid: int,
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions,
        flow: Flow,
    ) -> None:
        super().__init__(tid, options.name, TASK)
        self.func: Callable[..., Any] | None = func
        self.args = args
        self.kwargs = kwargs or _NO_KWARGS
        self.options = options
        self.flow = flow
        #: The futures among its arguments.
        self.depends: Sequence[Future[Any]] = ()
        #: The label of the executor that runs it, or ran it last.
        self.executor: str | None = None
        #: How many attempts have failed, what they cost in all, and each one's error as text.
        self.fail_count = 0
        self.fail_cost = 0.0
        self.fail_history: list[str] | None = None
        #: What it failed with.
        self.error: BaseException | None = None
        # The rest is the kernel's: where the task is, and who is told.
        self.future: AppFuture[Any] | None = None
        #: What can stop the attempt that runs: an executor's future, or less; None: nothing can.
        self.exec_future: Future[Any] | Stoppable | None = None
        #: What runs its command, if it is one; on another machine that is a copy of this.
        self.command_run: CommandRun | None = None
        self.slot: Slot | None = None
        #: Its place in the order of those that wait for an executor; 0 while it does not.
        self.turn = 0
        self.joins: Any = None
        #: What equal calls have in common, once it is known; and the one of them whose outcome this one waits for.
        self.memo_key: str | None = None
        self.leader: Task | None = None
        #: Its value, from when it has ended well until that is on disk; None if nobody waits for that.
        self.unsaved: Unsaved | None = None

    @property
    def try_id(self) -> int:
        """Which attempt this is, from 0."""
        return self.attempt

    @property
    def asked(self) -> Collection[str]:
        """Its launch has been asked for from the beginning: without a gate if it depends on nothing."""
        return {LAUNCH, *super().asked}

    def let_go(self) -> None:
        """Drop all that the task held for running: its inputs may be freed."""
        self.func = self.future = self.exec_future = self.command_run = self.joins = self.leader = None
        self.args = ()
        self.kwargs = _NO_KWARGS
        self.depends = ()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - one type for each key
        """Return a field under the name that Parsl's task records have for it.

        Raises:
            KeyError: there is no such field.
        """
        name = _RECORD_KEYS.get(key)
        if name is not None:
            value = getattr(self, name)
            return [] if value is None and key == "fail_history" else value
        option = _OPTION_KEYS.get(key)
        if option is not None:
            return getattr(self.options, option)
        if key in {"inputs", "outputs", "stdout", "stderr"}:
            return self.kwargs.get(key)
        raise KeyError(key)


_OPTION_KEYS: Final = {
    "ignore_for_cache": "ignore_for_cache",
    "join": "join",
    "memoize": "cache",
    "resource_specification": "resources",
}

_RECORD_KEYS: Final = {
    "args": "args",
    "app_fu": "future",
    "depends": "depends",
    "executor": "executor",
    "exec_fu": "exec_future",
    "fail_cost": "fail_cost",
    "fail_count": "fail_count",
    "fail_history": "fail_history",
    "func": "func",
    "func_name": "name",
    "id": "id",
    "kwargs": "kwargs",
    "status": "state",
    "try_id": "attempt",
}
