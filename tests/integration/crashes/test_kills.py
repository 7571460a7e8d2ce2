"""A workflow that is killed at any moment and run again does what is left, and nothing else."""

from __future__ import annotations

import itertools
import math
import os
import random
import signal
from typing import TYPE_CHECKING

import pytest
from tests.integration.crashes.harness import FUTURES, Killer, Lineage
from tests.integration.crashes.report import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.crashes.report import Target

_OWN: tuple[Target, ...] = ("workflow", "everything")
_ALL: tuple[Target, ...] = ("worker", "workflow", "worker", "everything")
TARGETS = {
    "threads": _OWN,
    "processes": _ALL,
    "burst": _OWN,
    "chain": _OWN,
    "shared": _OWN,
    "joins": _OWN,
    "large": _OWN,
    "large on processes": _ALL,
    "commands": _OWN,
    "checkpoints": _OWN,
}

#: So many of all; 200 in `make real`.
KILLS = math.ceil(int(os.environ.get("HEADRACE_KILLS", "18")) / len(TARGETS))

#: Of so many operations one is tried; each of them in `make real`.
STEP = 1 if os.environ.get("HEADRACE_THOROUGH") else 61

pytestmark = pytest.mark.slow


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("shape", TARGETS)
def test_what_has_resolved_is_found_again_after_a_kill_at_any_moment(
    tmp_path: Path, shape: str, record_property: Callable[[str, object], None]
) -> None:
    killer = Killer(tmp_path, shape, TARGETS[shape], random.Random())  # noqa: S311 - any moment will do
    killer.go(KILLS)

    assert len(killer.kills) == KILLS
    record_property("kills", told(killer.kills, killer.lineages))


@pytest.mark.timeout(600 if STEP == 1 else 60)
@pytest.mark.parametrize("shape", ["threads", "large"])
def test_what_has_resolved_is_found_again_after_a_kill_at_any_operation_on_a_file(tmp_path: Path, shape: str) -> None:
    """In the first run, and in the one that resumes it: of the store, of results, of the run directory."""
    kills = 0
    for operation in itertools.count(0, STEP):
        lineage = Lineage(tmp_path / str(operation), shape)
        codes = set()
        for _ in range(2):
            codes.add(lineage.run("--die-before", str(operation), code=None).process.returncode)
            lineage.check()
        assert codes <= {0, -signal.SIGKILL}
        if codes == {0}:
            break
        lineage.run()
        lineage.check()
        assert len(lineage.ledger.names(2, "ack")) == FUTURES[shape]
        kills += 1

    assert kills > 1


def test_this_would_notice_if_results_were_not_stored(tmp_path: Path) -> None:
    """That the ledger shows no breach is worth something only if it can show one."""
    lineage = Lineage(tmp_path, "threads", options=("--mode", "manual"))
    lineage.run()
    lineage.run()

    assert len(lineage.ledger.breaches()) >= 40
