"""What the journal's tests write down: lamps, which are lit and burn out."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.core import Lifecycle, State, Transition, Unit
from headrace.journal import Journal, RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


class LampState(State):
    """Where a lamp is."""

    dark = "not lit yet"
    lit = "burning"
    out = "burnt down as it should"
    broken = "burst"


LAMP = Lifecycle(
    "lamp",
    initial=LampState.dark,
    moves={
        LampState.dark: (LampState.lit, LampState.broken),
        LampState.lit: (LampState.out, LampState.broken, LampState.dark),
    },
    failed=(LampState.broken,),
    anew=((LampState.lit, LampState.dark),),
)


def lamp(number: int | str, name: str = "lamp") -> Unit:
    """A lamp."""
    return Unit(number, name, LAMP)


def move(unit: Unit, state: LampState, *, at: float = 1.0, cause: BaseException | None = None) -> Transition:
    """The unit's next move, made."""
    previous = None if unit.since is None else unit.state
    unit.arrive(state, at)
    return Transition(unit, unit.attempt, previous, state, at, cause)


def burn(journal: Journal, unit: Unit, *, at: float = 1.0, app: str = "light") -> None:
    """Write down a lamp's whole life: it takes half a second."""
    journal.unit(unit, app=app)
    journal.moved(move(unit, LampState.dark, at=at))
    journal.moved(move(unit, LampState.lit, at=at + 1), "wall")
    journal.moved(move(unit, LampState.out, at=at + 1.5), "wall")


@contextlib.contextmanager
def journal_at(place: str | Path, run: str | None = None) -> Iterator[Journal]:
    """A journal that is closed at the end."""
    journal = Journal.open(place, RunRecord.here(run))
    try:
        yield journal
    finally:
        journal.close()


def payload_of(number: int) -> bytes:
    """What is stored under ``key-NUMBER``: now and then more than the database takes."""
    size = 100_000 if number % 50 == 49 else number % 700
    return random.Random(number).randbytes(size)  # noqa: S311 - to be told apart, not to be secret


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a Python process that may import what the tests may."""
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'src')!r}]\n{script}"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)


def wait_until(condition: object, seconds: float = 30.0) -> None:
    """Wait for what a callable says."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} did not come true"
        time.sleep(0.01)
