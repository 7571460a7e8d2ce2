"""What the observers' tests observe: lamps, which are lit, go out, are lit again, and burn out."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from headrace.core import Lifecycle, State, Transition, Unit
from headrace.observers import Observation, Observer, RunInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How long to wait, in seconds, for what should come at once. No good test waits so long.
WAIT = 10


class LampState(State):
    """Where a lamp is."""

    dark = "not lit yet"
    lit = "burning"
    dim = "burning low"
    out = "burnt down as it should"
    broken = "burst"


LAMP = Lifecycle(
    "lamp",
    initial=LampState.dark,
    moves={
        LampState.dark: (LampState.lit, LampState.broken),
        LampState.lit: (LampState.dim, LampState.out, LampState.broken, LampState.dark),
        LampState.dim: (LampState.out, LampState.broken, LampState.dark),
    },
    failed=(LampState.broken,),
    anew=((LampState.lit, LampState.dark), (LampState.dim, LampState.dark)),
)


def lamp(number: int | str = 1, name: str = "hall") -> Unit:
    """A lamp."""
    return Unit(number, name, LAMP)


def move(unit: Unit, state: LampState, at: float = 0.0, cause: BaseException | None = None) -> Transition:
    """The unit's next move, made."""
    previous = None if unit.since is None else unit.state
    if (previous, state) in LAMP.anew:
        unit.attempt += 1
        unit.earlier, unit.since = (), None
    unit.arrive(state, at)
    return Transition(unit, unit.attempt, previous, state, at, cause)


def seen(
    unit: Unit, state: LampState, at: float = 0.0, cause: BaseException | None = None, executor: str | None = None
) -> Observation:
    """The unit's next move, made, as an observer is told of it."""
    return Observation(*move(unit, state, at, cause), executor)


def life(unit: Unit, *, at: float = 0.0, executor: str | None = "wall") -> list[Observation]:
    """A lamp's whole life: it burns for two seconds."""
    return [
        seen(unit, LampState.dark, at),
        seen(unit, LampState.lit, at + 1, executor=executor),
        seen(unit, LampState.out, at + 3, executor=executor),
    ]


def run_info(**fields: Any) -> RunInfo:  # noqa: ANN401 - the record's own
    """A run that began at 100 on the monotonic clock, and at 1000 on the wall's."""
    return RunInfo(**{"id": "the-run", "face": "lamps", "wall": 1000.0, "monotonic": 100.0, **fields})


class Notes(Observer):
    """Notes what it is told, and can be held back or made to raise."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.batches: list[int] = []
        self.threads: set[threading.Thread] = set()
        #: Set while it is held: it is within a call.
        self.held = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.ended_at_last = threading.Event()
        #: What it raises, by the name of the method.
        self.raises: dict[str, BaseException] = {}

    def started(self, run: RunInfo) -> None:
        """Note it."""
        self._note("started", run.id)

    def transitions(self, run: RunInfo, batch: Sequence[Observation]) -> None:  # noqa: ARG002 - the protocol's
        """Note each, once it may go on."""
        self.batches.append(len(batch))
        for one in batch:
            self._note("transitions", one.unit.id)

    def missed(self, run: RunInfo, number: int) -> None:  # noqa: ARG002 - the protocol's
        """Note the number."""
        self._note("missed", number)

    def ended(self, run: RunInfo) -> None:
        """Note it."""
        self._note("ended", run.id)
        self.ended_at_last.set()

    def _note(self, what: str, value: object) -> None:
        self.threads.add(threading.current_thread())
        self.told.append((what, value))
        if what in self.raises:
            raise self.raises[what]
        if not self.go_on.is_set():
            self.held.set()
            self.go_on.wait(WAIT)

    def __repr__(self) -> str:
        return "Notes()"


def numbers(notes: Notes) -> list[Any]:
    """The ids of the units that it was told of."""
    return [value for what, value in notes.told if what == "transitions"]
