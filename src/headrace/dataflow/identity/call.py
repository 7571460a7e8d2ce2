"""The key of a call: equal for calls that have the same result, as far as can be known."""

from __future__ import annotations

import inspect
import types
import weakref
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from headrace.dataflow.identity.functions import facts_of, function_id
from headrace.dataflow.identity.token import DIGEST, MemoKeyError, text
from headrace.dataflow.identity.walk import Walk
from headrace.dataflow.streams import AUTO_LOGNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["key_of_call"]

# They tell the kernel how to run a call, and make no difference to its result unless the function looks at them.
_HOW = frozenset({"walltime", "parsl_resource_specification", "label"})
# They name what the call is to write.
_WRITTEN = frozenset({"outputs", "stdout", "stderr"})
# With these a function can look at its arguments without naming them.
_LOOKS_AT_ALL = frozenset({"locals", "vars", "eval", "exec", "_getframe", "currentframe"})

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class _Parameters:
    """A function's signature, in a form that binds a call in a microsecond or two."""

    #: The names that positional arguments go to.
    positional: tuple[str, ...]
    #: The names that can be given by keyword.
    by_keyword: frozenset[str]
    defaults: tuple[tuple[str, object], ...]
    #: The names of ``*args`` and ``**kwargs``, if it has them.
    rest: str | None
    others: str | None
    #: Arguments that make no difference.
    idle: frozenset[str]
    #: What this was worked out from, to see whether it still holds.
    basis: tuple[object, ...]

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, defaults filled in; those beyond the names under ``*`` and ``**`` names."""
        bound = dict(zip(self.positional, args, strict=False))
        if len(args) > len(self.positional):
            bound[f"*{self.rest or ''}"] = args[len(self.positional) :]
        for name, value in kwargs.items():
            # What a call gives twice or what no parameter takes is an error of the call itself; here it only counts.
            bound[name if name in self.by_keyword and name not in bound else f"**{name}"] = value
        for name, default in self.defaults:
            if name not in bound:
                bound[name] = default
        return bound


_parameters: weakref.WeakKeyDictionary[types.FunctionType, _Parameters] = weakref.WeakKeyDictionary()


def key_of_call(  # noqa: PLR0917 - they are what a call is, in its order
    func: Callable[..., Any],
    name: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    ignore: Sequence[str] = (),
    fn_hash: str | None = None,
) -> str:
    """Return the key of a call, in hexadecimal digits: the same for calls of the same code with the same arguments.

    ``f(1)`` and ``f(x=1)`` have the same key, and so has ``f()`` if the default of `x` is 1. Files among `inputs` and
    all other arguments count by what is in them when this is called.

    `outputs`, `stdout` and `stderr` count by name, since a call that is to write another file must run. AUTO_LOGNAME
    there makes no difference: give it as the call did, before it is replaced by a name. `walltime`,
    `parsl_resource_specification` and `label` count only if the function looks at them.

    Args:
        func: the function.
        name: the app, for errors.
        args: the call's positional arguments, with results in the place of futures.
        kwargs: its keyword arguments.
        ignore: parameters that make no difference. The names of ``*args`` and ``**kwargs`` stand for all that is in
            them.
        fn_hash: what stands for the function; None: what `function_id` says.

    Raises:
        MemoKeyError: the function or an argument cannot be part of a key. The message names it.
    """
    parts = [_function_part(func, name) if fn_hash is None else text(fn_hash)]
    parameters = _parameters_of(func)
    walk = Walk()
    bound = parameters.bind(args, kwargs)
    for argument in sorted(bound):
        plain_name = argument.lstrip("*")
        value = bound[argument]
        if plain_name in parameters.idle or (plain_name in ignore) or value is AUTO_LOGNAME:
            continue
        if argument.startswith("**") and parameters.others in ignore:
            continue
        try:
            made = (Walk(output_ref=True) if plain_name in _WRITTEN else walk).token(value)
        except MemoKeyError as error:
            raise MemoKeyError(
                f"app {name!r}: argument {plain_name!r} cannot be part of a memo key: {error}"
            ) from error
        parts += text(argument), made
    return blake2b(b"".join(parts), digest_size=DIGEST).hexdigest()


def _function_part(func: Callable[..., Any], name: str) -> bytes:
    try:
        return function_id(func)
    except MemoKeyError as error:
        raise MemoKeyError(f"app {name!r}: its function cannot be part of a memo key: {error}") from error


def _parameters_of(func: Callable[..., Any]) -> _Parameters:
    if not isinstance(func, types.FunctionType):
        return _read(func)
    known = _parameters.get(func)
    if known is None or not _holds(known, func):
        known = _parameters[func] = _read(func)
    return known


def _basis(func: object) -> tuple[object, ...]:
    if not isinstance(func, types.FunctionType):
        return ()
    return func.__code__, func.__defaults__, func.__kwdefaults__


def _holds(known: _Parameters, func: types.FunctionType) -> bool:
    # By identity: to compare defaults may cost much, or fail.
    code, defaults, kwdefaults = known.basis
    return code is func.__code__ and defaults is func.__defaults__ and kwdefaults is func.__kwdefaults__


def _read(func: Callable[..., Any]) -> _Parameters:
    try:
        found = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        # Some builtins have no signature: their arguments count by place.
        found = []
    named = {one.kind: one.name for one in found}
    others = named.get(inspect.Parameter.VAR_KEYWORD)
    return _Parameters(
        positional=tuple(one.name for one in found if one.kind in _POSITIONAL),
        by_keyword=frozenset(one.name for one in found if one.kind in _BY_KEYWORD),
        defaults=tuple((one.name, one.default) for one in found if one.default is not inspect.Parameter.empty),
        rest=named.get(inspect.Parameter.VAR_POSITIONAL),
        others=others,
        idle=_idle(func, others),
        basis=_basis(func),
    )


def _idle(func: object, others: str | None) -> frozenset[str]:
    """Return those of the kernel's own keywords that the function does not look at, as far as can be seen."""
    if not isinstance(func, types.FunctionType) or "__wrapped__" in func.__dict__:
        return frozenset()
    looked_at = facts_of(func).loads
    if others in looked_at or looked_at & _LOOKS_AT_ALL:
        return frozenset()
    return _HOW - looked_at
