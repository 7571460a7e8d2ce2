"""What a host does with commands, whatever way its shell is reached."""

from __future__ import annotations

import asyncio
import logging
import posixpath
import uuid
from typing import TYPE_CHECKING, Any

from headrace.experiments.hosts import shell
from headrace.experiments.hosts.errors import (
    CommandTimedOut,
    HostClosed,
    HostError,
    LaunchFailed,
    ProcessUnknown,
    StopFailed,
    SudoRefused,
)
from headrace.experiments.hosts.files import HostFiles
from headrace.experiments.hosts.values import Process, ProcessState, ProcessStatus, tail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.experiments.hosts.values import Completed, Launch

__all__ = ["PosixHost", "parse_status"]

logger = logging.getLogger(__name__)

_SCRIPT = "process.sh"
#: Seconds that a command has to end when nobody waits for it any more.
_GRACE = 1.0


class PosixHost(HostFiles):
    """A host with a POSIX shell. See `Host` for what holds."""

    def __init__(self, name: str, base: str | None, timeout: float) -> None:
        super().__init__(name, base, timeout)
        self._sudo_works = False
        self._closed = False
        #: The marks of the commands that somebody waits for, and whether root runs them.
        self._marks: dict[str, bool] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def run(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes | str | None = None,
        sudo: bool = False,
        timeout: float = 60.0,  # noqa: ASYNC109 - the command is ended with it
        limit: int = 1 << 20,
    ) -> Completed:
        """Run a command and wait for its end. See `Host.run`."""
        prefixed = sudo and await self._needs_sudo()
        mark = uuid.uuid4().hex
        text = shell.command_text(command, env={**(env or {}), shell.MARK: mark}, cwd=cwd, sudo=prefixed)
        given = stdin.encode(errors="surrogateescape") if isinstance(stdin, str) else stdin
        return await self._run_marked(text, given, timeout, limit, mark, sudo=prefixed)

    async def _run_marked(
        self,
        text: str,
        stdin: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the command is ended with it
        limit: int,
        mark: str,
        *,
        sudo: bool = False,
    ) -> Completed:
        """Run a command that bears a mark, and end it if nobody waits for it any more."""
        if self._closed:
            raise HostClosed(self._name, "it was closed, and runs no commands")
        self._marks[mark] = sudo
        try:
            done = await self._execute(text, stdin, timeout, limit)
        except CommandTimedOut:
            await self._end_marked(mark, sudo=sudo)
            raise
        except asyncio.CancelledError:
            task = asyncio.create_task(self._end_marked(mark, sudo=sudo))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            raise
        finally:
            del self._marks[mark]
        if self._closed:
            raise HostClosed(self._name, "it was closed while a command ran; the command was ended")
        return done

    async def _end_marked(self, mark: str, *, sudo: bool) -> None:
        """End what bears a mark, as far as the host can be reached."""
        text = shell.call(_SCRIPT, "end", "/dev/null", mark, int(_GRACE * 1000))
        try:
            await self._script(text, sudo=sudo, more=_GRACE)
        except HostError as error:
            logger.warning("%s; a command that nobody waits for any more may go on there", error)

    async def _end_all(self) -> None:
        """End the commands that somebody waits for, and see those to their end that nobody does."""
        for pause in 0.0, 0.1, 0.2, 0.4, 0.8:  # One that was just about to begin may not have been there yet.
            await asyncio.sleep(pause)
            await asyncio.gather(*(self._end_marked(mark, sudo=sudo) for mark, sudo in [*self._marks.items()]))
            if not self._marks:
                break
        if self._ending:
            await asyncio.wait(self._ending)

    async def _needs_sudo(self) -> bool:
        """Tell whether sudo is to be used for root's rights.

        Raises:
            SudoRefused: it cannot be.
        """
        info = await self.connect()
        if info.uid == 0:
            return False
        if not self._sudo_works:
            done = await self._script("LC_ALL=C exec sudo -n true </dev/null\n")
            if not done.ok:
                said = tail(done.stderr) or done.how
                raise SudoRefused(
                    self._name,
                    f"sudo cannot be used by {info.user}: {said}; allow it without a password"
                    f" (in /etc/sudoers.d: '{info.user} ALL=(ALL) NOPASSWD: ALL'), or connect as root",
                )
            self._sudo_works = True
        return True

    # --- processes ----------------------------------------------------------------------------------------------------

    async def launch(self, process: Process, launch: Launch) -> ProcessStatus:
        """Start a command that outlives this program. See `Host.launch`."""
        if process.sudo:
            await self._needs_sudo()
        folder = process.directory
        text = shell.program_text(
            shell.launch_text(launch, folder),
            folder,
            process.token,
            launch.stdin or "/dev/null",
            launch.stdout or posixpath.join(folder, "stdout"),
            launch.stderr or posixpath.join(folder, "stderr"),
            "sudo" if process.sudo else "",
            "" if launch.walltime is None else f"{launch.walltime:.3f}",
            int(launch.grace * 1000),
        )
        done = await self._script(text)
        if not done.ok:
            raise LaunchFailed(self._name, f"{folder}: the command could not be started: {tail(done.stderr)}")
        return parse_status(self._name, done.out)

    async def status(self, process: Process) -> ProcessStatus:
        """Return how a process does. See `Host.status`."""
        done = await self._script(shell.call(_SCRIPT, "status", process.directory, process.token))
        done.check(self._name, f"asking for the process in {process.directory}")
        return parse_status(self._name, done.out)

    async def ended(self, process: Process) -> ProcessStatus:
        """Wait until a process does not run any more. See `Host.ended`."""
        return await self._await_end(process)

    async def stop(self, process: Process, grace: float = 5.0) -> ProcessStatus:
        """End a process and all that it started. See `Host.stop`."""
        sudo = process.sudo and await self._needs_sudo()
        text = shell.call(_SCRIPT, "halt", process.directory, process.token, int(grace * 1000))
        done = await self._script(text, sudo=sudo, more=grace)
        done.check(self._name, f"stopping the process in {process.directory}")
        left, _, status = done.out.partition("\n")
        if left.split() != ["left"]:
            pids = ", ".join(left.split()[1:])
            raise StopFailed(self._name, f"the process in {process.directory} does not end: there is still {pids}")
        return parse_status(self._name, status)

    async def adopt(self, facts: Mapping[str, Any]) -> Process:
        """Find a process again by its facts. See `Host.adopt`."""
        process = Process.from_facts(facts)
        status = await self.status(process)
        if status.state in {ProcessState.running, ProcessState.ended, ProcessState.lost}:
            return process
        raise ProcessUnknown(self._name, f"the process of {process.directory} {status.how}")


def parse_status(host: str, line: str) -> ProcessStatus:
    """Return what a line of the function ``status`` says.

    Raises:
        HostError: it says nothing that is understood.
    """
    try:
        return _parsed(line.split())
    except ValueError as error:
        problem = f"it answered what is not understood when it was asked for a process: {line[:200]!r}"
        raise HostError(host, problem) from error


def _parsed(words: list[str]) -> ProcessStatus:
    match words:
        case [("never" | "abandoned" | "gone") as word]:
            return ProcessStatus(ProcessState(word))
        case [("running" | "ended" | "lost") as word, code, pid, start, boot, *late]:
            state = ProcessState(word)
            return ProcessStatus(
                state,
                exit_code=int(code) if state is ProcessState.ended else None,
                timed_out=bool(late),
                pid=int(pid) or None,
                start=int(start) or None,
                boot=None if boot == "0" else boot,
            )
    raise ValueError(words)
