"""How a run is doing, or how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from headrace.cli.history.names import folder_of, run_name
from headrace.cli.text import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.journal import Count, JournalReader, RunRecord, UnitRecord

__all__ = [
    "KNOWN",
    "Standing",
    "as_words",
    "described",
    "is_experiment",
    "seconds_of",
    "standing_of",
    "state_word",
    "word_of",
]

#: What each state of a task means to somebody who looks, and the order in which these are told. States of units of
#: other kinds are called by their own names.
_WORDS: Final = {
    "exec_done": "done",
    "memo_done": "done",
    "launched": "running",
    "running": "running",
    "joining": "joining",
    "pending": "waiting",
    "failed": "failed",
    "dep_fail": "not run",
    "cancelled": "cancelled",
}
#: What they mean when the run is over.
_OVER: Final = {"running": "cut off", "joining": "cut off", "waiting": "not begun"}
_ORDER: Final = (*dict.fromkeys(_WORDS.values()), *dict.fromkeys(_OVER.values()))
#: All of these, and the names of the states.
KNOWN: Final = {*_ORDER, *_WORDS}
_STYLES: Final = {"running": "cyan", "killed": "bold red", "done": "green", "failed": "red", "not run": "yellow"}


@dataclass(frozen=True, slots=True)
class Standing:
    """One run, and how it stands."""

    run: RunRecord
    #: ``running``, ``ended`` or ``killed``.
    status: str
    #: How many units of each app are in each state.
    counts: Sequence[Count]
    #: When it was last heard of, if it was killed.
    heard: float | None

    @property
    def alive(self) -> bool:
        """Whether it goes on."""
        return self.status == "running"

    @property
    def how(self) -> str:
        """In a word or two how it is, or how it ended."""
        return self.run.how or "ended" if self.status == "ended" else self.status

    @property
    def total(self) -> int:
        """How many units it has."""
        return sum(one.number for one in self.counts)

    @property
    def words(self) -> dict[str, int]:
        """How many units there are of each word."""
        return as_words(self.counts, alive=self.alive)

    @property
    def states(self) -> dict[str, int]:
        """How many units there are in each state."""
        states: dict[str, int] = {}
        for one in self.counts:
            states[one.state] = states.get(one.state, 0) + one.number
        return states

    @property
    def seconds(self) -> float | None:
        """How long it has taken, by its machine's clock; if it was killed, up to when it was last heard of."""
        end = time.time() if self.alive else self.heard if self.status == "killed" else self.run.ended
        return None if end is None else max(0.0, end - self.run.began)

    @property
    def what(self) -> str:
        """What ran, as people call it."""
        if is_experiment(self.run):
            return f"experiment {self.run.extra.get('exp_id')}"
        return " ".join(self.run.argv) or self.run.script or ""

    def styled(self) -> Text:
        """Return how it is, in its colour."""
        return Text(self.how, style=_STYLES.get(self.status, ""))

    def values(self) -> dict[str, Any]:
        """Return all of it for programs."""
        run = self.run
        return {
            "run": run_name(run),
            "id": run.id,
            "status": self.status,
            "how": run.how,
            "run_dir": folder_of(run),
            "script": run.script,
            "argv": list(run.argv),
            "command": run.extra.get("command"),
            "cwd": run.cwd,
            "began": run.began,
            "ended": run.ended,
            "last_heard": self.heard,
            "seconds": self.seconds,
            "host": run.host,
            "user": run.user,
            "pid": run.pid,
            "versions": dict(run.versions),
            "resumed": run.extra.get("resumed"),
            "lineage": run.extra.get("lineage"),
            "tasks": self.total,
            "states": self.states,
        }


def standing_of(reader: JournalReader, run: RunRecord) -> Standing:
    """Ask how a run stands."""
    counts = _counts(reader, run)
    if run.ended is not None:
        return Standing(run, "ended", counts, None)
    if reader.is_alive(run.number):
        return Standing(run, "running", counts, None)
    # It may have ended since it was read.
    again = reader.run(run.number)
    if again.ended is not None:
        return Standing(again, "ended", _counts(reader, run), None)
    return Standing(again, "killed", counts, reader.last_heard(run.number))


def is_experiment(run: RunRecord) -> bool:
    """Whether it is the run of an experiment, whose units are resources."""
    return run.extra.get("face") == "experiments"


def _counts(reader: JournalReader, run: RunRecord) -> list[Count]:
    """Return the counters of a run; the life of an experiment itself is none of its work."""
    return [one for one in reader.counters(run.number) if one.kind != "experiment"]


def state_word(unit: UnitRecord, *, alive: bool) -> str:
    """Return in a word where a unit is."""
    return word_of(unit.kind, unit.state, alive=alive)


def as_words(counts: Sequence[Count], *, alive: bool) -> dict[str, int]:
    """Return how many units there are of each word, in the order in which the words are told."""
    words: dict[str, int] = {}
    for one in counts:
        word = word_of(one.kind, one.state, alive=alive)
        words[word] = words.get(word, 0) + one.number
    order = {word: place for place, word in enumerate(_ORDER)}
    return dict(sorted(words.items(), key=lambda item: order.get(item[0], len(order))))


def described(words: Mapping[str, int], *, reused: int = 0) -> Text:
    """Return the numbers with their words, each in its colour; and of those that are done, how many did not run."""
    parts = [Text(f"{number:,} {word}", style=_STYLES.get(word, "")) for word, number in words.items()]
    for part, word in zip(parts, words, strict=True):
        if reused and word == "done":
            part.append(f" ({reused:,} reused)")
    return Text(", ").join(parts)


def seconds_of(unit: UnitRecord, *, alive: bool) -> str:
    """Return how long a unit's last attempt took, or has taken; empty if it has not begun, or nobody knows.

    One that ended in the move in which it left its first state was not run: that took no time at all.
    """
    if unit.seconds:
        return duration(unit.seconds)
    if alive and not unit.ended and unit.began_at is not None and unit.state != "pending":
        return duration(max(0.0, time.time() - unit.began_at))
    return ""


def word_of(kind: str, state: str | None, *, alive: bool) -> str:
    """Return the word for a state of units of a kind."""
    if kind != "task":
        return state or "unknown"
    word = _WORDS.get(state or "", state or "unknown")
    return word if alive else _OVER.get(word, word)
