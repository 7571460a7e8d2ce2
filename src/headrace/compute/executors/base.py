"""What every executor offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from headrace.compute.resources import Resources

__all__ = ["CallSpec", "DirectExecutor", "Ended", "LabelledExecutor", "LimitingExecutor", "Stoppable"]

#: Told of the end of a call: its value, or what it raised.
Ended: TypeAlias = "Callable[[Any, BaseException | None], None]"


@runtime_checkable
class LabelledExecutor(Protocol):
    """A `concurrent.futures.Executor` with a name, a size and a beginning."""

    @property
    def label(self) -> str:
        """The name by which apps choose it; unique within a kernel."""
        ...

    @property
    def capacity(self) -> int | None:
        """How many tasks to hand over at a time.

        The rest wait in the kernel, where their priority counts and they can be cancelled.

        None: all of them at once.
        """
        ...

    @property
    def stops_running_work(self) -> bool:
        """Whether a call that has begun can be stopped."""
        ...

    @property
    def owner(self) -> object:
        """The kernel it works for now, or None. Set by the kernel; an executor works for one at a time."""
        ...

    @owner.setter
    def owner(self, owner: object) -> None: ...

    def start(self) -> None:
        """Make it ready for `submit`; after `shutdown`, ready again."""
        ...

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - any callable's
        """Have ``fn(*args, **kwargs)`` run. It may block for a while: the kernel keeps a thread for calling this."""
        ...

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the stdlib's signature
        """Take no more work, and free everything once the work at hand has ended."""
        ...


@runtime_checkable
class DirectExecutor(LabelledExecutor, Protocol):
    """One that can tell of a call's end without making a future for it."""

    def execute(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], ended: Ended
    ) -> Stoppable | None:
        """Have ``fn(*args, **kwargs)`` run, then ``ended(value, error)``. Does not block.

        Returns what can stop the call, if anything can.
        """
        ...


@runtime_checkable
class LimitingExecutor(LabelledExecutor, Protocol):
    """A direct executor that enforces what a `CallSpec` says."""

    @property
    def resources(self) -> Resources:
        """What it can give out to the calls that run at one time."""
        ...

    def execute(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        ended: Ended,
        spec: CallSpec | None = None,
    ) -> Stoppable | None:
        """Have ``fn(*args, **kwargs)`` run within the limits of `spec`, then ``ended(value, error)``. Does not block.

        The caller keeps the sum of what running calls need within `resources`.
        """
        ...


class Stoppable(Protocol):
    """A call that was handed to an executor."""

    def cancel(self) -> bool:
        """Keep the call from beginning, or stop it if it has begun. Return False if it has ended, or cannot be stopped.

        Does not block. After True its ``ended`` may still be told, of anything; or never.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSpec:
    """What a call is called, what it needs, and how long it may take."""

    #: What people call it: in errors and logs.
    name: str = "a call"
    #: What it needs; None: one core, and nothing else said.
    resources: Resources | None = None
    #: Seconds after which it is stopped, and ends with `WalltimeExceeded`; None: no limit.
    walltime: float | None = None
    #: Where its standard output goes: a path and the mode to open it in; None: where the executor's own goes.
    stdout: tuple[str, str] | None = None
    #: The same for its standard error.
    stderr: tuple[str, str] | None = None
