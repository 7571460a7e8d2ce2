"""What tells functions and classes apart: what they do, not how that is written."""

from __future__ import annotations

import dis
import functools
import inspect
import operator
import types
import weakref
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from headrace.dataflow.identity.token import DIGEST, text
from headrace.dataflow.identity.walk import Kind, Plainly, Ready, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FunctionFacts", "class_parts", "code_parts", "facts_of", "function_id", "function_parts"]

_PLAIN = {type(None), bool, int, float, complex, str, bytes}
_GLOBAL_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}

# Whether a class can be made by a program: what Python itself brings is known by its name.
_MADE_AT_RUN_TIME = 1 << 9
# So many decorators may lie around a method.
_LAYERS = 20

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """What is the same for all calls of a function."""

    #: What it was made from. A function may be given another.
    code: types.CodeType
    #: Its module, its name and its code.
    token: bytes
    #: The global names that it loads.
    globals: tuple[str, ...]
    #: All names and texts that it loads, of whatever sort.
    loads: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    """The id of a function, and what it was worked out from."""

    facts: FunctionFacts
    seen: tuple[object, ...]
    id: bytes


_ids: weakref.WeakKeyDictionary[types.FunctionType, _Known] = weakref.WeakKeyDictionary()
_facts: weakref.WeakKeyDictionary[types.FunctionType, FunctionFacts] = weakref.WeakKeyDictionary()


def function_id(func: Callable[..., Any]) -> bytes:
    """Return bytes that are the same for functions that do the same, in every process, and differ otherwise.

    What counts, and is noticed when it has changed:

    - the module and the qualified name;
    - the code that runs, with all that is defined within: its bytecode, constants (its docstring is one) and names. Not
      its text: comments, layout and place in the file make no difference, and a file that was edited after it had been
      imported does not give old code the new code's name. The price is that another minor version of Python has other
      ids, since it has other bytecode;
    - what a closure has closed over, as it is now; paths by name, since what is there may be what the function makes;
    - global names that it uses, where their values are plain constants: numbers, text, bytes, None, and tuples and
      frozensets of these. ``THRESHOLD = 0.5`` at the top of a script is a parameter like any other, and an answer for
      its old value would be wrong, without a sign of it;
    - what a decorator that sets ``__wrapped__`` has wrapped, beside the wrapper.

    What does not count: other functions and classes that it calls by a global name, other globals, the versions of
    libraries, and defaults of its parameters, which are arguments of each call.

    Raises:
        MemoKeyError: what it has closed over, or the object of a bound method, is not hashable for memoization.
    """
    if not isinstance(func, types.FunctionType):
        return _digest(func)
    facts = facts_of(func)
    seen = _surroundings(facts, func)
    last = _ids.get(func)
    if last is not None and last.facts is facts and _same(last.seen, seen):
        return last.id
    made = _digest(Plainly(func, _CALLED))
    # Another thread may have assigned to a global meanwhile.
    if seen is not None and _same(seen, _surroundings(facts, func)):
        _ids[func] = _Known(facts, seen, made)
    return made


def _digest(called: object) -> bytes:
    # Paths that it refers to count by name: what is there may be what it makes.
    return blake2b(Walk(output_ref=True).token(called), digest_size=DIGEST).digest()


def _surroundings(facts: FunctionFacts, function: types.FunctionType) -> tuple[object, ...] | None:
    """Return the values outside that count, or None if one is not plain: it may change and still be the same object."""
    if "__wrapped__" in function.__dict__:
        return None
    found = function.__globals__
    seen = [value if _is_plain(value := found.get(name, _ABSENT)) else _ABSENT for name in facts.globals]
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:
            return None
        if not _is_plain(content):
            return None
        seen.append(content)
    return tuple(seen)


def _same(one: tuple[object, ...], other: tuple[object, ...] | None) -> bool:
    # By identity: 1 and True are equal. What is kept here cannot have become another object.
    return other is not None and len(one) == len(other) and all(map(operator.is_, one, other))


def facts_of(function: types.FunctionType) -> FunctionFacts:
    """Return what is the same for all calls; worked out once for each function object."""
    facts = _facts.get(function)
    if facts is None or facts.code is not function.__code__:
        facts = _facts[function] = _look_at(function)
    return facts


def _look_at(function: types.FunctionType) -> FunctionFacts:
    names: set[str] = set()
    loads: set[str] = set()
    todo = [function.__code__]
    while todo:
        code = todo.pop()
        todo += [one for one in code.co_consts if isinstance(one, types.CodeType)]
        for step in dis.get_instructions(code):
            if "LOAD" in step.opname:
                loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
                loads.update(one for one in loaded if isinstance(one, str))
            if step.opname in _GLOBAL_LOADS and not _is_dunder(step.argval):
                names.add(step.argval)
    token = text(function.__module__ or "") + text(function.__qualname__) + Walk().token(function.__code__)
    return FunctionFacts(function.__code__, token, tuple(sorted(names)), frozenset(loads))


def _called_parts(function: types.FunctionType) -> Iterator[object]:
    """List what a call does, but for its arguments."""
    facts = facts_of(function)
    yield Ready(facts.token)
    for name in facts.globals:
        value = function.__globals__.get(name, _ABSENT)
        if _is_plain(value):
            yield name
            yield value
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name
        try:
            yield (cell.cell_contents,)
        except ValueError:
            # Nothing has been assigned to it yet.
            yield ()
    yield function.__dict__.get("__wrapped__")


def function_parts(function: types.FunctionType) -> Iterator[object]:
    """List what tells a function that is a value from others."""
    yield from _called_parts(function)
    yield function.__defaults__
    yield function.__kwdefaults__


_CALLED = Kind(b"called", parts=_called_parts)


def code_parts(code: types.CodeType) -> tuple[object, ...]:
    """List what a code object does. Where it stands, and in which file, is no part of that."""
    return (
        code.co_code,
        code.co_exceptiontable,
        code.co_consts,
        (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
    )


def class_parts(cls: type) -> Iterator[object]:
    """List a class's name, methods, plain attributes and bases."""
    yield cls.__module__
    yield cls.__qualname__
    if not cls.__flags__ & _MADE_AT_RUN_TIME:
        return
    for name, member in sorted(vars(cls).items()):
        code = _code_of(member)
        if code is not None or (_is_plain(member) and not _is_dunder(name)):
            yield name
            yield member if code is None else code
    yield tuple(base for base in cls.__bases__ if base is not object)


def _code_of(member: object) -> types.CodeType | None:
    """Return the code of a method under whatever decorators, None if there is none."""
    for _ in range(_LAYERS):
        if isinstance(member, types.FunctionType):
            return member.__code__
        member = _under(member)
    return None


def _under(member: object) -> object:
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if isinstance(member, property):
        return member.fget
    if isinstance(member, functools.cached_property | functools.partialmethod):
        return member.func
    return inspect.getattr_static(member, "__wrapped__", None)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_plain(value: object) -> bool:
    """Whether it is a number, text, bytes, None, or a tuple or frozenset of such."""
    if type(value) in _PLAIN:
        return True
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, tuple | frozenset) and type(one) in {tuple, frozenset}:
            todo += one
        elif type(one) not in _PLAIN:
            return False
    return True
