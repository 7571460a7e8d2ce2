"""The Markdown and the curve."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from benchmarks import chart
from benchmarks.machine import Machine, describe
from benchmarks.model import Cell, Entry, Figure, Group, Sample
from benchmarks.report import as_json, markdown, number, spread
from benchmarks.summary import Summary, Value
from benchmarks.targets import AtMost, judge

MACHINE = Machine("Abacus", 2, 24.0, "Linux 6", "CPython 3.11.7", {"parsl": "2026"}, "2026-01-01", "files on tape")
GROUP = Group(
    name="threads",
    title="On threads",
    columns={"headrace": "Headrace", "futures": "bare", "parsl": "Parsl"},
    ratios=(("futures", "headrace"), ("parsl", "headrace")),
)
OTHER_GROUP = Group(
    name="commands",
    title="Commands",
    columns={"headrace": "Shell", "headrace-argv": "No shell", "futures": "bare"},
    ratios=(("futures", "headrace-argv"),),
)
CELL = Cell(
    name="noop",
    group=GROUP,
    title="Nothing",
    n=100,
    figures=(Figure("us", "each", "µs"),),
    entries=(Entry("headrace", 100), Entry("parsl", 100)),
)


def rows(*samples: Sample, cell: Cell = CELL) -> list[list[str]]:
    """The cells of the group's table, without its heading."""
    page = markdown([cell], Summary(samples), [], MACHINE, "note")
    return table(page, cell.group)[2:]


def table(page: str, group: Group) -> list[list[str]]:
    lines = page.partition(f"### {group.title}")[2].partition("###")[0].strip().splitlines()
    return [[text.strip() for text in line.strip("|").split("|")] for line in lines]


def sample(us: float, backend: str = "headrace", n: int = 100, *, cell: str = "noop", spin: float = 1.0) -> Sample:
    return Sample(cell, backend, n, 0, {"us": [us]}, spin=spin)


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.306, "9.31"), (34.21, "34.2"), (99.96, "100"), (690.4, "690"), (13_800, "13\u202f800"), (0.0, "0.00")],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_value_shows_its_range_and_its_noise() -> None:
    assert spread(Value(2, 1, 3, 3)) == "2.00 [1.00..3.00]"
    assert spread(Value(2, 1, 3, 3, noisy=True)) == "~2.00 [1.00..3.00]"
    assert spread(Value(2, 2, 2, 1)) == "2.00"


def test_a_row_has_every_backend_and_the_ratios() -> None:
    [row] = rows(sample(10), sample(20), sample(300, "parsl"))

    assert row == ["Nothing", "each, µs", "15.0 [10.0..20.0]", "-", "300", "-", "20.0\u00d7"]


def test_every_group_has_its_own_table() -> None:
    other = replace(CELL, name="run", group=OTHER_GROUP)
    samples = [sample(10), sample(5, "headrace-argv", cell="run"), sample(20, "futures", cell="run")]

    page = markdown([CELL, other], Summary(samples), [], MACHINE, "note")

    assert table(page, GROUP)[0] == ["", "", "Headrace", "bare", "Parsl", "bare ÷ Headrace", "Parsl ÷ Headrace"]
    assert table(page, OTHER_GROUP)[0] == ["", "", "Shell", "No shell", "bare", "bare ÷ No shell"]
    assert table(page, OTHER_GROUP)[2] == ["Nothing", "each, µs", "-", "5.00", "20.0", "4.00\u00d7"]


def test_a_difference_has_no_ratios() -> None:
    cell = replace(CELL, figures=(Figure("us", "over", "µs", compared=False),))

    [row] = rows(sample(10), sample(300, "parsl"), cell=cell)

    assert row[2:] == ["10.0", "-", "300", "-", "-"]


def test_a_backend_of_another_size_says_so() -> None:
    [row] = rows(sample(10), sample(300, "parsl", n=2_000))

    assert row[4] == "300 (n = 2\u202f000)"


def test_seconds_of_different_sizes_are_not_set_in_proportion() -> None:
    cell = replace(CELL, name="fail", figures=(Figure("us", "in all", "s"),))

    [row] = rows(sample(10, cell="fail"), sample(300, "parsl", n=5, cell="fail"), cell=cell)

    assert row[-1] == "-"


def test_a_sized_cell_has_a_row_a_size_and_names_itself_once() -> None:
    cell = replace(CELL, title="Curve", figures=(Figure("us", "each", "µs", from_n=10),), sized=True)

    found = rows(sample(1, n=5), sample(2, n=10), sample(3, n=1_000), sample(4, "parsl", n=10), cell=cell)

    assert [row[:3] for row in found] == [
        ["Curve", "10: each, µs", "2.00"],
        ["", "1\u202f000: each, µs", "3.00"],
    ]
    assert [row[4] for row in found] == ["4.00", "-"]


def test_a_failure_is_shown_with_its_reason() -> None:
    [row] = rows(sample(10), Sample("noop", "parsl", 100, 0, error="not done after 150 s"))

    assert row[4] == "failed (not done after 150 s)"
    assert row[-1] == "-"


def test_a_failure_among_others_is_not_hidden_by_them() -> None:
    [row] = rows(sample(10), Sample("noop", "headrace", 100, 1, error="exit 1"), sample(30))

    assert row[2] == "20.0 [10.0..30.0] (1 of 3 failed)"


def test_a_bar_in_a_reason_does_not_break_the_table() -> None:
    [row] = rows(Sample("noop", "headrace", 100, 0, error="TypeError: int | None"))

    assert row[2] == "failed (TypeError: int / None)"


def test_a_target_has_its_row() -> None:
    targets = [AtMost("Cheap", 35, "µs", "noop", "us", 100), AtMost("Dear", 5, "s", "noop", "us", 100)]
    verdicts = judge(Summary([sample(34.21)]), [*targets, AtMost("None", 1, "s", "noop", "us", 1)])

    page = markdown([], Summary([]), verdicts, MACHINE, "note")

    assert "| Cheap | ≤ 35 µs | 34.2 µs | met |" in page
    assert "| Dear | ≤ 5 s | 34.2 s | **not met** |" in page
    assert "| None | ≤ 1 s | - | not measured |" in page


def test_the_machine_is_named() -> None:
    page = markdown([], Summary([]), [], MACHINE, "How it was made.")

    assert (
        "**Machine.** 2 cores of Abacus, 24 GiB, Linux 6, CPython 3.11.7; files on tape; parsl 2026; 2026-01-01."
        "\n\nHow it was made."
    ) in page


def test_this_machine_can_be_described() -> None:
    machine = describe()

    assert machine.cores >= 1
    assert machine.cpu
    assert machine.sentence().endswith(machine.date)


def test_the_disk_of_this_machine_can_be_described() -> None:
    assert re.fullmatch(r"temporary files on .+, synced in \S+ ms", describe().disk)


def test_the_json_holds_every_sample_and_verdict() -> None:
    samples = [sample(34.0), sample(30.0, spin=3.0)]
    verdicts = judge(Summary(samples), [AtMost("Cheap", 35, "µs", "noop", "us", 100)])

    document = json.loads(json.dumps(as_json(samples, verdicts, MACHINE)))

    assert [(part["figures"], part["quiet"]) for part in document["samples"]] == [
        ({"us": [34.0]}, True),
        ({"us": [30.0]}, False),
    ]
    assert document["verdicts"] == [{"title": "Cheap", "measured": 32.0, "outcome": "met"}]


def test_the_curve_is_a_picture_with_a_point_a_size_and_a_name_a_line() -> None:
    lines = {
        "Ours": [(1_000, Value(30, 28, 33, 3)), (1_000_000, Value(31, 30, 35, 3))],
        "Theirs <&>": [(1_000, Value(9, 9, 9, 1))],
        "Nobody": [],
    }

    root = ET.fromstring(chart.svg(lines))  # noqa: S314 - our own text

    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert tags.count("circle") == 3
    assert "Ours 31" in texts
    assert "Theirs <&> 9" in texts
    assert not any((text or "").startswith("Nobody") for text in texts)
    assert {"1\u202f000", "1\u202f000\u202f000"} <= set(texts)


def test_every_point_of_the_curve_lies_inside_the_picture() -> None:
    lines = {"Ours": [(10**power, Value(9.0 * power, 1, 400, 3)) for power in range(3, 7)]}

    root = ET.fromstring(chart.svg(lines))  # noqa: S314 - our own text

    _, _, width, height = map(float, root.attrib["viewBox"].split())
    circles = [element for element in root.iter() if element.tag.endswith("circle")]
    assert all(0 < float(circle.attrib["cx"]) < width for circle in circles)
    assert all(0 < float(circle.attrib["cy"]) < height for circle in circles)


def test_a_curve_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a point"):
        chart.svg({"Ours": []})
