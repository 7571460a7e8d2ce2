"""Failures by their causes."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from headrace.cli.failures import TOLD, Failures
from headrace.cli.place import Place, place_of
from headrace.cli.summary import failure_lines


def fail(message: str) -> None:
    raise ValueError(message)


def raised(message: str = "no") -> ValueError:
    """An error that was raised in this file."""
    with pytest.raises(ValueError, match=message) as caught:
        fail(message)
    return caught.value


def report(failures: Failures) -> list[str]:
    return [line.plain for line in failure_lines(failures.causes)]


def test_a_place_is_the_innermost_of_the_users_own() -> None:
    with pytest.raises(ValueError, match="null byte") as caught:
        Path("\0").read_bytes()

    place = place_of(caught.value)

    assert place is not None
    assert (place.file, place.function) == (__file__, "test_a_place_is_the_innermost_of_the_users_own")


def test_a_place_is_found_in_the_text_that_a_worker_process_sends() -> None:
    class Remote(Exception):
        tb = 'Traceback:\n  File "/a/flow.py", line 7, in work\n  File "/b/lib.py", line 9, in deep\nKeyError: 1\n'

    error = KeyError(1)
    error.__cause__ = Remote()

    assert place_of(error) == Place("/b/lib.py", 9, "deep")


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError()) is None


def test_a_place_in_the_current_folder_is_told_by_its_relative_path() -> None:
    assert str(Place(str(Path.cwd() / "sub" / "flow.py"), 3, "f")) == "sub/flow.py:3"
    assert str(Place("/elsewhere/flow.py", 3, "f")) == "/elsewhere/flow.py:3"


def test_errors_of_one_type_raised_at_one_place_have_one_cause() -> None:
    failures = Failures()
    for tid in range(7):
        failures.add(f"app #{tid}", raised(f"no {tid}"), ran=True)
    failures.add("app #7", KeyError("elsewhere"), ran=True)

    assert [cause.failed for cause in failures.causes] == [7, 1]


def test_long_lists_are_cut_with_an_exact_number() -> None:
    failures = Failures()
    for tid in range(103):
        failures.add(f"app #{tid}", raised(f"no {tid}"), ran=True)

    heading, title, *lines = report(failures)
    assert heading == "103 tasks failed:"
    assert title.endswith(" in fail: 103 tasks")
    assert lines == ["    app #0: no 0", "    app #1: no 1", "    app #2: no 2", "    and 100 more"]


def test_many_causes_are_cut_with_exact_numbers_the_heaviest_first() -> None:
    failures = Failures()
    for number in range(25):
        failures.add(f"app #{number}", LookupError(f"different {number}"), ran=True)
    for _ in range(3):
        failures.add("late #1", KeyError("often"), ran=True)

    lines = report(failures)

    assert lines[0] == "28 tasks failed, for 26 reasons:"
    assert lines[1] == "  KeyError: 3 tasks"
    assert lines[-1] == "  and 6 reasons more, that 6 tasks did not end well for"


def test_causes_beyond_a_thousand_are_one_and_lose_no_count() -> None:
    failures = Failures()
    for number in range(1500):
        failures.add(f"app #{number}", LookupError(f"different {number}"), ran=True)

    assert len(failures.causes) == 1001
    assert sum(cause.failed for cause in failures.causes) == 1500


def test_news_come_once_and_stop_where_a_cause_has_been_told_often() -> None:
    failures = Failures()
    for tid in range(TOLD + 5):
        failures.add(f"app #{tid}", raised(), ran=True)

    first, second = failures.take_news(), failures.take_news()

    assert ([failure.number for _, failure in first], second) == (list(range(1, TOLD + 1)), [])


def test_the_latest_causes_are_those_that_grew_last() -> None:
    failures = Failures()
    errors = [LookupError(name) for name in "abc"]
    for error in [*errors, errors[0]]:
        failures.add(f"app {error}", error, ran=True)

    assert [cause.latest.message for cause in failures.latest(2) if cause.latest] == ["c", "a"]


def test_exceptions_are_let_go_but_for_the_latest() -> None:
    """Their tracebacks hold the inputs of the tasks that raised them."""

    class Held(Exception):
        pass

    failures = Failures()
    first = Held("first")
    reference = weakref.ref(first)
    failures.add("app #0", first, ran=True)
    del first
    for tid in range(100):
        failures.add(f"app #{tid}", Held(f"later {tid}"), ran=True)
    gc.collect()

    assert reference() is None
