"""The key that Parsl gives to the call of one of Headrace's tasks."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from headrace.compat.parsl_checkpoints.key import hands_on_inputs, key_of_call
from headrace.dataflow.resolver import substitute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from headrace.dataflow.command import CommandCall
    from headrace.dataflow.task import Task

__all__ = ["key_of_task", "keys_of_task"]


def key_of_task(task: Task) -> str:
    """Return the key that Parsl would give a task's call; the futures among its arguments are done.

    Raises:
        Exception: whatever a function raises that was registered with `id_for_memo`.
    """
    return next(keys_of_task(task, pickle.DEFAULT_PROTOCOL))


def keys_of_task(task: Task, protocol: int) -> Iterator[str]:
    """Give the keys under which versions of Parsl have the result of a task's call, the newest first.

    Args:
        task: it has not ended, and the futures among its arguments are done.
        protocol: see `key_of_call`.

    Raises:
        Exception: as `key_of_task`.
    """
    args, kwargs, options = task.args, task.kwargs, task.options
    if task.depends:
        args, kwargs = substitute(task.flow.resolver, args, kwargs)
    func = cast("Callable[..., Any]", task.func)
    if options.command:
        func, _ = cast("CommandCall", func).identity
    key = partial(
        key_of_call, func, args, kwargs, ignore=options.ignore_for_cache, command=options.command, protocol=protocol
    )
    yield key()
    if not options.command and "inputs" not in kwargs and hands_on_inputs(func):
        yield key(before_2025=True)
