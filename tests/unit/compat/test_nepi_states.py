"""States, as programs that are written for NEPI see them."""

from __future__ import annotations

import pytest

from headrace.compat.nepi.states import as_seen
from headrace.experiments import ResourceState

R = ResourceState


@pytest.mark.parametrize("state", [R.STOPPED, R.FINISHED])
def test_what_has_ended_equals_both_and_is_called_what_it_is(state: ResourceState) -> None:
    seen = as_seen(state)

    assert (seen == R.STOPPED, seen == R.FINISHED, str(seen)) == (True, True, state.name)


def test_what_has_ended_stands_after_what_runs_and_before_what_failed() -> None:
    assert as_seen(R.STOPPED) == as_seen(R.FINISHED)
    assert R.STARTED < as_seen(R.STOPPED) < R.FAILED


def test_any_other_state_is_as_it_is() -> None:
    assert as_seen(R.STARTED) is R.STARTED
