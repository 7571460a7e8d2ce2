"""What every executor offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

__all__ = ["DirectExecutor", "Ended", "LabelledExecutor"]

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

    def execute(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], ended: Ended) -> None:
        """Have ``fn(*args, **kwargs)`` run, then ``ended(value, error)`` on a thread that may block. Does not block."""
        ...
