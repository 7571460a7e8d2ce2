"""Stands for `parsl.executors` and its modules."""

from __future__ import annotations

import abc
import concurrent.futures
from typing import TYPE_CHECKING, Any, Final

import headrace
from headrace.compat.parsl.data import check_storage_access
from headrace.compat.parsl.notices import refuse, refused_class, tell_of_options
from headrace.compat.parsl.pool import (
    BlockIdManagerSelector,
    HighThroughputExecutor,
    ManagerSelector,
    RandomManagerSelector,
)
from headrace.compute.executors import ExternalExecutor, LabelledExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

__all__ = [
    "BlockIdManagerSelector",
    "BlockProviderExecutor",
    "FluxExecutor",
    "GlobusComputeExecutor",
    "HighThroughputExecutor",
    "MPIExecutor",
    "ManagerSelector",
    "OwnExecutor",
    "ParslExecutor",
    "RadicalPilotExecutor",
    "RandomManagerSelector",
    "TaskVineExecutor",
    "TaskVineFactoryConfig",
    "TaskVineManagerConfig",
    "ThreadPoolExecutor",
    "WorkQueueExecutor",
    "adopted",
]

_INSTEAD: Final = (
    "use HighThroughputExecutor for the processes of this machine, or bring any concurrent.futures.Executor of another "
    "system by headrace.ExternalExecutor(label, executor)"
)

FluxExecutor = refused_class("FluxExecutor", _INSTEAD)
GlobusComputeExecutor = refused_class(
    "GlobusComputeExecutor", "write headrace.ExternalExecutor(label, globus_compute_sdk.Executor(...))"
)
MPIExecutor = refused_class("MPIExecutor", "write a bash_app that calls mpiexec, on the machine's own executors")
RadicalPilotExecutor = refused_class("RadicalPilotExecutor", _INSTEAD)
TaskVineExecutor = refused_class("TaskVineExecutor", _INSTEAD)
TaskVineFactoryConfig = refused_class("TaskVineFactoryConfig", _INSTEAD)
TaskVineManagerConfig = refused_class("TaskVineManagerConfig", _INSTEAD)
WorkQueueExecutor = refused_class("WorkQueueExecutor", _INSTEAD)


class ThreadPoolExecutor(headrace.ThreadPoolExecutor):
    """Headrace's thread pool, with Parsl's signature and defaults.

    Args:
        label: the name by which apps choose it.
        max_threads: how many calls run at once; as many as the machine has cores if None.
        thread_name_prefix: the threads' names begin with it; the label unless said.
        storage_access: ways to stage files: none, or those that do nothing.
        working_dir: where staged files would go. Without effect.
        remote_monitoring_radio: without effect.
        managed: older Parsl's. Without effect.

    Raises:
        ValueError: `max_threads` is less than 1, or `label` is empty.
        RefusedError: files are to be staged.
    """

    def __init__(  # noqa: PLR0917 - Parsl's signature
        self,
        label: str = "threads",
        max_threads: int | None = 2,
        thread_name_prefix: str | None = None,
        storage_access: Iterable[object] | None = None,
        working_dir: str | None = None,
        remote_monitoring_radio: object = None,
        managed: bool = True,  # noqa: FBT001, FBT002 - likewise
    ) -> None:
        super().__init__(label, max_threads, thread_name_prefix=thread_name_prefix or "")
        check_storage_access(label, storage_access)
        tell_of_options(
            f"ThreadPoolExecutor {label!r}",
            {
                "working_dir": (working_dir, None),
                "remote_monitoring_radio": (remote_monitoring_radio, None),
                "managed": (managed, True),
            },
            "files are not staged, and tasks are not monitored",
        )
        self.storage_access = storage_access
        self.working_dir = working_dir


class ParslExecutor(abc.ABC):
    """The base class of executors that a program brings. Each has a `label`."""

    label: str = "undefined"
    #: Set by the kernel before `start`.
    run_dir: str = "."

    @abc.abstractmethod
    def start(self) -> None:
        """Make it ready for `submit`."""

    @abc.abstractmethod
    def submit(
        self,
        func: Callable[..., Any],
        resource_specification: dict[str, Any],
        *args: Any,  # noqa: ANN401 - any callable's
        **kwargs: Any,  # noqa: ANN401 - any callable's
    ) -> Future[Any]:
        """Have ``func(*args, **kwargs)`` run; return the future of its result."""

    @abc.abstractmethod
    def shutdown(self) -> None:
        """Free everything."""


class BlockProviderExecutor(ParslExecutor):
    """The base class of executors on blocks of machines. Making one of a program's own is refused by its name.

    Raises:
        RefusedError: always.
    """

    def __init__(self, *_: object, **__: object) -> None:
        refuse(f"Parsl's {type(self).__name__}", _INSTEAD)


# What Parsl's own are made of, for programs that ask.
ParslExecutor.register(ThreadPoolExecutor)
BlockProviderExecutor.register(HighThroughputExecutor)


class OwnExecutor(ExternalExecutor):
    """An executor of the program's own, written for Parsl, as Headrace's kernel uses executors."""

    def __init__(self, inner: ParslExecutor) -> None:
        super().__init__(inner.label, _Facade(inner), managed=True)
        #: The program's own.
        self.inner = inner

    def start(self) -> None:
        """Start it."""
        self.inner.start()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        """Return what the program's own executor has under this name."""
        if "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)


class _Facade(concurrent.futures.Executor):
    def __init__(self, inner: ParslExecutor) -> None:
        self._inner = inner

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 - any callable's
        return self._inner.submit(fn, {}, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the stdlib's signature
        self._inner.shutdown()


def adopted(executor: Any) -> Any:  # noqa: ANN401 - any kind of executor
    """Return the executor as the kernel can use it: one that was written for Parsl is wrapped."""
    own = isinstance(executor, ParslExecutor) and not isinstance(executor, LabelledExecutor)
    return OwnExecutor(executor) if own else executor
