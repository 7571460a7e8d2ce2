"""Cells, backends and measures fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.backends import BACKENDS as SOURCES
from benchmarks.backends import IMPORTS
from benchmarks.cells import BACKENDS, CELLS
from benchmarks.measures import MEASURES

if TYPE_CHECKING:
    from benchmarks.model import Cell


def named(cell: Cell) -> str:
    return cell.name


def test_a_name_is_one_cells() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)


def test_every_cell_has_a_measure_and_every_measure_a_cell() -> None:
    assert MEASURES.keys() | {"import"} == {cell.name for cell in CELLS}


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_no_sample_of_a_cell_is_planned_twice(cell: Cell) -> None:
    keys = [(entry.backend, entry.n) for entry in cell.entries]

    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_every_entry_of_a_cell_has_a_column(cell: Cell) -> None:
    assert {entry.backend for entry in cell.entries} <= cell.group.columns.keys()


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_the_columns_of_a_cell_are_the_backends_there_are(cell: Cell) -> None:
    assert tuple(cell.group.columns) == SOURCES[cell.group.name]
    assert set(cell.group.columns) <= set(BACKENDS)


@pytest.mark.parametrize("cell", CELLS, ids=named)
def test_ratios_are_of_columns(cell: Cell) -> None:
    assert {name for pair in cell.group.ratios for name in pair} <= cell.group.columns.keys()


def test_what_is_imported_is_known_for_all_that_take_part() -> None:
    [cell] = [cell for cell in CELLS if cell.name == "import"]

    assert {entry.backend for entry in cell.entries} <= IMPORTS.keys()


@pytest.mark.parametrize("name", ["noop", "latency", "chain"])
def test_parsl_without_its_log_stands_beside_headrace_without_its_journal(name: str) -> None:
    [cell] = [cell for cell in CELLS if cell.name == name]

    assert {"parsl-nolog", "headrace-nojournal"} <= {entry.backend for entry in cell.entries}
    assert ("parsl-nolog", "headrace-nojournal") in cell.group.ratios
