"""How what happens is written down: a line of JSON for each record.

A line is made for every move of every unit, so it is made by one f-string. What the moves of many units have in common
is a *word*: a number for ``(kind, previous, state, executor, …)``, written once.

::

    ["w", 7, "t", "task", "pending", "launched", 1, "threads", "int"]     word 7 is this move
    "0000700000100000001234567890142"                                     task 42 made it: word, attempt, time, id

Whatever does not fit the short form is written in full, as an array: a move that an error caused, a unit with labels.
"""

from __future__ import annotations

import json
import traceback
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from headrace.journal.records import EdgeRecord, TransitionRecord, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from headrace.core import Lifecycle, State
    from headrace.journal.records import Ident

__all__ = [
    "ATTEMPTS_AT_MOST",
    "AT_BASE",
    "ENDS",
    "FAILS",
    "LEAVES_INITIAL",
    "WORDS_AT_MOST",
    "Line",
    "Word",
    "cause_text",
    "flags_of",
    "ident_of",
    "move_line",
    "parse",
    "quote",
    "text_of",
    "words_in",
]

#: Bits of a move's flags.
LEAVES_INITIAL: Final = 1
ENDS: Final = 2
FAILS: Final = 4

#: Numbers of words, and attempts in the short form, are five digits.
WORDS_AT_MOST: Final = 99_999
ATTEMPTS_AT_MOST: Final = 99_999
#: Times are microseconds, added to this: so they are nineteen digits without any padding, which would be slower.
AT_BASE: Final = 10**18

_CODE = slice(0, 5)
_ATTEMPT = slice(5, 10)
_AT = slice(10, 29)
_ID = slice(29, None)
# Modules that errors are named without.
_UNNAMED: Final = frozenset({"builtins", "__main__"})
_CAUSE_AT_MOST: Final = 20_000
_INT_LIMIT: Final = 2**63

#: A record as `parse` gives it.
Line = UnitRecord | TransitionRecord | EdgeRecord


class Word(NamedTuple):
    """What many lines have in common. The fields after `kind` are a unit's or a move's, by `what`."""

    number: int
    what: Literal["t", "u"]
    kind: str
    #: For a move, the state that was left; for a unit, its name.
    a: str | None
    #: For a move, the new state; for a unit, its app.
    b: str
    flags: int
    executor: str | None
    ident: Literal["int", "str"]

    def line(self) -> str:
        """Return the line that tells what the word means."""
        return json.dumps(["w", *self])


def move_line(head: str, at: float, ident: int | str) -> str:
    """Return the line of a move in the short form, given how it begins; an id that is a text is quoted already."""
    return f'{head}{int(at * 1e6) + AT_BASE}{ident}"'


def flags_of(lifecycle: Lifecycle, previous: State | None, state: State) -> int:
    """Return the flags of a move."""
    leaves = LEAVES_INITIAL if previous is lifecycle.initial else 0
    return leaves | (ENDS if state in lifecycle.final else 0) | (FAILS if state in lifecycle.failed else 0)


def ident_of(given: Hashable) -> Ident:
    """Return what a unit's id is recorded as."""
    if type(given) is int and -_INT_LIMIT <= given < _INT_LIMIT:
        return given
    return text_of(given if isinstance(given, str) else repr(given))


def text_of(text: str) -> str:
    """Return the text with what no database keeps (NUL, halves of surrogate pairs) written out."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def cause_text(cause: BaseException) -> str:
    """Return an error as the journal keeps it, whatever its own methods do."""
    try:
        if isinstance(cause, SyntaxError) or hasattr(cause, "__notes__"):
            text = "".join(traceback.format_exception_only(cause)).strip()
        else:
            # The same, thirty times as fast: one failure may have thousands that depend on it.
            kind, said = type(cause), str(cause)
            name = kind.__qualname__ if kind.__module__ in _UNNAMED else f"{kind.__module__}.{kind.__qualname__}"
            text = f"{name}: {said}" if said else name
    except BaseException as raised:  # noqa: BLE001 - the error's own code runs here, and may raise anything
        text = f"{type(cause).__qualname__} (to format it raised {type(raised).__qualname__})"
    return text_of(text[:_CAUSE_AT_MOST])


def words_in(body: str) -> dict[int, Word]:
    """Return the words that the lines of a body define."""
    lines = (line.removesuffix(",") for line in body.split("\n") if line.startswith('["w"'))
    return {word.number: word for word in (Word(*json.loads(line)[1:]) for line in lines)}


def parse(run: str, body: str, *, first: int, offset: float, words: Mapping[int, Word]) -> Iterable[Line]:
    """Give the records of a body, in order. `first` is the number of its first line, `offset` wall minus monotonic."""
    for seq, line in enumerate(json.loads(f"[{body}]"), first):
        if isinstance(line, str):
            yield _short(run, line, seq, offset, words[int(line[_CODE])])
        elif line[0] != "w":
            yield _FULL[line[0]](run, line, seq, offset)


def _short(run: str, line: str, seq: int, offset: float, word: Word) -> Line:
    ident: Ident = int(line[_ID]) if word.ident == "int" else line[_ID]
    if word.what == "u":
        return UnitRecord(run=run, kind=word.kind, id=ident, name=word.a or "", app=word.b, executor=word.executor)
    at = (int(line[_AT]) - AT_BASE) / 1e6
    return TransitionRecord(
        run=run,
        kind=word.kind,
        unit=ident,
        seq=seq,
        attempt=int(line[_ATTEMPT]),
        previous=word.a,
        state=word.b,
        wall=at + offset,
        monotonic=at,
        executor=word.executor,
    )


def _transition(run: str, line: list[Any], seq: int, offset: float) -> TransitionRecord:
    _, kind, ident, executor, _flags, attempt, at, previous, state, cause = line
    return TransitionRecord(
        run=run,
        kind=kind,
        unit=ident,
        seq=seq,
        attempt=attempt,
        previous=previous,
        state=state,
        wall=at + offset,
        monotonic=at,
        executor=executor,
        cause=cause,
    )


def _unit(run: str, line: list[Any], _seq: int, _offset: float) -> UnitRecord:
    _, kind, ident, executor, _flags, _attempt, _at, name, app, labels, stdout, stderr, extra = line
    return UnitRecord(
        run=run,
        kind=kind,
        id=ident,
        name=name,
        app=app,
        labels=tuple(labels or ()),
        executor=executor,
        stdout=stdout,
        stderr=stderr,
        extra=extra or {},
    )


def _edge(run: str, line: list[Any], _seq: int, _offset: float) -> EdgeRecord:
    _, kind, ident, _executor, _flags, _attempt, delay, action, needs_kind, needs, states = line
    return EdgeRecord(
        run=run,
        kind=kind,
        unit=ident,
        action=action,
        needs_kind=needs_kind,
        needs=needs,
        states=tuple(states),
        delay=delay,
    )


_FULL: Final[dict[str, Callable[[str, list[Any], int, float], Line]]] = {"t": _transition, "u": _unit, "e": _edge}
