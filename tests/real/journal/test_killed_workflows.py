"""A workflow whose store is in PostgreSQL, killed at any moment: what has resolved is found again."""

from __future__ import annotations

import math
import os
import random
from typing import TYPE_CHECKING

import pytest
from tests.integration.crashes.harness import FUTURES, Killer, Lineage
from tests.integration.crashes.report import summary, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.crashes.report import Target
    from tests.real.journal.conftest import Server

SHAPES: dict[str, tuple[Target, ...]] = {
    "threads": ("workflow", "everything"),
    "processes": ("worker", "workflow", "worker", "everything"),
    "chain": ("workflow", "everything"),
    "large": ("workflow", "everything"),
}

KILLS = math.ceil(int(os.environ.get("HEADRACE_KILLS", "20")) / 4 / len(SHAPES))


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_has_resolved_is_found_again_after_a_kill_at_any_moment(
    tmp_path: Path, server: Server, shape: str, capsys: pytest.CaptureFixture[str]
) -> None:
    killer = Killer(
        tmp_path,
        shape,
        SHAPES[shape],
        random.Random(),  # noqa: S311 - any moment will do
        place=server.new_database,
    )
    killer.go(KILLS)

    assert len(killer.kills) == KILLS
    with capsys.disabled():
        print("", *summary([told(killer.kills, killer.lineages)]), sep="\n")  # noqa: T201 - what `make real` is to show


def test_while_the_server_is_away_futures_fail_and_what_had_resolved_is_found_again(
    tmp_path: Path, server: Server
) -> None:
    lineage = Lineage(tmp_path / "lineage", "chain", server.new_database())
    with lineage.start() as run:
        run.read(5)
        server.stop()
        try:
            run.read(FUTURES["chain"] - 5)
        finally:
            server.start()
        run.end()

    failures = lineage.ledger.entries(0, "fail")
    assert len(lineage.ledger.names(0, "ack")) + len(failures) == FUTURES["chain"]
    assert {str(entry.detail).partition(":")[0] for entry in failures} <= {"CheckpointError", "DependencyError"}
    lineage.run()
    lineage.check()
    assert len(lineage.ledger.names(1, "ack")) == FUTURES["chain"]
