"""A machine over SSH is a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.experiments.hosts.suite import HostContract

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.experiments.hosts.servers import Sshd

    from headrace.experiments.hosts import Host


class TestSshHost(HostContract):
    """Over a real sshd."""

    @pytest.fixture(autouse=True)
    def _server(self, sshd: Sshd) -> None:
        self.server = sshd

    def make(self, base: Path) -> Host:
        return self.server.host(base)
