"""The shell around a scheduler: many threads post messages, one at a time works through them.

A message is a call that may touch the scheduler and everything that belongs to the same kernel; there is no other
lock. `post` appends it and, if nobody is at work, works until nothing is left: first the message, then the
instructions that the scheduler gave for it, in order. Whoever posts while somebody is at work has only appended. So
no thread ever waits for another here, depth of re-entry is always one (a trampoline), and the order of events is the
order of the inbox.

Prior art: flat combining (Hendler, Incze, Shavit, Tzafrir, SPAA 2010) and actors. Rejected: a lock held around each
event, because a signal handler that submits in the middle of a submit would wait for itself; a thread that owns the
scheduler, because each task would pay two more thread switches.

**Interrupts.** A signal handler may raise between any two bytecodes of the main thread, and a deep call stack may
overflow in the middle of a step. What was being done then stays at the head of its queue, the scheduler makes its
derived data anew (`Scheduler.recover`), and the helper thread (`hand_over`) does the step again. Messages and the
obeying of instructions must therefore be repeatable: doing one again after it was cut short anywhere must finish it,
not do it twice.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from headrace.core.clock import Clock
    from headrace.core.events import Event, Instruction
    from headrace.core.scheduler import Scheduler
    from headrace.core.unit import Unit

__all__ = ["Mailbox", "Step"]

logger = logging.getLogger(__name__)

#: What was being done: a posted call with its arguments, or an instruction that was being obeyed.
Step: TypeAlias = "tuple[Callable[..., None], tuple[Any, ...]]"

#: What lies in the inbox: a posted call with its arguments, or a unit to be taken in.
_Post: TypeAlias = "Step | Unit"

# After so many messages in one go, a posting thread passes the rest on: no submitter is kept for everybody's work.
_BUDGET = 2_000


def _refuse(unit: object) -> None:
    raise TypeError(f"{unit} is not taken in by this mailbox: it was given no message for that")


class Mailbox:
    """Serialises all that happens to one scheduler.

    Args:
        scheduler: the machine; touch it only from within messages and `obey`.
        clock: stamps the events.
        obey: does one instruction. Bounded, never blocking.
        hand_over: must cause another thread to call `work` soon.
        resume: called, in the mailbox, before anything else after a step was cut short; finishes what steps share.
        on_failure: told when a step has raised twice. The step is given up; whatever it was for must be made to
            fail here.
        take_in: the message that adds a unit, see the method of this name.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        clock: Clock,
        *,
        obey: Callable[[Instruction], None],
        hand_over: Callable[[], None],
        resume: Callable[[], None],
        on_failure: Callable[[Step, BaseException], None],
        take_in: Callable[[Any], None] = _refuse,
    ) -> None:
        self._scheduler = scheduler
        self._monotonic = clock.monotonic
        self._obey = obey
        self._hand_over = hand_over
        self._resume = resume
        self._on_failure = on_failure
        self._take_in = take_in
        self._inbox: deque[_Post] = deque()
        self._outbox: deque[Instruction] = deque()
        # Holds the ident of the thread at work under the key 0. One dict operation takes it, so that, unlike with a
        # lock, an interrupt cannot fall between taking it and knowing that it was taken.
        self._holder: dict[int, int] = {}
        self._doing: object = None
        self._cut_short: BaseException | None = None
        self._failed_once: object = None

    def post(self, message: Callable[..., None], *args: Any) -> None:  # noqa: ANN401 - handed through to the message
        """Have `message(*args)` done: on return it is done, or another thread is at work and will do it."""
        self._put((message, args))

    def take_in(self, unit: Unit) -> None:
        """Post the message that was given for this, with the unit as its argument.

        A unit lies in the inbox as it is: a submitter may be a million ahead of whoever is at work, and the tuples of
        a message would be more for the garbage collector to go through than all else that there is of a unit then.
        """
        self._put(unit)

    def _put(self, post: _Post) -> None:
        try:
            self._inbox.append(post)
            # Whoever is at work looks into the inbox once more after giving the holder up, and so finds this.
            holder = self._holder
            if not holder or holder.get(0) == get_ident():
                self.work()
        except BaseException:
            # An interrupt between the two: the message is there, and perhaps nobody at work.
            self._hand_over()
            raise

    def tell(self, event: Event) -> None:
        """Give the scheduler an event, from within a message; what it asks for is obeyed after the message.

        Raises what `Scheduler.handle` raises.
        """
        out = self._scheduler.handle(event)
        if out:
            self._outbox.extend(out)
            # For `Scheduler.recover`: it has been taken.
            out.clear()

    def ask(self, instruction: Instruction) -> None:
        """Have an instruction obeyed like the scheduler's, after the message that asks for it.

        For an action that waits for nothing, and has no gate. No `Scheduler.recover` gives it again, so the message
        must ask again when it is done again.
        """
        self._outbox.append(instruction)

    @property
    def mine(self) -> bool:
        """Whether the calling thread is the one at work: what it posts now is done after it returns, not before."""
        return self._holder.get(0) == get_ident() and self._is_on_this_stack()

    def _is_on_this_stack(self) -> bool:
        """Whether the thread that asks through a method of this class, and is held to be at work, really is.

        It is not after two interrupts at once, of which the second fell just where the first was being dealt with.
        """
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - there is no public way to look at one's own stack
        while frame is not None:
            if frame.f_code is _WORK and frame.f_locals.get("self") is self:
                return True
            frame = frame.f_back
        return False

    def work(self) -> None:
        """Work through the messages until none is left, unless another thread is doing so.

        Raises only what is no `Exception`: an interrupt that fell into this thread. Nothing is lost by it.
        """
        me = get_ident()
        holder = self._holder
        if holder.get(0) == me:
            if self._is_on_this_stack():
                return
            self._cut_short = self._cut_short or _Interrupt()
            holder.clear()
        try:
            while (self._inbox or self._outbox) and holder.setdefault(0, me) == me:
                all_done = self._work_through()
                del holder[0]
                if not all_done:
                    self._hand_over()
                    return
        except BaseException as error:
            if holder.get(0) == me:
                in_main = isinstance(error, KeyboardInterrupt) and me == threading.main_thread().ident
                self._cut_short = _Interrupt() if in_main else error
                del holder[0]
            self._hand_over()
            if not isinstance(error, Exception):
                raise

    def _work_through(self) -> bool:
        if self._cut_short is not None:
            self._recover(self._cut_short)
        inbox, outbox, obey, take_in = self._inbox, self._outbox, self._obey, self._take_in
        for _ in range(_BUDGET):
            while outbox:
                self._doing = instruction = outbox[0]
                obey(instruction)
                outbox.popleft()
            if not inbox:
                # What was done is let go, and with it whatever its arguments keep alive.
                self._doing = self._failed_once = None
                return True
            self._doing = post = inbox[0]
            if type(post) is tuple:
                message, args = post
                message(*args)
            else:
                take_in(post)
            inbox.popleft()
        return False

    def _recover(self, error: BaseException) -> None:
        """A step was cut short: put the scheduler right; leave the step to be done again, or give it up."""
        self._outbox.extend(self._scheduler.recover(self._monotonic()))
        self._resume()
        step = self._doing
        # An interrupt says nothing of the step that it fell into, however often one does.
        blamed = step is not None and not isinstance(error, _Interrupt)
        if blamed and step is self._failed_once:
            if self._outbox and self._outbox[0] is step:
                self._give_up((self._obey, (step,)), error)
                self._outbox.popleft()
            elif self._inbox and self._inbox[0] is step:
                post = self._inbox[0]
                self._give_up(post if isinstance(post, tuple) else (self._take_in, (post,)), error)
                self._inbox.popleft()
            self._failed_once = None
        elif blamed:
            self._failed_once = step
        self._cut_short = None

    def _give_up(self, step: Step, error: BaseException) -> None:
        try:
            self._on_failure(step, error)
        except Exception:
            logger.critical("giving up a step raised: %r", step, exc_info=True)


class _Interrupt(Exception):
    """Stands for a KeyboardInterrupt of the main thread's, which a signal brought."""


_WORK = Mailbox.work.__code__
