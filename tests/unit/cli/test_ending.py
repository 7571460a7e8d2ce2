"""How a program ended, and the exit code for it."""

from __future__ import annotations

import signal

import pytest

from headrace.cli.ending import INTERRUPTED, Ending, end_of, exit_code

INT, TERM = signal.SIGINT, signal.SIGTERM


class Raises:
    """A program that raises."""

    name = "program"

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def run(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("ending", "received", "failed", "allowed", "expected"),
    [
        (Ending(), None, 0, False, 0),
        (Ending(), None, 2, False, 3),
        (Ending(), None, 2, True, 0),
        (Ending(7), None, 2, False, 7),
        (Ending(7), None, 0, True, 7),
        (Ending(1, error=ValueError()), None, 2, False, 1),
        (Ending(2, message="no such"), None, 0, False, 2),
        (INTERRUPTED, INT, 0, False, 130),
        (INTERRUPTED, TERM, 3, True, 143),
        (INTERRUPTED, None, 0, False, 130),
        (Ending(), INT, 0, False, 130),
        (Ending(1, error=ValueError()), TERM, 0, False, 143),
        (Ending(7), INT, 2, False, 7),
    ],
)
def test_the_exit_code_says_how_it_ended(
    ending: Ending, received: signal.Signals | None, failed: int, *, allowed: bool, expected: int
) -> None:
    assert exit_code(ending, received, failed, allow_failures=allowed) == expected


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SystemExit(), 0, None),
        (SystemExit(None), 0, None),
        (SystemExit(0), 0, None),
        (SystemExit(True), 1, None),
        (SystemExit(9), 9, None),
        (SystemExit("sorry"), 1, "sorry"),
        (SystemExit(("a", 1)), 1, "('a', 1)"),
    ],
)
def test_an_exit_means_what_it_means_to_python(error: SystemExit, code: int, message: str | None) -> None:
    ending = end_of(Raises(error))

    assert (ending.code, ending.message, ending.error) == (code, message, None)


def test_what_a_program_raises_is_kept_to_be_shown() -> None:
    error = GeneratorExit()

    ending = end_of(Raises(error))

    assert (ending.code, ending.error, ending.well) == (1, error, False)


def test_a_keyboard_interrupt_is_no_error_to_show() -> None:
    assert end_of(Raises(KeyboardInterrupt())) == INTERRUPTED
    assert not INTERRUPTED.well
