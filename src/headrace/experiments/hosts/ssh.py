"""A host over SSH."""

from __future__ import annotations

import asyncio
import signal as signals
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from headrace.experiments.errors import MissingExtra
from headrace.experiments.hosts.errors import (
    CommandTimedOut,
    ConnectionLost,
    HostClosed,
    SessionRefused,
)
from headrace.experiments.hosts.posix import PosixHost
from headrace.experiments.hosts.settings import SshSettings
from headrace.experiments.hosts.streams import Kept, feed, keep
from headrace.experiments.hosts.values import Completed

try:
    import asyncssh

    from headrace.experiments.hosts.link import Link, pauses
    from headrace.experiments.hosts.sftp import Sftp
    from headrace.experiments.hosts.watch import Watch
except ModuleNotFoundError as error:
    raise MissingExtra("asyncssh", "ssh", "hosts over SSH") from error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from headrace.experiments.hosts.scripted import Found
    from headrace.experiments.hosts.values import HostInfo, Process, ProcessStatus

__all__ = ["SshHost", "SshSettings"]

#: Seconds within which the commands that somebody waits for are ended, when the host is closed.
_ENDING = 10.0
#: How many sessions are kept free of commands that users run.
_KEPT = 3
#: How often what may be repeated is repeated when the connection is lost in the middle of it.
_REPEATS = 5
#: How often a session that the host refuses to open is asked for again.
_OPENINGS = 6


class SshHost(PosixHost):
    """A host over SSH, by one connection.

    Args:
        settings: how it is reached.
        base: the folder below which everything is put; relative to the user's home folder. ``.headrace`` by default.
        gateway: the connection through which it is reached. Without one, but with a gateway in the settings, it makes
            its own.
        timeout: seconds within which a host that is connected answers small requests.
    """

    def __init__(
        self, settings: SshSettings, base: str | None = None, *, gateway: SshHost | None = None, timeout: float = 30.0
    ) -> None:
        super().__init__(settings.place, base, timeout)
        self._settings = settings
        if gateway is None and settings.gateway is not None:
            gateway = SshHost(settings.gateway)
            self._own_gateway: SshHost | None = gateway
        else:
            self._own_gateway = None
        self._link = Link(settings, None if gateway is None else gateway.link)
        self._room = asyncio.Semaphore(settings.sessions)
        # Commands may take hours. Some room is left for what is short, and for the channels of files and of ends.
        self._runs = asyncio.Semaphore(settings.sessions - _KEPT)
        self._watch = Watch(self._name, self._session, timeout)
        self._sftp = Sftp(self._name, self._link, self._room, timeout)

    @property
    def link(self) -> Link:
        """The connection, for hosts that are reached through this one."""
        return self._link

    @property
    def settings(self) -> SshSettings:
        """How it is reached."""
        return self._settings

    @property
    def reachable(self) -> bool:
        """Whether it is connected, as far as is known here."""
        return self._link.alive

    async def connect(self) -> HostInfo:
        """Connect, find out whether the host will do, make the base folder. See `Host.connect`.

        Raises:
            HostClosed: it was closed; it stays so.
        """
        await self._link.connection()
        return await super().connect()

    async def close(self) -> None:
        """End the connection; this object is not used any more. See `Host.close`."""
        if self._closed:
            return
        self._closed = True
        if self._link.alive:
            with suppress(TimeoutError):  # It does not answer: what runs there cannot be ended from here.
                async with asyncio.timeout(_ENDING):
                    await self._end_all()
        await self._watch.close(HostClosed(self._name, "it was closed while somebody waited for a process there"))
        await self._sftp.close()
        await self._link.close()
        if self._own_gateway is not None:
            await self._own_gateway.close()

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
            async with self._runs:
                return await self._complete(text, stdin, timeout, limit)
        for left in reversed(range(_REPEATS)):
            try:
                return await self._complete(text, stdin, timeout, limit)
            except ConnectionLost:
                if not left:
                    raise
        raise AssertionError  # The last turn returns or raises.

    async def _complete(
        self,
        text: str,
        stdin: bytes | None,
        timeout: float,  # noqa: ASYNC109 - the command is ended with it
        limit: int,
    ) -> Completed:
        kept = Kept(limit), Kept(limit)
        async with self._session(text, stdin=stdin is not None) as process:
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.gather(
                        feed(None if stdin is None else process.stdin, stdin),
                        keep(process.stdout, kept[0]),
                        keep(process.stderr, kept[1]),
                    )
                    await process.wait_closed()
            except TimeoutError:
                raise CommandTimedOut(
                    self._name,
                    f"{text[:200]!r} took longer than {timeout:g} s, and was ended; give it a longer timeout",
                ) from None
            except (OSError, asyncssh.Error) as error:
                raise self._lost(error) from error
            if process.exit_status is None and process.exit_signal is None:
                raise self._lost(None)
            number = None if process.exit_signal is None else _number_of(process.exit_signal[0])
            return Completed(
                None if process.exit_signal is not None else process.exit_status,
                number,
                kept[0].content,
                kept[1].content,
                truncated=kept[0].truncated or kept[1].truncated,
            )

    @asynccontextmanager
    async def _session(self, text: str, *, stdin: bool = True) -> AsyncIterator[asyncssh.SSHClientProcess[bytes]]:
        """Have a shell execute a text in a session, which is ended with the context."""
        async with self._room:
            process = await self._open(text, stdin=stdin)
            try:
                yield process
            finally:
                process.close()

    async def _open(self, text: str, *, stdin: bool) -> asyncssh.SSHClientProcess[bytes]:
        """Open a session. A host that refuses one is asked again, a few times."""
        tries = 0
        for pause in pauses():
            connection = await self._link.connection()
            try:
                async with asyncio.timeout(self._timeout):
                    return await connection.create_process(
                        text, encoding=None, stdin=asyncssh.PIPE if stdin else asyncssh.DEVNULL
                    )
            except asyncssh.ChannelOpenError as error:
                tries += 1
                if tries == _OPENINGS:
                    raise SessionRefused(
                        self._name,
                        f"it opens no more sessions ({error.reason}): MaxSessions in its sshd_config is less than"
                        f" {self._settings.sessions}, the number that is used here; set sessions to fewer",
                    ) from error
                await asyncio.sleep(pause)
            except (OSError, asyncssh.Error, TimeoutError) as error:
                raise self._lost(error) from error
        raise AssertionError  # The pauses do not end.

    def _lost(self, error: Exception | None) -> ConnectionLost:
        why = f" ({error})" if error is not None and str(error) else ""
        return ConnectionLost(
            self._name, f"the connection has ended{why}; whether what was asked for has been done is not known"
        )

    async def _await_end(self, process: Process) -> ProcessStatus:
        if self._closed:
            raise HostClosed(self._name, "it was closed, and watches no processes")
        return await self._watch.ended(process)

    # --- files --------------------------------------------------------------------------------------------------------

    async def _send(self, local: Path, remote: str) -> None:
        await self._sftp.send(local, remote)

    async def _fetch(self, remote: str, local: Path) -> None:
        await self._sftp.fetch(remote, local)

    async def _list(self, remote: str) -> list[Found]:
        return await self._sftp.found(remote)

    async def _read(self, remote: str, offset: int, size: int) -> bytes:
        return await self._sftp.read(remote, offset, size)


def _number_of(name: str) -> int | None:
    found = getattr(signals, f"SIG{name}", None)
    return int(found) if isinstance(found, signals.Signals) else None
