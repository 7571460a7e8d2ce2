"""What a sample leaves behind is found and ended, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from benchmarks.strays import Strays

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks run on Linux only")

# Starts a process in a session of its own, prints its number, and ends without waiting for it (nor warning of it).
ABANDON = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True, stdout=subprocess.DEVNULL)
print(child.pid)
child.returncode = 0
"""
LONG, SHORT = "import time; time.sleep(600)", "pass"


def abandon(body: str) -> int:
    """Have a child leave a process behind that runs `body`; return its number."""
    command = [sys.executable, "-c", ABANDON, body]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_left_behind_is_killed_and_counted() -> None:
    with Strays() as strays:
        pid = abandon(LONG)

        assert strays.end(patience=0.0) == 1
        assert not exists(pid)


def test_one_that_ends_by_itself_is_waited_for_and_not_counted() -> None:
    with Strays() as strays:
        pid = abandon(SHORT)

        assert strays.end(patience=30.0) == 0
        assert not exists(pid)


def test_what_it_started_in_turn_is_ended_too() -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LONG!r}])"
    with Strays() as strays:
        abandon(nested)
        strays.end(patience=0.0)

        assert strays.end(patience=0.0) == 0


def test_nothing_is_left_when_the_block_ends() -> None:
    with Strays():
        pid = abandon(LONG)

    assert not exists(pid)


def test_a_child_from_before_is_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", LONG]) as child:
        try:
            with Strays() as strays:
                assert strays.end(patience=0.0) == 0
            assert child.poll() is None
        finally:
            child.kill()
