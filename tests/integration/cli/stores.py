"""Stores for the tests of the commands over the journal: runs as kernels write them, without kernels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.core import Transition, Unit
from headrace.dataflow import TaskState
from headrace.dataflow.task import DONE, LAUNCH, TASK
from headrace.journal import Journal, RunRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

S = TaskState


class Story:
    """Tells what happens in one run; every move is a tenth of a second after the one before."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._at = 100.0

    def task(
        self,
        number: int,
        app: str,
        states: Sequence[TaskState | BaseException],
        needs: Sequence[Unit] = (),
        **told: Any,  # noqa: ANN401 - what `Journal.unit` takes
    ) -> Unit:
        """Tell a task's whole life; an error belongs to the move that follows it."""
        unit = Unit(number, app, TASK)
        self.journal.unit(unit, app=app, **told)
        for one in needs:
            self.journal.edge(unit, LAUNCH, one, DONE)
        previous: TaskState | None = None
        cause: BaseException | None = None
        attempt = 0
        for state in states:
            self._at += 0.1
            if isinstance(state, BaseException):
                cause = state
                continue
            attempt += state is S.pending and previous is not None
            executor = None if state in {S.pending, S.dep_fail} else "few"
            self.journal.moved(Transition(unit, attempt, previous, state, self._at, cause), executor)
            previous, cause = state, None
        return unit


def begin(place: Path | str, run_id: str, *, number: int | None = None, **extra: Any) -> Journal:  # noqa: ANN401 - JSON
    """Begin a run, as a kernel does whose run directory has that number."""
    run_dir = {} if number is None else {"run_dir": str(Path(place).parent / f"{number:03}")}
    record = RunRecord.here(run_id, extra={"face": "dataflow", "lineage": run_id, "resumed": None, **run_dir, **extra})
    return Journal.open(place, record)


def tell_all(story: Story) -> None:
    """A bit of everything: 12 tasks."""
    fetched = [story.task(n, "fetch", [S.pending, S.launched, S.exec_done]) for n in range(3)]
    broken = story.task(
        3,
        "fetch",
        [S.pending, S.launched, OSError("not yet"), S.pending, S.launched, ConnectionError("host 3 is down"), S.failed],
    )
    not_run = story.task(4, "parse", [S.pending, RuntimeError("fetch failed"), S.dep_fail], [broken])
    story.task(5, "parse", [S.pending, RuntimeError("parse did not run"), S.dep_fail], [not_run])
    story.task(6, "parse", [S.pending, S.launched, S.exec_done], [fetched[0]])
    story.task(7, "parse", [S.pending, S.memo_done], [fetched[1]])
    running = story.task(8, "slow", [S.pending, S.launched], [fetched[2]])
    waiting = story.task(9, "parse", [S.pending], [running])
    story.task(10, "total", [S.pending], [*fetched, running, waiting], labels=["few"])
    story.task(11, "odd", [S.pending, S.launched, KeyError("x"), S.failed], stdout="out.txt", stderr=os.devnull)
