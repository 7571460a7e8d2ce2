"""An engine that runs nothing: commands that play a part, in time that a test owns, with faults to order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING, Literal

from headrace.compute.engines import (
    EngineClosedError,
    EngineError,
    EngineUnreachableError,
    Handle,
    JobState,
    KeyTakenError,
    Status,
    UnknownJobError,
    UnsupportedSpecError,
)
from headrace.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from headrace.compute.engines import CommandSpec, Watcher

__all__ = ["FakeEngine", "FakeSite", "Play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What a command does, if nobody stops it."""

    #: How long it takes. `math.inf`: for ever.
    seconds: float = 0.0
    exit_code: int = 0
    #: The signal that ends it, instead of an exit code.
    signal: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    #: It only ends when its grace is over, once it was asked to end.
    stubborn: bool = False
    #: Why it cannot even be started.
    refused: str = ""


class _Command:
    def __init__(self, handle: Handle, spec: CommandSpec, play: Play, begin: float) -> None:
        self.handle = handle
        self.spec = spec
        self.play = play
        self.status = Status(state=JobState.submitted)
        self.watchers: list[Watcher] = []
        #: When something happens next, and what its status is then.
        self.next: tuple[float, Status] | None = (begin, Status(state=JobState.running))


class FakeSite:
    """Where fake commands are: it outlives the engines that submit to it, as a machine outlives a program.

    Things happen when the clock is advanced, in the order of their times, on the thread that advances it.

    Args:
        script: what each command does; `Play()`, which succeeds at once, unless said.
        clock: the time.
        delay: seconds from taking a command to its beginning.
    """

    def __init__(
        self,
        script: Callable[[CommandSpec], Play] | None = None,
        *,
        clock: VirtualClock | None = None,
        delay: float = 0.0,
    ) -> None:
        self.clock = VirtualClock() if clock is None else clock
        self.delay = delay
        #: How often a command was begun, by key: more than once for none.
        self.begun: dict[str, int] = {}
        self.script = script or (lambda _: Play())
        self.commands: dict[str, _Command] = {}
        self.numbers = count(1)
        self.lock = RLock()
        self.clock.on_advance(self._catch_up)

    def _catch_up(self) -> None:
        now = self.clock.monotonic()
        while True:
            with self.lock:
                due = [(c.next[0], c) for c in self.commands.values() if c.next is not None and c.next[0] <= now]
                if not due:
                    return
                when, command = min(due, key=lambda each: each[0])
                told = self._move(command, when)
            told()

    def _move(self, command: _Command, when: float) -> Callable[[], None]:
        """Let happen what is next; return what tells of it."""
        wall = self.clock.wall() - (self.clock.monotonic() - when)
        _, status = command.next or (when, command.status)
        if status.state is JobState.running:
            if command.play.refused:
                status = Status(state=JobState.failed, reason=command.play.refused, ended=wall)
                command.next = None
            else:
                self.begun[command.handle.key] = self.begun.get(command.handle.key, 0) + 1
                status = replace(status, started=wall)
                command.next = _ending(command, when)
        else:
            status = replace(status, started=command.status.started, ended=wall)
            command.next = None
        return _change(command, status)


def _ending(command: _Command, begun: float) -> tuple[float, Status]:
    play, spec = command.play, command.spec
    if spec.walltime is not None and play.seconds > spec.walltime:
        late = spec.grace if play.stubborn else 0.0
        reason = f"it took longer than its wall time of {spec.walltime:g} s"
        return begun + spec.walltime + late, Status(state=JobState.timed_out, reason=reason)
    if play.signal is not None:
        return begun + play.seconds, Status(state=JobState.failed, signal=play.signal)
    state = JobState.succeeded if play.exit_code == 0 else JobState.failed
    return begun + play.seconds, Status(state=state, exit_code=play.exit_code)


def _change(command: _Command, status: Status) -> Callable[[], None]:
    command.status = status
    watchers = tuple(command.watchers)
    if status.final:
        command.watchers.clear()

    def tell() -> None:
        for watcher in watchers:
            watcher(command.handle, status)

    return tell


class FakeEngine:
    """A deterministic `Engine` for tests of what stands on engines. It passes `EngineContract`.

    Nothing moves until the site's clock does: `FakeEngine().site.clock.advance(0)` is enough for what is due. Faults:
    `unreachable`, `forget_to_answer`, `lose`; and `crash`, which is what its owner's ``kill -9`` would be.

    Args:
        script: what each command does, for a new site.
        site: where the commands are; a new one unless said. Several engines, one after the other or at one time, may
            share one: they find each other's commands again, as far as those are kept.
        name: what handles and errors call it.
    """

    def __init__(
        self,
        script: Callable[[CommandSpec], Play] | None = None,
        *,
        site: FakeSite | None = None,
        name: str = "fake",
    ) -> None:
        self.site = FakeSite(script) if site is None else site
        #: Whether it can be asked. While it cannot, polls return what was last known, and all else raises.
        self.unreachable = False
        #: How many of the next submits take the command, and then raise `EngineUnreachableError` all the same.
        self.forget_to_answer = 0
        self._name = name
        self._mine: set[str] = set()
        self._known: dict[Handle, Status] = {}
        self._closed = False

    @property
    def name(self) -> str:
        """What handles and errors call it."""
        return self._name

    def submit(self, spec: CommandSpec, key: str, watcher: Callable[[Handle, Status], None] | None = None) -> Handle:
        """Take a command. See `Engine.submit`."""
        if self._closed:
            raise EngineClosedError(f"engine {self._name} is closed, and does not take {spec.name}")
        if spec.options:
            raise UnsupportedSpecError(
                f"{spec.name}: engine {self._name} has no option {', '.join(map(repr, spec.options))}"
            )
        self._reach()
        site = self.site
        with site.lock:
            command = site.commands.get(key)
            if command is None:
                handle = Handle(self._name, key, str(next(site.numbers)))
                begin = site.clock.monotonic() + site.delay
                command = site.commands[key] = _Command(handle, spec, site.script(spec), begin)
            elif command.spec != spec:
                raise KeyTakenError(f"{spec.name}: another command has the key {key!r}")
            self._mine.add(key)
            status = command.status
            if watcher is not None and not status.final:
                command.watchers.append(watcher)
        if watcher is not None and status.state is not JobState.submitted:
            watcher(command.handle, status)
        if self.forget_to_answer:
            self.forget_to_answer -= 1
            raise EngineUnreachableError(f"{spec.name}: engine {self._name} did not answer")
        return command.handle

    def poll(self, handles: Iterable[Handle]) -> dict[Handle, Status]:
        """Return what is known of each command. See `Engine.poll`."""
        found = {}
        for handle in handles:
            if self.unreachable:
                last = self._known.get(handle, Status(state=JobState.submitted))
                found[handle] = replace(last, reachable=False)
            else:
                found[handle] = self._known[handle] = self._find(handle).status
        return found

    def cancel(self, handle: Handle) -> None:
        """End a command. See `Engine.cancel`."""
        self._reach()
        command = self._find(handle)
        if not command.status.final:
            self._end(command, "it was cancelled")

    def remove(self, handle: Handle) -> None:
        """Forget a command. See `Engine.remove`. One that runs has ended, however stubborn, without time going by."""
        self._reach()
        try:
            command = self._find(handle)
        except UnknownJobError:
            return
        if not command.status.final:
            now = Status(state=JobState.cancelled, reason="it was cancelled", started=command.status.started)
            command.next = None
            _change(command, replace(now, ended=self.site.clock.wall()))()
        with self.site.lock:
            self.site.commands.pop(handle.key, None)
            self._mine.discard(handle.key)

    def logs(
        self, handle: Handle, stream: Literal["stdout", "stderr"] = "stdout", *, offset: int = 0, size: int = -1
    ) -> bytes:
        """Return what a command has written: all of it, once it has begun. See `Engine.logs`."""
        self._reach()
        command = self._find(handle)
        if getattr(command.spec, stream) is not None:
            raise EngineError(f"{command.spec.name}: its {stream} goes elsewhere")
        if command.status.started is None:
            return b""
        text: bytes = getattr(command.play, stream)
        return text[offset:] if size < 0 else text[offset : offset + size]

    def close(self, grace: float | None = None) -> None:  # noqa: ARG002 - no time goes by here
        """End every command of its own that is not to be kept, at once. Nothing if it was closed before."""
        if not self._closed:
            self._closed = True
            self._end_mine("the engine was closed")

    # --- faults -------------------------------------------------------------------------------------------------------

    def lose(self, handle: Handle) -> None:
        """Have a command vanish, so that nobody knows how it ended.

        Raises:
            UnknownJobError: there is none such.
        """
        command = self._find(handle)
        command.next = None
        if not command.status.final:
            _change(command, replace(command.status, state=JobState.lost, reason="it vanished"))()

    def crash(self) -> None:
        """End as a killed process would: no watcher hears of anything any more; what is kept goes on."""
        with self.site.lock:
            for key in self._mine:
                if (command := self.site.commands.get(key)) is not None:
                    command.watchers.clear()
        self._closed = True
        self._end_mine("the process that submitted it has ended")
        with self.site.lock:
            for key in self._mine:
                command = self.site.commands.get(key)
                if command is not None and command.spec.orphan == "kill":
                    del self.site.commands[key]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _reach(self) -> None:
        if self.unreachable:
            raise EngineUnreachableError(f"engine {self._name} does not answer")

    def _find(self, handle: Handle) -> _Command:
        command = self.site.commands.get(handle.key)
        if command is None or command.handle != handle:
            raise UnknownJobError(f"engine {self._name} has no command {handle}; it may have been removed")
        if command.spec.orphan == "kill" and handle.key not in self._mine:
            raise UnknownJobError(f"engine {self._name} has no command {handle}: another engine's")
        return command

    def _end(self, command: _Command, reason: str) -> None:
        begun = command.status.state is JobState.running
        now = self.site.clock.monotonic()
        when = now + (command.spec.grace if begun and command.play.stubborn else 0.0)
        if command.next is not None and begun and command.next[0] <= when:
            when = min(command.next[0], when)
            if command.next[1].state is not JobState.timed_out and command.next[0] <= now:
                return  # It has ended by itself, and that is about to be told.
        command.next = when, Status(state=JobState.cancelled, reason=reason)

    def _end_mine(self, reason: str) -> None:
        for key in tuple(self._mine):
            command = self.site.commands.get(key)
            if command is not None and command.spec.orphan == "kill" and not command.status.final:
                command.next = None
                status = replace(command.status, state=JobState.cancelled, reason=reason)
                _change(command, replace(status, ended=self.site.clock.wall()))()
