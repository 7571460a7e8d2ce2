"""The page for users has an honest row for each capability of Parsl."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "compat.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", PAGE, flags=re.MULTILINE)
VERDICTS = {"same", "better", "later", "left out"}


def test_every_capability_has_one_row() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 65))


@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_a_row_says_what_it_is_here_and_how_where_it_differs(row: tuple[str, str, str, str]) -> None:
    _, _, verdict, how = row

    assert verdict in VERDICTS
    assert how or verdict in {"same", "later"}


def test_the_options_of_the_oldest_kernel_have_their_rows() -> None:
    table = PAGE.split("| of the historical DataFlowKernel |")[1]
    verdicts = re.findall(r"^\| .+? \| (\w[\w ]*?) \|", table, flags=re.MULTILINE)

    assert len(verdicts) >= 14
    assert set(verdicts) - {"here"} <= VERDICTS
