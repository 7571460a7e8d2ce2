"""The process engine is an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.compute.engines import Engine, ProcessEngine
from headrace.testing import EngineContract

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
class TestProcessEngine(EngineContract):
    """Commands of this machine."""

    def open_engine(self, place: Path) -> Engine:
        return ProcessEngine(place)
