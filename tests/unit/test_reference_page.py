"""What the reference page says of states and errors is what the code says."""

from __future__ import annotations

import textwrap
from pathlib import Path

from headrace.dataflow import TASK, TaskState, errors

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "dataflow.md").read_text(encoding="utf-8")


def test_every_state_stands_there_with_its_meaning_in_the_declared_order() -> None:
    rows = "\n".join(f"| `{state.name}` | {state.meaning} |" for state in TaskState)

    assert rows in PAGE


def test_the_moves_are_the_lifecycles() -> None:
    assert TASK.diagram() in PAGE


def test_the_tree_of_errors_is_the_modules() -> None:
    assert errors.__doc__ is not None
    tree = textwrap.dedent(errors.__doc__.split("::\n\n")[1]).rstrip()

    assert tree in PAGE
