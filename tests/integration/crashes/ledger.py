"""What a workflow wrote down of itself, in one file for all of its runs, and what that must not say.

The lines are in the order in which things happened, whichever process wrote them: each has been appended at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["begin", "run", "ack", "fail", "all", "end"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    #: Which of the runs wrote it, from 0.
    generation: int
    #: The run has begun; a call is being made; its future has resolved, or failed; all have; the run has ended.
    kind: Kind
    #: The call's.
    name: str = ""
    #: Of "begin" and "run": the process id; of "ack": what tells the value from others; of "fail": the error.
    detail: object = None


class Ledger:
    """The file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, generation: int | None = None, kind: Kind | None = None) -> list[Entry]:
        """Return what it says, of one run or one kind only if asked."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            try:
                entry = Entry(*json.loads(line)) if line else None
            except ValueError:
                continue  # Torn by a kill: what it would have said was not done.
            if entry is not None and generation in {None, entry.generation} and kind in {None, entry.kind}:
                found.append(entry)
        return found

    def names(self, generation: int | None = None, kind: Kind | None = None) -> list[str]:
        """Return the names of the calls that it says so of."""
        return [entry.name for entry in self.entries(generation, kind)]

    def breaches(self) -> list[str]:
        """Return what was promised and not kept: a resolved future's call was made again, or has another value."""
        values: dict[str, Entry] = {}
        found = []
        for entry in self.entries():
            before = values.get(entry.name)
            if entry.kind == "run" and before is not None:
                found.append(f"{entry.name} had resolved in run {before.generation}, and was run again: {entry}")
            elif entry.kind == "ack":
                if before is not None and before.detail != entry.detail:
                    found.append(f"{entry.name} had another value in run {before.generation}: {before}, now {entry}")
                values[entry.name] = entry
        return found
