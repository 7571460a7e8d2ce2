"""Waiting for the ends of processes on a host over SSH, over one channel for all of them.

The host's shell waits for locks that the processes' supervisors hold, and says a line when one is free. Nothing is
asked again and again, here or there. When the connection is lost, all are watched anew over the next one.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Protocol

import asyncssh

from headrace.experiments.hosts import shell
from headrace.experiments.hosts.errors import ConnectionLost, HostError, HostTimedOut
from headrace.experiments.hosts.link import pauses
from headrace.experiments.hosts.posix import parse_status

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from headrace.experiments.hosts.values import Process, ProcessStatus

__all__ = ["Opener", "Watch"]

logger = logging.getLogger(__name__)


class Opener(Protocol):
    """Opens a session on the host, connecting it if that is needed."""

    def __call__(self, text: str) -> AbstractAsyncContextManager[asyncssh.SSHClientProcess[bytes]]:
        """Have the host's shell execute a text."""
        ...


class Watch:
    """Those who wait for the ends of processes on one host.

    Args:
        name: the host's.
        opener: opens the channel.
        timeout: seconds within which the host answers.
    """

    def __init__(self, name: str, opener: Opener, timeout: float) -> None:
        self._name = name
        self._opener = opener
        self._timeout = timeout
        self._numbers = count()
        self._waiting: dict[int, tuple[Process, asyncio.Future[ProcessStatus]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._channel: asyncssh.SSHClientProcess[bytes] | None = None

    async def ended(self, process: Process) -> ProcessStatus:
        """Wait until the process does not run any more, however often the connection is lost meanwhile."""
        number = next(self._numbers)
        future: asyncio.Future[ProcessStatus] = asyncio.get_running_loop().create_future()
        self._waiting[number] = process, future
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        elif self._channel is not None:
            self._ask(self._channel, number, process)
        try:
            return await future
        finally:
            del self._waiting[number]
            if not self._waiting and self._channel is not None:
                self._channel.close()  # Nobody waits: the host need not either.

    async def close(self, reason: HostError) -> None:
        """Tell all who wait that there is no more waiting."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._fail(reason)

    async def _watch(self) -> None:
        """Keep a channel for as long as anybody waits."""
        wait = pauses()
        try:
            while self._waiting:
                try:
                    async with self._opener("exec sh -s") as channel:
                        await self._begin(channel)
                        wait = pauses()
                        await self._listen(channel)
                except HostError as error:
                    if not error.transient:
                        self._fail(error)
                        return
                    logger.warning("%s; what runs there is unknown meanwhile", error)
                    await asyncio.sleep(next(wait))
                except (OSError, asyncssh.Error) as error:
                    logger.info("%s: the channel on which processes are watched has ended: %s", self._name, error)
                    await asyncio.sleep(next(wait))
                finally:
                    self._channel = None
        except Exception as error:
            # Nobody is to wait for ever for a defect of ours.
            self._fail(HostError(self._name, f"processes cannot be watched: {type(error).__name__}: {error}"))
            raise
        finally:
            self._task = None

    async def _begin(self, channel: asyncssh.SSHClientProcess[bytes]) -> None:
        channel.stdin.write(shell.call("process.sh", "watch").encode())
        try:
            async with asyncio.timeout(self._timeout):
                # Not a line before: the shell reads ahead in what is a script until here.
                said = await channel.stdout.readline()
        except TimeoutError:
            raise HostTimedOut(self._name, f"its shell does not answer within {self._timeout:g} s") from None
        if said != b"ready\n":
            raise ConnectionLost(self._name, f"the shell that watches processes ended; it said {said[:200]!r}")
        self._channel = channel
        for number, (process, _) in self._waiting.items():
            self._ask(channel, number, process)

    async def _listen(self, channel: asyncssh.SSHClientProcess[bytes]) -> None:
        while line := await channel.stdout.readline():
            number, _, said = line.decode(errors="replace").partition(" ")
            found = self._waiting.get(int(number)) if number.isdecimal() else None
            if found is not None and not found[1].done():
                try:
                    found[1].set_result(parse_status(self._name, said))
                except HostError as error:
                    found[1].set_exception(error)

    @staticmethod
    def _ask(channel: asyncssh.SSHClientProcess[bytes], number: int, process: Process) -> None:
        with suppress(OSError):  # It has just ended; the next one will be asked.
            channel.stdin.write(shell.encoded(f"{number} {process.token} {process.directory}\n"))

    def _fail(self, error: HostError) -> None:
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
