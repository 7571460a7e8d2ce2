"""`headrace experiment status` and `headrace experiment list`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.text import Text

from headrace.cli.experiment.place import places
from headrace.cli.experiment.record import read_record
from headrace.cli.experiment.waits import waits_of
from headrace.cli.history.output import date_and_minute, date_and_time, print_json, print_lines, table
from headrace.cli.history.place import CannotDo
from headrace.cli.history.reasons import error_of
from headrace.cli.text import count, duration, one_line
from headrace.core import HeadraceError, SystemClock
from headrace.experiments.graph import state_color
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from headrace.cli.experiment.place import Place
    from headrace.cli.experiment.record import Record, Resource

__all__ = ["list_runs", "resource_values", "show_status", "since_of", "styled", "told_cause"]


def show_status(place: Place, journal: str | None, *, as_json: bool) -> int:
    """Print how a run's resources are, from its journal: while it goes on, and afterwards."""
    record = read_record(place, journal)
    if as_json:
        print_json({**_values(record), "resources": [resource_values(one) for one in record.resources.values()]})
    else:
        print_lines(_status_lines(record))
    return 0


def list_runs(root: Path, exp_id: str | None, *, limit: int, as_json: bool) -> int:
    """Print which runs of which experiments there were and are, the one that was written to last first."""
    found = places(root, exp_id)
    shown: list[tuple[Place, Record | str]] = []
    for place in found[: limit or None]:
        try:
            shown.append((place, read_record(place)))
        except (HeadraceError, CannotDo) as error:
            shown.append((place, str(error)))
    if as_json:
        print_json([_listed_values(place, one) for place, one in shown])
    else:
        print_lines(_list_lines(root, shown, len(found)))
    return 0


def resource_values(one: Resource) -> dict[str, Any]:
    """Return what is known of a resource, for programs."""
    return {
        "guid": one.guid,
        "name": one.name,
        "type": one.rtype,
        "state": one.state.name,
        "since": since_of(one),
        "attempt": one.past.attempt,
        "before": None if one.before is None else one.before.name,
        "cause": one.cause,
        "times": {state.name: at for state, at in one.past.walls.items()},
    }


def since_of(one: Resource) -> float | None:
    """Return when a resource came to its state (wall time); None if that is unknown."""
    return one.past.walls.get(one.state)


def told_cause(one: Resource) -> str:
    """Return what a resource failed of, on one line."""
    return ": ".join(filter(None, error_of(one.cause)))


def styled(state: ResourceState) -> Text:
    """Return a state in its colour."""
    return Text(state.name, style=f"black on {state_color(state.name)}")


def _status_lines(record: Record) -> Iterator[Text | str]:
    place, standing = record.place, record.standing
    took = "" if standing.seconds is None else f", {duration(standing.seconds)}"
    head = Text.assemble((f"{place.exp_id} {place.run_id}", "bold"), ": ", standing.styled(), took)
    yield head.append(f"; {_counted(record)}")
    yield Text(f"{place.run_dir}", style="dim")
    if standing.status == "killed":
        yield Text("its controller was killed: what it left may run on", style="bold red")
        yield Text(f"  go on with it:        {place.command('recover')}")
        yield Text(f"  release what is left: {place.command('release')}")
    yield Text()
    now = SystemClock().monotonic()
    yield from table(
        ("guid", "name", "type", "is", "since", "what"),
        [_row(record, one, now) for one in record.resources.values()],
        right=("guid",),
    )


def _row(record: Record, one: Resource, now: float) -> tuple[Text | str, ...]:
    at = since_of(one)
    return (
        str(one.guid),
        Text(one.name, style="bold"),
        one.rtype,
        styled(one.state),
        date_and_time(at),
        _what(record, one, now),
    )


def _what(record: Record, one: Resource, now: float) -> Text:
    if one.cause is not None:
        return Text(told_cause(one), style="red")
    if one.before is not None:
        return Text(f"was {one.before}", style="dim")
    if not record.standing.alive:
        return Text()
    waits = waits_of(record, one, now, depth=1)
    if not waits:
        return Text()
    more = f", and {len(waits) - 1} more" if len(waits) > 1 else ""
    return Text(f"{waits[0].action} waits: {waits[0].needs}{more}", style="yellow")


def _counted(record: Record) -> str:
    """How many are, or were before they were released, in which state."""
    counts = Counter(one.before or one.state for one in record.resources.values())
    told = ", ".join(f"{counts[state]:,} {state}" for state in ResourceState if counts[state]) or "no resources"
    released = sum(one.state is ResourceState.RELEASED for one in record.resources.values())
    if not released:
        return told
    return f"{told}; {'all' if released == len(record.resources) else f'{released:,}'} released"


def _values(record: Record) -> dict[str, Any]:
    place, standing = record.place, record.standing
    return {
        "experiment": place.exp_id,
        "run": place.run_id,
        "run_dir": str(place.run_dir),
        "status": standing.status,
        "how": standing.how,
        "state": record.experiment or None,
        "began": standing.run.began,
        "ended": standing.run.ended,
        "seconds": standing.seconds,
        "host": standing.run.host,
        "pid": standing.run.pid,
        "failed": sum(one.cause is not None for one in record.resources.values()),
        "states": dict(Counter(one.state.name for one in record.resources.values())),
    }


def _listed_values(place: Place, one: Record | str) -> dict[str, Any]:
    if isinstance(one, str):
        named = {"experiment": place.exp_id, "run": place.run_id, "run_dir": str(place.run_dir)}
        return {**named, "status": "unknown", "problem": one}
    return _values(one)


def _list_lines(root: Path, shown: Sequence[tuple[Place, Record | str]], number: int) -> Iterator[Text | str]:
    if not shown:
        yield f"no runs in {root} yet"
        return
    yield from table(
        ("experiment", "run", "is", "began", "took", "resources", "failed", "what"),
        [_listed(place, one) for place, one in shown],
        right=("took", "resources", "failed"),
    )
    if number > len(shown):
        yield Text(f"and {count(number - len(shown), 'earlier run')}: --limit 0 shows all", style="dim")


def _listed(place: Place, one: Record | str) -> tuple[Text | str, ...]:
    name = Text(place.exp_id, style="bold")
    if isinstance(one, str):
        return name, place.run_id, Text("unknown", style="yellow"), "", "", "", "", one_line(one)
    standing = one.standing
    failed = sum(each.cause is not None for each in one.resources.values())
    return (
        name,
        place.run_id,
        standing.styled(),
        date_and_minute(standing.run.began),
        "" if standing.seconds is None else duration(standing.seconds),
        f"{len(one.resources):,}",
        Text(f"{failed:,}", style="red" if failed else ""),
        _counted(one),
    )
