"""Runs a workflow, kills it, and looks at what is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.crashes.ledger import Ledger
from tests.integration.crashes.report import Kill
from tests.integration.engines.helpers import Mark
from tests.integration.helpers import alive, until

from headrace.journal import JournalReader

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from typing import Self

    from tests.integration.crashes.ledger import Entry
    from tests.integration.crashes.report import Moment, Target

PROGRAM = Path(__file__).with_name("program.py")
ROOT = Path(__file__).parents[3]

#: How long a run may take, in seconds: on a machine that is busy with other tests too.
PATIENCE = 50.0


@dataclass(frozen=True, slots=True)
class Strike:
    """A kill that is planned: after so many lines of the workflow's output, and then so many seconds."""

    target: Target
    lines: int
    delay: float


class Run:
    """One run of the workflow."""

    def __init__(self, lineage: Lineage, generation: int, options: tuple[str, ...], within: tuple[str, ...]) -> None:
        self.generation = generation
        self.errors = ""
        self._ledger = lineage.ledger
        self._mark = Mark()
        self._errors = lineage.folder / f"errors-{generation}"
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*within, sys.executable, "-W", "error", PROGRAM, lineage.shape, lineage.run_dir, *options],
                cwd=lineage.folder,
                env={
                    **self._mark.env,
                    "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
                    "LEDGER": str(self._ledger.path),
                    "GENERATION": str(generation),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self._deadline = time.monotonic() + PATIENCE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, lines: int | None = None) -> None:
        """Wait for so many lines of output, or for its end."""
        assert self.process.stdout is not None
        pipe, seen = self.process.stdout.fileno(), 0
        while lines is None or seen < lines:
            ready, _, _ = select.select([pipe], [], [], max(0.0, self._deadline - time.monotonic()))
            assert ready, f"the workflow hangs; so far: {self._ledger.entries(self.generation)}\n{self._said()}"
            said = os.read(pipe, 4096)
            if not said:
                break
            seen += said.count(b"\n")

    def strike(self, strike: Strike) -> bool:
        """Kill the target at its moment; tell whether it was there to be killed."""
        if strike.target == "worker":
            return self._strike_a_worker(strike)
        self.read(strike.lines)
        time.sleep(strike.delay)
        if self.process.poll() is not None:
            return False
        if strike.target == "workflow":
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
            self._mark.kill()
        return True

    def end(self) -> int:
        """Let it go on if it holds; wait until nothing of it is alive; return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.read()
        code = self.process.wait(max(1.0, self._deadline - time.monotonic()))
        until(lambda: not self._mark.processes(), "the end of all processes of the workflow")
        self.errors = self._said()
        self.close()
        return code

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self._mark.kill()
        with self.process:
            self.process.kill()

    def moment(self, futures: int) -> Moment:
        """Say how far it came, given how many futures it was to resolve."""
        acknowledged = len(self._ledger.entries(self.generation, "ack"))
        if not acknowledged:
            return "before the first"
        return "in the middle" if acknowledged < futures else "after the last"

    def _strike_a_worker(self, strike: Strike) -> bool:
        """Kill the one that began a call last, after so many calls of this run: it may be at it, or at the next."""
        begun: list[Entry] = []

        def enough() -> bool:
            begun[:] = self._ledger.entries(self.generation, "run")
            return len(begun) >= strike.lines or self.process.poll() is not None

        until(enough, f"{strike.lines} calls of the workflow", PATIENCE)
        time.sleep(strike.delay)
        pid = begun[-1].detail if begun else None
        if not isinstance(pid, int) or not alive(pid):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
        return False

    def _said(self) -> str:
        return self._errors.read_text(errors="replace")


@dataclass
class Lineage:
    """Runs of one workflow, each of which resumes the one before, until it is through."""

    folder: Path
    shape: str
    #: Where its store is: a file in its folder unless said.
    place: str = ""
    #: Options of the program, for each run.
    options: tuple[str, ...] = ()
    generations: int = 0
    #: Whether the workflow says where its store is; else it is where the default is.
    names_place: bool = True
    ledger: Ledger = field(init=False)
    run_dir: str = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.ledger = Ledger(self.folder / "ledger")
        self.run_dir = str(self.folder / "runinfo")
        self.place = self.place or str(self.folder / "journal.db")

    def start(self, *options: str, within: tuple[str, ...] = ()) -> Run:
        """Begin the next run, with more options; `within` a command that runs it."""
        self.generations += 1
        journal = ("--journal", self.place) if self.names_place else ()
        return Run(self, self.generations - 1, (*journal, *self.options, *options), within)

    def run(self, *options: str, code: int | None = 0, within: tuple[str, ...] = ()) -> Run:
        """Let it run to its end."""
        with self.start(*options, within=within) as run:
            ended = run.end()
        assert code in {None, ended}, f"it ended with {ended}, not {code}\n{run.errors}"
        return run

    def said(self, run: Run) -> str:
        """Return what a run that has ended has said, on its standard error and in its log."""
        logs = Path(self.run_dir).glob(f"{run.generation:03}/headrace.log")
        return "".join([run.errors, *(log.read_text(errors="replace") for log in logs)])

    def check(self) -> None:
        """Fail unless the store is whole, and nothing acknowledged is lost."""
        assert self.ledger.breaches() == []
        if not self.ledger.entries(kind="run") and not Path(self.place).exists():
            return  # It was killed before it had made its store.
        with JournalReader.open(self.place) as reader:
            assert {run.id: reader.damage(run.number) for run in reader.runs() if reader.damage(run.number)} == {}
            assert reader.results.verify() == []
            stored = len(list(reader.results.records()))
            assert stored >= len(set(self.ledger.names(kind="ack")))


class Killer:
    """Kills runs at random moments, and keeps count.

    Args:
        folder: where the lineages go.
        shape: which workflow.
        targets: what is killed, in turn.
        chance: chooses the moments.
        place: makes the store of a workflow; unless said, that is a file in the workflow's folder.
    """

    def __init__(
        self,
        folder: Path,
        shape: str,
        targets: tuple[Target, ...],
        chance: random.Random,
        place: Callable[[], str] = str,
    ) -> None:
        self.kills: list[Kill] = []
        #: How many workflows have been run, through however many kills.
        self.lineages = 0
        self._folder = folder
        self._shape = shape
        self._targets = targets
        self._chance = chance
        self._place = place

    def go(self, kills: int) -> None:
        """Kill so often, whatever that takes; after each kill, check; let each workflow come to its end, and check."""
        number = 0
        while len(self.kills) < kills:
            lineage = Lineage(self._folder / f"lineage-{self.lineages}", self._shape, self._place())
            self.lineages += 1
            through = False
            while not through and len(self.kills) < kills:
                through = self._run_and_kill(lineage, self._targets[number % len(self._targets)])
                number += 1
            self._finish(lineage)

    def _run_and_kill(self, lineage: Lineage, target: Target) -> bool:
        """Run it once, and kill; tell whether all futures have resolved by now: there is nothing left to lose."""
        with lineage.start() as run:
            if run.strike(self._plan(target, len(set(lineage.ledger.names(kind="ack"))))):
                done = len(set(lineage.ledger.names(kind="ack")))
                self.kills.append(Kill(target, run.moment(FUTURES[self._shape]), done))
            code = run.end()
        assert code in {0, -signal.SIGKILL}, f"it ended with {code}: {run.errors}"
        assert lineage.ledger.entries(kind="fail") == []
        lineage.check()
        return code == 0 or run.moment(FUTURES[self._shape]) == "after the last"

    def _finish(self, lineage: Lineage) -> None:
        """Run it to its end; all is there then."""
        run = lineage.run()
        last = lineage.ledger.entries(run.generation)
        assert len([entry for entry in last if entry.kind == "ack"]) == FUTURES[self._shape]
        assert (last[0].kind, last[-1].kind) == ("begin", "end")
        lineage.check()
        with JournalReader.open(lineage.place) as reader:
            # Files of results that were never referred to are removed, and no other.
            reader.results.sweep()
            assert reader.results.sweep() == 0
            assert reader.results.verify() == []

    def _plan(self, target: Target, known: int) -> Strike:
        """Choose a moment for a kill, given how many calls need not be made again: these resolve all at once."""
        chance, futures = self._chance, FUTURES[self._shape]
        if target == "worker":
            return Strike(target, chance.randrange(1, 9), chance.uniform(0, 0.004))
        drawn = chance.random()
        if drawn < 0.2:
            return Strike(target, 0, chance.uniform(0, 0.6))
        if drawn < 0.9:
            least = chance.choice([1, min(known, futures - 2) + 1])
            return Strike(target, chance.randrange(least, futures), chance.uniform(0, 0.004))
        return Strike(target, futures, chance.uniform(0, 0.05))


#: How many futures each shape of the workflow has.
FUTURES = {
    "threads": 40,
    "processes": 40,
    "burst": 600,
    "chain": 25,
    "shared": 41,
    "joins": 5,
    "large": 12,
    "large on processes": 12,
    "commands": 10,
    "checkpoints": 40,
}
