"""The one connection to a host over SSH: made when it is needed, and made again when it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncssh

from headrace.experiments.hosts.errors import HostClosed, HostError
from headrace.experiments.hosts.refusals import explain, known_hosts_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.experiments.hosts.settings import SshSettings

__all__ = ["Link", "pauses"]

logger = logging.getLogger(__name__)


def pauses(first: float = 0.2, longest: float = 15.0) -> Iterator[float]:
    """Yield ever longer pauses in seconds, each shortened at random so that many who wait do not come at once."""
    pause = first
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311 - no secret
        pause = min(pause * 2, longest)


class _Client(asyncssh.SSHClient):
    """Takes note of the key that a host shows, and of the connection's end."""

    def __init__(self) -> None:
        self.shown: asyncssh.SSHKey | None = None
        self.lost = False
        self.why: Exception | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = key
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost, self.why = True, exc


class Link:
    """One connection to a host.

    Args:
        settings: how it is reached.
        gateway: the connection to the host that it is reached through, if there is one.
    """

    def __init__(self, settings: SshSettings, gateway: Link | None = None) -> None:
        self.settings = settings
        self._gateway = gateway
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: _Client | None = None
        self._lock = asyncio.Lock()
        self._closed = False
        self._failed: tuple[float, HostError] | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a connection, as far as is known here."""
        return self._client is not None and not self._client.lost

    async def connection(self, patience: float | None = None) -> asyncssh.SSHClientConnection:
        """Return the connection; make it, or make it again, if there is none.

        Args:
            patience: seconds after which a host that cannot be reached is given up; the settings' by default.

        Raises:
            HostError: there is none, for a reason that time does not heal, or not in the time that was given.
        """
        deadline = self._now() + (self.settings.patience if patience is None else patience)
        asked = self._now()
        async with self._lock:
            if self._failed is not None and self._failed[0] >= asked:
                error = self._failed[1]  # Somebody else has just tried, while this one waited for the result.
                raise type(error)(error.host, error.problem) from error
            if self._connection is None or not self.alive:
                try:
                    await self._connect(deadline)
                except HostError as error:
                    self._failed = self._now(), error
                    raise
            if self._connection is None:
                raise HostClosed(self.settings.place, "it was closed while it was being connected")
            return self._connection

    async def close(self) -> None:
        """End the connection for good."""
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await connection.wait_closed()
            connection.abort()

    async def _connect(self, deadline: float) -> None:
        """Try until it succeeds."""
        began = self._now()
        for tries, pause in enumerate(pauses(), start=1):
            if self._closed:
                raise HostClosed(self.settings.place, "it was closed here")
            try:
                await self._connect_once(deadline)
            except HostError as error:
                left = deadline - self._now()
                if not error.transient or left <= 0:
                    raise self._in_vain(error, tries, self._now() - began) from error
                logger.info("%s; trying again", error)
                await asyncio.sleep(min(pause, left))
            else:
                return

    def _in_vain(self, error: HostError, tries: int, seconds: float) -> HostError:
        if tries == 1:
            return error
        return type(error)(error.host, f"{error.problem} ({tries} attempts in {seconds:.0f} s)")

    async def _connect_once(self, deadline: float) -> None:
        settings = self.settings
        tunnel = None
        if self._gateway is not None:
            tunnel = await self._gateway.connection(max(deadline - self._now(), 0))
        client = _Client()
        try:
            async with asyncio.timeout(settings.connect_timeout):
                connection = await asyncssh.connect(
                    settings.host, tunnel=tunnel, client_factory=lambda: client, **self._options()
                )
        except (OSError, asyncssh.Error, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise explain(error, settings, client.shown) from error
        if self._closed:
            connection.abort()
            raise HostClosed(settings.place, "it was closed while it was being connected")
        if not settings.strict_host_keys:
            logger.warning(
                "%s: its host key is not checked, since that was asked for: anybody in between can read and change"
                " everything",
                settings.place,
            )
        self._connection, self._client = connection, client

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        options: dict[str, Any] = {
            "keepalive_interval": settings.keepalive,
            "keepalive_count_max": settings.keepalive_misses,
            "login_timeout": settings.connect_timeout,
            # An empty list of keys would be "none", empty bytes are "no key is known".
            "known_hosts": (known_hosts_files(settings) or b"") if settings.strict_host_keys else None,
        }
        if not settings.config:
            options["config"] = None
        if settings.port is not None:
            options["port"] = settings.port
        if settings.user is not None:
            options["username"] = settings.user
        if settings.identity is not None:
            options["client_keys"] = [str(settings.identity.expanduser())]
        if settings.password is not None:
            options["password"] = settings.password
        if not settings.agent:
            options["agent_path"] = None
        return options

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
