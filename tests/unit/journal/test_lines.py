"""A line says what it was made of, and a changed one never passes for the one that was written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.journal.things import LampState, lamp, move

from headrace.core import SystemClock, Transition
from headrace.journal import EdgeRecord, Journal, RunRecord, TransitionRecord, UnitRecord
from headrace.journal.group import log_checksum, result_checksum
from headrace.journal.lines import cause_text, ident_of, parse, text_of
from headrace.journal.store import OpenedRun

if TYPE_CHECKING:
    from headrace.journal.group import Group
    from headrace.journal.lines import Line

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
IDS = st.integers(-(2**63), 2**63 - 1) | TEXTS
TIMES = st.floats(0, 1e9).map(lambda at: round(at, 6))


class Memory:
    """A store that only keeps the groups that it is given."""

    place = "memory"
    signing_key = b""
    files = None
    derives = False

    def __init__(self) -> None:
        self.groups: list[Group] = []

    def append(self, group: Group, **_: int) -> None:
        self.groups.append(group)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - nothing else is asked of it here
        return lambda *_: None


def lines_of(tell: Any) -> list[Line]:  # noqa: ANN401 - whatever tells a journal
    """What reads from what a journal was told."""
    memory = Memory()
    journal = Journal(
        memory,  # type: ignore[arg-type]  # a stand-in
        RunRecord(id="run"),
        OpenedRun(1, 1, 0, 1),
        failure="fail",
        on_error=None,
        buffer_bytes=1 << 20,
        clock=SystemClock(),
    )
    tell(journal)
    journal.close()
    words = {word.number: word for group in memory.groups for word in group.words}
    return [
        line for group in memory.groups for line in parse("run", group.body, first=group.first, offset=0.0, words=words)
    ]


@given(
    ident=IDS,
    name=TEXTS,
    app=TEXTS,
    labels=st.lists(TEXTS),
    executor=st.none() | TEXTS,
    stdout=st.none() | TEXTS,
    extra=st.dictionaries(
        TEXTS, st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | TEXTS | st.lists(TEXTS)
    ),
)
def test_any_unit_reads_as_it_was_told(ident: int | str, name: str, app: str, **fields: Any) -> None:  # noqa: ANN401 - of many types
    (line,) = lines_of(lambda journal: journal.unit(lamp(ident, name), app=app, **fields))

    fields["labels"] = tuple(fields["labels"])
    assert line == UnitRecord(run="run", kind="lamp", id=ident, name=name, app=app, **fields)


@given(ident=IDS, at=TIMES, attempt=st.integers(0, 200_000), executor=st.none() | TEXTS, fails=st.booleans())
def test_any_move_reads_as_it_was_told(
    ident: int | str, at: float, attempt: int, executor: str | None, *, fails: bool
) -> None:
    cause = ValueError("why") if fails else None
    told = Transition(lamp(ident), attempt, LampState.lit, LampState.broken, at, cause)

    (line,) = lines_of(lambda journal: journal.moved(told, executor))

    assert isinstance(line, TransitionRecord)
    assert (line.kind, line.unit, line.attempt, line.executor) == ("lamp", ident, attempt, executor)
    assert (line.previous, line.state) == ("lit", "broken")
    assert math.isclose(line.monotonic, at, abs_tol=2e-6)
    assert line.cause == ("ValueError: why" if fails else None)


@given(ident=IDS, needs=IDS, action=TEXTS, states=st.sets(TEXTS), delay=st.floats(0, 1e9))
def test_any_wait_reads_as_it_was_told(
    ident: int | str, needs: int | str, action: str, states: set[str], delay: float
) -> None:
    (line,) = lines_of(lambda journal: journal.edge(lamp(ident), action, lamp(needs), states, delay))

    assert line == EdgeRecord(
        run="run",
        kind="lamp",
        unit=ident,
        action=action,
        needs_kind="lamp",
        needs=needs,
        states=tuple(sorted(states)),
        delay=delay,
    )


@given(st.text())
def test_a_recorded_text_can_be_kept_by_any_database(text: str) -> None:
    recorded = text_of(text)

    assert "\0" not in recorded
    assert recorded.encode("utf-8").decode("utf-8") == recorded
    assert recorded == text or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text)


@given(body=st.binary(min_size=1, max_size=300), data=st.data())
def test_a_group_with_one_byte_changed_or_its_end_cut_off_is_told_apart(body: bytes, data: st.DataObject) -> None:
    def checksum(body: bytes) -> bytes:
        return log_checksum("run", 1, 0, 0.5, body=body, key=b"")

    at = data.draw(st.integers(0, len(body) - 1))
    bit = data.draw(st.integers(0, 7))

    assert checksum(body[:at] + bytes([body[at] ^ 1 << bit]) + body[at + 1 :]) != checksum(body)
    assert checksum(body[:at]) != checksum(body)


@given(payload=st.binary(min_size=1, max_size=300), data=st.data())
def test_a_result_with_one_byte_changed_or_its_end_cut_off_is_told_apart(payload: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + bytes([payload[at] ^ 1 << data.draw(st.integers(0, 7))]) + payload[at + 1 :]
    whole = result_checksum("key", "pickle", payload, b"")

    assert result_checksum("key", "pickle", changed, b"") != whole
    assert result_checksum("key", "pickle", payload[:at], b"") != whole


@pytest.mark.parametrize(
    ("key", "codec", "signing_key"), [("kez", "pickle", b""), ("key", "json", b""), ("key", "pickle", b"secret")]
)
def test_a_results_checksum_covers_its_key_its_codec_and_who_signed_it(
    key: str, codec: str, signing_key: bytes
) -> None:
    assert result_checksum(key, codec, b"value", signing_key) != result_checksum("key", "pickle", b"value", b"")


@pytest.mark.parametrize(
    ("row", "changed"), [(("run", 1, 0, 0.5), ("ruin", 1, 0, 0.5)), (("run", 1, 0, 0.5), ("run", 2, 0, 0.5))]
)
def test_a_groups_checksum_covers_where_it_belongs(
    row: tuple[str, int, int, float], changed: tuple[str, int, int, float]
) -> None:
    assert log_checksum(*row, body=b"x", key=b"") != log_checksum(*changed, body=b"x", key=b"")


@pytest.mark.parametrize(
    ("given", "recorded"),
    [(5, 5), ("a", "a"), (True, "True"), (2**63, str(2**63)), ((1, "b"), "(1, 'b')"), (1.5, "1.5")],
)
def test_an_id_is_recorded_as_a_number_or_a_text(given: Any, recorded: int | str) -> None:  # noqa: ANN401 - anything hashable
    assert ident_of(given) == recorded
    assert type(ident_of(given)) is type(recorded)


def test_an_error_is_recorded_in_a_bounded_number_of_words() -> None:
    assert len(cause_text(ValueError("x" * 10**6))) <= 20_000


def test_units_of_a_great_many_names_need_no_word_each() -> None:
    lines = lines_of(lambda journal: [journal.unit(lamp(number, f"lamp {number}")) for number in range(2500)])

    assert [line.name for line in lines if isinstance(line, UnitRecord)] == [f"lamp {number}" for number in range(2500)]


def test_the_same_move_told_twice_in_a_row_is_recorded_once() -> None:
    told = move(lamp(1), LampState.dark)

    assert len(lines_of(lambda journal: (journal.moved(told), journal.moved(told)))) == 1
