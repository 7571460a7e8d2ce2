"""What became of an experiment, for people, for programs, and for the exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from headrace.cli.ending import RAISED
from headrace.cli.experiment.moment import first_wait, name_of
from headrace.cli.experiment.place import Place
from headrace.cli.signals import code_of
from headrace.cli.text import count, duration, error_line, one_line
from headrace.experiments.errors import UnknownResource
from headrace.experiments.run_file import RUN_FILE
from headrace.experiments.state import ResourceState
from headrace.experiments.waiting import WaitReason

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.resource import ResourceManager
    from headrace.experiments.runner import Runs
    from headrace.experiments.waiting import WaitResult

__all__ = ["TIMED_OUT", "Failure", "Outcome"]

_NAMED: Final = 20
#: The exit code of what took too long, as that of timeout(1).
TIMED_OUT: Final = 124


@dataclass(slots=True)
class Failure:
    """A resource that failed."""

    name: str
    rtype: str
    critical: bool
    cause: str
    #: The files that its traces are in.
    traces: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What became of an experiment; filled as it is known."""

    place: Place | None = None
    #: Whether this only released what was left.
    only_release: bool = False
    waited: WaitResult | None = None
    runs: Runs | None = None
    released: WaitResult | None = None
    #: How many resources were in which state before they were released.
    states: dict[ResourceState, int] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    elapsed: float = 0.0
    #: Whether the experiment was given up before its end.
    given_up: bool = False
    #: Of those that were waited for and did not get there: what they are called, where they were, and what was in
    #: their way; by guid.
    missing: dict[int, str] = field(default_factory=dict)

    def look(self, ec: ExperimentController) -> None:
        """Take note of how the resources are: to be called before they are released, and after."""
        self.place = Place(ec.run_dir)
        self.given_up = ec.abort
        managers = [ec.get_resource(guid) for guid in ec.resources]
        states = Counter(each.state for each in managers)
        if not self.missing and self.waited is not None:
            self.missing = {guid: _in_the_way(ec, guid) for guid in self.waited.missing[:_NAMED]}
        if set(states) != {ResourceState.RELEASED}:
            self.states = dict(states)
        for each in managers:
            if ResourceState.FAILED in each.times:
                self._note(each)

    def _note(self, manager: ResourceManager) -> None:
        cause = manager.cause
        told = "nobody said why" if cause is None else error_line(cause)
        failure = self.failures.setdefault(
            manager.guid, Failure(name_of(manager), manager.rtype, bool(manager.get("critical")), told)
        )
        for name in manager.enabled_traces():
            try:
                path = manager.do_trace(name)
                if path.is_file() and path.stat().st_size and str(path) not in failure.traces:
                    failure.traces.append(str(path))
            except Exception:  # noqa: BLE001, S112 - whatever an author's method raises, the others are told
                continue

    # --- the exit code ------------------------------------------------------------------------------------------------

    @property
    def well(self) -> bool:
        """Whether all got where they should, and all was given back."""
        reached = self.waited if self.runs is None else self.runs
        return (self.only_release or bool(reached)) and bool(self.released)

    def code(self, received: signal.Signals | None, *, allow_failures: bool) -> int:
        """Return the exit code.

        Args:
            received: the first signal that was to end it, if one came.
            allow_failures: whether failures of resources that are not critical are fine.
        """
        if received is not None:
            return code_of(received)
        if not self.only_release and self.waited is not None and self.waited.reason is WaitReason.TIMED_OUT:
            return TIMED_OUT
        if not self.well:
            return RAISED
        bad = [one for one in self.failures.values() if one.critical or not allow_failures]
        return RAISED if bad and not self.only_release else 0

    # --- for people ---------------------------------------------------------------------------------------------------

    def lines(self, *, interrupted: bool) -> Iterator[Text]:
        """Yield the summary."""
        place = self.place
        if place is None:
            return
        yield Text()
        states = ", ".join(f"{self.states[state]:,} {state}" for state in ResourceState if state in self.states)
        text = Text.assemble(
            (place.exp_id, "bold"), f": {self._verdict(interrupted=interrupted)}, in {duration(self.elapsed)}"
        )
        yield text
        if self.runs is None and states and not self.only_release:
            yield Text(f"  {states}{', then released' if self.released else ''}")
        if self.waited is not None and not self.waited and not interrupted:
            yield from self._missing()
        yield from self._failed()
        if self.released is not None and not self.released:
            left = ", ".join(f"{guid} ({self.released.states[guid]})" for guid in self.released.missing)
            yield Text(f"  not released: {left}; try again: {place.command('release')}", style="red")
        if place.run_dir.is_dir():
            yield Text(f"run directory: {place.run_dir}")
        if (place.run_dir / RUN_FILE).is_file():
            yield Text(f"look at it again: {place.command('status')}", style="dim")

    def _verdict(self, *, interrupted: bool) -> str:
        if interrupted:
            return "interrupted, and all was released" if self.released else "interrupted"
        if self.only_release:
            return "all is released" if self.released else "not all could be released"
        if self.runs is not None:
            return str(self.runs)
        if self.waited is None:
            return "it did not begin"
        if self.given_up and not self.waited:
            critical = any(one.critical for one in self.failures.values())
            return "given up, since what is critical failed" if critical else "given up"
        return str(self.waited.reason.value)

    def _missing(self) -> Iterator[Text]:
        waited = self.waited
        if waited is None or not waited.missing:
            return
        yield Text(f"{count(len(waited.missing), 'resource')} did not get to {waited.state}:")
        for told in self.missing.values():
            yield Text(f"  {told}")
        if len(waited.missing) > len(self.missing):
            yield Text(f"  and {len(waited.missing) - len(self.missing):,} more")

    def _failed(self) -> Iterator[Text]:
        if self.runs is not None:
            for each in self.runs.failures:
                yield Text(f"  {one_line(str(each))}", style="red")
        if self.failures:
            yield Text(f"{count(len(self.failures), 'resource')} failed:", style="bold red")
        for one in self.failures.values():
            yield Text(f"  {one.name} {one.rtype}{'' if one.critical else ', not critical'}: {one.cause}", style="red")
            for trace in one.traces:
                yield Text(f"    {trace}")

    # --- for programs -------------------------------------------------------------------------------------------------

    def values(self, code: int, *, interrupted: bool) -> dict[str, Any]:
        """Return all of it for programs."""
        place, waited, runs = self.place, self.waited, self.runs
        return {
            "experiment": None if place is None else place.exp_id,
            "run": None if place is None else place.run_id,
            "run_dir": None if place is None else str(place.run_dir),
            "verdict": self._verdict(interrupted=interrupted),
            "exit_code": code,
            "seconds": self.elapsed,
            "reason": None if waited is None else waited.reason.name,
            "missing": [] if waited is None else list(waited.missing),
            "states": {state.name: number for state, number in self.states.items()},
            "failures": [
                {
                    "guid": guid,
                    "name": one.name,
                    "type": one.rtype,
                    "critical": one.critical,
                    "cause": one.cause,
                    "traces": one.traces,
                }
                for guid, one in self.failures.items()
            ],
            "released": bool(self.released),
            "runs": None
            if runs is None
            else {
                "reason": runs.reason.name,
                "why": runs.why,
                "count": runs.count,
                "samples": list(runs.samples),
                "mean": None if runs.interval is None else runs.interval.mean,
                "failures": [{"number": each.number, "run": each.run_id, "why": each.why} for each in runs.failures],
            },
        }


def _in_the_way(ec: ExperimentController, guid: int) -> str:
    """Say where a resource is, and what it waits for."""
    try:
        manager = ec.get_resource(guid)
    except UnknownResource:
        return f"{guid} was removed"
    waits = first_wait(ec, guid)
    return f"{name_of(manager)} is {manager.state}" + (f": {waits}" if waits else "")
