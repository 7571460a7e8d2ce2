"""`headrace experiment why`: what a resource waits for, or what it failed of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from headrace.cli.experiment.record import read_record
from headrace.cli.experiment.status import resource_values, since_of, styled, told_cause
from headrace.cli.experiment.waits import waits_of, who_waits
from headrace.cli.history.output import date_and_time, print_json, print_lines
from headrace.cli.text import count
from headrace.core import SystemClock
from headrace.experiments.state import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headrace.cli.experiment.place import Place
    from headrace.cli.experiment.record import Record, Resource
    from headrace.cli.experiment.waits import Waited

__all__ = ["why"]

_R = ResourceState
_NAMED = 5
_SHOWN = 20
_ENDS = 3


def why(place: Place, which: str, journal: str | None, *, as_json: bool) -> int:
    """Print what a resource waits for and who waits for it; or what it failed of."""
    record = read_record(place, journal)
    one = record.find(which)
    now = SystemClock().monotonic()
    waits = waits_of(record, one, now)
    waiting = who_waits(record, one, now)
    if as_json:
        print_json(
            {
                "experiment": place.exp_id,
                "run": place.run_id,
                **resource_values(one),
                "why": _verdict(record, one, waits),
                "waits": [
                    {
                        "resource": each.resource.guid,
                        "action": each.action,
                        "needs": each.needs,
                        "on": None if each.on is None else each.on.guid,
                        "depth": each.depth,
                    }
                    for each in waits
                ],
                "waited_for_by": [each.resource.guid for each in waiting],
            }
        )
    else:
        print_lines(_lines(record, one, waits, waiting))
    return 0


def _verdict(record: Record, one: Resource, waits: Sequence[Waited]) -> str:
    """In a sentence."""
    if one.cause is not None:
        told = f"it failed: {told_cause(one)}"
        return told if one.critical else f"{told}; it is not critical, so the experiment went on"
    if one.state is _R.RELEASED:
        return f"it was {one.before} when it was released" if one.before is not None else "it was released"
    over = (
        ""
        if record.standing.alive
        else f", and the run {'was killed' if record.standing.status == 'killed' else 'ended'} then"
    )
    if one.state in {_R.STOPPED, _R.FINISHED}:
        return f"{'somebody stopped it' if one.state is _R.STOPPED else 'it ended by itself'}{over}"
    own = [each for each in waits if not each.depth]
    if own:
        first = own[0].action
        return f"its {first} waits for {count(len(own), 'thing')}{over}"
    doing = (
        "it runs"
        if one.state is _R.STARTED
        else "it waits for nothing: nobody has asked for more, or what it does goes on"
    )
    return f"{doing}{over}"


def _lines(record: Record, one: Resource, waits: Sequence[Waited], waiting: Sequence[Waited]) -> Iterator[Text | str]:
    yield Text.assemble(
        (str(one), "bold"), f" {one.rtype}: ", styled(one.state), f" since {date_and_time(since_of(one)) or 'unknown'}"
    )
    yield Text(_verdict(record, one, waits), style="red" if one.cause is not None else "")
    # Who is to blame for a long chain is at its end.
    cut = len(waits) - _SHOWN if len(waits) > _SHOWN + 1 else 0
    shown = [*waits[: _SHOWN - _ENDS], *waits[-_ENDS:]] if cut else waits
    for number, each in enumerate(shown):
        if cut and number == _SHOWN - _ENDS:
            yield Text(f"  ... {cut:,} more ...", style="dim")
        yield Text(f"  {each}")
    if waiting:
        named = ", ".join(f"{each.resource} ({each.action})" for each in waiting[:_NAMED])
        more = f" and {len(waiting) - _NAMED:,} more" if len(waiting) > _NAMED else ""
        yield Text(f"{count(len(waiting), 'resource')} {'wait' if len(waiting) > 1 else 'waits'} for it: {named}{more}")
