"""What a description says is measured of a run, as a function."""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Final

from headrace.experiments.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headrace.experiments.controller import ExperimentController
    from headrace.experiments.description import MetricDescription

__all__ = ["metric_of", "number_in"]

_TAKEN: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "first": lambda found: found[0],
    "last": lambda found: found[-1],
    "mean": statistics.fmean,
    "min": min,
    "max": max,
    "sum": sum,
}


def metric_of(described: MetricDescription) -> Callable[[ExperimentController, int], float]:
    """Return what measures a run, given its controller and its number."""

    def measure(ec: ExperimentController, _: int) -> float:
        text = ec.trace(described.guid, described.trace)
        try:
            return number_in(text, described.pattern, described.take)
        except ValueError as error:
            raise TraceError(f"trace {described.trace} of {ec.get_resource(described.guid)}: {error}") from error

    return measure


def number_in(text: str, pattern: str | None, take: str) -> float:
    """Return the number in a text: what of several is taken is said by `take`.

    Raises:
        ValueError: there is none, or what the pattern finds is none.
    """
    if pattern is None:
        return float(text)
    found = [(match[1] or "") if match.re.groups else match[0] for match in re.finditer(pattern, text, re.MULTILINE)]
    if not found:
        raise ValueError(f"nothing in it is like {pattern!r}")
    return float(_TAKEN[take]([float(each) for each in found]))
