"""The parts of the commands over the journal that need no journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.text import Text

from headrace.cli.history.age import age_of
from headrace.cli.history.names import run_name, task_name
from headrace.cli.history.output import table
from headrace.cli.history.place import CannotDo, guarded, place_of
from headrace.cli.history.reasons import error_of
from headrace.cli.history.standing import as_words, word_of
from headrace.cli.history.task import attempts_of
from headrace.journal import Count, JournalUnavailable, RunRecord, TransitionRecord, UnitRecord

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("1.5d", 129_600), (" 2w ", 1_209_600)]
)
def test_an_age_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert age_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1 year", "1d2h"])
def test_what_is_no_age_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CannotDo, match="30d"):
        age_of(text)


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("ValueError: no 3", ("ValueError", "no 3")),
        ("package.module.Lost: a: b\nnote", ("Lost", "a: b note")),
        ("KeyError", ("KeyError", "")),
        (None, ("an unknown error", "")),
        ("ValueError: \x1b[31mred", ("ValueError", "?[31mred")),
    ],
)
def test_an_error_that_was_recorded_is_told_by_its_type_and_message(
    cause: str | None, expected: tuple[str, str]
) -> None:
    assert error_of(cause) == expected


@pytest.mark.parametrize(
    ("state", "alive", "word"),
    [
        ("exec_done", True, "done"),
        ("memo_done", False, "done"),
        ("launched", True, "running"),
        ("launched", False, "cut off"),
        ("pending", True, "waiting"),
        ("pending", False, "not begun"),
        ("dep_fail", False, "not run"),
        ("something", True, "something"),
    ],
)
def test_states_of_tasks_have_words_for_people(state: str, alive: bool, word: str) -> None:  # noqa: FBT001 - parametrised
    assert word_of("task", state, alive=alive) == word


def test_units_of_other_kinds_are_where_their_own_states_say() -> None:
    assert word_of("lamp", "running", alive=False) == "running"


def test_numbers_are_told_in_one_order_with_equal_words_added_up() -> None:
    counts = [Count("task", "a", "failed", 1), Count("task", "a", "memo_done", 2), Count("task", "b", "exec_done", 3)]

    assert list(as_words(counts, alive=True).items()) == [("done", 5), ("failed", 1)]


def test_the_columns_of_a_table_are_as_wide_as_they_must_be() -> None:
    lines = table(("a", "number"), [("long name", "1"), ("x", Text("1,000"))], right=("number",))

    assert [line.plain for line in lines] == ["a          number", "long name       1", "x           1,000"]


def test_what_a_terminal_would_obey_is_kept_from_it() -> None:
    _, line = table(("a",), [("\x1b[2Jgone\nnext",)])

    assert line.plain == "?[2Jgone next"


def test_a_run_is_called_by_its_directory_or_by_its_id() -> None:
    assert run_name(RunRecord(id="0123456789", extra={"run_dir": "/x/runinfo/003"})) == "003"
    assert run_name(RunRecord(id="0123456789")) == "01234567"


def test_a_task_is_called_by_its_app_and_number() -> None:
    assert task_name(UnitRecord(run="r", kind="task", id=26, app="fetch")) == "fetch #26"
    assert task_name(UnitRecord(run="r", kind="lamp", id="hall")) == "lamp #hall"


def test_an_error_of_the_command_line_and_one_of_the_journal_have_codes_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def wrong() -> int:
        raise CannotDo("no such run")

    def broken() -> int:
        raise JournalUnavailable("locked")

    assert (guarded(wrong), guarded(broken), guarded(lambda: 7)) == (2, 1, 7)
    assert capsys.readouterr().err == "headrace: no such run\nheadrace: locked\n"


def test_the_option_comes_before_the_environment_and_that_before_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HEADRACE_JOURNAL", raising=False)
    beside = tmp_path / "runinfo" / "003"
    beside.mkdir(parents=True)
    (beside.parent / "journal.db").touch()

    assert place_of(None)[0] == "runinfo/journal.db"
    assert place_of(None, str(beside))[0] == str(beside.parent / "journal.db")
    monkeypatch.setenv("HEADRACE_JOURNAL", "postgresql://there")
    assert place_of(None, str(beside))[0] == "postgresql://there"
    assert place_of("here.db", str(beside))[0] == "here.db"
    assert place_of(str(beside.parent))[0] == str(beside.parent / "journal.db")


def _moves(*states: str) -> list[TransitionRecord]:
    previous: str | None = None
    moves = []
    for seq, state in enumerate(states):
        moves.append(
            TransitionRecord(
                run="r",
                kind="task",
                unit=1,
                seq=seq,
                attempt=0,
                previous=previous,
                state=state,
                wall=100.0 + seq,
                monotonic=float(seq),
                cause="OSError: no" if state in {"failed", "pending"} and previous else None,
            )
        )
        previous = state
    return moves


@pytest.mark.parametrize(
    ("states", "ended", "attempts"),
    [
        (["pending"], False, []),
        (["pending", "dep_fail"], True, []),
        (["pending", "memo_done"], True, []),
        (["pending", "launched"], False, [(None, None)]),
        (["pending", "launched", "running", "exec_done"], True, [(2.0, "exec_done")]),
        (["pending", "launched", "pending"], False, [(1.0, "pending")]),
        (["pending", "launched", "pending", "launched", "failed"], True, [(1.0, "pending"), (1.0, "failed")]),
        (["pending", "launched", "pending", "cancelled"], True, [(1.0, "pending")]),
    ],
)
def test_attempts_go_from_the_first_state_to_the_end_or_back(
    states: list[str],
    ended: bool,  # noqa: FBT001 - parametrised
    attempts: list[tuple[float | None, str | None]],
) -> None:
    unit = UnitRecord(run="r", kind="task", id=1, ended=ended)

    assert [(one.seconds, one.state) for one in attempts_of(unit, _moves(*states))] == attempts
