"""Observations say what begins and ends with them; attempts are kept while they are under way."""

from __future__ import annotations

import pytest
from tests.unit.observers.lamps import LampState, lamp, run_info, seen

from headrace.observers.attempts import Attempts, Over
from headrace.observers.observation import cause_text

dark, lit, dim, out, broken = LampState


@pytest.mark.parametrize(
    ("states", "begins", "ends"),
    [
        ([dark], False, False),
        ([dark, lit], True, False),
        ([dark, lit, dim], False, False),
        ([dark, lit, out], False, True),
        ([dark, lit, dark], False, True),
        ([dark, broken], False, True),
        ([dark, lit, dark, lit], True, False),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else str(value),
)
def test_a_move_begins_work_or_ends_an_attempt(states: list[LampState], begins: bool, ends: bool) -> None:  # noqa: FBT001
    unit = lamp()

    told = [seen(unit, state) for state in states][-1]

    assert (told.begins_work, told.ends_attempt) == (begins, ends)


def test_an_attempt_is_kept_from_its_beginning_to_its_end() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    attempts.begin(seen(unit, lit), "mine")

    assert attempts.end(seen(unit, out)) == "mine"
    assert attempts.rest() == []


def test_the_move_that_begins_anew_ends_the_attempt_before() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    attempts.begin(seen(unit, lit), "first")
    first = attempts.end(seen(unit, dark))
    attempts.begin(seen(unit, lit), "second")

    assert (first, attempts.end(seen(unit, out))) == ("first", "second")


def test_an_end_whose_beginning_was_not_told_ends_nothing() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    seen(unit, lit)

    assert attempts.end(seen(unit, out)) is None


def test_the_end_of_another_attempt_ends_nothing() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    attempts.begin(seen(unit, lit), "first")
    seen(unit, dark)
    seen(unit, lit)

    assert attempts.end(seen(unit, out)) is None


def test_units_of_two_kinds_or_ids_are_not_taken_for_each_other() -> None:
    attempts: Attempts[str] = Attempts()
    one, other = lamp(1), lamp("1")
    for unit in (one, other):
        seen(unit, dark)
        attempts.begin(seen(unit, lit), repr(unit.id))

    assert attempts.end(seen(other, out)) == "'1'"


def test_of_an_attempt_whose_end_was_missed_the_unit_says_how_it_ended() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    attempts.begin(seen(unit, lit, at=1.0), "mine")
    seen(unit, broken, at=4.0)

    assert attempts.over() == [Over("mine", unit, broken, 4.0)]
    assert attempts.rest() == []


def test_of_an_attempt_that_another_followed_nobody_knows_how_it_ended() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    attempts.begin(seen(unit, lit), "mine")
    seen(unit, dark)

    assert attempts.over() == [Over("mine", unit, None, None)]


def test_what_is_still_under_way_is_not_over() -> None:
    attempts: Attempts[str] = Attempts()
    unit = lamp()
    seen(unit, dark)
    attempts.begin(seen(unit, lit), "mine")

    assert attempts.over() == []
    assert attempts.rest() == ["mine"]


def test_a_moment_of_the_run_has_a_time_of_day() -> None:
    assert run_info().wall_time(102.5) == 1002.5


def test_an_error_whose_own_methods_raise_has_a_text_all_the_same() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert "Rude" in cause_text(Rude())


def test_the_text_of_an_error_can_be_encoded() -> None:
    assert cause_text(ValueError("half \ud800")).encode() == b"ValueError: half \\ud800"
