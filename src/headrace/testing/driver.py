"""Drives a scheduler through virtual time, on the test's own thread."""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from headrace.core import Add, Broken, Changed, Guard, Move, Perform, Scheduler, Tick, Transition, Unguard, WakeAt
from headrace.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from headrace.core import Event, Gate, Instruction, State, Unit

__all__ = ["Driver"]


class Driver:
    """Gives a scheduler events at the clock's time, and does what a face does with its instructions.

    Args:
        obey: what the face under test does with a `Perform` or `Broken` that still stands. It may call the driver; what
            that asks for is obeyed afterwards, in order.
        clock: the time; a new `VirtualClock` by default.
        late: by how many seconds ticks come after the moment that was asked for.
    """

    def __init__(
        self,
        obey: Callable[[Perform | Broken], None] | None = None,
        *,
        clock: VirtualClock | None = None,
        late: float = 0.0,
    ) -> None:
        self.scheduler = Scheduler()
        self.clock = clock if clock is not None else VirtualClock()
        self.late = late
        #: Every instruction so far with the time at which it was given, stale ones included.
        self.given: list[tuple[float, Instruction]] = []
        #: Those that were stale when their turn came, and so were not obeyed.
        self.stale: list[Perform | Broken] = []
        self._obey = obey
        self._outbox: deque[Instruction] = deque()
        self._draining = False
        self._wakes: list[float] = []

    # --- events -------------------------------------------------------------------------------------------------------

    def add(self, unit: Unit, *gates: Gate) -> None:
        """Add a unit with its gates."""
        self.tell(Add(unit, self.clock.monotonic(), gates))

    def guard(self, gate: Gate) -> None:
        """Put a gate on a unit that is there."""
        self.tell(Guard(gate, self.clock.monotonic()))

    def unguard(self, unit: Unit, action: str) -> None:
        """Take a gate away."""
        self.tell(Unguard(unit, action, self.clock.monotonic()))

    def move(self, unit: Unit, *states: State, attempt: int | None = None, cause: BaseException | None = None) -> None:
        """Report the unit's arrival in each of the states, one after the other; by default of the present attempt."""
        for state in states:
            self.tell(Move(unit, unit.attempt if attempt is None else attempt, state, self.clock.monotonic(), cause))

    def changed(self, unit: Unit) -> None:
        """Say that something about the unit has changed."""
        self.tell(Changed(unit, self.clock.monotonic()))

    def advance(self, seconds: float) -> None:
        """Let time pass, sending each tick that was asked for, `late` seconds after its time."""
        until = self.clock.monotonic() + seconds
        while self._wakes and self._wakes[0] + self.late <= until:
            self.clock.advance_to(heapq.heappop(self._wakes) + self.late)
            self.tell(Tick(self.clock.monotonic()))
        self.clock.advance_to(until)

    def tell(self, event: Event) -> None:
        """Hand in an event and obey what it asks for. Raises what `Scheduler.handle` raises."""
        self.take(self.scheduler.handle(event))

    def recover(self) -> None:
        """Do what a face does after an interrupt in the middle of `tell`."""
        self.take(self.scheduler.recover(self.clock.monotonic()))

    # --- instructions -------------------------------------------------------------------------------------------------

    @property
    def performed(self) -> list[tuple[str, str]]:
        """The (action, unit's name) that were asked for, in order."""
        return [(told.action, told.unit.name) for _, told in self.given if isinstance(told, Perform)]

    @property
    def broken(self) -> list[tuple[str, str]]:
        """The (action, unit's name) whose gates broke, in order."""
        return [(told.action, told.unit.name) for _, told in self.given if isinstance(told, Broken)]

    @property
    def transitions(self) -> list[Transition]:
        """What observers were told; nothing unless `driver.scheduler.observed` was set."""
        return [told for _, told in self.given if isinstance(told, Transition)]

    def when(self, unit: Unit, action: str) -> list[float]:
        """The times (monotonic seconds) at which `action` of `unit` was asked for."""
        return [
            at for at, told in self.given if isinstance(told, Perform) and told.unit is unit and told.action == action
        ]

    def take(self, instructions: list[Instruction]) -> None:
        """Obey these, after those that are still to be obeyed."""
        self._outbox.extend(instructions)
        instructions.clear()
        if self._draining:
            return
        self._draining = True
        try:
            while self._outbox:
                self._do(self._outbox.popleft())
        finally:
            self._draining = False

    def _do(self, told: Instruction) -> None:
        self.given.append((self.clock.monotonic(), told))
        if isinstance(told, WakeAt):
            heapq.heappush(self._wakes, told.at)
        elif isinstance(told, Perform | Broken):
            if not self.scheduler.current(told):
                self.stale.append(told)
            elif self._obey is not None:
                self._obey(told)
