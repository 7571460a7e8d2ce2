"""What the reference page says of states, waits and errors is what the code says."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from headrace.experiments import ECState, ExperimentController, ResourceState, WaitReason, errors
from headrace.experiments.state import RESOURCE

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "experiments.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("states", [ResourceState, ECState])
def test_every_state_stands_there_with_its_meaning_in_the_declared_order(states: type[ResourceState | ECState]) -> None:
    rows = "\n".join(f"| `{state.name}` | {state.meaning} |" for state in states)

    assert rows in PAGE


def test_the_moves_are_the_lifecycles() -> None:
    assert RESOURCE.diagram() in PAGE


def test_every_reason_why_a_wait_ends_stands_there() -> None:
    assert "\n".join(f"| `{reason.name}` | {reason.value} |" for reason in WaitReason) in PAGE


def test_the_tree_of_errors_is_the_modules() -> None:
    assert errors.__doc__ is not None
    tree = textwrap.dedent(errors.__doc__.split("::\n\n")[1]).rstrip()

    assert tree in PAGE


def test_every_public_method_of_the_controller_stands_there() -> None:
    public = {name for name in dir(ExperimentController) if not name.startswith("_")}

    assert {name for name in public if f"`{name}`" not in PAGE} == {"get_global_value"}
