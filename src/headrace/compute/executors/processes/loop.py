"""The one thread of a pool: it starts and ends workers, hands calls to them, and tells of their ends."""

from __future__ import annotations

import heapq
import logging
import os
import select
import threading
import time
import weakref
from collections import deque
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from headrace.compute.executors.errors import ExecutorBroken, SerializationError, WalltimeExceeded, WorkerLost
from headrace.compute.executors.processes.alone.headrace_worker import wire
from headrace.compute.executors.processes.calls import Call, CallState
from headrace.compute.nursery import Born, NotBorn, NurseryLost
from headrace.compute.resources import InsufficientResourcesError

if TYPE_CHECKING:
    from headrace.compute.executors.processes.crew import Crew, Worker
    from headrace.compute.executors.processes.ledger import Ledger
    from headrace.compute.resources import Resources

__all__ = ["Loop"]

logger = logging.getLogger(__name__)

# So many workers in a row may end before they are ready; then there is no hope.
_MAX_FAILURES = 3
# Until a fork is tried again for which there were too many processes or too little memory.
_RETRY_SECONDS = 0.1
_MIN_TIMERS = 64
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
        self._bell = _Bell()
        self._asleep = False
        self._ending = False
        self._drops_waiting = False
        #: Whether it takes no more calls: it has ended, or this is a forked copy of its process.
        self.closed = False
        self._waiting: deque[Call] = deque()
        self._idle: list[Worker] = []
        self._by_fd: dict[int, Worker] = {}
        self._running = 0
        self._starting = 0
        # How many workers to keep: as many as there ever was work for.
        self._wanted = 1
        self._failures = 0
        self._retry_at: float | None = None
        self._numbers = count(1)
        # Deadlines of calls. Those of calls that have ended stay until they come up, or are too many.
        self._timers: list[tuple[float, int, Call]] = []
        self._poll = select.epoll()
        self._buffer = bytearray(wire.BUFFER_SIZE)
        self.thread = threading.Thread(target=self._run, name=f"{label}-loop", daemon=True)
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
        if self._ending and not self._running and not self._waiting and not self._inbox:
            return True
        self._asleep = True
        # Whoever appended before the line above did not ring.
        timeout = 0 if self._inbox else self._seconds_to_next()
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
        if self._timers or self._retry_at is not None:
            self._expire()
        return False

    def _take_in(self) -> None:
        inbox = self._inbox
        while inbox:
            call = inbox.popleft()
            if call is None:
                if self._drops_waiting:
                    self._drop_waiting(None)
            elif call.cancelled:
                self._cancel(call)
            elif call.state is CallState.new:
                self._admit(call)

    def _admit(self, call: Call) -> None:
        try:
            error = self._objection(call)
        except Exception as slip:  # noqa: BLE001 - what a caller has put into the spec is the call's error, not the loop's
            error = slip
        if error is not None:
            call.end(None, error)
            return
        call.state = CallState.waiting
        call.number = next(self._numbers)
        self._waiting.append(call)

    def _objection(self, call: Call) -> BaseException | None:
        spec = call.spec
        if spec.resources is not None and not spec.resources.within(self._resources):
            return InsufficientResourcesError(
                f"{call.name} asks for {spec.resources}; executor {self.label!r} has {self._resources}"
            )
        if spec.walltime is not None and not (isinstance(spec.walltime, (int, float)) and spec.walltime > 0):
            return ValueError(f"{call.name}: walltime must be a number of seconds above 0, not {spec.walltime!r}")
        return None

    def _cancel(self, call: Call) -> None:
        if call.state is CallState.running:
            self._stop(call, CancelledError(f"{call.name} was cancelled while it ran"))
        elif call.state is not CallState.ended:
            self._take_back(call)
            call.end(None, CancelledError(f"{call.name} was cancelled before it began"))

    def _stop(self, call: Call, fate: BaseException) -> None:
        """Have the worker killed that has the call. That it is dead is told later; then the call ends."""
        if call.fate is None:
            call.fate = fate
            for worker in self._crew.workers.values():
                if worker.call is call:
                    self._crew.fire(worker)

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
                worker = self._idle_worker(())
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
        """Take a worker out of the idle ones that has seen these GPUs, or nothing yet."""
        idle = self._idle
        for position in range(len(idle) - 1, -1, -1):
            seen = idle[position].gpus
            if seen is None or seen == gpus:
                return idle.pop(position)
        workers = self._crew.workers
        if idle and len(workers) >= self._size and not any(one.doomed or not one.ready for one in workers.values()):
            # All have seen others. One makes room for a new one.
            self._crew.fire(idle.pop(0))
        return None

    def _send(self, worker: Worker, call: Call) -> None:
        error = self._pack(call)
        if error is None:
            try:
                wire.send(worker.connection, wire.CALL, call.number, *(call.packed or ()))
            except (OSError, MemoryError) as refusal:
                error = SerializationError(f"{call.name}: its arguments cannot be sent: {refusal}")
        if error is not None:
            self._idle.append(worker)
            self._take_back(call)
            call.end(None, error)
            return
        call.state = CallState.running
        call.fn = call.args = call.kwargs = call.packed = None
        worker.call = call
        worker.gpus = call.grant.gpus if call.grant is not None else ()
        self._running += 1
        if call.spec.walltime is not None:
            self._set_timer(call, call.spec.walltime)

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
            if not worker.doomed:
                self._idle.append(worker)
        elif call is not None and message.number == call.number:
            self._release(worker, call)
            if not worker.doomed:
                self._idle.append(worker)
                if self._waiting:
                    # Before the outcome is read and told, so that the worker need not wait for that.
                    self._hand_out()
            value, error = self._outcome_of(call, message)
            del message
            call.end(value, error)

    def _release(self, worker: Worker, call: Call) -> None:
        worker.call = None
        self._running -= 1
        self._take_back(call)

    # What the nursery says

    def _found(self) -> None:
        """Start a nursery."""
        try:
            nursery = self._crew.found()
        except NurseryLost as error:
            self._fail(str(error))
        else:
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
        self._idle.clear()
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
        with suppress(ValueError):
            self._idle.remove(worker)
        call = worker.call
        if call is not None:
            self._end_lost(worker, call, exitcode)
        self._unwatch(worker)
        self._crew.forget(worker)
        if not worker.ready:
            self._starting -= 1
            if counts and exitcode is not None:
                self._fail(f"a worker process ended before it was ready: exit code {exitcode}")
                return
        if counts and not self._ending:
            self._grow(0)

    def _end_lost(self, worker: Worker, call: Call, exitcode: int | None) -> None:
        """Say what became of the call that a dead worker had."""
        if call.fate is None and self._is_unread(worker, call):
            # The worker died before it read the call: another makes it.
            worker.call = None
            self._running -= 1
            call.state = CallState.waiting
            self._waiting.appendleft(call)
            return
        self._release(worker, call)
        call.end(None, call.fate or WorkerLost(call.name, worker.pid, exitcode, self.label))

    def _is_unread(self, worker: Worker, call: Call) -> bool:
        """Tell whether the call is still where the worker would have read it; then keep it as it is there."""
        try:
            message = wire.receive(worker.theirs, self._buffer, wait=False)
        except (OSError, ValueError):
            return False
        if message is None or message.number != call.number:
            return False
        call.packed = bytes(message.first), bytes(message.second)
        return True

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
            self._retry_at = time.monotonic() + _RETRY_SECONDS

    # Time

    def _set_timer(self, call: Call, seconds: float) -> None:
        if len(self._timers) > max(_MIN_TIMERS, 2 * self._running):
            self._timers = [timer for timer in self._timers if timer[2].state is CallState.running]
            heapq.heapify(self._timers)
        heapq.heappush(self._timers, (time.monotonic() + seconds, call.number, call))

    def _seconds_to_next(self) -> float | None:
        times = [] if self._retry_at is None else [self._retry_at]
        while self._timers and self._timers[0][2].state is not CallState.running:
            heapq.heappop(self._timers)
        if self._timers:
            times.append(self._timers[0][0])
        return min(max(0.0, min(times) - time.monotonic()), _MAX_SECONDS) if times else None

    def _expire(self) -> None:
        now = time.monotonic()
        if self._retry_at is not None and self._retry_at <= now:
            self._retry_at = None
            self._grow(0)
        while self._timers and self._timers[0][0] <= now:
            call = heapq.heappop(self._timers)[2]
            if call.state is CallState.running:
                self._stop(call, WalltimeExceeded(call.name, call.spec.walltime or 0.0))

    # The end

    def _close(self) -> None:
        self.closed = True
        broken = ExecutorBroken(f"executor {self.label!r} has ended before the call did")
        self._drop_waiting(broken)
        calls = [worker.call for worker in self._crew.workers.values() if worker.call is not None]
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


class _Bell:
    """Wakes the loop. It is closed only when nobody holds it any more, so that no ring goes astray."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        with suppress(BlockingIOError):  # Rung often enough.
            os.eventfd_write(self.fd, 1)

    def clear(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)

    def __del__(self) -> None:
        os.close(self.fd)


#: Those of this process. Not state that anything depends on: a list of what a forked copy must close.
_loops: weakref.WeakSet[Loop] = weakref.WeakSet()


def _close_in_forked_copy() -> None:
    for loop in list(_loops):
        loop._close_in_forked_copy()  # noqa: SLF001 - our own class


os.register_at_fork(after_in_child=_close_in_forked_copy)
