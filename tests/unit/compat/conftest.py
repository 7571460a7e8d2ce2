"""Stands in for Parsl during a test, and leaves the process as it was."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from headrace import compat

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clean() -> Iterator[None]:
    """Nothing is stood in for when the test begins."""
    before = compat.installed()
    for face in before:
        compat.uninstall(face)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "parsl"]:
        del sys.modules[name]
    for face in compat.installed():
        compat.uninstall(face)
    for face in before:
        compat.install(face)


@pytest.fixture
def parsl(clean: None) -> None:
    """Parsl is stood in for."""
    compat.install("parsl")
