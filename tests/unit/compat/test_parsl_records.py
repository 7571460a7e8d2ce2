"""Records of Parsl's are told apart without being loaded, up to the first damaged place."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.compat.parsl_checkpoints import record as records
from headrace.compat.parsl_checkpoints.record import Damage, Record, is_swallowed, pack_record, records_in

if TYPE_CHECKING:
    from collections.abc import Callable

#: Frames end at 64 kB, and what is larger than that is in none.
VALUES = [
    None,
    1,
    "text",
    [1, [2, (3,)]],
    {"a": [1] * 5},
    b"." * 65_500,
    *[b"." * (65_536 + more) for more in (-1, 0, 1)],
    ["s" * 70_000, 5, b"z" * 66_000, [1]],
    list(range(100_000)),
    [list(range(60_000)), b"y" * 70_000, list(range(60_000))],
    bytearray(b"k" * 80_000),
    {"x": "ä" * 65_536},
    list,
]


def key(number: int) -> str:
    return f"{number:032x}"


def by_parsl(number: int, value: Any, protocol: int = 4) -> bytes:  # noqa: ANN401 - any result
    """What Parsl appends to its file."""
    return pickle.dumps({"hash": key(number), "exception": None, "result": value}, protocol)


def by_headrace(number: int, value: Any, protocol: int = 5) -> bytes:  # noqa: ANN401 - any result
    return pack_record(key(number), pickle.dumps(value, protocol))


def read(data: bytes) -> list[Record | Damage]:
    return list(records_in(io.BytesIO(data)))


def keys(found: list[Record | Damage]) -> list[str]:
    return [one.key for one in found if isinstance(one, Record)]


def damage(found: list[Record | Damage]) -> Damage:
    assert isinstance(found[-1], Damage)
    return found[-1]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_records_are_found_where_parsl_began_and_ended_them(protocol: int) -> None:
    written = [by_parsl(number, value, protocol) for number, value in enumerate(VALUES)]

    found = read(b"".join(written))

    assert keys(found) == [key(number) for number in range(len(VALUES))]
    assert [one.end - one.begin for one in found if isinstance(one, Record)] == [len(one) for one in written]
    assert {one.protocol for one in found if isinstance(one, Record)} == {protocol}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__} of {len(repr(value))}")
@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("load", [pickle.load, pickle._load], ids=["C", "Python"])  # type: ignore[attr-defined]
def test_what_headrace_writes_loads_as_what_parsl_writes(
    value: Any,  # noqa: ANN401 - the cases
    protocol: int,
    load: Callable[[io.BytesIO], object],
) -> None:
    file = io.BytesIO(by_headrace(1, value, protocol) * 2)

    assert [load(file), load(file)] == [{"hash": key(1), "exception": None, "result": value}] * 2
    assert keys(read(file.getvalue())) == [key(1)] * 2


def test_results_that_refer_to_parts_of_themselves_do_so_still() -> None:
    part = ["a part"]
    whole: list[Any] = [part, part, "text", "text"]
    whole.append(whole)

    result = pickle.loads(by_headrace(1, whole))["result"]  # noqa: S301 - as written

    assert result[0] is result[1]
    assert result[4] is result


def test_the_protocol_of_a_record_is_the_one_that_its_key_was_made_with() -> None:
    (found,) = read(by_headrace(1, "x"))

    assert isinstance(found, Record)
    assert found.protocol == pickle.DEFAULT_PROTOCOL


def test_an_empty_file_has_no_records_and_no_damage() -> None:
    assert read(b"") == []


SOME = [by_parsl(0, 1), by_parsl(1, "text"), by_headrace(2, [1, "b", {"c": 2}]), by_parsl(3, b"z" * 30)]
ENDS = [sum(map(len, SOME[:number])) for number in range(len(SOME) + 1)]
CUTS = [cut for cut in range(ENDS[-1]) if cut not in ENDS]


@pytest.mark.parametrize("cut", CUTS)
def test_a_torn_record_costs_itself_only(cut: int) -> None:
    whole = max(number for number, end in enumerate(ENDS) if end < cut)

    found = read(b"".join(SOME)[:cut])

    assert keys(found) == [key(number) for number in range(whole)]
    assert damage(found) == Damage(ENDS[whole], 1, is_torn=True)


@pytest.mark.parametrize("cut", CUTS)
def test_before_a_record_that_is_torn_in_the_middle_of_a_file_all_are_found(cut: int) -> None:
    whole = max(number for number, end in enumerate(ENDS) if end < cut)

    found = read(b"".join(SOME)[:cut] + by_parsl(8, [8]) + by_parsl(9, [9]))

    assert keys(found)[:whole] == [key(number) for number in range(whole)]
    if isinstance(found[-1], Damage):
        assert found[-1].lost == 3
    else:  # What is missing is as long as the beginning of a record: it is seen when it is loaded.
        torn = found[whole]
        assert is_swallowed((b"".join(SOME)[:cut] + by_parsl(8, [8]) + by_parsl(9, [9]))[torn.begin : torn[2]])


def test_a_record_that_runs_on_into_one_that_ends_where_it_should_is_seen() -> None:
    second = by_parsl(2, b"2" * 100)
    first = by_parsl(1, b"1" * 400)
    torn = first[: len(first) - len(second)] + second

    (found,) = read(torn)

    assert isinstance(found, Record)
    assert is_swallowed(torn)


def test_a_result_that_holds_records_is_one_record() -> None:
    inside = by_parsl(1, "x") + by_parsl(2, "y")
    outside = by_parsl(3, inside)

    assert keys(read(outside + by_parsl(4, "z"))) == [key(3), key(4)]
    assert not is_swallowed(outside)


@pytest.mark.parametrize("garbage", [b"\0" * 100, b"PK\3\4", b"no pickle", pickle.dumps({"hash": 1}), b"\x80"])
def test_what_is_no_record_is_damage_and_nothing_behind_it_is_taken(garbage: bytes) -> None:
    found = read(SOME[0] + garbage + SOME[1] + SOME[2])

    assert keys(found) == [key(0)]
    assert damage(found).lost == 3


def test_whether_a_damaged_place_was_a_record_is_told() -> None:
    assert damage(read(SOME[0][:50])).is_torn
    assert not damage(read(b"\0" * 50)).is_torn


def test_lost_records_are_counted_across_the_windows_in_which_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_CHUNK", 97)

    found = read(b"".join(SOME * 9) + b"garbage" + b"".join(SOME * 20))

    assert len(keys(found)) == len(SOME) * 9
    assert damage(found).lost == 1 + len(SOME) * 20


def test_records_are_found_across_the_windows_in_which_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(75, 300, 7):
        monkeypatch.setattr(records, "_CHUNK", size)

        assert keys(read(b"".join(SOME * 9))) == [key(number) for number in range(4)] * 9


def test_what_is_added_to_a_file_while_it_is_read_is_left_for_later() -> None:
    file = io.BytesIO(SOME[0] + SOME[1])
    reading = records_in(file)
    first = next(reading)
    file.seek(0, io.SEEK_END)
    file.write(SOME[2][:20])

    assert keys([first, *reading]) == [key(0), key(1)]


@given(st.binary(max_size=300), st.integers(0, ENDS[-1]))
def test_no_bytes_make_it_fail(data: bytes, place: int) -> None:
    whole = b"".join(SOME)

    read(whole[:place] + data + whole[place:])
    read(whole[:place] + data)


@given(st.integers(0, ENDS[-1] - 1), st.integers(1, 255))
def test_a_byte_that_is_wrong_costs_no_record_before_it(place: int, bits: int) -> None:
    data = bytearray(b"".join(SOME))
    data[place] ^= bits
    before = max(number for number, end in enumerate(ENDS) if end <= place)

    assert keys(read(bytes(data)))[:before] == [key(number) for number in range(before)]
