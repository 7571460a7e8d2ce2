"""Experiments on hosts that are fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.experiments.linux.fakes import experiment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.experiments.linux.fakes import FakeHost

    from headrace.experiments import ExperimentController


@pytest.fixture
def faked(tmp_path: Path) -> Iterator[tuple[ExperimentController, FakeHost]]:
    """Return an experiment, and the host that all its nodes are."""
    ec, host = experiment(tmp_path)
    with ec:
        yield ec, host


@pytest.fixture
def ec(faked: tuple[ExperimentController, FakeHost]) -> ExperimentController:
    """Return the experiment."""
    return faked[0]


@pytest.fixture
def host(faked: tuple[ExperimentController, FakeHost]) -> FakeHost:
    """Return the host."""
    return faked[1]
