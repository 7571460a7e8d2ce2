"""The one thread of a pool: it starts and ends workers, hands calls to them, and tells of their ends."""

from __future__ import annotations

import logging
import os
import pickle
import select
import sys
import time
import weakref
from collections import deque
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from headrace.compute.executors.errors import ExecutorBroken, SerializationError, WalltimeExceeded, WorkerLost
from headrace.compute.executors.processes.alone.headrace_worker import wire
from headrace.compute.executors.processes.bell import Bell
from headrace.compute.executors.processes.calls import Call, CallState
from headrace.compute.executors.processes.crew import import_path
from headrace.compute.executors.processes.roster import Roster
from headrace.compute.executors.processes.timers import Timers
from headrace.compute.nursery import Born, NotBorn, NurseryLost
from headrace.core.thread import Thread

if TYPE_CHECKING:
    from headrace.compute.executors.processes.crew import Crew, Worker
    from headrace.compute.executors.processes.ledger import Ledger
    from headrace.compute.resources import Resources

__all__ = ["Loop"]

logger = logging.getLogger(__name__)

# So many workers in a row may end before they are ready; then there is no hope.
_MAX_FAILURES = 3
# Half the time until a fork is tried again for which there were too many processes or too little memory; it doubles.
_RETRY_SECONDS = 0.05
_MAX_DOUBLINGS = 6
_MOMENT = 0.001
# The longest that the system can be asked to wait for at a time is a little longer.
_MAX_SECONDS = 3600.0


class Loop:
    """Runs the calls that are posted to it, on the workers of a crew, until it is asked to end.

    Everything but `post` and `end_when_done` happens on its own thread, so nothing here is locked.

    Args:
        label: the executor's label.
        crew: the workers, none yet.
        size: how many workers there may be.
        resources: what can be lent at all.
        ledger: what is lent to whom.
    """

    def __init__(
        self, label: str, crew: Crew, size: int, resources: Resources, ledger: Ledger, *, hides_gpus: bool
    ) -> None:
        self.label = label
        self._crew = crew
        self._size = size
        self._resources = resources
        self._ledger = ledger
        self._hides_gpus = hides_gpus
        # What other threads append to: a call that is new, or that was cancelled; None to look whether to end.
        self._inbox: deque[Call | None] = deque()
        self._bell = Bell()
        self._asleep = False
        self._ending = False
        self._drops_waiting = False
        #: Whether it takes no more calls: it has ended, or this is a forked copy of its process.
        self.closed = False
        self._waiting: deque[Call] = deque()
        self._roster = Roster()
        # How many calls wait in front of a worker that has another.
        self._sent = 0
        self._by_fd: dict[int, Worker] = {}
        self._running = 0
        self._starting = 0
        # How many workers to keep: as many as there ever was work for.
        self._wanted = 1
        self._failures = 0
        self._retry_at: float | None = None
        self._numbers = count(1)
        self._timers = Timers()
        self._poll = select.epoll()
        self._buffer = bytearray(wire.BUFFER_SIZE)
        self.thread = Thread(target=self._run, name=f"{label}-loop")
        _loops.add(self)

    # What other threads call

    def post(self, call: Call) -> bool:
        """Have the loop look at a call. Return False if it has ended, and nobody will.

        It only appends and rings, so it may be called from anywhere, also from a signal handler.
        """
        self._inbox.append(call)
        if self._asleep:
            self._bell.ring()
        if self.closed:
            self._reject_inbox()
            return False
        return True

    def end_when_done(self, *, drop_waiting: bool) -> None:
        """Have it end its workers and itself once all calls have ended.

        With `drop_waiting`, those that have not begun end as cancelled.
        """
        self._drops_waiting = self._drops_waiting or drop_waiting
        self._ending = True
        self._inbox.append(None)
        self._bell.ring()

    # The thread

    def _run(self) -> None:
        try:
            self._poll.register(self._bell.fd, select.EPOLLIN)
            self._found()
            self._prepare()
            while not self._step():
                pass
        except BaseException:
            # A defect of ours must not leave anybody waiting.
            logger.exception("executor %r: its loop has failed", self.label)
        finally:
            self._close()

    def _prepare(self) -> None:
        # Not at the top: this takes as long as the nursery takes to start, and is done meanwhile.
        from headrace.compute.executors.processes import packing  # noqa: PLC0415

        self._packer = packing.Packer(self._ledger, hides_gpus=self._hides_gpus)
        self._obstacle = packing.Obstacle
        self._outcome_of = packing.outcome_of

    def _step(self) -> bool:
        """Do what there is to do, then wait for more. Return True when all is done."""
        self._take_in()
        self._hand_out()
        if self._sent and self._roster.idle:
            self._call_back(len(self._roster.idle))
            self._hand_out()
        if self._ending and not self._running and not self._waiting and not self._inbox:
            return True
        self._asleep = True
        # Whoever appended before the line above did not ring.
        timeout = 0 if self._inbox else self._seconds_to_next()
        if self._sent and self._roster.idle:
            # A worker has not even read the call before: it will in a moment, and then the next can be taken back.
            timeout = _MOMENT if timeout is None else min(timeout, _MOMENT)
        events = self._poll.poll(timeout)
        self._asleep = False
        for fd, _ in events:
            worker = self._by_fd.get(fd)
            if worker is not None:
                self._hear(worker)
            elif fd == self._bell.fd:
                self._bell.clear()
            else:
                self._hear_nursery()
        if timeout is not None:
            self._expire()
        return False

    def _take_in(self) -> None:
        inbox = self._inbox
        while inbox:
            call = inbox.popleft()
            if call is None:
                if self._drops_waiting:
                    self._call_back(self._sent)
                    self._drop_waiting(None)
            elif call.cancelled:
                self._cancel(call)
            elif call.state is CallState.new:
                self._admit(call)

    def _admit(self, call: Call) -> None:
        try:
            error = call.objection(self.label, self._resources)
        except Exception as slip:  # noqa: BLE001 - what a caller has put into the spec is the call's error, not the loop's
            error = slip
        if error is not None:
            call.end(None, error)
            return
        call.state = CallState.waiting
        call.number = next(self._numbers)
        self._waiting.append(call)

    def _cancel(self, call: Call) -> None:
        if call.state is CallState.sent:
            self._call_back_from(self._worker_with(call))
        if call.state is CallState.waiting or call.state is CallState.new:
            self._take_back(call)
            call.end(None, CancelledError(f"{call.name} was cancelled before it began"))
        elif call.state is not CallState.ended:
            self._stop(call, CancelledError(f"{call.name} was cancelled while it ran"))

    def _stop(self, call: Call, fate: BaseException) -> None:
        """Have the worker killed that has the call. That it is dead is told later; then the call ends."""
        if call.fate is None:
            call.fate = fate
            self._crew.fire(self._worker_with(call))

    def _worker_with(self, call: Call) -> Worker:
        return next(one for one in self._crew.workers.values() if one.call is call or one.next is call)

    def _drop_waiting(self, error: BaseException | None) -> None:
        """End all calls that wait, with this error; as cancelled unless given."""
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            if call.state is CallState.waiting:
                self._take_back(call)
                call.end(None, error or CancelledError(f"{call.name} was cancelled before it began"))

    # Handing calls to workers

    def _hand_out(self) -> None:
        while self._waiting:
            call = self._waiting[0]
            if call.state is not CallState.waiting:
                self._waiting.popleft()
                continue
            need = call.spec.resources
            if need is None:
                worker = self._idle_worker(()) or self._spare_worker(call)
                if worker is None:
                    break
            else:
                if call.grant is None:
                    call.grant = self._ledger.lend(need)
                if call.grant is None:
                    break
                worker = self._idle_worker(call.grant.gpus)
                if worker is None:
                    if call.packed is None:
                        self._take_back(call)
                    # Else what it was lent is a part of those bytes.
                    break
            self._waiting.popleft()
            self._send(worker, call)
        if self._waiting:
            self._grow(len(self._waiting))

    def _idle_worker(self, gpus: tuple[str, ...]) -> Worker | None:
        worker = self._roster.take_idle(gpus)
        if worker is None and self._roster.idle:
            workers = self._crew.workers
            if len(workers) >= self._size and not any(one.doomed or not one.ready for one in workers.values()):
                # All have seen other GPUs. One makes room for a new one.
                self._crew.fire(self._roster.idle.pop(0))
        return worker

    def _spare_worker(self, call: Call) -> Worker | None:
        """Take a worker in front of which the call can wait: where there will be no other, and no clock runs."""
        if self._starting or len(self._crew.workers) < self._size or call.spec.walltime is not None:
            return None
        return self._roster.take_spare(sys.path)

    def _send(self, worker: Worker, call: Call) -> None:
        error = self._pack(call)
        if error is None:
            try:
                if worker.path != sys.path:
                    self._tell_path(worker)
                wire.send(worker.connection, wire.CALL, call.number, *(call.packed or ()))
            except (OSError, MemoryError) as refusal:
                error = SerializationError(f"{call.name}: its arguments cannot be sent: {refusal}")
        if error is not None:
            self._roster.add(worker)
            self._take_back(call)
            call.end(None, error)
            return
        call.fn = call.args = call.kwargs = call.packed = None
        self._running += 1
        if worker.call is not None:
            call.state = CallState.sent
            worker.next = call
            self._sent += 1
            return
        self._begin(worker, call)
        worker.gpus = call.grant.gpus if call.grant is not None else ()
        if call.spec.walltime is not None:
            self._timers.set(time.monotonic() + call.spec.walltime, call)

    def _begin(self, worker: Worker, call: Call) -> None:
        call.state = CallState.running
        worker.call = call
        self._roster.add(worker)

    def _call_back(self, most: int) -> None:
        """Let calls that wait in front of a worker wait for any, so that none is stuck behind a long one."""
        for worker in list(self._crew.workers.values()):
            if most > 0 and worker.next is not None:
                most -= self._call_back_from(worker)

    def _call_back_from(self, worker: Worker) -> bool:
        """Take back the call that waits in front of a worker. Return False if the worker has read it."""
        call = worker.next
        # Behind an unread one it must stay, since that one must stay.
        if call is None or wire.peek(worker.theirs) != call.number or call.number not in self._unread(worker, call):
            return False
        worker.next = None
        self._sent -= 1
        self._running -= 1
        call.state = CallState.waiting
        self._waiting.appendleft(call)
        self._roster.add(worker)
        return True

    def _tell_path(self, worker: Worker) -> None:
        """Tell a worker where this process has begun to import from since it was told last."""
        worker.path = list(sys.path)
        wire.send(worker.connection, wire.PATH, 0, b"", pickle.dumps(import_path()))

    def _pack(self, call: Call) -> BaseException | None:
        """Make bytes of a call, unless it is bytes already. Return what it ends with if that cannot be done."""
        if call.packed is not None:
            return None
        try:
            call.packed = self._packer.pack(call)
        except BaseException as error:  # noqa: BLE001 - pickling runs code of whoever wrote the classes
            obstacle = self._obstacle(error)
        else:
            return None
        return self._packer.explain(call, obstacle)

    def _take_back(self, call: Call) -> None:
        if call.grant is not None:
            self._ledger.take_back(call.grant)
            call.grant = None

    # What workers say

    def _hear(self, worker: Worker) -> None:
        """Read what a worker has sent."""
        try:
            message = wire.receive(worker.connection, self._buffer)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            message = None
        if message is None:
            # It is dead, or as good as dead to us. The nursery tells how it ended.
            self._unwatch(worker)
            self._crew.fire(worker)
            return
        self._obey(worker, message)

    def _obey(self, worker: Worker, message: wire.Message) -> None:
        call = worker.call
        if message.kind == wire.READY:
            worker.ready = True
            self._starting -= 1
            self._failures = 0
            self._roster.add(worker)
        elif call is not None and message.number == call.number:
            self._release(worker, call)
            if self._waiting and not worker.doomed:
                # Before the outcome is read and told, so that the worker need not wait for that.
                self._hand_out()
            try:
                value, error = self._outcome_of(call, message)
            except BaseException as slip:  # noqa: BLE001 - no memory, or what came is none of ours: the call's error, not the loop's
                value, error = None, self._obstacle(slip).ending(f"{call.name}: what came of it cannot be read")
            del message
            call.end(value, error)
            if self._inbox:
                # What was told of the end may have brought the next call, and this worker waits for it.
                self._take_in()
                self._hand_out()

    def _release(self, worker: Worker, call: Call) -> None:
        """Let a worker go on to the next call: that in front of it, if there is one."""
        worker.call = None
        self._roster.remove(worker)
        self._running -= 1
        self._take_back(call)
        following, worker.next = worker.next, None
        if following is not None:
            self._sent -= 1
            self._begin(worker, following)
        else:
            self._roster.add(worker)

    # What the nursery says

    def _found(self) -> None:
        """Start a nursery, unless there is one."""
        try:
            nursery = self._crew.nursery or self._crew.found()
        except NurseryLost as error:
            self._fail(str(error))
        else:
            with suppress(FileExistsError):
                self._poll.register(nursery.fileno(), select.EPOLLIN)
            self._grow(1)

    def _grow(self, wanted: int) -> None:
        """See to it that so many workers, or as many as there may be, are there or on their way."""
        if self._retry_at is not None:
            return
        if wanted > self._starting:
            busy_or_idle = len(self._crew.workers) - self._starting
            self._wanted = max(self._wanted, min(self._size, busy_or_idle + wanted))
        while len(self._crew.workers) < self._wanted:
            nursery = self._crew.nursery
            if nursery is None:
                self._found()
                return
            try:
                worker = self._crew.hire(nursery)
            except NurseryLost:
                return  # Its socket says so, too.
            except OSError as error:
                self._fail(str(error))
                return
            self._starting += 1
            self._by_fd[worker.connection.fileno()] = worker
            self._poll.register(worker.connection.fileno(), select.EPOLLIN)

    def _hear_nursery(self) -> None:
        nursery = self._crew.nursery
        if nursery is None:
            return
        try:
            events = nursery.receive()
        except NurseryLost as error:
            self._lose_nursery(str(error))
            return
        for event in events:
            worker = self._crew.workers.get(event.number)
            if worker is None:
                continue
            if isinstance(event, Born):
                worker.pid = event.pid
            elif isinstance(event, NotBorn):
                self._bury(worker, None)
                self._fail(f"a process cannot be forked: {os.strerror(event.errno)}")
            else:
                self._bury(worker, event.exitcode)

    def _lose_nursery(self, reason: str) -> None:
        """Start anew after the nursery was killed. Its workers have been killed with it."""
        nursery, self._crew.nursery = self._crew.nursery, None
        if nursery is not None:
            with suppress(OSError, KeyError):
                self._poll.unregister(nursery.fileno())
            nursery.close()
        workers = list(self._crew.workers.values())
        for worker in workers:
            worker.doomed = True
        self._roster.clear()
        for worker in workers:
            self._bury(worker, None, counts=False)
        self._fail(reason, retry_now=True)

    def _bury(self, worker: Worker, exitcode: int | None, *, counts: bool = True) -> None:
        """Let a dead worker go: tell what it still said, else how its call ended; and see to it that it is replaced."""
        while True:
            # What it had said whole before it died counts.
            try:
                message = wire.receive(worker.connection, self._buffer)
            except (OSError, ValueError):
                break
            if message is None:
                break
            worker.doomed = True
            self._obey(worker, message)
        worker.doomed = True
        self._roster.remove(worker)
        self._end_lost(worker, exitcode)
        self._unwatch(worker)
        self._crew.forget(worker)
        if not worker.ready:
            self._starting -= 1
            if counts and exitcode is not None:
                self._fail(f"a worker process ended before it was ready: exit code {exitcode}")
                return
        if counts and not self._ending:
            self._grow(0)

    def _end_lost(self, worker: Worker, exitcode: int | None) -> None:
        """Say what became of the calls that a dead worker had."""
        calls = [call for call in (worker.call, worker.next) if call is not None]
        self._sent -= worker.next is not None
        self._running -= len(calls)
        worker.call = worker.next = None
        unread = self._unread(worker, *calls)
        for call in reversed(calls):
            if call.number in unread and call.fate is None:
                # The worker died before it read the call: another makes it.
                call.state = CallState.waiting
                self._waiting.appendleft(call)
        for call in calls:
            if call.state is not CallState.waiting:
                self._take_back(call)
                call.end(None, call.fate or WorkerLost(call.name, worker.pid, exitcode, self.label))

    def _unread(self, worker: Worker, *calls: Call) -> set[int]:
        """Take those of the calls that are still where the worker would have read them. Return their numbers."""
        found: set[int] = set()
        by_number = {call.number: call for call in calls}
        while True:
            try:
                message = wire.receive(worker.theirs, self._buffer, wait=False)
            except (OSError, ValueError):
                return found
            if message is None:
                return found
            call = by_number.get(message.number)
            if call is not None:
                call.packed = bytes(message.first), bytes(message.second)
                found.add(message.number)

    def _unwatch(self, worker: Worker) -> None:
        fd = worker.connection.fileno()
        if self._by_fd.pop(fd, None) is not None:
            with suppress(OSError):
                self._poll.unregister(fd)

    def _fail(self, reason: str, *, retry_now: bool = False) -> None:
        """Count that a worker could not be started; give up on the calls that wait if that happens again and again."""
        self._failures += 1
        logger.warning("executor %r: %s", self.label, reason)
        if self._failures >= _MAX_FAILURES and not any(worker.ready for worker in self._crew.workers.values()):
            self._failures = 0
            self._drop_waiting(ExecutorBroken(f"executor {self.label!r} can start no worker process: {reason}"))
        elif retry_now:
            self._found()
        else:
            self._retry_at = time.monotonic() + _RETRY_SECONDS * 2 ** min(self._failures, _MAX_DOUBLINGS)

    # Time

    def _seconds_to_next(self) -> float | None:
        times = [when for when in (self._retry_at, self._timers.earliest) if when is not None]
        return min(max(0.0, min(times) - time.monotonic()), _MAX_SECONDS) if times else None

    def _expire(self) -> None:
        now = time.monotonic()
        if self._retry_at is not None and self._retry_at <= now:
            self._retry_at = None
            self._grow(0)
        for call in self._timers.due(now):
            self._stop(call, WalltimeExceeded(call.name, call.spec.walltime or 0.0))

    # The end

    def _close(self) -> None:
        self.closed = True
        broken = ExecutorBroken(f"executor {self.label!r} has ended before the call did")
        self._drop_waiting(broken)
        calls = [call for one in self._crew.workers.values() for call in (one.call, one.next) if call is not None]
        try:
            self._crew.close()
        finally:
            self._poll.close()
            for call in calls:
                call.end(None, broken)
            self._reject_inbox()

    def _reject_inbox(self) -> None:
        """End what was posted too late. Each is taken out by one thread, whoever looks."""
        while True:
            try:
                call = self._inbox.popleft()
            except IndexError:
                return
            if call is not None and call.state is not CallState.ended:
                call.end(None, CancelledError(f"executor {self.label!r} was shut down before {call.name} began"))

    def _close_in_forked_copy(self) -> None:
        self.closed = True
        self._poll.close()
        self._crew.close_in_forked_copy()


#: Those of this process. Not state that anything depends on: a list of what a forked copy must close.
_loops: weakref.WeakSet[Loop] = weakref.WeakSet()


def _close_in_forked_copy() -> None:
    for loop in list(_loops):
        loop._close_in_forked_copy()  # noqa: SLF001 - our own class


os.register_at_fork(after_in_child=_close_in_forked_copy)
