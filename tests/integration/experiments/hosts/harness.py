"""A host for each test of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from headrace.experiments.hosts import Host

#: Seconds within which anything here must happen.
WAIT = 20.0


def on_a_host(test: Callable[[Any, Host], Awaitable[None]]) -> Callable[[Any, Path], None]:
    """Give a test a connected host."""

    def run(self: HostTests, tmp_path: Path) -> None:
        async def main() -> None:
            host = self.make(tmp_path / "base")
            try:
                async with asyncio.timeout(WAIT):
                    await host.connect()
                    await test(self, host)
            finally:
                await host.close()

        asyncio.run(main())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


class HostTests:
    """Tests of a kind of host."""

    def make(self, base: Path) -> Host:
        """Return a host with this base folder. To be overridden."""
        raise NotImplementedError
