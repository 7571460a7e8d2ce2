"""This machine is a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.experiments.hosts.suite import HostContract

from headrace.experiments.hosts import LocalHost

if TYPE_CHECKING:
    from pathlib import Path

    from headrace.experiments.hosts import Host


@pytest.mark.slow
class TestLocalHost(HostContract):
    """Without SSH."""

    def make(self, base: Path) -> Host:
        return LocalHost(str(base))
