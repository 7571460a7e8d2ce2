"""The decorators that make apps of functions."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from headrace.dataflow import current
from headrace.dataflow.bash import BashCommand
from headrace.dataflow.errors import ConfigurationError
from headrace.dataflow.kernel import check_function, executor_labels
from headrace.dataflow.retry import Backoff
from headrace.dataflow.signature import CallChecker
from headrace.dataflow.task import CallOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from typing import Protocol

    from headrace.dataflow.future import AppFuture
    from headrace.dataflow.kernel import DataFlowKernel

    class _Decorator(Protocol):
        def __call__(self, func: Callable[P, R], /) -> App[P, R]: ...

    class _BashDecorator(Protocol):
        def __call__(self, func: Callable[P, str], /) -> App[P, int]: ...

    class _JoinDecorator(Protocol):
        @overload
        def __call__(self, func: Callable[P, Future[R]], /) -> App[P, R]: ...
        @overload
        def __call__(self, func: Callable[P, Sequence[Future[R]]], /) -> App[P, list[R]]: ...


__all__ = ["App", "bash_app", "join_app", "python_app"]

P = ParamSpec("P")
R = TypeVar("R")

# Keyword arguments that mean something to the kernel also when they are only the function's defaults.
_MEANINGFUL_DEFAULTS = ("inputs", "outputs", "stdout", "stderr")


class App(Generic[P, R]):
    """A function whose calls are tasks: calling it submits one and returns its future."""

    def __init__(
        self,
        func: Callable[..., Any],
        run: Callable[..., Any],
        options: CallOptions,
        kernel: DataFlowKernel | None,
    ) -> None:
        functools.update_wrapper(self, func)
        #: The function itself; calling it runs it here and now.
        self.func = func
        self.options = options
        self._run = run
        self._kernel = kernel
        self._checker = CallChecker(func, options.name)
        self._defaults = self._checker.defaults(_MEANINGFUL_DEFAULTS)

    # The first for what editors show; the second since any argument may also be a future of its value, which no
    # ParamSpec can say.
    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> AppFuture[R]: ...
    @overload
    def __call__(self, /, *args: Any, **kwargs: Any) -> AppFuture[R]: ...  # noqa: ANN401 - as said above

    def __call__(self, /, *args: Any, **kwargs: Any) -> AppFuture[R]:
        """Submit a call, to the kernel given in the decorator or else to the current one.

        Any argument may be a future of its value.

        Raises:
            TypeError: the arguments do not fit the function's signature.
            NoDataFlowKernelError: no kernel is loaded, or it has been cleaned up.
            UnknownExecutorError: the app asks for an executor that the kernel does not have.
        """
        self._checker.check(args, kwargs)
        kernel = self._kernel if self._kernel is not None else current.dfk()
        if self._defaults:
            defaults = {name: value for name, (place, value) in self._defaults.items() if place >= len(args)}
            kwargs = {**defaults, **kwargs}
        return kernel.call(self._run, args, kwargs, self.options)

    def __get__(self, instance: object, owner: type | None = None) -> Any:  # noqa: ANN401 - bound to any instance
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<app {self.options.name}>"


@overload
def python_app(function: Callable[P, R], /) -> App[P, R]: ...
@overload
def python_app(
    function: None = None,
    /,
    *,
    data_flow_kernel: DataFlowKernel | None = None,
    executors: Sequence[str] | str = "all",
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    retries: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
) -> _Decorator: ...


def python_app(
    function: Callable[P, R] | None = None,
    /,
    *,
    data_flow_kernel: DataFlowKernel | None = None,
    executors: Sequence[str] | str = "all",
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    retries: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
) -> App[P, R] | _Decorator:
    """Make an app of a Python function; used bare, or with options.

    Args:
        function: the function.
        data_flow_kernel: the kernel that its calls go to; the current one at each call unless given.
        executors: the labels of the executors that may run it, or ``"all"``.
        cache: whether equal calls may share a result. Of no effect yet.
        ignore_for_cache: arguments that make no difference to whether calls are equal.
        retries: how often a call that failed is tried again; as the kernel's `Config` says unless given.
        backoff: the delay before each retry; as the kernel's `Config` says unless given.
        priority: among tasks ready to run, the higher goes first.

    Raises:
        ConfigurationError: an option has a wrong value.
    """

    def decorate(func: Callable[..., Any]) -> App[..., Any]:
        options = _options(func, executors, cache, ignore_for_cache, retries, backoff, priority)
        return App(func, func, options, data_flow_kernel)

    return cast("App[P, R] | _Decorator", decorate if function is None else decorate(function))


@overload
def bash_app(function: Callable[P, str], /) -> App[P, int]: ...
@overload
def bash_app(
    function: None = None,
    /,
    *,
    data_flow_kernel: DataFlowKernel | None = None,
    executors: Sequence[str] | str = "all",
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    retries: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
) -> _BashDecorator: ...


def bash_app(
    function: Callable[P, str] | None = None,
    /,
    *,
    data_flow_kernel: DataFlowKernel | None = None,
    executors: Sequence[str] | str = "all",
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    retries: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
) -> App[P, int] | _BashDecorator:
    """Make an app of a function that returns a command line, which ``/bin/bash`` then runs.

    The result is its exit code, 0. The options are those of `python_app`. Where the call has `stdout` or `stderr`,
    the command's go there; the files in `outputs` must be there when it has ended.
    """

    def decorate(func: Callable[..., Any]) -> App[..., Any]:
        options = _options(func, executors, cache, ignore_for_cache, retries, backoff, priority)
        return App(func, BashCommand(func), options, data_flow_kernel)

    return cast("App[P, int] | _BashDecorator", decorate if function is None else decorate(function))


@overload
def join_app(function: Callable[P, Future[R]], /) -> App[P, R]: ...
@overload
def join_app(function: Callable[P, Sequence[Future[R]]], /) -> App[P, list[R]]: ...
@overload
def join_app(
    function: None = None,
    /,
    *,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    retries: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
) -> _JoinDecorator: ...


def join_app(
    function: Callable[P, Any] | None = None,
    /,
    *,
    data_flow_kernel: DataFlowKernel | None = None,
    cache: bool = False,
    ignore_for_cache: Sequence[str] | None = None,
    retries: int | None = None,
    backoff: Backoff | None = None,
    priority: int = 0,
) -> App[P, Any] | _JoinDecorator:
    """Make an app of a function that submits further tasks and returns a future, or a list of futures.

    Its result is theirs. The body runs on a thread of the kernel's own and should only submit, not wait. While
    what it returned has not ended, no thread is held. It is tried again only if the body itself raises. The options
    are those of `python_app`.
    """

    def decorate(func: Callable[..., Any]) -> App[..., Any]:
        options = _options(func, "all", cache, ignore_for_cache, retries, backoff, priority, join=True)
        return App(func, func, options, data_flow_kernel)

    return cast("App[P, Any] | _JoinDecorator", decorate if function is None else decorate(function))


def _options(  # noqa: PLR0917 - the decorators' own options
    func: Callable[..., Any],
    executors: Sequence[str] | str,
    cache: bool,  # noqa: FBT001 - handed through
    ignore_for_cache: Sequence[str] | None,
    retries: int | None,
    backoff: Backoff | None,
    priority: int,
    *,
    join: bool = False,
) -> CallOptions:
    check_function(func)
    if isinstance(func, App):
        raise ConfigurationError(f"{func!r} is an app already")
    name = getattr(func, "__name__", type(func).__name__)
    _check(
        name,
        "retries",
        retries is None or (isinstance(retries, int) and retries >= 0),
        "a whole number, at least 0",
        retries,
    )
    _check(name, "backoff", backoff is None or isinstance(backoff, Backoff), "a Backoff", backoff)
    _check(name, "priority", isinstance(priority, int), "a whole number", priority)
    return CallOptions(
        name=name,
        executors=executor_labels(executors, name),
        retries=retries,
        backoff=backoff,
        priority=priority,
        join=join,
        cache=cache,
        ignore_for_cache=tuple(ignore_for_cache or ()),
    )


def _check(app: str, option: str, good: bool, wanted: str, value: object) -> None:  # noqa: FBT001 - a check's outcome
    if not good:
        msg = f"app {app!r}: {option} must be {wanted}, not {value!r}"
        raise ConfigurationError(msg)
