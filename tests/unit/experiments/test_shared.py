"""What the resources of one experiment share: an engine, a connection to a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from headrace.experiments import ECState, ExperimentController, ResourceFactory
from headrace.experiments.errors import ExperimentClosed

if TYPE_CHECKING:
    from pathlib import Path


class Shared:
    """Notes where the experiment was when it was closed."""

    def __init__(self, ec: ExperimentController, *, broken: bool = False) -> None:
        self.ec = ec
        self.closed: list[ECState] = []
        self.broken = broken

    def close(self) -> None:
        self.closed.append(self.ec.ecstate)
        if self.broken:
            raise OSError("it cannot be closed")


@pytest.fixture
def ec(tmp_path: Path) -> ExperimentController:
    return ExperimentController("tides", tmp_path, factory=ResourceFactory(shipped=False, plugins=False), journal=False)


def test_it_is_made_by_the_first_who_asks(ec: ExperimentController) -> None:
    with ec:
        first = ec.shared("engine", lambda: Shared(ec))

        assert ec.shared("engine", lambda: Shared(ec)) is first
        assert ec.shared("another", lambda: Shared(ec)) is not first


def test_it_is_closed_once_everything_has_been_released(ec: ExperimentController) -> None:
    with ec:
        shared = ec.shared("engine", lambda: Shared(ec))
    ec.shutdown()

    assert shared.closed == [ECState.TERMINATED]


def test_one_that_cannot_be_closed_is_told_and_the_others_are(
    ec: ExperimentController, caplog: pytest.LogCaptureFixture
) -> None:
    with ec:
        good = ec.shared("good", lambda: Shared(ec))
        ec.shared("bad", lambda: Shared(ec, broken=True))

    assert len(good.closed) == 1
    assert "'bad' could not be closed" in caplog.text


def test_what_has_nothing_to_close_is_let_go(ec: ExperimentController) -> None:
    with ec:
        assert ec.shared("number", lambda: 7) == 7


def test_nothing_is_made_that_nobody_would_close(ec: ExperimentController) -> None:
    ec.shutdown()

    with pytest.raises(ExperimentClosed):
        ec.shared("engine", lambda: Shared(ec))
