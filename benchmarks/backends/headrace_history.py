"""A long run in Headrace's journal, written straight into it, and the questions that people ask of one.

Nothing is run: a million tasks would take minutes, and the journal is told the same either way. Ten tasks are a chain;
the head of each hundredth chain has failed, and with it all behind it; the last task of all waited for the ends of
so many chains.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.backends.base import History, View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["open_backend"]

_journal: Any = importlib.import_module("headrace.journal")
_core: Any = importlib.import_module("headrace.core")
_task: Any = importlib.import_module("headrace.dataflow.task")

_LINKS = 10
_CHAINS_BETWEEN_FAILURES = 100
_CHAINS_JOINED = 1_000
_PAGE = 20
_SLOWEST = 20
_ROOM_EVERY = 1_000
_SECONDS_A_MOVE = 0.01
_COMMAND_PATIENCE = 60


def open_backend(scratch: Path, *, tasks: int) -> History:
    """Write a run of so many tasks into a journal below `scratch`, and open that for reading.

    Raises:
        ValueError: `tasks` is no multiple of those between two failures, and one more.
    """
    between = _LINKS * _CHAINS_BETWEEN_FAILURES
    if tasks < 2 * between or tasks % between:
        raise ValueError(f"a history is of at least {2 * between} tasks, and a multiple of {between}: not {tasks}")
    place = scratch / "journal.db"
    writer = _Writer(place, scratch, tasks)
    return History(
        write=writer.write,
        place=place,
        views=_questions(place, tasks),
        commands=_commands(place, tasks),
    )


class _Writer:
    """Tells a journal what a kernel with one pool of four threads would."""

    def __init__(self, place: Path, scratch: Path, tasks: int) -> None:
        run = _journal.RunRecord.here("a-long-run", script="workflow.py", extra={"run_dir": str(scratch / "000")})
        self._journal = _journal.Journal.open(place, run)
        self._tasks = tasks
        self._now = 0.0

    def write(self) -> None:
        """Write all of it, and close the journal."""
        with self._journal:
            for chain in range(self._tasks // _LINKS):
                self._chain(chain)
                if chain % _ROOM_EVERY == 0:
                    self._journal.wait_for_room()
            self._join(self._tasks)

    def _chain(self, chain: int) -> None:
        states, fails = _task.TaskState, chain % _CHAINS_BETWEEN_FAILURES == 0
        before = None
        for number in range(chain * _LINKS, (chain + 1) * _LINKS):
            unit = self._add(number, "step", [] if before is None else [before])
            if not fails:
                self._moves(unit, [states.launched, states.running, states.exec_done])
            elif before is None:
                self._moves(unit, [states.launched, states.running, states.failed], ValueError("no such sample"))
            else:
                self._moves(unit, [states.dep_fail], RuntimeError(f"step {before.id} has failed"))
            before = unit

    def _join(self, number: int) -> None:
        needs = [_core.Unit(end, "step", _task.TASK) for end in _joined(self._tasks)]
        unit = self._add(number, "join", needs)
        self._moves(unit, [_task.TaskState.dep_fail], RuntimeError(f"step {_LINKS - 1} has failed"))

    def _add(self, number: int, app: str, needs: list[Any]) -> Any:  # noqa: ANN401 - a unit
        unit = _core.Unit(number, app, _task.TASK)
        self._journal.unit(unit, app=app)
        for one in needs:
            self._journal.edge(unit, _task.LAUNCH, one, _task.DONE)
        self._move(unit, None, _task.TaskState.pending, None)
        return unit

    def _moves(self, unit: Any, states: list[Any], cause: BaseException | None = None) -> None:  # noqa: ANN401 - a unit
        """From pending through `states`; the last is reached because of `cause`, if there is one."""
        previous = _task.TaskState.pending
        for state in states:
            self._move(unit, previous, state, cause if state is states[-1] else None)
            previous = state

    def _move(self, unit: Any, previous: Any, state: Any, cause: BaseException | None) -> None:  # noqa: ANN401 - Headrace's
        self._now += _SECONDS_A_MOVE
        transition = _core.Transition(unit, 0, previous, state, self._now, cause)
        self._journal.moved(transition, None if previous is None else "threads")


def _joined(tasks: int) -> range:
    """The tasks that the last one waits for."""
    return range(_LINKS - 1, min(tasks, _LINKS * _CHAINS_JOINED), _LINKS)


def _failed(tasks: int) -> tuple[int, int]:
    """How many tasks fail, and how many because of others, that which waits for all included."""
    failed = tasks // (_LINKS * _CHAINS_BETWEEN_FAILURES)
    return failed, failed * (_LINKS - 1) + 1


def _questions(place: Path, tasks: int) -> dict[str, View]:
    failed, behind = _failed(tasks)
    last, middle = tasks, tasks // 2 + 1
    page = [*range(tasks - 2 * _PAGE, tasks - _PAGE)]

    def ask(question: Callable[[Any], object], expected: object) -> View:
        return View(partial(_ask, place, question), expected)

    return {
        # The first is asked first; it is not `runs`, which needs nothing that is derived from the log.
        "counters_ms": ask(
            lambda reader: {(one.app, one.state): one.number for one in reader.counters()},
            {
                ("join", "dep_fail"): 1,
                ("step", "dep_fail"): behind - 1,
                ("step", "exec_done"): tasks - failed - behind + 1,
                ("step", "failed"): failed,
            },
        ),
        "runs_ms": ask(lambda reader: [run.id for run in reader.runs()], ["a-long-run"]),
        "times_ms": ask(
            lambda reader: [(one.app, one.number) for one in reader.times()], [("step", tasks - behind + 1)]
        ),
        "failures_ms": ask(lambda reader: len(reader.failures(limit=100)), min(100, failed + behind)),
        "slowest_ms": ask(lambda reader: len(reader.slowest(limit=_SLOWEST)), _SLOWEST),
        "page_ms": ask(lambda reader: _page(reader, page[0]), page),
        "unit_ms": ask(lambda reader: reader.unit("task", middle).state, "dep_fail"),
        "moves_ms": ask(lambda reader: len(reader.transitions("task", middle)), 2),
        "needs_ms": ask(lambda reader: len(reader.needs("task", last)), len(_joined(tasks))),
        "why_ms": ask(lambda reader: _root(reader, last), (len(_joined(tasks)), 0)),
    }


def _ask(place: Path, question: Callable[[Any], object]) -> object:
    with _journal.JournalReader.open(place) as reader:
        return question(reader)


def _page(reader: Any, first: int) -> list[int]:  # noqa: ANN401 - Headrace's reader
    """A page of tasks far down the list, as one who leafs through it comes to it."""
    return [unit.id for unit in reader.units(limit=_PAGE, after=reader.unit("task", first - 1))]


def _root(reader: Any, last: int) -> tuple[int, int]:  # noqa: ANN401 - Headrace's reader
    """How many tasks the last one needed, and whose fault it is that it did not run."""
    waits = reader.waits("task", last)
    path = reader.path("task", last, failed=True)
    return waits.needs, path.units[-1].id % (_LINKS * _CHAINS_BETWEEN_FAILURES)


def _commands(place: Path, tasks: int) -> dict[str, View]:
    def run(*words: str) -> View:
        return View(partial(_command, place, words), 0)

    return {
        "cli_runs_ms": run("runs"),
        "cli_show_ms": run("show"),
        "cli_failed_ms": run("show", "--state", "failed"),
        "cli_task_ms": run("show", "last", str(tasks // 2 + 1)),
        "cli_why_ms": run("why", str(tasks)),
        "cli_log_ms": run("log", str(tasks // 2 + 1)),
    }


def _command(place: Path, words: tuple[str, ...]) -> int:
    command = [sys.executable, "-m", "headrace", *words]
    environment = {**os.environ, "HEADRACE_JOURNAL": str(place)}
    return subprocess.run(
        command, stdout=subprocess.DEVNULL, env=environment, timeout=_COMMAND_PATIENCE, check=False
    ).returncode
