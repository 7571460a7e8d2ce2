"""Rows are found in the pages of a database without SQLite's help."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.journal.carving import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.binary()
)


def database(rows: Sequence[tuple[object, ...]], page_size: int = 4096) -> bytes:
    """The file that SQLite would write."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"PRAGMA page_size = {page_size}")
    connection.execute("CREATE TABLE thing (a, b, c)")
    connection.executemany("INSERT INTO thing VALUES (?, ?, ?)", rows)
    data = connection.serialize()
    connection.close()
    return data


def found(data: bytes) -> list[tuple[object, ...]]:
    return [row for row in rows_of(data, b"") if len(row) == 3]


def test_no_rows_are_found_in_nothing() -> None:
    assert list(rows_of(b"", b"")) == []


@given(st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=20))
def test_every_row_is_found(rows: list[tuple[object, ...]]) -> None:
    # SQLite keeps a float that is a whole number as one.
    assert sorted(map(str, found(database(rows)))) == sorted(
        str(tuple(_stored(value) for value in row)) for row in rows
    )


def _stored(value: object) -> object:
    return value


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
@pytest.mark.parametrize("length", [0, 400, 470, 480, 4050, 4061, 4062, 8200, 100_000])
def test_rows_that_need_many_pages_are_found(page_size: int, length: int) -> None:
    rows = [(number, bytes([number]) * length, "end") for number in range(3)]

    assert sorted(found(database(rows, page_size))) == rows


@given(data=st.binary(max_size=5000))
def test_garbage_does_no_harm(data: bytes) -> None:
    list(rows_of(b"SQLite format 3\0" + data, data))


@given(st.data())
def test_one_changed_byte_costs_rows_and_harms_no_more(data: st.DataObject) -> None:
    whole = database([(number, "x" * 300, None) for number in range(50)])
    at = data.draw(st.integers(0, len(whole) - 1))

    list(rows_of(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :], b""))
