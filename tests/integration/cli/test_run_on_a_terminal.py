"""The live view, on a real pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.cli.conftest import Start

pytestmark = pytest.mark.slow

TIMEOUT = 50
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HELD = """
import sys, threading
go_on = threading.Event()

@python_app
def held(x):
    go_on.wait()
    return x

with headrace.load(config()):
    good(1).result()
    after(bad(2)).exception()
    one = held(3)
    after(one)
    print("half a line", end="", file=sys.stderr, flush=True)
    sys.stdin.readline()
    print(", and the rest", file=sys.stderr)
    sys.stdin.readline()
    go_on.set()
    print(one.result())
"""


class Terminal:
    """What a command writes to a terminal."""

    def __init__(self) -> None:
        self._here, self.there = pty.openpty()
        fcntl.ioctl(self.there, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.written = ""

    def read_until(self, text: str) -> str:
        """Read until this has been written since the last call; return all since then, moves and colours left out."""
        before = len(self.written)
        while text not in CONTROL.sub("", self.written[before:]):
            assert self._read(), f"{text!r} was not written, but {self.written[before:]!r}"
        return CONTROL.sub("", self.written[before:])

    def read_to_the_end(self) -> str:
        """Read until the command has closed the terminal."""
        before = len(self.written)
        while self._read():
            pass
        return CONTROL.sub("", self.written[before:])

    def close(self) -> None:
        os.close(self._here)

    def _read(self) -> bool:
        assert select.select([self._here], [], [], TIMEOUT)[0], f"nothing came after {self.written!r}"
        try:
            data = os.read(self._here, 65536)
        except OSError:  # how Linux says that nobody has the other end any more
            return False
        self.written += data.decode()
        return bool(data)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_the_view_shows_apps_and_failures_while_the_script_runs(
    started: Start, script: Callable[..., str], terminal: Terminal
) -> None:
    process = started("run", script(HELD), stderr=terminal.there)
    os.close(terminal.there)

    terminal.read_until("half a line")
    process.say()
    seen = terminal.read_until("held")
    seen += terminal.read_until("bad #1  1 not run for it  ValueError: no 2  flow.py:13")
    process.say()
    exit_code, stdout, _ = process.end()
    rest = terminal.read_to_the_end()

    assert (exit_code, stdout) == (3, "3\n")
    assert seen.startswith(", and the rest\r\n")
    assert re.search(r"flow\.py  [\d.]+ m?s  3 of 5 tasks ended", seen)
    assert re.search(r"done +running +waiting +failed +not run\r\n", seen)
    assert re.search(r"held +━+ +0/1 +1 +· +· +·", seen)
    assert rest.index("flow.py: 5 tasks in") < rest.index("slowest apps") < rest.index("1 task failed:")


def test_nothing_is_drawn_while_the_script_has_written_half_a_line(
    started: Start, script: Callable[..., str], terminal: Terminal
) -> None:
    """It may be a question."""
    process = started("run", script(HELD), stderr=terminal.there)
    os.close(terminal.there)

    terminal.read_until("half a line")
    process.say()
    seen = terminal.read_until(", and the rest")

    assert seen.startswith(", and the rest")


def test_the_view_is_gone_at_the_end_and_the_cursor_is_back(
    started: Start, script: Callable[..., str], terminal: Terminal
) -> None:
    process = started("run", "--allow-failures", script(HELD), stderr=terminal.there)
    os.close(terminal.there)
    terminal.read_until("half a line")
    process.say()
    terminal.read_until("held")
    process.say()
    process.end()
    terminal.read_to_the_end()

    assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l")


def test_the_cursor_is_back_after_the_second_interrupt(
    started: Start, script: Callable[..., str], terminal: Terminal
) -> None:
    process = started("run", script(HELD), stderr=terminal.there)
    os.close(terminal.there)
    terminal.read_until("half a line")
    process.say()
    terminal.read_until("held")

    process.send(signal.SIGINT)
    terminal.read_until("interrupted: nothing more begins, waiting for 1 running task")
    terminal.read_until("held")
    process.send(signal.SIGINT)
    exit_code, _, _ = process.end()
    terminal.read_to_the_end()

    assert exit_code == 130
    assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l")


def test_what_the_script_prints_to_the_same_terminal_stays_whole(
    started: Start, script: Callable[..., str], terminal: Terminal
) -> None:
    code = """
with headrace.load(config()):
    for n in range(200):
        print(f"line {n} " + "x" * 120, flush=good(n).result() % 2)
"""
    process = started("run", script(code), stdout=terminal.there, stderr=terminal.there)
    os.close(terminal.there)

    everything = terminal.read_to_the_end()
    process.end()

    for number in range(200):
        assert f"line {number} {'x' * 120}\r\n" in everything


def test_no_progress_draws_nothing(started: Start, script: Callable[..., str], terminal: Terminal) -> None:
    code = "with headrace.load(config()):\n    good(1).result()\n"
    process = started("run", "--no-progress", script(code), stderr=terminal.there)
    os.close(terminal.there)

    everything = terminal.read_to_the_end()
    process.end()

    assert everything.startswith("flow.py: 1 task in ")


def test_a_terminal_that_goes_away_does_not_end_the_run(
    started: Start, script: Callable[..., str], terminal: Terminal
) -> None:
    process = started("run", "--allow-failures", script(HELD.replace(", file=sys.stderr", "")), stderr=terminal.there)
    os.close(terminal.there)
    terminal.read_until("held")
    terminal.close()
    terminal.__init__()  # type: ignore[misc]  # another one, to be closed at the end
    process.say()
    process.say()

    exit_code, stdout, _ = process.end()

    assert (exit_code, stdout) == (0, "half a line, and the rest\n3\n")
    os.close(terminal.there)
