"""This machine as a host."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.experiments.hosts import shell
from headrace.experiments.hosts.errors import CommandTimedOut, FileNotThere, FileProblem, HostClosed, Unsuitable
from headrace.experiments.hosts.posix import PosixHost
from headrace.experiments.hosts.scripted import SCRIPT, Found
from headrace.experiments.hosts.streams import Kept, feed, keep
from headrace.experiments.hosts.values import Completed, ProcessState, ProcessStatus

if TYPE_CHECKING:
    from headrace.experiments.hosts.values import HostInfo, Process

__all__ = ["LocalHost"]

#: How many of our own small requests are under way at once: more would only wait for one another.
_AT_ONCE = 16
#: Seconds that a command has to end when it has taken too long.
_GRACE = 1.0


class LocalHost(PosixHost):
    """This machine, as the user that runs this program. No SSH is involved.

    Args:
        base: the folder below which everything is put; relative to the user's home folder. ``.headrace`` by default.
        timeout: seconds within which small requests are answered.
    """

    def __init__(self, base: str | None = None, *, timeout: float = 30.0) -> None:
        super().__init__("localhost", base, timeout)
        self._waiting: set[asyncio.Future[None]] = set()
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def connect(self) -> HostInfo:
        """Make the base folder. See `Host.connect`.

        Raises:
            HostClosed: it was closed; it stays so.
        """
        if self._closed:
            raise HostClosed(self._name, "it was closed")
        return await super().connect()

    async def close(self) -> None:
        """End the commands that somebody waits for. See `Host.close`."""
        self._closed = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(HostClosed(self._name, "it was closed while somebody waited for a process"))
        await self._end_all()

    # --- commands -----------------------------------------------------------------------------------------------------

    async def _execute(
        self,
        text: str,
        stdin: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the command is ended with it
        limit: int,
        *,
        repeatable: bool = False,
    ) -> Completed:
        if not repeatable:
            return await self._complete(text, stdin, timeout, limit)
        async with self._room:
            return await self._complete(text, stdin, timeout, limit)

    async def _complete(
        self,
        text: str,
        stdin: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the command is ended with it
        limit: int,
    ) -> Completed:
        try:
            child = await asyncio.create_subprocess_exec(
                *(("sh", "-s") if text == SCRIPT else ("sh", "-c", shell.encoded(text))),
                stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=Path.home(),
                start_new_session=True,
            )
        except OSError as error:
            raise Unsuitable(self._name, f"no shell can be started here: {error.strerror or error}") from error
        kept = Kept(limit), Kept(limit)
        try:
            async with asyncio.timeout(timeout):
                await asyncio.gather(feed(child.stdin, stdin), keep(child.stdout, kept[0]), keep(child.stderr, kept[1]))
                code = await child.wait()
        except TimeoutError:
            raise CommandTimedOut(
                self._name, f"{text[:200]!r} took longer than {timeout:g} s, and was ended; give it a longer timeout"
            ) from None
        finally:
            await _end(child)
        signalled = code < 0
        return Completed(
            None if signalled else code,
            -code if signalled else None,
            kept[0].content,
            kept[1].content,
            truncated=kept[0].truncated or kept[1].truncated,
        )

    async def _await_end(self, process: Process) -> ProcessStatus:
        # Its supervisor ends last. If that was killed, the command itself is waited for.
        waited = await self._wait_for_one(process, "supervisor") or await self._wait_for_one(process, "pid")
        if waited and (end := _end_of(process)) is not None:
            return end
        while (status := await self.status(process)).state is ProcessState.running:
            waited = not waited and await self._wait_for_one(process, "pid")
            if not waited:  # No process can be waited for here, or it has just ended.
                mark = uuid.uuid4().hex
                text = shell.encoded(shell.call("process.sh", "await", process.directory))
                await self._run_marked(f"exec env {shell.MARK}={mark} sh -s", text, _FOREVER, 0, mark)
        return status

    async def _wait_for_one(self, process: Process, name: str) -> bool:
        """Wait for the end of a process that a file names; return False if that cannot be had."""
        here = (await self.connect()).boot
        try:
            pid, start, boot = _words(Path(process.directory, name))
            descriptor = os.pidfd_open(int(pid))
        except (AttributeError, OSError, ValueError):
            return False
        try:
            if self._closed:
                raise HostClosed(self._name, "it was closed, and waits for no process")
            if boot != here or _start_time(int(pid)) != int(start):
                return False
            loop = asyncio.get_running_loop()
            ended: asyncio.Future[None] = loop.create_future()
            self._waiting.add(ended)
            loop.add_reader(descriptor, _set, ended)
            try:
                await ended
            finally:
                loop.remove_reader(descriptor)
                self._waiting.discard(ended)
        finally:
            os.close(descriptor)
        return True

    # --- files --------------------------------------------------------------------------------------------------------

    async def _send(self, local: Path, remote: str) -> None:
        def copy() -> None:
            with local.open("rb") as source, open(remote, "xb", opener=_private) as target:
                shutil.copyfileobj(source, target)

        try:
            await asyncio.to_thread(copy)
        except OSError as error:
            raise FileProblem(self._name, f"{remote} cannot be written: {error.strerror or error}") from error

    async def _fetch(self, remote: str, local: Path) -> None:
        try:
            await asyncio.to_thread(shutil.copyfile, remote, local)
        except OSError as error:
            raise self._problem(remote, error) from error

    async def _list(self, remote: str) -> list[Found]:
        try:
            return await asyncio.to_thread(_found, Path(remote))
        except OSError as error:
            raise self._problem(remote, error) from error

    async def _read(self, remote: str, offset: int, size: int) -> bytes:
        def read() -> bytes:
            with Path(remote).open("rb") as file:
                file.seek(offset)
                return file.read(size)

        try:
            return await asyncio.to_thread(read)
        except OSError as error:
            raise self._problem(remote, error) from error

    def _problem(self, path: str, error: OSError) -> FileProblem:
        if isinstance(error, FileNotFoundError):
            return FileNotThere(self._name, f"there is no file {path}")
        return FileProblem(self._name, f"{path}: {error.strerror or error}")


#: A process may run for as long as it likes: what waits for its end has no other bound.
_FOREVER = 10.0 * 365 * 24 * 3600


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _end(child: asyncio.subprocess.Process) -> None:
    """End a command that nobody waits for any more, and what it started in its session."""
    if child.returncode is not None:
        return
    for name in signal.SIGTERM, signal.SIGKILL:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, name)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await child.wait()
                return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _found(path: Path) -> list[Found]:
    if not path.is_dir():
        return [Found("", folder=False, mode=path.stat().st_mode)]
    found = [Found("", folder=True, mode=path.stat().st_mode)]
    for place, folders, files in os.walk(path):
        for name in (*folders, *files):
            each = Path(place, name)
            folder = name in folders
            if each.is_file() or (folder and not each.is_symlink()):
                found.append(Found(each.relative_to(path).as_posix(), folder=folder, mode=each.stat().st_mode))
    return found


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def _end_of(process: Process) -> ProcessStatus | None:
    """Return how a process ended, as its folder says in full; None if it does not: then it is to be asked about."""
    folder = Path(process.directory)
    try:
        token, code = (_words(folder / name) for name in ("token", "exitcode"))
        pid, start, boot = _words(folder / "pid")
        if token != [process.token]:
            return None
        late = (folder / "timedout").exists()
        return ProcessStatus(ProcessState.ended, int(*code), late, int(pid) or None, int(start) or None, boot)
    except (OSError, TypeError, ValueError):
        return None


def _start_time(pid: int) -> int | None:
    """Return when a process was started, in clock ticks since the boot; None if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[19])
