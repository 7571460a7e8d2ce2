"""What was measured under which parameters: as a table, as files, and as a plot."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from headrace.experiments.errors import ExperimentError, InvalidTime
from headrace.experiments.plot import plot_series
from headrace.experiments.runner import RunsReason
from headrace.experiments.statistics import mean_interval
from headrace.experiments.timespan import seconds
from headrace.experiments.wholly import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from headrace.experiments.runner import Runs
    from headrace.experiments.statistics import Interval

__all__ = ["Results", "ResultsError", "Row"]

_FORMAT: Final = "headrace results"
_VERSION: Final = 1
_FIGURES: Final = ("n", "mean", "half_width", "low", "high")


class ResultsError(ExperimentError):
    """Results cannot be read, written, or put together with others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured under one set of parameters."""

    #: By name.
    parameters: Mapping[str, Any]
    #: One number for each run that gave one, in order.
    samples: tuple[float, ...] = ()
    #: How many runs were made, and how many of them gave no sample.
    runs: int = 0
    failed: int = 0
    #: Why no more runs were made.
    reason: RunsReason = RunsReason.ENOUGH
    why: str = ""
    confidence: float = 0.95
    #: The mean and how sure it is; None without samples.
    interval: Interval | None = field(init=False)

    def __post_init__(self) -> None:
        interval = mean_interval(self.samples, self.confidence) if self.samples else None
        object.__setattr__(self, "interval", interval)

    @classmethod
    def of(cls, parameters: Mapping[str, Any], runs: Runs, confidence: float = 0.95) -> Self:
        """Return the row of what was measured by repeated runs.

        Raises:
            InvalidSamples: a sample is no finite number.
        """
        if runs.samples:
            mean_interval(runs.samples, confidence)  # It says which one is none.
        return cls(
            parameters=dict(parameters),
            samples=tuple(float(sample) for sample in runs.samples),
            runs=runs.count,
            failed=len(runs.failures),
            reason=runs.reason,
            why=runs.why,
            confidence=confidence,
        )

    @property
    def n(self) -> int:
        """How many samples there are."""
        return len(self.samples)

    @property
    def mean(self) -> float | None:
        """The samples' mean; None without samples."""
        return None if self.interval is None else self.interval.mean

    @property
    def half_width(self) -> float | None:
        """How far off the true mean may be; None with fewer than two samples, which say nothing of it."""
        return self._finite("half_width")

    @property
    def low(self) -> float | None:
        """The least that the true mean may be; None with fewer than two samples."""
        return self._finite("low")

    @property
    def high(self) -> float | None:
        """The most that the true mean may be; None with fewer than two samples."""
        return self._finite("high")

    @property
    def measured(self) -> bool:
        """Whether it was measured as was asked for, and not ended by failures."""
        return self.reason is not RunsReason.FAILED and bool(self.samples)

    def _finite(self, name: str) -> float | None:
        value = None if self.interval is None else getattr(self.interval, name)
        return value if value is not None and math.isfinite(value) else None

    def _plain(self) -> dict[str, Any]:
        figures = {name: getattr(self, name) for name in _FIGURES}
        return {
            "parameters": dict(self.parameters),
            **figures,
            "confidence": self.confidence,
            "runs": self.runs,
            "failed": self.failed,
            "reason": self.reason.name,
            "why": self.why,
            "samples": list(self.samples),
        }


class Results:
    """Rows of what was measured, one for each set of parameters, in order.

    Args:
        names: of the parameters, which every row has.
        rows: the first ones.
        experiment: what these were measured of, in a word that is different for every other experiment; "" if unsaid.
        metric: what the measured number is called in tables and plots.

    Raises:
        ResultsError: a row has other parameters.
    """

    def __init__(
        self, names: Iterable[str], rows: Iterable[Row] = (), *, experiment: str = "", metric: str = "mean"
    ) -> None:
        self.names = tuple(names)
        self.experiment = experiment
        self.metric = metric
        self._rows: dict[str, Row] = {}
        for row in rows:
            self.add(row)

    def __iter__(self) -> Iterator[Row]:
        return iter(tuple(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them."""
        return tuple(self._rows.values())

    def add(self, row: Row) -> None:
        """Take a row in, in place of one with the same parameters. Raises ResultsError if it has other parameters."""
        if set(row.parameters) != set(self.names):
            raise ResultsError(f"these results are by {_listed(self.names)}, and a row is by {_listed(row.parameters)}")
        self._rows[self._key(row.parameters)] = row

    def get(self, parameters: Mapping[str, Any]) -> Row | None:
        """Return the row with these parameters; None if there is none."""
        return self._rows.get(self._key(parameters))

    def only(self, points: Iterable[Mapping[str, Any]]) -> Results:
        """Return the rows with these parameters, in this order, as far as there are any."""
        found = (self.get(point) for point in points)
        rows = (row for row in found if row is not None)
        return Results(self.names, rows, experiment=self.experiment, metric=self.metric)

    # --- as text, and as files ----------------------------------------------------------------------------------------

    def table(self) -> str:
        """Return them as text for people, in columns. What is not settled says why."""
        head = [*self.names, "n", self.metric, "±", "low", "high", ""]
        lines = [head]
        for row in self:
            figures = [_short(getattr(row, name)) for name in _FIGURES[1:]]
            note = "" if row.reason is RunsReason.CONVERGED else row.reason.value
            lines.append([*(str(row.parameters[name]) for name in self.names), str(row.n), *figures, note])
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def to_csv(self, path: Path | None = None) -> str:
        """Return them as CSV, with a line of names first; and write that to a file, if one is given.

        The last columns are why no more was measured, and the samples, with spaces between. A figure that there is
        none of is empty.

        Raises:
            ResultsError: it cannot be written; nothing has changed.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*self.names, *_FIGURES, "confidence", "runs", "failed", "reason", "samples"])
        for row in self:
            plain = row._plain()  # noqa: SLF001 - ours
            figures = ["" if plain[name] is None else plain[name] for name in _FIGURES]
            values = [row.parameters[name] for name in self.names]
            samples = " ".join(map(repr, row.samples))
            writer.writerow([*values, *figures, row.confidence, row.runs, row.failed, row.reason.name, samples])
        return self._written(text.getvalue(), path)

    def to_json(self, path: Path | None = None) -> str:
        """Return them as JSON, from which `read` makes the same; and write that to a file, if one is given.

        Raises:
            ResultsError: a parameter is nothing that JSON can say; or it cannot be written: nothing has changed.
        """
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "experiment": self.experiment,
            "metric": self.metric,
            "parameters": list(self.names),
            "rows": [row._plain() for row in self],  # noqa: SLF001 - ours
        }
        try:
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ResultsError(f"these results cannot be written as JSON: {error}") from error
        return self._written(f"{text}\n", path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what `to_json` has written.

        Raises:
            ResultsError: there is none, or it cannot be read, or `to_json` has not written it.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if (content["format"], content["version"]) != (_FORMAT, _VERSION):
                raise ResultsError(f"{path} is {content['format']!r} {content['version']!r}, not {_FORMAT} {_VERSION}")
            rows = [
                Row(
                    parameters=each["parameters"],
                    samples=tuple(each["samples"]),
                    runs=each["runs"],
                    failed=each["failed"],
                    reason=RunsReason[each["reason"]],
                    why=each["why"],
                    confidence=each["confidence"],
                )
                for each in content["rows"]
            ]
            return cls(content["parameters"], rows, experiment=content["experiment"], metric=content["metric"])
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{path} holds no results: {type(error).__name__}: {error}") from error

    # --- as a plot ----------------------------------------------------------------------------------------------------

    def series(self, x: str | None = None, **where: Any) -> list[tuple[float | str, float, float]]:  # noqa: ANN401 - any attribute's
        """Return what was measured over one parameter: of each value of it, that value, the mean and the half width.

        Args:
            x: the parameter; the first unless given. Time spans, as "10ms", are given in seconds.
            where: the values of others, where there are several; names are given with ``**{"3.rate": "1mbit"}``.

        Raises:
            ResultsError: there is no such parameter, or the other ones have several values: which is meant?
        """
        over = x if x is not None or not self.names else self.names[0]
        for name in (over, *where):
            if name not in self.names:
                raise ResultsError(f"there is no parameter {name!r}; there is {_listed(self.names)}")
        rows = [row for row in self if row.interval is not None]
        rows = [row for row in rows if all(row.parameters[name] == value for name, value in where.items())]
        for name in self.names:
            values = {json.dumps(row.parameters[name], default=repr) for row in rows}
            if name != over and len(values) > 1:
                raise ResultsError(
                    f"{name} has several values here, {', '.join(sorted(values))}; say of which to give what was "
                    f"measured over {over}: **{{{name!r}: …}}"
                )
        places = [_places(row.parameters[str(over)] for row in rows)] if rows else []
        figures = [(row.interval.mean, row.interval.half_width) for row in rows if row.interval is not None]
        return [(place, *figure) for place, figure in zip(places[0], figures, strict=True)] if places else []

    def plot(self, path: Path, x: str | None = None, *, title: str = "", **where: Any) -> Path:  # noqa: ANN401 - any attribute's
        """Plot what was measured over one parameter, with how sure it is, to an .svg or .png file; return its path.

        The arguments are those of `series`.

        Raises:
            ResultsError: as `series`; or nothing was measured.
            MissingExtra: matplotlib is not installed.
        """
        points = self.series(x, **where)
        if not points:
            raise ResultsError("there is nothing to plot: nothing was measured")
        over = x or self.names[0]
        spans = any(_span(row.parameters[over]) is not None for row in self)
        label = f"{over} [s]" if spans and not isinstance(points[0][0], str) else over
        return plot_series(points, path, x_label=label, y_label=self.metric, title=title)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _key(self, parameters: Mapping[str, Any]) -> str:
        # As JSON says them: after reading, a value is found again.
        return json.dumps([parameters.get(name) for name in self.names], default=repr)

    @staticmethod
    def _written(text: str, path: Path | None) -> str:
        if path is not None:
            try:
                write_whole(path, text)
            except OSError as error:
                raise ResultsError(f"{path} cannot be written: {error.strerror or error}") from error
        return text

    def __repr__(self) -> str:
        return f"<Results: {len(self)} by {', '.join(self.names)}>"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _places(values: Iterable[Any]) -> list[float | str]:
    """Return where values are on an axis: as numbers if all of them say one, or all a time span; else by name."""
    known = list(values)
    numbers = [_number(value) for value in known]
    spans = [_span(value) for value in known]
    for found in (numbers, spans):
        places = [place for place in found if place is not None]
        if len(places) == len(known):
            return list(places)
    return [str(value) for value in known]


def _number(value: Any) -> float | None:  # noqa: ANN401 - any attribute's
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _span(value: Any) -> float | None:  # noqa: ANN401 - any attribute's
    try:
        return seconds(value) if isinstance(value, str) and value else None
    except InvalidTime:
        return None
