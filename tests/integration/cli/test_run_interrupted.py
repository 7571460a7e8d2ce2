"""Ctrl-C once ends a run in order, twice at once; SIGTERM does as Ctrl-C. The signals are real ones."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.cli.conftest import Start

pytestmark = pytest.mark.slow

#: One task runs until a line comes, another waits for it; the main thread waits for both.
HELD = """
import sys

@python_app
def held(x):
    return sys.stdin.readline() and x

with headrace.load(config()):
    last = after(held(1))
    print("ready", flush=True)
    print("the result is", last.result())
"""
#: As above, without anything that cleans up.
LEFT = HELD.replace("with headrace.load(config()):", "headrace.load(config())\nif True:")
#: As above, and the script takes the interrupt for its own.
CAUGHT = HELD.replace("with headrace.load(config()):", "headrace.load(config())\ntry:") + (
    "except KeyboardInterrupt:\n    print('caught')\n"
)
#: As above, but the task never ends.
ENDLESS = HELD.replace("sys.stdin.readline()", "__import__('threading').Event().wait()").replace(
    "config()", "config(cleanup_timeout=0.1)"
)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("flow", [HELD, LEFT])
def test_the_first_signal_cancels_what_has_not_begun_and_waits_for_what_runs(
    started: Start, script: Callable[..., str], number: signal.Signals, code: int, flow: str
) -> None:
    process = started("run", script(flow))
    assert process.line() == "ready\n"

    process.send(number)
    message = process.error_line()
    process.say("go on")
    exit_code, stdout, stderr = process.end()

    what = "interrupted" if number is signal.SIGINT else "told to end (SIGTERM)"
    assert message == (
        f"headrace: {what}: nothing more begins, waiting for 1 running task, at most 30.0 s. Ctrl-C now ends at once.\n"
    )
    assert exit_code == code
    assert stdout == ""
    assert "flow.py was interrupted: 2 tasks in " in stderr
    assert "1 done, 1 cancelled" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_ends_at_once(
    started: Start, script: Callable[..., str], number: signal.Signals, code: int
) -> None:
    process = started("run", script(HELD))
    assert process.line() == "ready\n"

    process.send(number)
    assert "Ctrl-C now ends at once" in process.error_line()
    process.send(number)

    assert process.end() == (code, "", "")


def test_a_task_that_does_not_end_in_time_does_not_hold_the_process(started: Start, script: Callable[..., str]) -> None:
    process = started("run", script(ENDLESS))
    assert process.line() == "ready\n"

    process.send(signal.SIGINT)
    exit_code, _, stderr = process.end()

    assert exit_code == 130
    assert "1 failed, 1 cancelled" in stderr
    assert "  TaskAbandonedError\n    held #0: " in stderr


def test_a_script_that_catches_the_interrupt_was_still_interrupted(started: Start, script: Callable[..., str]) -> None:
    process = started("run", "--quiet", script(CAUGHT))
    assert process.line() == "ready\n"

    process.send(signal.SIGINT)
    process.error_line()
    process.say()

    assert process.end() == (130, "caught\n", "")


def test_a_script_without_tasks_is_interrupted_without_a_word(started: Start, script: Callable[..., str]) -> None:
    process = started("run", script("print('ready', flush=True); input()", workflow=False))
    assert process.line() == "ready\n"

    process.send(signal.SIGINT)

    assert process.end() == (130, "", "")


def test_an_interrupt_ends_the_wait_for_tasks_that_the_script_left(started: Start, script: Callable[..., str]) -> None:
    code = "headrace.load(config())\nfrom concurrent.futures import Future\ngood(Future())\nprint('over', flush=True)"
    process = started("run", script(code))
    assert process.line() == "over\n"

    process.send(signal.SIGINT)
    exit_code, _, stderr = process.end()

    assert exit_code == 130
    assert "1 cancelled" in stderr


def test_a_handler_of_the_scripts_own_is_the_scripts(started: Start, script: Callable[..., str]) -> None:
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda *about: os.write(1, b"my own\\n"))
print("ready", flush=True)
sys.stdin.readline()
print(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)
"""
    process = started("run", script(code, workflow=False))
    assert process.line() == "ready\n"

    process.send(signal.SIGINT)
    assert process.line() == "my own\n"
    process.say()

    assert process.end() == (0, "True\n", "")


def test_forked_children_handle_signals_as_they_would_under_python(started: Start, script: Callable[..., str]) -> None:
    """A pool ends its workers by SIGTERM, which must not become an exception that their work may catch."""
    code = """
import os, signal
child = os.fork()
if child == 0:
    try:
        signal.pause()
    finally:
        os._exit(99)
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    process = started("run", script(code, workflow=False))

    assert process.end() == (0, "-15\n", "")
