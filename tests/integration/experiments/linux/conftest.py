"""Experiments with a host: this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.experiments import ExperimentController, ResourceFactory
from headrace.experiments.linux import Application, Node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def factory() -> ResourceFactory:
    factory = ResourceFactory(plugins=False)
    factory.register_type(Node)
    factory.register_type(Application)
    return factory


@pytest.fixture
def ec(tmp_path: Path, factory: ResourceFactory) -> Iterator[ExperimentController]:
    with ExperimentController("scenario", tmp_path / "root", factory=factory) as controller:
        yield controller


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


@pytest.fixture
def node(ec: ExperimentController, home: str) -> int:
    return ec.register_resource("linux::Node", home=home)
