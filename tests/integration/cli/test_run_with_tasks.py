"""What `headrace run` says of a script's tasks, where, and with which exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.cli.conftest import Run, Start

pytestmark = pytest.mark.slow

WELL = "with headrace.load(config()):\n    print(sum(good(n).result() for n in range(5)))\n"
FAILING = """
with headrace.load(config()):
    root = bad("luck")
    others = [after(root), after(after(root))]
    print([type(one.exception()).__name__ for one in (root, *others)], good(1).result())
"""


def test_stdout_is_the_scripts_alone(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", script(WELL))

    assert (done.stdout, done.returncode) == ("10\n", 0)


def test_the_summary_counts_tasks_and_times_apps(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", script(WELL))

    lines = done.stderr.splitlines()
    assert re.fullmatch(r"flow\.py: 5 tasks in [\d.]+ m?s \([\d.,]+/s\): 5 done", lines[0])
    assert lines[2].split() == ["slowest", "apps", "tasks", "total", "mean", "max"]
    assert lines[3].split()[:2] == ["good", "5"]
    assert len(lines) == 4


def test_failed_tasks_make_the_exit_code_3(headrace: Run, script: Callable[..., str]) -> None:
    """Also when the script has dealt with them, as it may not have."""
    done = headrace("run", script(FAILING))

    assert done.returncode == 3
    assert done.stdout == "['ValueError', 'DependencyError', 'DependencyError'] 1\n"


def test_failures_are_summed_up_by_what_caused_them(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", "--no-progress", script(FAILING))

    report = done.stderr[done.stderr.index("1 task failed") :]
    assert report == (
        "1 task failed:\n"
        "  ValueError at flow.py:13 in bad\n"
        "    bad #0: no luck\n"
        "    3 tasks did not run because of it\n"
    )


def test_many_failures_are_counted_exactly(headrace: Run, script: Callable[..., str]) -> None:
    code = "with headrace.load(config()):\n    [one.exception() for one in [bad(n) for n in range(500)]]\n"

    done = headrace("run", "--no-progress", script(code))

    assert "  ValueError at flow.py:13 in bad: 500 tasks\n" in done.stderr
    assert re.search(r"(    bad #\d+: no \d+\n){3}    and 497 more\n", done.stderr)


@pytest.mark.parametrize(
    ("options", "ending", "code"),
    [
        (["--allow-failures"], "", 0),
        ([], "import sys; sys.exit(0)", 3),
        ([], "import sys; sys.exit(5)", 5),
        (["--allow-failures"], "import sys; sys.exit(5)", 5),
        ([], "raise RuntimeError", 1),
    ],
)
def test_the_scripts_own_exit_code_comes_first(
    headrace: Run, script: Callable[..., str], options: list[str], ending: str, code: int
) -> None:
    done = headrace("run", *options, script(FAILING + ending))

    assert done.returncode == code


def test_quiet_says_nothing_of_what_went_well(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", "--quiet", script(WELL))

    assert (done.stderr, done.returncode) == ("", 0)


def test_quiet_still_says_what_failed(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", "-q", script(FAILING))

    assert done.stderr.startswith("1 task failed:\n  ValueError at flow.py:13 in bad\n")
    assert done.returncode == 3


def test_nothing_is_said_of_a_script_that_runs_no_task(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", script("with headrace.load(config()): print('done')"))

    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


def test_a_traceback_comes_before_the_summary(headrace: Run, script: Callable[..., str]) -> None:
    done = headrace("run", script(WELL + "1 / 0"))

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.index("ZeroDivisionError") < done.stderr.index("5 done")


def test_tasks_that_the_script_left_are_waited_for(headrace: Run, script: Callable[..., str]) -> None:
    code = """
import sys

@python_app
def slow(x):
    sys.stdin.readline()
    return x

headrace.load(config())
slow(slow(slow(1))).add_done_callback(lambda one: print("the result is", one.result()))
print("the script is over")
"""

    done = headrace("run", script(code))

    assert done.stdout == "the script is over\nthe result is 1\n"
    assert ": 3 done\n" in done.stderr
    assert done.returncode == 0


def test_threads_that_the_script_left_may_still_submit(headrace: Run, script: Callable[..., str]) -> None:
    """Python waits for threads at its end, and so does this before it cleans up."""
    code = """
import sys, threading

def later():
    sys.stdin.readline()
    print(good(7).result())

headrace.load(config())
threading.Thread(target=later).start()
"""

    done = headrace("run", script(code))

    assert (done.stdout, done.returncode) == ("7\n", 0)


def test_what_a_script_that_raised_has_not_begun_is_cancelled(headrace: Run, script: Callable[..., str]) -> None:
    code = "from concurrent.futures import Future\nheadrace.load(config())\ngood(Future())\nraise RuntimeError('stop')"

    done = headrace("run", script(code))

    assert "1 cancelled" in done.stderr
    assert done.returncode == 1


def test_two_kernels_are_told_apart(headrace: Run, script: Callable[..., str]) -> None:
    """The second one's tasks have the same numbers; a future of one is a dependency in the other."""
    code = """
from headrace import DataFlowKernel
first = DataFlowKernel(config())
with DataFlowKernel(config()) as second:
    root = first.submit(bad.func, "luck")
    print(type(second.submit(after.func, root).exception()).__name__)
    second.submit(bad.func, "hope").exception()
"""

    done = headrace("run", "--no-progress", script(code))

    assert done.stdout == "DependencyError\n"
    assert done.stderr.startswith("flow.py: 3 tasks in ")
    assert "2 failed, 1 not run" in done.stderr
    assert (
        "    bad #0: no luck\n    bad #1 (run 001): no hope\n    1 task did not run because of these\n" in done.stderr
    )
    assert done.returncode == 3


def test_a_place_in_another_process_is_found(headrace: Run, script: Callable[..., str]) -> None:
    code = """
from concurrent.futures import ProcessPoolExecutor
from headrace import ExternalExecutor

def divide(x):
    return 1 / x

if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        with headrace.load(Config(executors=[ExternalExecutor("processes", pool)])) as kernel:
            kernel.submit(divide, 0).exception()
"""

    done = headrace("run", "--no-progress", script(code))

    assert re.search(r"ZeroDivisionError at flow\.py:\d+ in divide\n    divide #0: division by zero", done.stderr)
    assert done.returncode == 3


def test_retries_are_counted_and_failures_of_join_apps_fold_into_their_cause(
    headrace: Run, script: Callable[..., str]
) -> None:
    code = """
@join_app
def outer():
    return [good(1), bad(2)]

with headrace.load(config(retries=2)):
    outer().exception()
"""

    done = headrace("run", "--no-progress", script(code))

    assert "1 done, 2 failed, after 2 retries\n" in done.stderr
    assert "2 tasks failed:\n  ValueError at flow.py:13 in bad\n    bad #2: no 2\n    1 join app waited" in done.stderr


def test_lines_tell_what_happens_where_stderr_is_no_terminal(started: Start, script: Callable[..., str]) -> None:
    """A task is held until the line that counts it has been seen: so lines come while the script runs."""
    code = """
import sys

@python_app
def held():
    return sys.stdin.readline()

with headrace.load(config()):
    bad(1).exception()
    good(1).result()
    held().result()
"""
    process = started("run", script(code))

    assert process.error_line() == "headrace: failed: bad #0: ValueError: no 1 (flow.py:13)\n"
    assert re.fullmatch(
        r"headrace: 2\.\d s: 2 of 3 tasks ended \(.*/s\): 1 done, 1 running, 1 failed\n", process.error_line()
    )

    process.say()
    code_, _, rest = process.end()

    assert code_ == 3
    assert rest.startswith("flow.py: 3 tasks in ")


def test_failures_of_one_cause_are_told_twenty_times(headrace: Run, script: Callable[..., str]) -> None:
    code = "with headrace.load(config()):\n    [one.exception() for one in [bad(n) for n in range(50)]]\n"

    done = headrace("run", script(code))

    told = [line for line in done.stderr.splitlines() if line.startswith("headrace: failed: ")]
    assert len(told) == 20
    assert told[-1].endswith("further ones are only counted")
    assert ": 50 tasks\n" in done.stderr
