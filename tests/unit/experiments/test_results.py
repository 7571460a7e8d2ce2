"""What was measured: as a table, as files, and as a plot."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from headrace.experiments.results import Results, ResultsError, Row
from headrace.experiments.runner import Runs, RunsReason
from headrace.experiments.statistics import InvalidSamples

if TYPE_CHECKING:
    from pathlib import Path


def row(delay: str, *samples: float, rate: int = 1, reason: RunsReason = RunsReason.CONVERGED) -> Row:
    return Row(parameters={"3.delay": delay, "3.rate": rate}, samples=samples, runs=len(samples), reason=reason)


@pytest.fixture
def results() -> Results:
    rows = [row("10ms", 1.0, 1.5, 2.0), row("50ms", 4.0, reason=RunsReason.ENOUGH), row("1s", reason=RunsReason.FAILED)]
    return Results(["3.delay", "3.rate"], rows, experiment="tides", metric="throughput [Mbit/s]")


def test_a_row_has_the_mean_and_its_interval() -> None:
    one = row("10ms", 1.0, 2.0, 3.0)

    assert one.mean == 2.0
    assert one.half_width == pytest.approx(2.484, abs=1e-3)
    assert one.low == pytest.approx(-0.484, abs=1e-3)
    assert one.high == pytest.approx(4.484, abs=1e-3)


def test_one_sample_says_nothing_of_how_good_it_is() -> None:
    one = row("10ms", 4.0)

    assert (one.n, one.mean, one.half_width, one.low, one.high) == (1, 4.0, None, None, None)


def test_a_row_is_made_of_what_repeated_runs_gave() -> None:
    one = Row.of({"x": 1}, Runs(RunsReason.ENOUGH, 3, (1, 2.5), why="as many as asked for"))

    assert (one.samples, one.runs, one.failed, one.why) == ((1.0, 2.5), 3, 0, "as many as asked for")


def test_a_sample_that_is_no_number_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidSamples, match="sample 1 is 'fast'"):
        Row.of({"x": 1}, Runs(RunsReason.ENOUGH, 2, (1.0, "fast")))


def test_a_row_by_other_parameters_is_refused() -> None:
    with pytest.raises(ResultsError, match=r"by loss, and a row is by 3\.delay, 3\.rate"):
        Results(["loss"], [row("10ms")])


def test_a_row_takes_the_place_of_one_with_the_same_parameters(results: Results) -> None:
    results.add(row("1s", 7.0, 7.0))

    assert [(each.parameters["3.delay"], each.n) for each in results] == [("10ms", 3), ("50ms", 1), ("1s", 2)]


def test_a_table_has_a_line_for_each_row_and_says_what_is_not_settled(results: Results) -> None:
    assert results.table().splitlines() == [
        "3.delay  3.rate  n  throughput [Mbit/s]  ±        low       high",
        "10ms     1       3  1.5                  1.24207  0.257931  2.74207",
        "50ms     1       1  4                                                as many runs were made as were asked for",
        "1s       1       0                                                   runs failed",
    ]


def test_csv_has_a_column_for_each_parameter_and_figure(results: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(results.to_csv())))

    assert [one["3.delay"] for one in rows] == ["10ms", "50ms", "1s"]
    assert (rows[0]["n"], rows[0]["mean"], rows[0]["samples"]) == ("3", "1.5", "1.0 1.5 2.0")
    assert (rows[1]["half_width"], rows[1]["reason"], rows[2]["mean"]) == ("", "ENOUGH", "")


def test_json_reads_as_the_same(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.json"
    results.to_json(path)

    again = Results.read(path)

    assert (again.rows, again.names, again.experiment, again.metric) == (
        results.rows,
        results.names,
        results.experiment,
        results.metric,
    )


def test_json_has_the_figures_for_whoever_reads_it_elsewhere(results: Results) -> None:
    first, second, _ = json.loads(results.to_json())["rows"]

    assert (first["parameters"], first["mean"], first["n"]) == ({"3.delay": "10ms", "3.rate": 1}, 1.5, 3)
    assert second["half_width"] is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "another", "version": 1}', '{"format": "headrace results"}']
)
def test_a_file_that_holds_no_results_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ResultsError, match=r"results\.json"):
        Results.read(path)


def test_what_cannot_be_written_leaves_the_file_as_it_was(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.to_json(path)
    before = path.read_bytes()
    results.add(Row(parameters={"3.delay": object(), "3.rate": 1}))

    with pytest.raises(ResultsError, match="cannot be written as JSON"):
        results.to_json(path)

    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(results: Results, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ResultsError, match="cannot be written"):
        results.to_csv(tmp_path / "file" / "results.csv")


def test_a_series_is_over_one_parameter_with_time_spans_in_seconds(results: Results) -> None:
    (first, second) = results.series()

    assert first[:2] == (0.01, 1.5)
    assert first[2] == pytest.approx(1.242, abs=1e-3)
    assert second == (0.05, 4.0, float("inf"))


def test_a_series_over_one_of_several_says_the_values_of_the_others(results: Results) -> None:
    results.add(row("10ms", 3.0, 3.0, rate=2))

    assert [x for x, _, _ in results.series("3.rate", **{"3.delay": "10ms"})] == [1.0, 2.0]
    with pytest.raises(ResultsError, match=r"3\.rate has several values here, 1, 2"):
        results.series("3.delay")


def test_values_that_are_no_numbers_stand_side_by_side() -> None:
    rows = [Row(parameters={"1.mode": mode}, samples=(1.0, 1.0)) for mode in ("10ms", "off")]

    assert [x for x, _, _ in Results(["1.mode"], rows).series()] == ["10ms", "off"]


def test_a_series_over_nothing_that_there_is_is_refused(results: Results) -> None:
    with pytest.raises(ResultsError, match=r"no parameter 'loss'; there is 3\.delay, 3\.rate"):
        results.series("loss")


@pytest.mark.slow
def test_a_plot_is_a_file(results: Results, tmp_path: Path) -> None:
    path = results.plot(tmp_path / "throughput.svg")

    assert "svg" in path.read_text(encoding="utf-8")


def test_nothing_measured_is_nothing_to_plot(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="nothing was measured"):
        Results(["x"], [Row(parameters={"x": 1}, reason=RunsReason.FAILED)]).plot(tmp_path / "empty.svg")
