"""Networks for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.real.experiments.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Return an experiment in namespaces of this machine. Nothing of it is left after the test, which is checked."""
    lab = Lab(tmp_path)
    with lab.ec:
        yield lab
    assert lab.left() == []
