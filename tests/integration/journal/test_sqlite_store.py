"""A store in a file does what every store does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.journal.suite import *  # noqa: F403 - the tests

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "journal.db")
