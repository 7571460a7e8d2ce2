"""The journal of one run, as its writer holds it."""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import threading
import weakref
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias

from headrace.core import SystemClock
from headrace.journal.errors import ForkedJournal, JournalClosed, JournalUnavailable
from headrace.journal.inbox import MOVE_SIZE, Barrier, Failed, Inbox, Payload, records_in
from headrace.journal.lines import AT_BASE, ATTEMPTS_AT_MOST, WORDS_AT_MOST, Word, flags_of, ident_of, quote, text_of
from headrace.journal.opening import open_store
from headrace.journal.results import Results
from headrace.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from headrace.core import Clock, Lifecycle, State, Transition, Unit
    from headrace.journal.errors import JournalError
    from headrace.journal.records import RunRecord
    from headrace.journal.store import OpenedRun, Store

__all__ = ["Durable", "Journal"]

logger = logging.getLogger(__name__)

#: Told when what was recorded is on disk (None), or that writing it has failed (the error). It must not block.
Durable: TypeAlias = "Callable[[BaseException | None], None]"

#: What stands in a unit's line where a move has its attempt and its time.
_NO_MOVE: Final = f"00000{AT_BASE}"
_INT_LIMIT: Final = 2**63
_INT_LEAST: Final = -(2**63)
# No earlier time, and no later one, has the digits that the short form has for it.
_AT_MOST: Final = 8e12
# Words for units beyond this would be as many as the units: they are written in full.
_UNIT_WORDS_AT_MOST: Final = 2_000


class Journal:
    """Writes down one run: what its units are, what they wait for, every move, and results.

    The methods that record (`unit`, `edge`, `moved`, `result`, `barrier`) only append to a queue, take no lock, and
    may be called in a mailbox, by any thread, and by a signal handler. A thread writes what has gathered. What it has
    written is in the order in which it was told, with nothing left out: if a record is on disk, so is all before it.

    ``Journal.open`` makes one.
    """

    def __init__(
        self,
        store: Store,
        run: RunRecord,
        opened: OpenedRun,
        *,
        failure: Literal["fail", "warn"],
        on_error: Callable[[JournalError], None] | None,
        buffer_bytes: int,
        clock: Clock,
    ) -> None:
        self._store = store
        self._run = run
        self._number = opened.number
        self._failure = failure
        self._buffer_bytes = buffer_bytes
        self._clock = clock
        self._inbox = Inbox()
        self._items = self._inbox.items
        self._writer = Writer(self._inbox, store, run.id, opened, clock, on_error, little=buffer_bytes // 8)
        self._moves: dict[tuple[Lifecycle, State | None, State, str | None, bool], str] = {}
        self._edges: dict[tuple[str, str, str, frozenset[State | str]], tuple[str, str, str]] = {}
        self._full: dict[tuple[Lifecycle, State | None, State, str | None], tuple[str, str, str]] = {}
        self._units: dict[tuple[str, str, str, str | None, bool], str] = {}
        self._added: dict[tuple[Lifecycle, str, str, State], tuple[str, str]] = {}
        self._numbers = count(opened.next_word)
        self._closed = False
        self._stalled = False
        self._closing = threading.RLock()
        self._results = Results(store)
        os.register_at_fork(after_in_child=_forked(self))
        atexit.register(self._at_exit)
        self._writer.start()

    @classmethod
    def open(
        cls,
        place: str | os.PathLike[str],
        run: RunRecord,
        *,
        claim: str | None = None,
        failure: Literal["fail", "warn"] = "fail",
        on_error: Callable[[JournalError], None] | None = None,
        buffer_bytes: int = 64 << 20,
        patience: float = 5.0,
        signing_key: bytes = b"",
        clock: Clock | None = None,
    ) -> Journal:
        """Begin to write a run, or go on with one that an earlier writer left.

        Args:
            place: the path of a SQLite file, whose folder must be there, or a ``postgresql://`` URL.
            run: what to write; `RunRecord.here` makes one.
            claim: a name, of the same letters as a run's id, that one journal in the store has at a time, until it is
                closed or its process dies.
            failure: what `flush`, `wait_for_room` and `close` do while writing fails: raise, or log a warning.
            on_error: told, on the writer's thread, when writing begins to fail, once for each outage.
            buffer_bytes: about how much may wait to be written before `wait_for_room` waits.
            patience: how many seconds to wait for others who write to the store before that is a failure.
            signing_key: up to 64 secret bytes that enter every checksum: who can write to the store but has not the
                key cannot make a result that is taken for one. Unless given, the user's own for PostgreSQL (see
                `own_key`), and none for a file, which is the user's alone.
            clock: stamps what is written.

        Raises:
            RunTaken: another writer has this run, or what is claimed. Nothing is written of this one then.
            StoreRefused: the store is another user's, or others may write to it.
            NewerSchema: a newer Headrace has written it.
            DamagedStore: it does not read, and could not be salvaged.
            JournalUnavailable: it cannot be opened just now.
        """
        store = open_store(place, patience=patience, signing_key=signing_key)
        try:
            if claim is not None:
                store.claim(claim)
            opened = store.begin(run)
        except BaseException:
            store.close()
            raise
        return cls(
            store,
            run,
            opened,
            failure=failure,
            on_error=on_error,
            buffer_bytes=buffer_bytes,
            clock=clock or SystemClock(),
        )

    @property
    def run(self) -> RunRecord:
        """The run that it writes."""
        return self._run

    @property
    def place(self) -> str:
        """What its store is called."""
        return self._store.place

    @property
    def results(self) -> Results:
        """The results of all runs in the store. A result is found there once it has been written."""
        return self._results

    @property
    def failing(self) -> JournalError | None:
        """Why nothing can be written now; None while it can."""
        return self._writer.failing

    @property
    def waiting_bytes(self) -> int:
        """About how much has been told and is not written yet."""
        return self._inbox.size

    # --- recording ----------------------------------------------------------------------------------------------------

    def moved(self, transition: Transition, executor: str | None = None, *, durable: Durable | None = None) -> None:
        """Record a move; `executor` is where the unit is by it.

        Telling the same move twice in a row, as a step of a kernel that is done again does, records it once.
        """
        unit, attempt, previous, state, at, cause = transition
        ident = unit.id
        plain = type(ident) is int and _INT_LEAST <= ident < _INT_LIMIT
        head = self._moves.get((unit.lifecycle, previous, state, executor, plain))
        if head is None:
            head = self._new_move(unit.lifecycle, previous, state, executor, plain=plain)
        if cause is not None or attempt > ATTEMPTS_AT_MOST or not 0 <= at < _AT_MOST:
            self._moved_in_full(transition, executor)
        else:
            if attempt:
                head = f"{head[:-5]}{attempt:05d}"
            inbox = self._inbox
            inbox.size += MOVE_SIZE
            self._items.append((head, at, ident if type(ident) is int and plain else _quoted(ident)))
            if inbox.asleep:
                inbox.ring()
        if durable is not None:
            self.barrier(durable)

    def added(self, transition: Transition, app: str = "") -> None:
        """Record what a unit is and that it was added: `unit` and `moved` for one of which there is no more to say.

        The same one told twice in a row is recorded once.
        """
        unit, attempt, _, state, at, cause = transition
        ident = unit.id
        if type(ident) is int and 0 <= ident < _INT_LIMIT and not attempt and 0 <= at < _AT_MOST and cause is None:
            heads = self._added.get((unit.lifecycle, unit.name, app, state)) or self._new_added(unit, app, state)
            if heads is not None:
                inbox = self._inbox
                inbox.size += MOVE_SIZE
                # Two lines in one: the second is completed as that of any move.
                self._items.append((f'{heads[0]}{ident}",\n{heads[1]}', at, ident))
                if inbox.asleep:
                    inbox.ring()
                return
        self.unit(unit, app=app)
        self.moved(transition)

    def unit(
        self,
        unit: Unit,
        *,
        app: str = "",
        labels: Iterable[str] = (),
        executor: str | None = None,
        stdout: str | None = None,
        stderr: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what a unit is: before its first move, and again when something more is known (not its app).

        `extra` is whatever JSON can say; what it cannot say is kept as its ``repr``.
        """
        name, kind = unit.name, unit.lifecycle.name
        ident = unit.id
        plain = type(ident) is int and _INT_LEAST <= ident < _INT_LIMIT
        if labels or stdout is not None or stderr is not None or extra:
            head = None
        else:
            key = (kind, name, app, executor, plain)
            head = self._units.get(key) or self._new_unit(key)
        if head is not None:
            self._put(f'{head}{ident if plain else _quoted(ident)}"')
        else:
            fields = (ident_of(ident), executor, 0, 0, 0.0, name, app, [*labels] or None, stdout, stderr, extra or None)
            self._put(_json(["u", kind, *fields]))

    def edge(
        self, unit: Unit, action: str, needs: Unit, states: Iterable[State | str] = (), delay: float = 0.0
    ) -> None:
        """Record that `action` of a unit waits until `needs` has reached one of `states`, and so many seconds more."""
        states = states if isinstance(states, frozenset) else frozenset(states)
        key = (unit.lifecycle.name, action, needs.lifecycle.name, states)
        parts = self._edges.get(key) or self._new_edge(key)
        one, other = unit.id, needs.id
        # Most ids are ordinary numbers, which need no care.
        ident = one if type(one) is int and _INT_LEAST <= one < _INT_LIMIT else _json(ident_of(one))
        needed = other if type(other) is int and _INT_LEAST <= other < _INT_LIMIT else _json(ident_of(other))
        self._put(f"{parts[0]}{ident}, null, 0, 0, {float(delay)!r}, {parts[1]}{needed}, {parts[2]}")

    def result(self, key: str, payload: bytes, *, codec: str = "pickle", durable: Durable | None = None) -> None:
        """Store a result under a key, in place of what is there. `codec` says how it is to be read.

        Raises:
            TypeError: the key is no string, or the payload no bytes.
        """
        if not isinstance(key, str) or not isinstance(payload, bytes):
            raise TypeError(f"a result is bytes under a str, not {type(payload).__name__} under {type(key).__name__}")
        self._inbox.put(Payload(text_of(key), payload, text_of(codec)), len(payload))
        if durable is not None:
            self.barrier(durable)

    def barrier(self, callback: Callable[[BaseException | None], None]) -> None:
        """Have `callback` called when all that was recorded before is on disk.

        It is called on the writer's thread, once for each call of this, and must not block. It is given None; or, if
        writing fails, the error at once: what was recorded is kept then, and written when that is possible again, but
        nobody will be told.
        """
        self._inbox.put(Barrier(callback), 0)
        self._inbox.hurry()
        if self._writer.ended:
            self._writer.tell_the_rest()

    # --- waiting ------------------------------------------------------------------------------------------------------

    def is_behind(self) -> bool:
        """Whether too much is waiting to be written, or was until just now: whether `wait_for_room` does anything."""
        return self._stalled or self._writer.lags or self._inbox.size >= self._buffer_bytes

    def wait_for_room(self) -> None:
        """Wait while too much is waiting to be written. For whoever makes work; never in a mailbox.

        Raises:
            JournalUnavailable: there is no room, and writing fails. With ``failure="warn"`` it returns then.
        """
        size, writer = self._inbox.size, self._writer
        if (size < self._buffer_bytes and not writer.lags) or writer.is_current_thread:
            if self._stalled and size < self._buffer_bytes // 2:
                self._stalled = False
            return
        if size >= self._buffer_bytes and not self._stalled:
            self._stalled = True
            logger.warning(
                "the journal in %s is behind: %.0f MB wait to be written, and submitting waits for that",
                self.place,
                self._inbox.size / 1e6,
            )
        with writer.room:
            while (self._inbox.size >= self._buffer_bytes or writer.lags) and not writer.ended:
                if writer.failing is not None:
                    break
                writer.room.wait()
        if self._inbox.size >= self._buffer_bytes:
            self._complain(writer.failing)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was recorded before is on disk.

        Raises:
            JournalUnavailable: it could not be written. With ``failure="warn"`` that is logged.
            TimeoutError: it took longer than `timeout` seconds.
            JournalClosed: it has been closed.
        """
        if self._closed:
            raise JournalClosed(f"the journal of run {self._run.id} in {self.place} has been closed")
        done = threading.Event()
        errors: list[BaseException | None] = []

        def told(error: BaseException | None) -> None:
            errors.append(error)
            done.set()

        self.barrier(told)
        if not done.wait(timeout):
            raise TimeoutError(f"{self.place} was not on disk after {timeout} seconds")
        self._complain(errors[0])

    def close(self, how: str = "ended", timeout: float | None = 30.0) -> None:
        """Write all that is left, note how the run ended, and give it up. A second call does nothing.

        Raises:
            JournalUnavailable: something could not be written, though it was tried once more, or not within `timeout`
                seconds, and is lost; the message says how much. With ``failure="warn"`` that is logged.
        """
        with self._closing:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self._at_exit)
        error: BaseException | None = None
        try:
            lost = self._writer.close(timeout)
        except BaseException:
            # An interrupt: it can be closed again, and is at the latest when the interpreter ends.
            self._closed = False
            atexit.register(self._at_exit)
            raise
        late = self._items
        self._refuse(JournalClosed(f"the journal of run {self._run.id} in {self.place} has been closed"))
        lost += records_in(late)
        try:
            if not self._writer.ended:
                # It is inside a call of the system that does not return. Its connection would not return, either.
                error = JournalUnavailable(
                    f"{self.place} does not answer: what run {self._run.id} wrote last may be lost"
                )
            elif lost:
                error = JournalUnavailable(f"{lost} records of run {self._run.id} are not in {self.place}")
                error.__cause__ = self._writer.failing
            else:
                self._store.end(self._number, self._clock.wall(), how)
        except JournalUnavailable as raised:
            error = raised
        finally:
            if self._writer.ended:
                self._store.close()
            else:
                self._store.forked()
        self._complain(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close("ended" if kind is None else f"raised {kind.__name__}")

    def __repr__(self) -> str:
        return f"<Journal of run {self._run.id} in {self.place}>"

    # --- inside -------------------------------------------------------------------------------------------------------

    def _put(self, line: str) -> None:
        self._inbox.put(line, len(line))

    def _refuse(self, error: JournalError) -> None:
        """From now on, raise `error` for whatever is told."""
        self._items = self._inbox.items = _Refusing(error)

    def _moved_in_full(self, transition: Transition, executor: str | None) -> None:
        unit, attempt, previous, state, at, cause = transition
        if not math.isfinite(at):
            raise ValueError(f"{unit} cannot have moved at {at}")
        key = (unit.lifecycle, previous, state, executor)
        parts = self._full.get(key) or self._new_full(key)
        ident = unit.id
        plain = type(ident) is int and _INT_LEAST <= ident < _INT_LIMIT
        head = f"{parts[0]}{ident if plain else _json(ident_of(ident))}{parts[1]}{attempt}, {float(at)!r}{parts[2]}"
        if cause is None:
            self._put(f"{head}null]")
        else:
            self._inbox.put(Failed(head, cause), len(head))

    def _new_full(self, key: tuple[Lifecycle, State | None, State, str | None]) -> tuple[str, str, str]:
        """Return what the lines of such moves, written in full, have before the id, behind it, and behind the time."""
        lifecycle, previous, state, executor = key
        names = [None if previous is None else previous.name, state.name]
        parts = (
            f"{_json(['t', lifecycle.name])[:-1]}, ",
            f", {_json([executor, flags_of(lifecycle, previous, state)])[1:-1]}, ",
            f", {_json(names)[1:-1]}, ",
        )
        self._full[key] = parts
        return parts

    def _new_move(
        self, lifecycle: Lifecycle, previous: State | None, state: State, executor: str | None, *, plain: bool
    ) -> str:
        before = None if previous is None else previous.name
        flags = flags_of(lifecycle, previous, state)
        head = self._new_word("t", lifecycle.name, before, state.name, flags, executor, plain=plain)
        # How the line of a first attempt begins.
        begin = self._moves[lifecycle, previous, state, executor, plain] = f'"{head}00000'
        return begin

    def _new_unit(self, key: tuple[str, str, str, str | None, bool]) -> str | None:
        if len(self._units) >= _UNIT_WORDS_AT_MOST:
            return None
        kind, name, app, executor, plain = key
        head = self._new_word("u", kind, name, app, 0, executor, plain=plain)
        begin = self._units[key] = f'"{head}{_NO_MOVE}'
        return begin

    def _new_added(self, unit: Unit, app: str, state: State) -> tuple[str, str] | None:
        """Return how the lines of such a unit, and of its being added, begin; None if the first has no short form."""
        lifecycle, name = unit.lifecycle, unit.name
        key = (lifecycle.name, name, app, None, True)
        head = self._units.get(key) or self._new_unit(key)
        if head is None:
            return None
        move = self._moves.get((lifecycle, None, state, None, True))
        if move is None:
            move = self._new_move(lifecycle, None, state, None, plain=True)
        heads = self._added[lifecycle, name, app, state] = head, move
        return heads

    def _new_edge(self, key: tuple[str, str, str, frozenset[State | str]]) -> tuple[str, str, str]:
        """Return what the lines of such edges have in common: what stands before, between and behind the ids."""
        kind, action, needs_kind, states = key
        names = sorted(str(state) for state in states)
        parts = (f"{_json(['e', kind])[:-1]}, ", f"{_json([action, needs_kind])[1:-1]}, ", f"{_json(names)}]")
        if len(self._edges) < _UNIT_WORDS_AT_MOST:
            self._edges[key] = parts
        return parts

    def _new_word(  # noqa: PLR0917 - a word's fields, in order
        self,
        what: Literal["t", "u"],
        kind: str,
        a: str | None,
        b: str,
        flags: int,
        executor: str | None,
        *,
        plain: bool,
    ) -> str:
        number = next(self._numbers)
        if number > WORDS_AT_MOST:
            raise OverflowError(f"run {self._run.id} has more than {WORDS_AT_MOST} kinds of moves and executors")
        texts = (None if one is None else text_of(one) for one in (kind, a, b, executor))
        kind_, a_, b_, executor_ = texts
        # Before anybody uses it: an interrupt in between costs a number, not the word.
        self._inbox.put(Word(number, what, kind_ or "", a_, b_ or "", flags, executor_, "int" if plain else "str"), 200)
        return f"{number:05d}"

    def _complain(self, error: BaseException | None) -> None:
        if error is None:
            return
        if self._failure == "warn":
            logger.warning("%s", error)
        else:
            raise error

    def _at_exit(self) -> None:
        logger.warning("%r was not closed: use it in a with block, or call close()", self)
        self.close("not closed")

    def _fork(self) -> None:
        """In a forked child: this copy must write nothing, and disturb nothing of the parent's."""
        atexit.unregister(self._at_exit)
        self._closed = True
        self._refuse(ForkedJournal("this process is a fork of the one that writes the journal: only that one may"))
        self._store.forked()


class _Refusing(deque[Any]):
    """Stands for the queue when nothing may be told any more."""

    def __init__(self, error: JournalError) -> None:
        super().__init__()
        self._error = error

    def append(self, _: object) -> NoReturn:
        raise self._error


def _forked(journal: Journal) -> Callable[[], None]:
    """What to do in a forked child: it holds the journal weakly, since it can never be taken back."""
    reference = weakref.ref(journal)

    def forked() -> None:
        found = reference()
        if found is not None and not found._closed:  # noqa: SLF001 - a part of the journal
            found._fork()  # noqa: SLF001 - likewise

    return forked


def _quoted(ident: Hashable) -> str:
    """An id that is no ordinary number, as it stands in the short form."""
    return quote(str(ident_of(ident)))[1:-1]


def _json(fields: Any) -> str:  # noqa: ANN401 - whatever JSON knows
    try:
        text = json.dumps(fields, allow_nan=False)
    except (TypeError, ValueError):
        text = ""
    if not text or "\\u0000" in text or "\\ud" in text:
        text = json.dumps(_cleaned(fields))
    return text


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - whatever JSON knows
    """The value with every text in it such as a database can keep."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, dict):
        return {text_of(str(key)): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(each) for each in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return text_of(repr(value))
