"""SSH servers for the tests."""

from __future__ import annotations

import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.real.experiments.hosts.servers import Namespace, Sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = count(1)


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """Return a server on the loopback, for all tests that do it no harm."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-sshd-"))
    server = Sshd(folder / "server")
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def make_sshd(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Return what starts servers on the loopback, with these lines in their configuration."""
    servers: list[Sshd] = []

    def make(*options: str) -> Sshd:
        servers.append(Sshd(tmp_path / f"sshd{len(servers)}", options=options))
        servers[-1].start()
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def far_sshds(tmp_path: Path) -> Iterator[list[Sshd]]:
    """Return three servers in network namespaces of their own."""
    servers: list[Sshd] = []
    try:
        for _ in range(3):
            namespace = Namespace(next(_numbers))
            servers.append(Sshd(tmp_path / namespace.name, namespace))
            servers[-1].start()
        yield servers
    finally:
        for server in servers:
            server.kill()
            if server.namespace is not None:
                server.namespace.remove()
