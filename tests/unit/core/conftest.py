"""A toy life, short and plain, and a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.testing import Driver, broken_invariants

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def driver() -> Iterator[Driver]:
    """A driver whose scheduler's books are in order when the test has ended."""
    driver = Driver()
    yield driver
    assert broken_invariants(driver.scheduler) == []
