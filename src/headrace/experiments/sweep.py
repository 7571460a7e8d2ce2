"""Running an experiment under many parameters, and going on where that was cut short."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import logging
import random
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from headrace.experiments.attribute import Flags
from headrace.experiments.errors import ExperimentError, ReadOnlyAttribute
from headrace.experiments.named import folder_name
from headrace.experiments.replica import own_values
from headrace.experiments.results import Results, ResultsError, Row
from headrace.experiments.runner import ExperimentRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from headrace.experiments.controller import ExperimentController

__all__ = ["sweep"]

logger = logging.getLogger(__name__)

#: What of the runner's options makes another measurement.
_MEASUREMENT: Final = ("wait_time", "wait_guids", "release_first")


def sweep(
    ec: ExperimentController,
    parameters: Mapping[tuple[int, str], Any] | Iterable[Mapping[tuple[int, str], Any]],
    *,
    zipped: bool = False,
    shuffle: int | None = None,
    name: str = "results",
    again: bool = False,
    told: Callable[[Row], object] | None = None,
    **options: Any,  # noqa: ANN401 - the runner's
) -> Results:
    """Run an experiment under each set of parameters until what it measures has settled; return what was measured.

    The results are in ``<exp_dir>/<name>.json`` and ``.csv`` as they come. A sweep that is started again goes on: what
    was measured is not measured again, what failed is. For that, the experiment needs an `exp_id` of its own.

    Args:
        ec: the experiment; see `ExperimentRunner.run`.
        parameters: which attributes are to have which values: ``{(guid, "delay"): ["10ms", "50ms"], …}``, and then each
            value of one meets each of the others, the last one changing first; or the points themselves, as
            ``[{(guid, "delay"): "10ms", …}, …]``.
        zipped: the first values of all meet one another, then the second ones, and so on.
        shuffle: a number, for an order that chance has made: the same for the same number. The results are in the
            order of `parameters` all the same. It keeps what drifts with time apart from what the parameters do.
        name: of the files.
        again: whether what was measured before is forgotten.
        told: is given each row once it is in the files.
        options: those of `ExperimentRunner.run`; `compute_metric`, which must return numbers, is needed. With
            ``on_failure="stop"`` a failed run ends its point, and the sweep goes on with the next.

    Returns:
        a row for each point, those that were measured earlier included; files may hold more, of other sweeps over the
        same parameters.

    Raises:
        UnknownResource, UnknownAttribute, InvalidAttribute: of `parameters`; nothing was run.
        ExperimentError: an option makes no sense; nothing was run.
        ResultsError: what the files hold was measured of another experiment, or of other parameters; or another process
            is at it; or they cannot be written.
    """
    points = _points(ec, parameters, zipped=zipped)
    columns = {key: f"{key[0]}.{key[1]}" for key in points[0]}
    if options.get("compute_metric") is None and options.get("compute_metric_callback") is None:
        raise ExperimentError(
            "a sweep measures something at each point: give compute_metric, as to ExperimentRunner.run"
        )
    folder_name(name, "name")
    rows_of = [{columns[key]: value for key, value in point.items()} for point in points]
    order = list(range(len(points)))
    if shuffle is not None:
        random.Random(shuffle).shuffle(order)  # noqa: S311 - nothing secret
    base = ec.exp_dir / name
    with _alone(ec.exp_dir, name):
        results = _earlier(base, columns.values(), _fingerprint(ec, columns, options), again=again)
        for number, place in enumerate(order, 1):
            row = results.get(rows_of[place])
            if row is not None and row.measured:
                continue
            logger.info("%s: point %d of %d: %s", ec.exp_id, number, len(order), rows_of[place])
            runs = ExperimentRunner().run(ec, values=points[place], **options)
            row = Row.of(rows_of[place], runs, options.get("confidence", 0.95))
            results.add(row)
            results.to_json(base.with_name(f"{name}.json"))
            results.to_csv(base.with_name(f"{name}.csv"))
            if told is not None:
                told(row)
    return results.only(rows_of)


def _points(
    ec: ExperimentController,
    parameters: Mapping[tuple[int, str], Any] | Iterable[Mapping[tuple[int, str], Any]],
    *,
    zipped: bool,
) -> list[dict[tuple[int, str], Any]]:
    """Return all points, their values checked, each once."""
    if isinstance(parameters, Mapping):
        for key, values in parameters.items():
            if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
                raise ExperimentError(f"the values of {key} are several, as a list, not {values!r}")
        columns = [list(values) for values in parameters.values()]
        if zipped and len({len(column) for column in columns}) > 1:
            lengths = ", ".join(f"{key}: {len(column)}" for key, column in zip(parameters, columns, strict=True))
            raise ExperimentError(f"zipped parameters have as many values each, and there are {lengths}")
        rows: Iterable[Sequence[Any]] = zip(*columns, strict=True) if zipped else itertools.product(*columns)
        found = [dict(zip(parameters, row, strict=True)) for row in rows]
    else:
        found = [dict(point) for point in parameters]
    if not found or not found[0]:
        raise ExperimentError("there is nothing to sweep over: give parameters, with a value at least")
    if len({frozenset(point) for point in found}) > 1:
        raise ExperimentError("every point says the same parameters, and these do not")
    checked = [{key: _checked(ec, key, value) for key, value in point.items()} for point in found]
    return list({json.dumps([*point.values()], default=repr): point for point in checked}.values())


def _checked(ec: ExperimentController, key: tuple[int, str], value: Any) -> Any:  # noqa: ANN401 - as declared
    """Return a value as one of the attribute's."""
    try:
        guid, name = key
    except (TypeError, ValueError):
        raise ExperimentError(f'a parameter is (guid, "attribute"), not {key!r}') from None
    manager = ec.get_resource(guid)
    attribute = manager._declared(name)  # noqa: SLF001 - a part of it
    if Flags.Credential in attribute.flags:
        raise ExperimentError(f"{manager}: {name} is a secret, and the parameters of a sweep are written to files")
    if attribute.flags & (Flags.NoWrite | Flags.Reserved) and Flags.Construct not in attribute.flags:
        raise ReadOnlyAttribute(f"{manager}: {name} may not be set: the resource sets it itself")
    checked = attribute.check(value)
    if attribute.set_hook is not None:
        attribute.set_hook(attribute.default, checked)
    return checked


def _earlier(base: Path, names: Iterable[str], fingerprint: str, *, again: bool) -> Results:
    """Return what was measured before."""
    path = base.with_name(f"{base.name}.json")
    fresh = Results(names, experiment=fingerprint)
    if again or not path.exists():
        return fresh
    earlier = Results.read(path)
    remedy = "give this sweep another name=, or again=True to forget them"
    if set(earlier.names) != set(fresh.names):
        raise ResultsError(
            f"{path} holds results by {', '.join(earlier.names)}, not {', '.join(fresh.names)}; {remedy}"
        )
    if earlier.experiment != fingerprint:
        raise ResultsError(f"{path} holds results of another experiment, or of one that has changed since; {remedy}")
    return Results(fresh.names, earlier, experiment=fingerprint)


def _fingerprint(ec: ExperimentController, swept: Iterable[tuple[int, str]], options: Mapping[str, Any]) -> str:
    """Return a word for what is measured, the swept attributes and secrets left out."""
    out = set(swept)
    resources = []
    for manager in map(ec.get_resource, ec.resources):
        declared = manager._attributes  # noqa: SLF001 - a part of it
        values = {
            name: value
            for name, value in sorted(own_values(manager).items())
            if (manager.guid, name) not in out and Flags.Credential not in declared[name].flags
        }
        conditions = [f"{each!s} {each.delay!r}" for each in ec.conditions(manager.guid)]
        conditions += [f"{each!s} {each.delay!r} {name} {value!r}" for name, value, each in manager._sets]  # noqa: SLF001 - a part of it
        connections = sorted(manager.connections)
        resources.append([manager.guid, manager.rtype, values, connections, conditions, manager.enabled_traces()])
    measurement = {name: options.get(name) for name in _MEASUREMENT}
    metric = options.get("compute_metric") or options.get("compute_metric_callback")
    named = getattr(metric, "__qualname__", type(metric).__qualname__)
    given = sorted((*key, repr(value)) for key, value in ec._globals.items())  # noqa: SLF001 - a part of it
    text = json.dumps([resources, given, measurement, named], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """See that nobody else is at these results. Raises ResultsError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{name}.lock"
    with path.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ResultsError(
                f"another sweep is writing {folder / name}.json; wait for it, or give a name="
            ) from error
        yield
