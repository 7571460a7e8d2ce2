"""The content of files, moved over SFTP: one channel for all of them."""

from __future__ import annotations

import asyncio
import posixpath
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import asyncssh

from headrace.experiments.hosts.errors import (
    ConnectionLost,
    FileNotThere,
    FileProblem,
    HostTimedOut,
    SessionRefused,
    Unsuitable,
)
from headrace.experiments.hosts.scripted import Found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from headrace.experiments.hosts.link import Link

__all__ = ["Sftp"]

_T = TypeVar("_T")
#: How often a transfer is begun anew when the connection is lost in the middle of it.
_REPEATS = 5


class Sftp:
    """The files of one host.

    Args:
        name: the host's.
        link: its connection.
        room: how many sessions may be open; the channel takes one for as long as it is open.
        timeout: seconds without any progress after which a transfer is given up.
    """

    def __init__(self, name: str, link: Link, room: asyncio.Semaphore, timeout: float) -> None:
        self._name = name
        self._link = link
        self._room = room
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._client: asyncssh.SFTPClient | None = None
        self._connection: asyncssh.SSHClientConnection | None = None

    async def close(self) -> None:
        """Close the channel."""
        client, self._client = self._client, None
        if client is not None:
            self._room.release()
            client.exit()
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await client.wait_closed()

    async def send(self, local: Path, remote: str) -> None:
        """Copy the content of a file to one that only the user may read."""

        async def send(client: asyncssh.SFTPClient, progress: Callable[..., None]) -> None:
            async with client.open(remote, "wb", asyncssh.SFTPAttrs(permissions=0o600)):
                pass
            await client.put(str(local), remote, progress_handler=progress)

        await self._do(remote, send)

    async def fetch(self, remote: str, local: Path) -> None:
        """Copy the content of a file here."""

        async def fetch(client: asyncssh.SFTPClient, progress: Callable[..., None]) -> None:
            await client.get(remote, str(local), follow_symlinks=True, progress_handler=progress)

        await self._do(remote, fetch)

    async def read(self, remote: str, offset: int, size: int) -> bytes:
        """Return a part of a file."""

        async def read(client: asyncssh.SFTPClient, progress: Callable[..., None]) -> bytes:  # noqa: ARG001
            async with client.open(remote, "rb") as file:
                left = max(0, ((await file.stat()).size or 0) - offset)
                wanted = left if size < 0 else min(size, left)
                return await file.read(wanted, offset) if wanted else b""

        return await self._do(remote, read)

    async def found(self, remote: str) -> list[Found]:
        """Return what is at a path, and below it, outer folders first."""

        async def found(client: asyncssh.SFTPClient, progress: Callable[..., None]) -> list[Found]:
            top = await client.stat(remote)
            mode = top.permissions or 0
            result = [Found("", folder=stat.S_ISDIR(mode), mode=mode)]
            folders = [""] if stat.S_ISDIR(mode) else []
            for folder in folders:
                async for entry in client.scandir(posixpath.join(remote, folder)):
                    progress()
                    each = await _entry(client, remote, folder, entry)
                    if each is not None:
                        result.append(each)
                        folders += [each.path] if each.folder else []
            return result

        return await self._do(remote, found)

    async def _do(self, path: str, deed: Callable[[asyncssh.SFTPClient, Callable[..., None]], Awaitable[_T]]) -> _T:
        """Do what may be done again when the connection is lost meanwhile."""
        for left in reversed(range(_REPEATS)):
            try:
                return await self._do_once(path, deed)
            except ConnectionLost:
                if not left:
                    raise
        raise AssertionError  # The last turn returns or raises.

    async def _do_once(
        self, path: str, deed: Callable[[asyncssh.SFTPClient, Callable[..., None]], Awaitable[_T]]
    ) -> _T:
        client = await self._open()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout) as limit:
                return await deed(client, lambda *_: limit.reschedule(loop.time() + self._timeout))
        except TimeoutError:
            raise HostTimedOut(self._name, f"{path}: nothing has been transferred for {self._timeout:g} s") from None
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise FileNotThere(self._name, f"there is no file {path}") from error
        except (
            asyncssh.SFTPConnectionLost,
            asyncssh.SFTPNoConnection,
            asyncssh.DisconnectError,
            ConnectionError,
        ) as error:
            raise ConnectionLost(
                self._name, f"{path}: the connection has ended in the middle of it ({error})"
            ) from error
        except asyncssh.SFTPError as error:
            raise FileProblem(self._name, f"{path}: {error.reason}") from error
        except OSError as error:
            raise FileProblem(self._name, f"{path}: {error.strerror or error} ({error.filename or 'here'})") from error

    async def _open(self) -> asyncssh.SFTPClient:
        """Return the channel's client, on the connection that there is."""
        async with self._lock:
            connection = await self._link.connection()
            if self._client is not None and self._connection is connection:
                return self._client
            if self._client is None:
                await self._room.acquire()
            try:
                async with asyncio.timeout(self._timeout):
                    self._client = await connection.start_sftp_client()
                    self._connection = connection
            except BaseException as error:
                self._client = None
                self._room.release()
                raise self._explained(error) from error
            return self._client

    def _explained(self, error: BaseException) -> BaseException:
        match error:
            case asyncssh.ChannelOpenError(code=asyncssh.OPEN_REQUEST_SESSION_FAILED) | asyncssh.SFTPError():
                return Unsuitable(
                    self._name,
                    f"it does not serve files by SFTP ({error}): it needs the package openssh-sftp-server, or its like,"
                    " and the line 'Subsystem sftp internal-sftp' in its sshd_config",
                )
            case asyncssh.ChannelOpenError():
                return SessionRefused(self._name, f"it opens no session for SFTP: {error.reason}")
            case TimeoutError():
                return HostTimedOut(self._name, f"its SFTP does not answer within {self._timeout:g} s")
            case asyncssh.Error() | OSError():
                return ConnectionLost(self._name, f"the connection has ended while SFTP was started: {error}")
        return error


async def _entry(client: asyncssh.SFTPClient, remote: str, folder: str, entry: asyncssh.SFTPName) -> Found | None:
    """Return what a name in a folder stands for; None for what is not copied."""
    name = entry.filename if isinstance(entry.filename, str) else entry.filename.decode(errors="surrogateescape")
    # The host says what its files are called: nothing of that may lead elsewhere here.
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        return None
    path = posixpath.join(folder, name)
    mode = entry.attrs.permissions or 0
    if stat.S_ISLNK(mode):
        with suppress(asyncssh.SFTPError):
            mode = (await client.stat(posixpath.join(remote, path))).permissions or 0
        if stat.S_ISDIR(mode):
            return None
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        return Found(path, folder=stat.S_ISDIR(mode), mode=mode)
    return None
