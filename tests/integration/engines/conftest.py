"""What the tests of engines share: an engine, and commands that can be found among all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.engines.helpers import NOWHERE, Mark, until

from headrace.compute.engines import CommandSpec, ProcessEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def mark() -> Iterator[Mark]:
    """A mark; when the test is over, nothing that has it is alive."""
    mark = Mark()
    yield mark
    try:
        until(lambda: not mark.processes(), "the end of all processes of the test", seconds=10)
    finally:
        mark.kill()


@pytest.fixture
def engine() -> Iterator[ProcessEngine]:
    with ProcessEngine() as engine:
        yield engine


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[ProcessEngine]:
    """An engine with a directory."""
    with ProcessEngine(tmp_path / "jobs") as engine:
        yield engine


@pytest.fixture
def shell(mark: Mark) -> Callable[..., CommandSpec]:
    """Makes marked commands of a line for the shell."""

    def make(line: str, **options: object) -> CommandSpec:
        given = {"stdout": NOWHERE, "stderr": NOWHERE, "env": mark.env, **options}
        return CommandSpec(argv=("/bin/bash", "-c", line), **given)  # type: ignore[arg-type]  # as the test has it

    return make
