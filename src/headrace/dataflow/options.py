"""What can be said about an app, in its decorator and in its calls."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from headrace.compute.resources import Resources
from headrace.dataflow.errors import ConfigurationError
from headrace.dataflow.retry import Backoff
from headrace.dataflow.task import CallOptions

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from headrace.dataflow.kernel import DataFlowKernel

__all__ = [
    "AppOptions",
    "CommandAppOptions",
    "JoinAppOptions",
    "call_options",
    "executor_labels",
    "options_of_call",
    "refuse_unknown",
]


class JoinAppOptions(TypedDict, total=False):
    """The options of every kind of app."""

    #: The kernel that its calls go to; the current one at each call unless given.
    data_flow_kernel: DataFlowKernel | None
    #: Whether equal calls share a result; as the kernel's `Config` says unless given.
    cache: bool | None
    #: Arguments that make no difference to whether calls are equal.
    ignore_for_cache: Sequence[str] | None
    #: How often a call that failed is tried again; as the kernel's `Config` says unless given.
    retries: int | None
    #: The delay before each retry; as the kernel's `Config` says unless given.
    backoff: Backoff | None
    #: Among tasks ready to run, the higher goes first.
    priority: int


class AppOptions(JoinAppOptions, total=False):
    """The options of an app that runs on executors."""

    #: The labels of the executors that may run it, or ``"all"``.
    executors: Sequence[str] | str
    #: Seconds after which an attempt is ended, with `AppTimeout`; no limit unless given.
    walltime: float | None
    #: Cores, bytes of memory (or text such as ``"2GiB"``) and GPUs of its own. It goes to an executor that has them.
    cores: int | None
    memory: int | str | None
    gpus: int | None


class CommandAppOptions(AppOptions, total=False):
    """The options of an app that runs a command."""

    #: Environment variables for the command, beside those that there are.
    env: Mapping[str, str] | None
    #: The directory in which it runs; the workflow's unless given.
    cwd: str | os.PathLike[str] | None
    #: Whether it runs in a new directory of its own, of which only the declared outputs are kept.
    sandbox: bool
    #: Seconds between asking it to end and ending it.
    grace: float


_AMOUNTS = ("cores", "memory", "gpus")
_PARSL_AMOUNTS = {*_AMOUNTS, "priority"}


def refuse_unknown(app: str, kind: type, options: Mapping[str, object]) -> None:
    """Raise ConfigurationError unless each option is one of the kind's."""
    known = list(kind.__annotations__)
    for option in options:
        if option not in known:
            close = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"its options are: {', '.join(known)}"
            raise ConfigurationError(f"app {app!r} has no option {option!r}; {hint}")


def call_options(name: str, options: Mapping[str, Any], *, join: bool = False, command: bool = False) -> CallOptions:
    """Return what a decorator's options say of each call.

    Raises:
        ConfigurationError: one has a wrong value; the message names the app and it.
    """
    retries, backoff = options.get("retries"), options.get("backoff")
    priority = options.get("priority", 0)
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
        executors=executor_labels(options.get("executors", "all"), name),
        retries=retries,
        backoff=backoff,
        priority=priority,
        join=join,
        command=command,
        walltime=_walltime(name, options.get("walltime")),
        resources=_resources(name, {amount: options.get(amount) for amount in _AMOUNTS}),
        cache=options.get("cache"),
        ignore_for_cache=tuple(options.get("ignore_for_cache") or ()),
    )


def options_of_call(options: CallOptions, kwargs: Mapping[str, Any]) -> CallOptions:
    """Return the options of one call: an app's, changed by what Parsl's keywords among its arguments say.

    These are ``walltime``, in seconds, and ``parsl_resource_specification``, a dict of ``cores``, ``memory`` (in MB),
    ``gpus`` and ``priority`` (the lower goes first).

    Raises:
        ConfigurationError: one has a wrong value.
    """
    if "walltime" in kwargs:
        options = replace(options, walltime=_walltime(options.name, kwargs["walltime"]))
    specification = kwargs.get("parsl_resource_specification")
    if not specification:
        return options
    if not isinstance(specification, Mapping) or not specification.keys() <= _PARSL_AMOUNTS:
        raise ConfigurationError(
            f"app {options.name!r}: parsl_resource_specification must be a dict with some of "
            f"{', '.join(sorted(_PARSL_AMOUNTS))}, not {specification!r}"
        )
    amounts: dict[str, Any] = {amount: specification.get(amount) for amount in _AMOUNTS}
    memory, priority = amounts["memory"], specification.get("priority")
    _check(options.name, "priority", priority is None or isinstance(priority, int), "a whole number", priority)
    if memory is not None:
        good = isinstance(memory, int | float) and 0 <= memory < float("inf")
        _check(options.name, "memory", good, "a number of MB", memory)
        amounts["memory"] = int(memory * 10**6)
    return replace(
        options,
        resources=_resources(options.name, amounts) or options.resources,
        priority=options.priority if priority is None else -priority,
    )


def executor_labels(executors: object, app: str) -> tuple[str, ...] | str:
    """Return the labels in the form that `CallOptions` has.

    Raises:
        ConfigurationError: it is neither ``"all"`` nor a list of labels.
    """
    if isinstance(executors, str) and executors == "all":
        return "all"
    labels = list(executors) if isinstance(executors, list | tuple) else []
    if labels and all(isinstance(label, str) and label != "all" for label in labels):
        return tuple(dict.fromkeys(labels))
    raise ConfigurationError(f"app {app!r}: executors must be 'all' or a list of executors' labels, not {executors!r}")


def _walltime(app: str, value: Any) -> float | None:  # noqa: ANN401 - checked here
    good = value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value > 0)
    _check(app, "walltime", good, "a number of seconds, more than 0", value)
    return value  # type: ignore[no-any-return]  # checked


def _resources(app: str, amounts: Mapping[str, Any]) -> Resources | None:
    given = {amount: value for amount, value in amounts.items() if value is not None}
    if not given:
        return None
    try:
        return Resources(**given)
    except ValueError as error:
        raise ConfigurationError(f"app {app!r}: {error}") from None


def _check(app: str, option: str, good: bool, wanted: str, value: object) -> None:  # noqa: FBT001 - a check's outcome
    if not good:
        raise ConfigurationError(f"app {app!r}: {option} must be {wanted}, not {value!r}")
