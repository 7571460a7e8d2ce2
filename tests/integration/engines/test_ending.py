"""However a command ends, all of it ends, and what is told of it is so."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.engines.helpers import NOWHERE, Mark, end_of, status_of, until

from headrace.compute.engines import CommandSpec, JobState, Output, ProcessEngine, Status
from headrace.compute.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

#: A process that leaves its parent, its session and its group, as daemons do.
DAEMON = """
import os, signal, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(3600)
"""


def cancelled(engine: ProcessEngine, spec: CommandSpec, ready: Path) -> Status:
    """How a command ends that is cancelled when it has made a file."""
    handle = engine.submit(spec, "key")
    until(ready.exists, "the command to be ready")
    engine.cancel(handle)
    return end_of(engine, handle)


def test_children_and_grandchildren_end_with_a_cancelled_command(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    spec = shell(f"sleep 3600 & (sleep 3600 & sleep 3600) & setsid sleep 3600 & : > {ready}; wait")

    status = cancelled(engine, spec, ready)

    assert status.state is JobState.cancelled
    assert mark.processes() == []


def test_a_daemon_does_not_escape(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    spec = shell(f"{sys.executable} -c '{DAEMON}' {ready}; sleep 3600", grace=0.2)

    status = cancelled(engine, spec, ready)

    assert status.state is JobState.cancelled
    assert mark.processes() == []


def test_what_ignores_sigterm_is_killed_when_its_grace_is_over(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    ready = tmp_path / "ready"

    status = cancelled(engine, shell(f"trap '' TERM; : > {ready}; while :; do sleep 0.1; done", grace=0.3), ready)

    assert (status.state, status.signal) == (JobState.cancelled, signal.SIGKILL)


def test_without_grace_it_is_killed_at_once(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    ready = tmp_path / "ready"

    status = cancelled(engine, shell(f"trap 'exit 0' TERM; : > {ready}; sleep 3600 & wait", grace=0), ready)

    assert (status.state, status.signal) == (JobState.cancelled, signal.SIGKILL)


def test_a_command_may_tidy_up_in_its_grace_and_is_cancelled_whatever_it_says(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    ready, tidy = tmp_path / "ready", tmp_path / "tidy"

    status = cancelled(engine, shell(f"trap ': > {tidy}; exit 0' TERM; : > {ready}; sleep 3600 & wait"), ready)

    assert (status.state, status.exit_code) == (JobState.cancelled, 0)
    assert tidy.exists()


def test_a_stopped_command_hears_that_it_is_to_end(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], tmp_path: Path
) -> None:
    ready = tmp_path / "ready"

    status = cancelled(engine, shell(f": > {ready}; kill -STOP $$", grace=20), ready)

    assert (status.state, status.signal) == (JobState.cancelled, signal.SIGTERM)


def test_a_command_that_forks_without_end_is_ended(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark, tmp_path: Path
) -> None:
    """Each process makes the next and ends: there is always one, never for long the same."""
    ready = tmp_path / "ready"
    program = (
        "import os,sys\nwhile os.getpid():\n if os.fork(): os._exit(0)\n os.setsid(); open(sys.argv[1], 'w').close()"
    )
    spec = shell(f'trap "" TERM; {sys.executable} -S -c "$PROGRAM" {ready}; sleep 3600', grace=0.1)
    spec = CommandSpec(argv=spec.argv, env={**mark.env, "PROGRAM": program}, stdout=NOWHERE, stderr=NOWHERE, grace=0.1)

    status = cancelled(engine, spec, ready)

    assert status.state is JobState.cancelled
    assert mark.processes() == []


def test_a_bomb_of_processes_is_ended(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark, tmp_path: Path
) -> None:
    """Bounded in number for the sake of the machine: whoever can, makes another."""
    ready = tmp_path / "ready"
    spec = shell(f"ulimit -u 1000000; : > {ready}; bomb() {{ sleep 0.05; bomb & bomb; }}; bomb", grace=0)

    status = cancelled(engine, spec, ready)

    assert status.state is JobState.cancelled
    assert mark.processes() == []


def test_what_a_command_leaves_in_the_background_has_ended_before_its_end_is_told(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    left: list[list[int]] = []
    spec = shell("trap '' TERM; sleep 3600 & disown; exit 3", grace=0.1)

    handle = engine.submit(spec, "key", lambda _, s: left.append(mark.processes()) if s.final else None)
    status = end_of(engine, handle)

    assert (status.state, status.exit_code) == (JobState.failed, 3)
    until(lambda: left, "the watcher to be told")
    assert left == [[]]


def test_a_walltime_ends_all_of_it(engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark) -> None:
    status = engine.run(shell("sleep 3600 & setsid sleep 3600 & wait", walltime=0.3))

    assert status.state is JobState.timed_out
    assert status.reason == "it took longer than its wall time of 0.3 s"
    assert mark.processes() == []


@pytest.mark.parametrize("walltime", [0, -1, float("nan")])
def test_a_walltime_that_cannot_be_is_refused(walltime: float) -> None:
    with pytest.raises(ValueError, match=r"walltime must be more than 0 seconds"):
        CommandSpec(argv=("true",), walltime=walltime)


@pytest.mark.parametrize("seconds", [float("inf"), 1e12])
def test_a_walltime_for_ever_is_for_ever(engine: ProcessEngine, seconds: float) -> None:
    assert engine.run(CommandSpec(argv=("true",), walltime=seconds)).state is JobState.succeeded


@pytest.mark.parametrize("grace", [-1, float("inf"), float("nan")])
def test_a_grace_that_cannot_be_is_refused(grace: float) -> None:
    with pytest.raises(ValueError, match=r"grace must be at least 0 seconds"):
        CommandSpec(argv=("true",), grace=grace)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM, signal.SIGRTMIN + 1])
def test_the_signal_that_ended_it_is_told(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], number: int
) -> None:
    status = engine.run(shell(f"ulimit -c 0; kill -{int(number)} $$"))

    assert (status.state, status.exit_code, status.signal) == (JobState.failed, None, number)
    assert status.reason.startswith("it was ended by ")


def test_a_command_that_signals_its_own_group_does_not_reach_its_supervisor(
    engine: ProcessEngine, shell: Callable[..., CommandSpec]
) -> None:
    status = engine.run(shell("kill -9 0"))

    assert (status.state, status.signal) == (JobState.failed, signal.SIGKILL)


def test_a_command_that_closes_its_streams_goes_on(engine: ProcessEngine, shell: Callable[..., CommandSpec]) -> None:
    assert engine.run(shell("exec <&- >&- 2>&-; exit 9")).exit_code == 9


def test_processes_that_use_too_much_memory_together_are_ended(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    """Each alone is within the limit."""
    eater = f"{sys.executable} -S -c 'x = bytearray(60 << 20)\nimport time; time.sleep(3600)'"
    spec = shell(f"{eater} & {eater} & {eater} & wait", resources=Resources(memory=120 << 20))

    status = engine.run(spec)

    assert status.state is JobState.over_memory
    assert "and was allowed 120.0 MiB" in status.reason
    assert mark.processes() == []


def test_memory_that_processes_share_counts_once(engine: ProcessEngine, shell: Callable[..., CommandSpec]) -> None:
    program = "x = b'x' * (60 << 20)\nimport os, time\nfor _ in range(4): os.fork() or (time.sleep(0.7), os._exit(0))\n"
    program += "for _ in range(4): os.wait()"

    status = engine.run(shell(f'{sys.executable} -S -c "{program}"', resources=Resources(memory=150 << 20)))

    assert status.state is JobState.succeeded


def test_a_process_gets_no_more_memory_than_is_allowed(engine: ProcessEngine, tmp_path: Path) -> None:
    spec = CommandSpec(
        argv=(sys.executable, "-S", "-c", "x = bytearray(200 << 20)"),
        resources=Resources(memory=100 << 20),
        stderr=Output(tmp_path / "err"),
    )

    status = engine.run(spec)

    assert (status.state, status.exit_code) == (JobState.failed, 1)
    assert status.reason == "it was allowed 100.0 MiB of memory"
    assert "MemoryError" in (tmp_path / "err").read_text()


def test_a_limit_of_one_command_is_none_of_the_next(engine: ProcessEngine) -> None:
    program = (sys.executable, "-S", "-c", "x = bytearray(200 << 20)")
    engine.run(CommandSpec(argv=program, resources=Resources(memory=50 << 20)))

    assert engine.run(CommandSpec(argv=program)).state is JobState.succeeded


def test_more_memory_than_the_machine_has_may_be_allowed(engine: ProcessEngine) -> None:
    spec = CommandSpec(argv=("true",), resources=Resources(memory=2**70))

    assert engine.run(spec).state is JobState.succeeded


def test_a_gigabyte_of_output_costs_no_memory_here(engine: ProcessEngine, tmp_path: Path) -> None:
    before = resident()

    status = engine.run(CommandSpec(argv=("truncate", "-s", "1G", "/dev/stdout"), stdout=Output(tmp_path / "out")))
    handle = engine.submit(CommandSpec(argv=("head", "-c", "100000000", "/dev/zero")), "key")
    end_of(engine, handle)

    assert status.state is JobState.succeeded
    assert (tmp_path / "out").stat().st_size == 2**30
    assert len(engine.logs(handle, offset=99_999_990)) == 10
    assert resident() - before < 20 * 2**20


def test_a_million_lines_are_all_there(engine: ProcessEngine, tmp_path: Path) -> None:
    engine.run(CommandSpec(argv=("seq", "1000000"), stdout=Output(tmp_path / "out")))

    assert (tmp_path / "out").read_bytes().count(b"\n") == 1_000_000


def test_removing_what_runs_waits_for_the_end_of_all_of_it(
    engine: ProcessEngine, shell: Callable[..., CommandSpec], mark: Mark
) -> None:
    handle = engine.submit(shell("trap '' TERM; sleep 3600 & sleep 3600", grace=0.2), "key")
    until(lambda: status_of(engine, handle).state is JobState.running, "the command to run")

    engine.remove(handle)

    assert mark.processes() == []


def test_closing_waits_for_the_end_of_all_of_it(shell: Callable[..., CommandSpec], mark: Mark) -> None:
    engine = ProcessEngine()
    handles = [engine.submit(shell("trap '' TERM; sleep 3600 & sleep 3600", grace=0.2), str(n)) for n in range(5)]
    until(lambda: all(status_of(engine, handle).state is JobState.running for handle in handles), "all to run")

    engine.close()

    assert mark.processes() == []
    assert {status.state for status in engine.poll(handles).values()} == {JobState.cancelled}


@pytest.mark.parametrize("asked_before", [True, False])
def test_closing_can_shorten_the_grace_of_all(
    shell: Callable[..., CommandSpec], mark: Mark, tmp_path: Path, *, asked_before: bool
) -> None:
    """The grace is an hour: the test would not end."""
    engine = ProcessEngine()
    handle = engine.submit(shell(f"trap '' TERM; : > {tmp_path}/ready; while :; do sleep 0.1; done", grace=3600), "key")
    until((tmp_path / "ready").exists, "the command to be ready")
    if asked_before:
        engine.cancel(handle)

    engine.close(grace=0.1)

    assert mark.processes() == []
    assert status_of(engine, handle).state is JobState.cancelled


def resident() -> int:
    """Bytes of memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
