"""An experiment for each test, on a clock that stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.experiments.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from headrace.experiments import ExperimentController


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def ec(lab: Lab) -> ExperimentController:
    return lab.ec
