"""What proves that nothing is lost can tell when something is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.crashes.ledger import Entry, Ledger

if TYPE_CHECKING:
    from pathlib import Path


def ledger_of(tmp_path: Path, *entries: tuple[object, ...]) -> Ledger:
    path = tmp_path / "ledger"
    path.write_text("".join(f"\n{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    return Ledger(path)


def test_a_call_that_had_resolved_and_is_run_again_is_a_breach(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, (0, "run", "a", 1), (0, "ack", "a", "x"), (1, "run", "a", 2))

    assert len(ledger.breaches()) == 1


def test_so_is_one_that_is_run_again_in_the_same_run(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, (0, "run", "a", 1), (0, "ack", "a", "x"), (0, "run", "a", 2))

    assert len(ledger.breaches()) == 1


def test_another_value_is_a_breach(tmp_path: Path) -> None:
    assert len(ledger_of(tmp_path, (0, "ack", "a", "x"), (1, "ack", "a", "y")).breaches()) == 1


def test_what_had_not_resolved_may_be_run_again(tmp_path: Path) -> None:
    entries = (0, "run", "a", 1), (0, "run", "b", 1), (1, "run", "a", 2), (1, "ack", "a", "x"), (2, "ack", "a", "x")

    assert ledger_of(tmp_path, *entries).breaches() == []


def test_a_torn_line_says_nothing_and_harms_no_other(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path, (0, "run", "a", 1))
    with ledger.path.open("a", encoding="utf-8") as file:
        file.write('\n[0, "ack", "a')
        file.write('\n[1, "run", "a", 2]\n')

    assert ledger.entries() == [Entry(0, "run", "a", 1), Entry(1, "run", "a", 2)]
