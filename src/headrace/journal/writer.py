"""The thread that writes.

It sleeps until something is told, and then writes whatever has been told by then as one group, again and again until
nothing is left. While nobody waits for a group, and there is little, it lets one gather for ten milliseconds; once
somebody waits it does not. So a busy run costs a hundred groups a second, and a durable record one sync.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from headrace.core.condition import SmallCondition
from headrace.core.thread import Thread
from headrace.journal.errors import JournalError, JournalUnavailable
from headrace.journal.group import Group, log_checksum
from headrace.journal.inbox import ITEM_SIZE, MOVE_SIZE, Barrier, Failed, Payload, records_in
from headrace.journal.lag import Lag
from headrace.journal.lines import Word, cause_text, move_line, quote
from headrace.journal.results import INLINE_AT_MOST, to_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Clock
    from headrace.journal.group import StoredResult
    from headrace.journal.inbox import Inbox, Item, Move
    from headrace.journal.store import OpenedRun, Store

__all__ = ["Writer"]

logger = logging.getLogger(__name__)

#: How long a group that nobody waits for may gather.
_GATHER: Final = 0.010
# A group is at most so many items, and about so many bytes: no group keeps the interpreter or the database for long. It
# is more items when many wait: beside busy threads each group costs the same wait for the interpreter.
_ITEMS_AT_MOST: Final = 4096
_ITEMS_OF_MANY: Final = 16_384
_BYTES_AT_MOST: Final = 4 << 20
# What is derived is brought up to date when nothing was told for so many seconds; and as groups are written, once it
# lags so many lines behind. A reader does what is left: for as many lines as it may lag behind before whoever makes
# work waits, that takes a quarter of a second.
_LAG_WHEN_IDLE: Final = 0.1
_LAG_AT_LEAST: Final = 48_000
_LAG_AT_MOST: Final = 64_000
# By so many lines at a time, and as many as are written with it.
_AT_ONCE: Final = 8192
# How many seconds closing may take for that.
_LAG_AT_CLOSE: Final = 10.0
# Seconds before a failed write is tried again: doubled each time.
_RETRY_FIRST: Final = 0.05
_RETRY_AT_MOST: Final = 5.0


class _Pending:
    """What will be one group: lines, results, and who waits for them."""

    __slots__ = ("callbacks", "derive_to", "group", "lines", "results", "size", "words")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[Word] = []
        self.results: dict[str, Payload] = {}
        self.callbacks: list[Callable[[BaseException | None], None]] = []
        self.size = 0
        #: Made when it is first written, so that to write it again writes the same.
        self.group: Group | None = None
        #: Up to which group its store was asked to derive with it; 0: not at all.
        self.derive_to = 0


class Writer:
    """Writes what comes into an inbox.

    Args:
        inbox: where it comes from.
        store: where it goes.
        run_id: the run that all of it belongs to.
        opened: where its log goes on.
        clock: stamps the groups.
        on_error: told, on the writer's thread, when writing begins to fail: once for each outage.
        little: while less than so many bytes wait to be written, there is time for what is derived.
    """

    def __init__(  # noqa: PLR0917 - made in one place only
        self,
        inbox: Inbox,
        store: Store,
        run_id: str,
        opened: OpenedRun,
        clock: Clock,
        on_error: Callable[[JournalError], None] | None,
        *,
        little: int,
    ) -> None:
        self._inbox = inbox
        self._little = little
        self._store = store
        self._run_id = run_id
        self._run = opened.number
        self._seq = opened.next_seq
        self._line = opened.next_line
        self._clock = clock
        self._on_error = on_error
        # What has been taken out of the inbox and is in no group yet, and the groups that are not written yet.
        self._taken: deque[Item] = deque()
        self._pending: deque[_Pending] = deque()
        self._lag = Lag(opened)
        self._last_line = ""
        self._closing = False
        self._delay = _RETRY_FIRST
        #: What the last attempt to write raised; None when it did not.
        self.failing: JournalError | None = None
        #: Whether what is derived lags so far behind that whoever makes work is to wait.
        self.lags = False
        #: Notified when there is more room or less lag, when writing begins to fail, and at the end.
        self.room = SmallCondition()
        self.ended = False
        self._thread = Thread(target=self._run_guarded, name="headrace-journal")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, timeout: float | None) -> int:
        """Write what is left, and end; return how many records could not be written."""
        self._closing = True
        self._inbox.urgent = True
        self._inbox.ring()
        self._thread.join(timeout)
        return (
            sum(records_in(one.lines) + len(one.results) for one in list(self._pending))
            + records_in(self._taken)
            + records_in(self._inbox.items)
        )

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is in a callback of the writer's."""
        return threading.current_thread() is self._thread

    def _run_guarded(self) -> None:
        try:
            while self._step():
                pass
        except BaseException:
            logger.critical("the journal's writer ended; nothing more is written", exc_info=True)
            raise
        finally:
            with self.room:
                self.ended = True
                self.room.notify_all()
            self.tell_the_rest()

    def tell_the_rest(self) -> None:
        """Tell whoever still waits, when the thread has ended, that nothing more is written."""
        error = self.failing or JournalUnavailable(f"nothing more is written to {self._store.place}: its writer ended")
        for pending in list(self._pending):
            self._tell(pending, error)
        for queue in (self._taken, self._inbox.items):
            for item in list(queue):
                if isinstance(item, Barrier):
                    # Unless another thread that comes here too has just told it.
                    with suppress(ValueError):
                        queue.remove(item)
                        self._call(item.callback, error)

    def _step(self) -> bool:
        """Write what there is, or sleep until there is something; False at the end."""
        self._take()
        if self._pending:
            last_attempt = self._closing
            if self._write(self._pending[0]):
                self._pending.popleft()
                self._keep_up()
                self._gather()
            elif last_attempt:
                return False
            return True
        if self._closing and not self._inbox.items:
            deadline = self._clock.monotonic() + _LAG_AT_CLOSE
            while self._lag.lines >= _LAG_AT_MOST and self._clock.monotonic() < deadline:
                self._project(_AT_ONCE)
            return False
        self._sleep()
        return True

    def _sleep(self) -> None:
        inbox = self._inbox
        inbox.asleep = True
        pause = (0 if self.lags else _LAG_WHEN_IDLE) if self._lag.lines else None
        if not inbox.items and not self._closing and not inbox.wait(pause):
            self._project_all()
            if not inbox.items and not self._closing:
                inbox.wait(None)
        inbox.asleep = False
        self._gather()

    def _gather(self) -> None:
        """Let more come in while there is something, but not much, and nobody waits for it."""
        inbox = self._inbox
        little = len(inbox.items) < _ITEMS_AT_MOST and inbox.size < _BYTES_AT_MOST
        if inbox.items and little and not inbox.urgent and not self._closing:
            inbox.wait(_GATHER)

    # --- from the inbox to groups -------------------------------------------------------------------------------------

    def _take(self) -> None:
        """Make a group of what is in the inbox. While writing fails, of all that is, so as to tell who waits."""
        items, taken = self._inbox.items, self._taken
        while (items or taken) and (self.failing is not None or not self._pending):
            self._inbox.taking()
            pending = _Pending()
            self._fill(pending)
            if pending.lines or pending.results or pending.callbacks:
                self._pending.append(pending)
            if self.failing is not None:
                self._tell(pending, self.failing)

    def _fill(self, pending: _Pending) -> None:
        taken = self._taken
        if not taken:
            take, waiting = self._inbox.items.popleft, len(self._inbox.items)
            most = _ITEMS_AT_MOST if waiting < 4 * _ITEMS_AT_MOST else _ITEMS_OF_MANY
            batch = [take() for _ in range(min(waiting, most))]
            if self._fill_with_lines(pending, batch):
                return
            taken.extend(batch)
        while taken and pending.size <= _BYTES_AT_MOST:
            item = taken.popleft()
            if isinstance(item, str):
                pending.size += len(item) + ITEM_SIZE
                self._add_line(pending, item)
            elif type(item) is tuple:  # And no `Word`, which is one too.
                pending.size += MOVE_SIZE
                self._add_line(pending, move_line(*item))
            else:
                pending.size += self._fill_other(pending, item)

    def _fill_with_lines(self, pending: _Pending, batch: list[Item]) -> bool:
        """Put in a batch that is nothing but lines, all different, as most are: False if this one is not."""
        kinds = [*map(type, batch)]
        moves = kinds.count(tuple)
        if moves + kinds.count(str) < len(batch):
            return False
        told = cast("list[str | Move]", batch)
        lines = [one if isinstance(one, str) else move_line(*one) for one in told]
        if lines[0] == self._last_line or len(set(lines)) != len(lines):
            return False
        pending.lines = lines
        pending.size = MOVE_SIZE * moves
        if moves < len(lines):
            pending.size += sum(len(one) + ITEM_SIZE for one in told if isinstance(one, str))
        self._last_line = lines[-1]
        return True

    def _add_line(self, pending: _Pending, line: str) -> None:
        # The step of a kernel that tells may be done again after an interrupt.
        if line != self._last_line:
            pending.lines.append(line)
            self._last_line = line

    def _fill_other(self, pending: _Pending, item: object) -> int:
        if isinstance(item, Barrier):
            pending.callbacks.append(item.callback)
            return ITEM_SIZE
        if isinstance(item, Payload):
            pending.results[item.key] = item
            return len(item.payload) + ITEM_SIZE
        if isinstance(item, Failed):
            self._add_line(pending, f"{item.head}{quote(cause_text(item.cause))}]")
            return len(item.head) + ITEM_SIZE
        assert isinstance(item, Word)  # noqa: S101 - nothing else is put in
        pending.words.append(item)
        pending.lines.append(item.line())
        return 2 * ITEM_SIZE

    # --- from groups to the store -------------------------------------------------------------------------------------

    def _write(self, pending: _Pending) -> bool:
        """Write one group and tell who waits for it; False if that failed, after having waited for a while."""
        try:
            if pending.lines or pending.results:
                self._append(pending)
            elif pending.callbacks:
                self._store.sync()
        except Exception as error:  # noqa: BLE001 - whatever it is, the records are kept and those who wait are told
            self._failed(pending, error)
            return False
        self._written(pending)
        return True

    def _append(self, pending: _Pending) -> None:
        pending.derive_to = self._derive_to(pending)
        append = partial(self._store.append, sync=bool(pending.callbacks), derive_to=pending.derive_to)
        if any(len(each.payload) > INLINE_AT_MOST for each in pending.results.values()):
            with self._store.new_files():
                # Made again if it was made before: a sweep may have come in between.
                pending.group = None
                append(self._group(pending))
        else:
            append(self._group(pending))

    def _group(self, pending: _Pending) -> Group:
        if pending.group is None:
            wall = self._clock.wall()
            offset = wall - self._clock.monotonic()
            body = ",\n".join(pending.lines)
            pending.group = Group(
                run_id=self._run_id,
                run=self._run,
                seq=self._seq,
                first=self._line,
                count=body.count("\n") + 1 if body else 0,
                offset=offset,
                wall=wall,
                body=body,
                checksum=log_checksum(
                    self._run_id, self._seq, self._line, offset, body=body.encode(), key=self._store.signing_key
                ),
                words=tuple(pending.words),
                results=tuple(self._stored(each) for each in pending.results.values()),
            )
        return pending.group

    def _stored(self, result: Payload) -> StoredResult:
        return to_store(result.key, result.codec, result.payload, self._store)

    def _written(self, pending: _Pending) -> None:
        group = pending.group
        if group is not None:
            self._seq += 1
            self._line += group.count
            self._lag.add(group.seq, group.count)
            if pending.derive_to and self._store.derives:
                self._lag.derived(pending.derive_to)
        if self.failing is not None:
            logger.warning("the journal in %s can be written again; nothing is missing", self._store.place)
            self.failing = None
        self._tell(pending, None)
        self.lags = self._lags()
        with self.room:
            self._inbox.freed(pending.size, all_of_it=len(self._pending) == 1)
            self.room.notify_all()

    def _failed(self, pending: _Pending, error: Exception) -> None:
        if not isinstance(error, JournalError):
            wrapped = JournalUnavailable(f"cannot write to {self._store.place}: {error}")
            wrapped.__cause__ = error
            error = wrapped
        first = self.failing is None
        with self.room:
            self.failing = error
            self.room.notify_all()
        self._tell(pending, error)
        if first:
            self._delay = _RETRY_FIRST
            logger.error("%s; what is to be written is kept, and tried again", error)
            if self._on_error is not None:
                self._call(self._on_error, error)
        deadline = self._clock.monotonic() + self._delay
        self._delay = min(2 * self._delay, _RETRY_AT_MOST)
        # Meanwhile whoever begins to wait is told at once.
        while not self._closing and (left := deadline - self._clock.monotonic()) > 0:
            self._inbox.asleep = True
            self._take()
            self._inbox.wait(left)

    def _tell(self, pending: _Pending, error: BaseException | None) -> None:
        callbacks, pending.callbacks = pending.callbacks, []
        for callback in callbacks:
            self._call(callback, error)

    def _call(self, callback: Callable[..., None], error: BaseException | None) -> None:
        try:
            callback(error)
        except BaseException:
            logger.exception("%r, called by the journal, raised", callback)

    # --- what is derived ----------------------------------------------------------------------------------------------

    def _derive_to(self, pending: _Pending) -> int:
        """Up to which group to derive as this one is written; 0: not at all."""
        # Nobody waits for this: so it never holds up much that is to be written.
        if not self._store.derives or not self._lag.known or self._inbox.size >= self._little:
            return 0
        if self._lag.lines + len(pending.lines) < _LAG_AT_LEAST:
            return 0
        # More than is added, so that it lags less.
        return self._lag.next(len(pending.lines) + _AT_ONCE) or self._seq

    def _lags(self) -> bool:
        # Before so much waits to be written that there is no time for it: what runs already goes on to tell.
        most = _LAG_AT_MOST if self._inbox.size < self._little // 2 else _LAG_AT_LEAST
        return self._store.derives and self._lag.lines >= most

    def _keep_up(self) -> None:
        """Derive what could not be derived as it was written: on a server, or what an earlier writer has left."""
        if self._store.derives and self._lag.known:
            return
        if self._store.derives:
            # More than is told meanwhile, so that this comes to an end.
            least, lines = _AT_ONCE, 4 * _AT_ONCE
        else:
            least, lines = _LAG_AT_MOST, _AT_ONCE
        if self._lag.lines >= least and self._inbox.size < self._little:
            self._project(lines)

    def _project_all(self) -> None:
        while self._lag.lines and not self._inbox.items and not self._closing:
            self._project(_AT_ONCE)

    def _project(self, lines: int) -> None:
        """Nothing depends on it: whoever reads does what is left."""
        try:
            self._lag.derived(self._store.project(self._run, lines))
        except Exception as error:  # noqa: BLE001 - see above
            logger.warning("%s; its readers will see to what is derived from the log", error)
            self._lag.forget()
        if self.lags and not self._lags():
            self.lags = False
            with self.room:
                self.room.notify_all()
