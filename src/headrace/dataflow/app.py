"""The decorators that make apps of functions."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from headrace.dataflow import current
from headrace.dataflow.command import CommandCall
from headrace.dataflow.errors import ConfigurationError
from headrace.dataflow.kernel import check_function
from headrace.dataflow.options import AppOptions, CommandAppOptions, JoinAppOptions, call_options, refuse_unknown
from headrace.dataflow.signature import CallChecker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from os import PathLike
    from typing import Protocol, Unpack

    from headrace.dataflow.command import Command
    from headrace.dataflow.future import AppFuture
    from headrace.dataflow.kernel import DataFlowKernel
    from headrace.dataflow.task import CallOptions

    class _Decorator(Protocol):
        def __call__(self, func: Callable[P, R], /) -> App[P, R]: ...

    class _BashDecorator(Protocol):
        def __call__(self, func: Callable[P, str], /) -> App[P, int]: ...

    class _CommandDecorator(Protocol):
        def __call__(self, func: Callable[P, Sequence[str | PathLike[str]] | Command], /) -> App[P, int]: ...

    class _JoinDecorator(Protocol):
        @overload
        def __call__(self, func: Callable[P, Future[R]], /) -> App[P, R]: ...
        @overload
        def __call__(self, func: Callable[P, Sequence[Future[R]]], /) -> App[P, list[R]]: ...


__all__ = ["App", "bash_app", "command_app", "join_app", "python_app"]

P = ParamSpec("P")
R = TypeVar("R")

# Keyword arguments that mean something to the kernel also when they are only the function's defaults.
_MEANINGFUL_DEFAULTS = ("inputs", "outputs", "stdout", "stderr", "walltime", "parsl_resource_specification")


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

    @property
    def executors(self) -> tuple[str, ...] | str:
        """The labels of the executors that may run it, or ``"all"``."""
        return self.options.executors

    @property
    def cache(self) -> bool | None:
        """Whether equal calls share a result; None: as the kernel's `Config` says."""
        return self.options.cache

    @property
    def ignore_for_cache(self) -> tuple[str, ...]:
        """Arguments that make no difference to whether calls are equal."""
        return self.options.ignore_for_cache

    @property
    def data_flow_kernel(self) -> DataFlowKernel | None:
        """The kernel that its calls go to; None: the current one at each call."""
        return self._kernel

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
def python_app(function: None = None, /, **options: Unpack[AppOptions]) -> _Decorator: ...


def python_app(function: Callable[P, R] | None = None, /, **options: Unpack[AppOptions]) -> App[P, R] | _Decorator:
    """Make an app of a Python function; used bare, or with options.

    Args:
        function: the function.
        **options: see `AppOptions`.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value.
    """
    return cast("App[P, R] | _Decorator", _decorate(function, AppOptions, options, _python))


@overload
def bash_app(function: Callable[P, str], /) -> App[P, int]: ...
@overload
def bash_app(function: None = None, /, **options: Unpack[CommandAppOptions]) -> _BashDecorator: ...


def bash_app(
    function: Callable[P, str] | None = None, /, **options: Unpack[CommandAppOptions]
) -> App[P, int] | _BashDecorator:
    """Make an app of a function that returns a command line, which ``/bin/bash`` then runs.

    The result is its exit code, 0. Where the call has `stdout` or `stderr`, the command's go there; the files in
    `outputs` must be there when it has ended. Every process that it started ends with its task.

    Args:
        function: the function.
        **options: see `CommandAppOptions`.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value.
    """
    return cast("App[P, int] | _BashDecorator", _decorate(function, CommandAppOptions, options, _shell_command))


@overload
def command_app(function: Callable[P, Sequence[str | PathLike[str]] | Command], /) -> App[P, int]: ...
@overload
def command_app(function: None = None, /, **options: Unpack[CommandAppOptions]) -> _CommandDecorator: ...


def command_app(
    function: Callable[P, Sequence[str | PathLike[str]] | Command] | None = None,
    /,
    **options: Unpack[CommandAppOptions],
) -> App[P, int] | _CommandDecorator:
    """Make an app of a function that returns a program and its arguments, which are run without a shell.

    The function returns a list, or a `Command`, which also says in what environment. No argument is ever taken apart or
    expanded. All else is as for `bash_app`.

    Args:
        function: the function.
        **options: see `CommandAppOptions`.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value.
    """
    return cast("App[P, int] | _CommandDecorator", _decorate(function, CommandAppOptions, options, _plain_command))


@overload
def join_app(function: Callable[P, Future[R]], /) -> App[P, R]: ...
@overload
def join_app(function: Callable[P, Sequence[Future[R]]], /) -> App[P, list[R]]: ...
@overload
def join_app(function: None = None, /, **options: Unpack[JoinAppOptions]) -> _JoinDecorator: ...


def join_app(
    function: Callable[P, Any] | None = None, /, **options: Unpack[JoinAppOptions]
) -> App[P, Any] | _JoinDecorator:
    """Make an app of a function that submits further tasks and returns a future, or a list of futures.

    Its result is theirs. The body runs on a thread of the kernel's own and should only submit, not wait. While
    what it returned has not ended, no thread is held. It is tried again only if the body itself raises.

    Args:
        function: the function.
        **options: see `JoinAppOptions`.

    Raises:
        ConfigurationError: an option is unknown or has a wrong value.
    """
    return cast("App[P, Any] | _JoinDecorator", _decorate(function, JoinAppOptions, options, _join))


def _decorate(
    function: Callable[..., Any] | None,
    kind: type,
    options: Mapping[str, Any],
    make: Callable[[Callable[..., Any], str, Mapping[str, Any]], tuple[Callable[..., Any], CallOptions]],
) -> Any:  # noqa: ANN401 - an app or a decorator, of whatever kind
    def decorate(func: Callable[..., Any]) -> App[..., Any]:
        check_function(func)
        if isinstance(func, App):
            raise ConfigurationError(f"{func!r} is an app already")
        name = getattr(func, "__name__", type(func).__name__)
        refuse_unknown(name, kind, options)
        run, of_each_call = make(func, name, options)
        return App(func, run, of_each_call, options.get("data_flow_kernel"))

    return decorate if function is None else decorate(function)


def _python(func: Callable[..., Any], name: str, options: Mapping[str, Any]) -> tuple[Callable[..., Any], CallOptions]:
    return func, call_options(name, options)


def _join(func: Callable[..., Any], name: str, options: Mapping[str, Any]) -> tuple[Callable[..., Any], CallOptions]:
    return func, call_options(name, options, join=True)


def _shell_command(
    func: Callable[..., Any], name: str, options: Mapping[str, Any]
) -> tuple[Callable[..., Any], CallOptions]:
    # A shell is what a bash app asks for.
    return CommandCall(func, name, options, shell=True), call_options(name, options, command=True)  # noqa: S604 - see above


def _plain_command(
    func: Callable[..., Any], name: str, options: Mapping[str, Any]
) -> tuple[Callable[..., Any], CallOptions]:
    return CommandCall(func, name, options, shell=False), call_options(name, options, command=True)
