"""The hosts of an experiment: one connection for each, however many of its resources are there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from headrace.experiments.hosts.local import LocalHost

if TYPE_CHECKING:
    from headrace.experiments.hosts.settings import SshSettings
    from headrace.experiments.hosts.ssh import SshHost

__all__ = ["Hosts"]

#: Seconds within which all connections are closed at the end.
_PATIENCE = 15.0


class Hosts:
    """Hands out connected hosts, the same one to all who ask for the same.

    All but `close` belongs to one loop.

    Args:
        loop: that loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._hosts: dict[tuple[SshSettings | None, str | None], tuple[LocalHost | SshHost, int]] = {}
        self._gateways: dict[SshSettings, SshHost] = {}

    async def acquire(self, settings: SshSettings | None, base: str | None = None) -> LocalHost | SshHost:
        """Return a host, connected; each must be given back by `release`.

        Args:
            settings: how it is reached; None means this machine, without SSH.
            base: the folder below which everything is put. None means the default.

        Raises:
            HostError: it cannot be connected. It need not be given back.
        """
        key = settings, base
        host, users = self._hosts.get(key) or (self._make(settings, base), 0)
        self._hosts[key] = host, users + 1
        try:
            await host.connect()
        except BaseException:
            await self.release(host)
            raise
        return host

    async def release(self, host: LocalHost | SshHost) -> None:
        """Give a host back. The connection is closed when nobody has it any more."""
        for key, (each, users) in self._hosts.items():
            if each is host:
                if users > 1:
                    self._hosts[key] = each, users - 1
                else:
                    del self._hosts[key]
                    await host.close()
                return

    def close(self) -> None:
        """Close all connections. Not on the loop's thread."""
        try:
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)
        except RuntimeError:  # The loop has ended, and all its connections with it.
            return

    def _make(self, settings: SshSettings | None, base: str | None) -> LocalHost | SshHost:
        if settings is None:
            return LocalHost(base)
        from headrace.experiments.hosts.ssh import SshHost  # noqa: PLC0415 - asyncssh is large, and optional

        gateway = None
        if settings.gateway is not None:
            gateway = self._gateways.get(settings.gateway)
            if gateway is None:
                gateway = self._gateways[settings.gateway] = SshHost(settings.gateway)
        return SshHost(settings, base, gateway=gateway)

    async def _close(self) -> None:
        hosts = [host for host, _ in self._hosts.values()]
        self._hosts.clear()
        await asyncio.gather(*(host.close() for host in hosts), return_exceptions=True)
        await asyncio.gather(*(gateway.close() for gateway in self._gateways.values()), return_exceptions=True)
