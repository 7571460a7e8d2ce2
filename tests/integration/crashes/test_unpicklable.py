"""A result that cannot be stored: its future ends, as chosen, and no other is the worse for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.crashes.harness import Lineage

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

WORK, LOCKS = ({f"{name}-{number}" for number in range(4)} for name in ("work", "lock"))


def test_a_result_that_does_not_pickle_fails_its_future_alone(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "unpicklable")
    lineage.run()
    lineage.run()

    for generation in (0, 1):
        assert set(lineage.ledger.names(generation, "ack")) == WORK
        assert set(lineage.ledger.names(generation, "fail")) == LOCKS
    errors = [str(entry.detail) for entry in lineage.ledger.entries(kind="fail")]
    assert all(error.startswith("CheckpointError") and "(lock)" in error and "pickle" in error for error in errors)
    assert set(lineage.ledger.names(1, "run")) == LOCKS
    lineage.check()


def test_with_only_warnings_it_resolves_and_is_run_again(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage", "unpicklable", options=("--failure", "warn"))
    run = lineage.run()
    lineage.run()

    assert set(lineage.ledger.names(0, "ack")) == WORK | LOCKS
    assert lineage.said(run).count("could not be stored") >= len(LOCKS)
    assert set(lineage.ledger.names(1, "run")) == LOCKS
