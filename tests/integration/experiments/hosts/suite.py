"""What every host must hold to, whatever way it is reached.

Each test has a host of its own, with a base folder of its own. The machine is this one, however it is reached.
"""

# ruff: noqa: ASYNC110 - what announces itself by no event
from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.integration.experiments.hosts.files_suite import FileContract
from tests.integration.experiments.hosts.harness import WAIT, on_a_host
from tests.integration.helpers import alive

from headrace.experiments.hosts import Host, Launch, Process, ProcessState
from headrace.experiments.hosts.errors import (
    CommandTimedOut,
    HostError,
    LaunchFailed,
    ProcessUnknown,
)

_S = ProcessState


class HostContract(FileContract):
    """Tests of a kind of host."""

    @on_a_host
    async def test_it_is_a_host(self, host: Host) -> None:
        assert isinstance(host, Host)
        assert host.name
        assert host.info.uid == os.geteuid()
        assert await host.connect() == host.info

    # --- commands -----------------------------------------------------------------------------------------------------

    @on_a_host
    async def test_a_command_tells_its_output_and_its_exit_code(self, host: Host) -> None:
        done = await host.run("echo hello; echo oops >&2; exit 3")

        assert (done.stdout, done.stderr, done.exit_code, done.signal) == (b"hello\n", b"oops\n", 3, None)

    @on_a_host
    async def test_a_signal_that_ended_a_command_is_told(self, host: Host) -> None:
        done = await host.run("kill -9 $$")

        assert (done.exit_code, done.signal, done.ok) == (None, signal.SIGKILL, False)

    @on_a_host
    async def test_arguments_are_not_read_by_a_shell(self, host: Host) -> None:
        words = ["$HOME", "a b", "'", '"', "*", "; exit 1", "\n", "ü", ""]

        done = await host.run(["printf", "%s\\0", *words])

        assert done.stdout.decode().split("\0")[:-1] == words

    @on_a_host
    async def test_variables_folder_and_input_reach_a_command(self, host: Host) -> None:
        env = {"A": "it's $HOME", "B": "two\nlines"}

        done = await host.run('printf "%s|" "$A" "$B" "$PWD"; cat', env=env, cwd="/tmp", stdin=b"\0in")  # noqa: S108

        assert done.stdout == b"it's $HOME|two\nlines|/tmp|\0in"

    @on_a_host
    async def test_without_input_a_command_reads_nothing(self, host: Host) -> None:
        assert (await host.run("cat")).stdout == b""

    @on_a_host
    async def test_input_that_is_not_read_does_no_harm(self, host: Host) -> None:
        assert (await host.run("exit 5", stdin=b"x" * 1_000_000)).exit_code == 5

    @on_a_host
    async def test_no_more_output_is_kept_than_wanted(self, host: Host) -> None:
        done = await host.run("head -c 3000000 /dev/zero; echo end >&2", limit=1000)

        assert (len(done.stdout), done.stderr, done.truncated, done.exit_code) == (1000, b"end\n", True, 0)

    @on_a_host
    async def test_a_command_that_takes_too_long_is_ended(self, host: Host) -> None:
        pid_file = f"{host.info.base}/pid"

        with pytest.raises(CommandTimedOut, match=r"0\.2 s"):
            await host.run(f"echo $$ >{pid_file}; sleep 60", timeout=0.2)

        await _until_over(int(await host.read(pid_file)))

    @on_a_host
    async def test_a_variable_that_no_shell_can_have_is_refused(self, host: Host) -> None:
        with pytest.raises(ValueError, match="A-B"):
            await host.run("true", env={"A-B": "1"})

    @on_a_host
    async def test_as_root_sudo_changes_nothing(self, host: Host) -> None:
        if host.info.uid == 0:
            assert (await host.run(["id", "-u"], sudo=True)).out == "0"

    @on_a_host
    async def test_many_commands_run_at_once(self, host: Host) -> None:
        done = await asyncio.gather(*(host.run(["echo", str(each)]) for each in range(30)))

        assert [each.out for each in done] == [str(each) for each in range(30)]

    @on_a_host
    async def test_commands_that_take_long_leave_room_for_others(self, host: Host) -> None:
        signal_file = f"{host.info.base}/go"
        process = _planned(host)
        command = f"until [ -e {signal_file} ]; do sleep 0.05; done; echo went"
        running = [asyncio.create_task(host.run(command)) for _ in range(10)]

        await host.launch(process, Launch("exit 4"))
        status = await host.ended(process)
        await host.write_text(f"{host.info.base}/file", "x")
        content = await host.read(f"{host.info.base}/file")
        done = [each.done() for each in running]
        await host.write_text(signal_file, "")
        ends = await asyncio.gather(*running)

        assert (status.exit_code, content, done) == (4, b"x", [False] * 10)
        assert [each.out for each in ends] == ["went"] * 10

    @on_a_host
    async def test_a_command_that_nobody_waits_for_any_more_is_ended(self, host: Host) -> None:
        path = f"{host.info.base}/pid"
        running = asyncio.create_task(host.run(f"echo $$ >{path}; sleep 60"))
        await _until_there(host, path, "-s")

        running.cancel()

        with pytest.raises(asyncio.CancelledError):
            await running
        await _until_over(int(await host.read(path)))

    # --- processes ----------------------------------------------------------------------------------------------------

    @on_a_host
    async def test_a_launched_command_tells_how_it_ends(self, host: Host) -> None:
        process = _planned(host)

        begun = await host.launch(process, Launch("echo hello; echo oops >&2; sleep 0.1; exit 7"))
        status = await host.ended(process)

        assert (begun.state, begun.pid is not None) == (_S.running, True)
        assert (status.state, status.exit_code, status.timed_out, status.ok) == (_S.ended, 7, False, False)
        assert (status.pid, status.start) == (begun.pid, begun.start)
        assert await host.status(process) == status
        assert await host.read(f"{process.directory}/stdout") == b"hello\n"
        assert await host.read(f"{process.directory}/stderr") == b"oops\n"

    @on_a_host
    async def test_what_was_never_launched_has_no_state_that_could_be_taken_for_success(self, host: Host) -> None:
        process = _planned(host)

        status = await host.status(process)

        assert (status.state, status.exit_code, status.ok) == (_S.gone, None, False)
        with pytest.raises(ProcessUnknown, match="one"):
            await host.adopt(process.facts())

    @on_a_host
    async def test_it_is_launched_once_however_often_that_is_asked_for(self, host: Host) -> None:
        process = _planned(host)
        launch = Launch("echo once; sleep 0.1")

        await asyncio.gather(*(host.launch(process, launch) for _ in range(3)))
        await host.ended(process)
        again = await host.launch(process, launch)

        assert again.state is _S.ended
        assert await host.read(f"{process.directory}/stdout") == b"once\n"

    @on_a_host
    async def test_a_folder_belongs_to_one_process(self, host: Host) -> None:
        process, other = _planned(host), _planned(host)
        await host.launch(process, Launch("true"))

        with pytest.raises(LaunchFailed, match="another"):
            await host.launch(other, Launch("true"))

        assert (await host.status(other)).state is _S.gone

    @on_a_host
    async def test_many_are_waited_for_at_once(self, host: Host) -> None:
        processes = [_planned(host, f"number {each}") for each in range(12)]
        await asyncio.gather(
            *(host.launch(each, Launch(f"sleep 0.1; exit {code}")) for code, each in enumerate(processes))
        )

        ends = await asyncio.gather(*(host.ended(each) for each in processes))

        assert [each.exit_code for each in ends] == list(range(12))

    @on_a_host
    async def test_variables_folder_and_files_reach_a_launched_command(self, host: Host) -> None:
        base = host.info.base
        await host.write_text(f"{base}/in", "input")
        env = {"A": "it's $HOME", "B": "two\nlines"}
        text = 'printf "%s|" "$A" "$B" "$PWD"; cat; echo " oops" >&2'
        launch = Launch(text, env=env, cwd="/tmp", stdin=f"{base}/in", stdout=f"{base}/out", stderr="&1")  # noqa: S108
        process = _planned(host)

        await host.launch(process, launch)
        await host.ended(process)

        assert await host.read(f"{base}/out") == b"it's $HOME|two\nlines|/tmp|input oops\n"

    @on_a_host
    async def test_secrets_in_the_environment_are_in_no_argument_list(self, host: Host) -> None:
        process = _planned(host)
        text = "for each in /proc/[0-9]*/cmdline; do tr '\\0' '\\n' <$each; done 2>/dev/null; echo $WORD"

        await host.launch(process, Launch(("sh", "-c", text), env={"WORD": "xyzzy-17"}))
        await host.ended(process)

        lines = (await host.read(f"{process.directory}/stdout")).decode(errors="replace").splitlines()
        assert [line for line in lines if "xyzzy-17" in line] == ["xyzzy-17"]

    @on_a_host
    async def test_a_command_whose_program_is_missing_fails_and_says_so(self, host: Host) -> None:
        process = _planned(host)

        await host.launch(process, Launch(("/nowhere/program",)))
        status = await host.ended(process)

        assert status.exit_code == 127
        assert b"/nowhere/program" in await host.read(f"{process.directory}/stderr")

    @on_a_host
    async def test_what_cannot_be_started_is_told_with_the_reason(self, host: Host) -> None:
        with pytest.raises(LaunchFailed, match="/nowhere/in"):
            await host.launch(_planned(host), Launch("true", stdin="/nowhere/in"))

    @on_a_host
    async def test_a_signal_that_ended_it_is_told_as_a_shell_does(self, host: Host) -> None:
        process = _planned(host)

        await host.launch(process, Launch("kill -9 $$"))
        status = await host.ended(process)

        assert (status.exit_code, "SIGKILL" in status.how) == (137, True)

    @on_a_host
    async def test_it_is_ended_when_its_time_is_up(self, host: Host) -> None:
        process = _planned(host)

        await host.launch(process, Launch("trap '' TERM; sleep 60 & wait; sleep 60", walltime=0.1, grace=0.1))
        status = await host.ended(process)

        assert (status.state, status.timed_out, status.ok) == (_S.ended, True, False)

    @on_a_host
    async def test_time_that_is_not_up_changes_nothing_and_nobody_goes_on_counting_it(self, host: Host) -> None:
        limits = [4000.125 + each for each in range(10)]
        processes = [_planned(host, str(limit)) for limit in limits]

        await asyncio.gather(
            *(
                host.launch(each, Launch("exit 0", walltime=limit))
                for each, limit in zip(processes, limits, strict=True)
            )
        )
        ends = await asyncio.gather(*(host.ended(each) for each in processes))

        assert all(each.ok for each in ends)
        async with asyncio.timeout(WAIT):
            while _with_arguments(*(f"{limit:.3f}" for limit in limits)):
                await asyncio.sleep(0.01)

    @on_a_host
    async def test_stopping_ends_all_that_it_started(self, host: Host) -> None:
        """Those in its process group, those that made groups and sessions of their own, and those that ignore TERM."""
        process, base = _planned(host), host.info.base
        stubborn = f"(trap '' TERM; echo ready >>{base}/ready; sleep 60 & wait; sleep 60) &"
        text = f"mkfifo {base}/fifo; setsid sleep 61 & {stubborn} sleep 62 & read x <{base}/fifo"
        await host.launch(process, Launch(text))
        await _until_there(host, f"{base}/ready")
        members = await _members(process, 5)

        status = await host.stop(process, grace=0.1)

        assert [each for each in members if alive(each)] == []
        assert (status.state, status.exit_code) == (_S.ended, 143)
        assert await host.stop(process) == status

    @on_a_host
    async def test_a_process_that_stands_still_can_be_stopped(self, host: Host) -> None:
        process = _planned(host)
        await host.launch(process, Launch("kill -s STOP $$; sleep 60"))

        assert (await host.stop(process)).exit_code == 143

    @on_a_host
    async def test_what_it_left_behind_is_stopped_after_its_end(self, host: Host) -> None:
        process = _planned(host)
        await host.launch(process, Launch("setsid sleep 60 & sleep 60 & exit 0"))
        await host.ended(process)
        members = await _members(process, 2)

        status = await host.stop(process)

        assert [each for each in members if alive(each)] == []
        assert (status.state, status.exit_code) == (_S.ended, 0)

    @on_a_host
    async def test_what_was_stopped_before_its_launch_is_never_started(self, host: Host) -> None:
        process = _planned(host)

        status = await host.stop(process)

        assert status.state is _S.abandoned
        with pytest.raises(LaunchFailed, match="given up"):
            await host.launch(process, Launch("true"))
        assert (await host.ended(process)).state is _S.abandoned

    @on_a_host
    async def test_another_process_with_its_number_is_never_taken_for_it(self, host: Host) -> None:
        """As after many others, or after a reboot."""
        info = host.info
        stranger = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
        try:
            start = _start_of(stranger.pid)
            for name, said in (
                ("other start", f"{stranger.pid} {start - 1} {info.boot}"),
                ("other boot", f"{stranger.pid} {start} 00000000-0000-4000-8000-000000000000"),
            ):
                process = _planned(host, name)
                for file, text in (("token", process.token), ("supervisor", said), ("pid", said), ("lock", "")):
                    await host.write_text(f"{process.directory}/{file}", f"{text}\n")

                assert (await host.status(process)).state is _S.lost
                assert (await host.ended(process)).state is _S.lost
                assert not (await host.stop(process)).ok
            assert stranger.returncode is None
            assert alive(stranger.pid)
        finally:
            stranger.kill()
            await stranger.wait()

    @on_a_host
    async def test_without_its_supervisor_it_runs_on_and_its_end_is_no_success(self, host: Host) -> None:
        process = _planned(host)
        await host.launch(process, Launch(f"mkfifo {host.info.base}/fifo; read x <{host.info.base}/fifo"))
        supervisor = int((await host.read(f"{process.directory}/supervisor")).split()[0])
        await _until_there(host, f"{host.info.base}/fifo", "-p")
        waiting = asyncio.create_task(host.ended(process))

        os.kill(supervisor, signal.SIGKILL)
        await _until_over(supervisor)
        status = await host.status(process)
        await host.run(f"echo go >{host.info.base}/fifo")

        assert status.state is _S.running
        assert (await waiting).state is _S.lost

    @on_a_host
    async def test_a_folder_that_is_removed_says_nothing(self, host: Host) -> None:
        process = _planned(host)
        await host.launch(process, Launch("exit 0"))
        await host.ended(process)

        await host.remove_tree(process.directory)

        assert (await host.status(process)).state is _S.gone

    def test_it_runs_on_without_its_controller_and_is_found_again(self, tmp_path: Path) -> None:
        base = tmp_path / "base"

        async def first() -> dict[str, Any]:
            host = self.make(base)
            await host.connect()
            process = _planned(host)
            await host.launch(process, Launch(f"mkfifo {base}/fifo; read x <{base}/fifo; exit 7"))
            await _until_there(host, f"{base}/fifo", "-p")
            await host.close()
            return process.facts()

        async def second(facts: dict[str, Any]) -> None:
            host = self.make(base)
            await host.connect()
            process = await host.adopt(facts)
            waiting = asyncio.create_task(host.ended(process))
            running = await host.status(process)
            await host.run(f"echo go >{base}/fifo")
            async with asyncio.timeout(WAIT):
                status = await waiting
            await host.close()
            assert (running.state, status.exit_code) == (_S.running, 7)

        facts = asyncio.run(first())
        asyncio.run(second(facts))

    # --- ending -------------------------------------------------------------------------------------------------------

    @on_a_host
    async def test_closing_ends_what_is_waited_for(self, host: Host) -> None:
        process = _planned(host)
        await host.launch(process, Launch("sleep 60"))
        waiting = [asyncio.create_task(host.run("sleep 60")), asyncio.create_task(host.ended(process))]
        await host.run("true")

        await host.close()
        ends = await asyncio.gather(*waiting, return_exceptions=True)

        assert [isinstance(each, HostError) for each in ends] == [True, True]
        again = self.make(Path(host.info.base))
        await again.connect()
        assert (await again.status(process)).state is _S.running
        await again.stop(process)
        await again.close()


def _planned(host: Host, name: str = "one") -> Process:
    return Process.planned(f"{host.info.base}/processes/{name}")


async def _until_there(host: Host, path: str, kind: str = "-e") -> None:
    done = await host.run(f"until [ {kind} '{path}' ]; do sleep 0.01; done", timeout=WAIT)
    assert done.ok


async def _until_over(pid: int) -> None:
    async with asyncio.timeout(WAIT):
        while alive(pid):
            await asyncio.sleep(0.01)


async def _members(process: Process, expected: int) -> list[int]:
    """Return the processes that bear the mark of this one, apart from its supervisor, once there are so many."""
    async with asyncio.timeout(WAIT):
        while len(found := _marked(process)) < expected:
            await asyncio.sleep(0.01)  # One that is just being executed bears no mark for a moment.
    return found


def _marked(process: Process) -> list[int]:
    mark = f"HEADRACE_PROCESS={process.token}".encode()
    supervisor = (Path(process.directory) / "supervisor").read_text(encoding="ascii").split()[0]
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = each.read_bytes()
        except OSError:
            continue
        if mark in content.split(b"\0") and each.parent.name != supervisor:
            found.append(int(each.parent.name))
    return found


def _with_arguments(*words: str) -> list[str]:
    """Return the processes that have one of these among their arguments."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = each.read_text(encoding="utf-8", errors="replace").split("\0")
        except OSError:
            continue
        if not set(words).isdisjoint(arguments):
            found.append(each.parent.name)
    return found


def _start_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
