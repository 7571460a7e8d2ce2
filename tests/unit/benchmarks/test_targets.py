"""Targets are judged by what was measured and by nothing else."""

from __future__ import annotations

import pytest
from benchmarks.cells import CELLS
from benchmarks.model import Sample
from benchmarks.summary import Summary
from benchmarks.targets import TARGETS, AtLeastTimes, AtMost, AtMostTimes, GrowsAtMost, Outcome, judge


def sample(us: float, n: int = 100, backend: str = "headrace", *, spin: float = 1.0) -> Sample:
    return Sample("noop", backend, n, 0, {"us": [us]}, spin=spin)


CHEAP = AtMost("cheap", 35, "µs", "noop", "us", 100)
FASTER = AtLeastTimes("faster", 3, "noop", "us", "parsl")
CLOSE = AtMostTimes("close", 1.2, "noop", "us", "futures")
LINEAR = GrowsAtMost("linear", 1.1, "noop", "us", 1_000)


@pytest.mark.parametrize(("us", "outcome"), [(34.9, Outcome.MET), (35.0, Outcome.MET), (35.1, Outcome.MISSED)])
def test_a_limit_holds_up_to_itself(us: float, outcome: Outcome) -> None:
    verdict = CHEAP.judge(Summary([sample(us)]))

    assert (verdict.measured, verdict.outcome) == (us, outcome)


def test_a_limit_is_judged_at_its_own_size_only() -> None:
    verdict = CHEAP.judge(Summary([sample(1.0, n=99)]))

    assert (verdict.measured, verdict.outcome) == (None, Outcome.UNMEASURED)


@pytest.mark.parametrize(("theirs", "outcome"), [(30, Outcome.MET), (29, Outcome.MISSED)])
def test_a_ratio_is_the_peers_over_ours(theirs: float, outcome: Outcome) -> None:
    verdict = FASTER.judge(Summary([sample(10), sample(theirs, backend="parsl")]))

    assert (verdict.measured, verdict.outcome) == (theirs / 10, outcome)


@pytest.mark.parametrize(("ours", "outcome"), [(12, Outcome.MET), (13, Outcome.MISSED)])
def test_a_ratio_may_be_bounded_from_above(ours: float, outcome: Outcome) -> None:
    verdict = CLOSE.judge(Summary([sample(ours), sample(10, backend="futures")]))

    assert (verdict.measured, verdict.outcome) == (ours / 10, outcome)
    assert CLOSE.judge(Summary([sample(ours)])).outcome is Outcome.UNMEASURED


def test_a_limit_may_be_for_another_form_of_ours() -> None:
    target = AtMost("cheap", 35, "µs", "noop", "us", 100, "headrace-argv")

    verdict = target.judge(Summary([sample(99), sample(20, backend="headrace-argv")]))

    assert (verdict.measured, verdict.outcome) == (20, Outcome.MET)


def test_a_ratio_may_be_to_another_form_of_ours() -> None:
    target = AtLeastTimes("faster", 3, "noop", "us", "parsl", "headrace-nojournal")

    verdict = target.judge(Summary([sample(20), sample(10, backend="headrace-nojournal"), sample(40, backend="parsl")]))

    assert (verdict.measured, verdict.outcome) == (4, Outcome.MET)
    assert target.judge(Summary([sample(20), sample(40, backend="parsl")])).outcome is Outcome.UNMEASURED


@pytest.mark.parametrize("backend", ["headrace", "parsl"])
def test_a_ratio_without_one_side_is_not_measured(backend: str) -> None:
    assert FASTER.judge(Summary([sample(10, backend=backend)])).outcome is Outcome.UNMEASURED


def test_a_constant_cost_a_task_is_linear_growth() -> None:
    verdict = LINEAR.judge(Summary([sample(20, n=10), sample(20, n=1_000)]))

    assert verdict.measured == pytest.approx(1.0)
    assert verdict.outcome is Outcome.MET


def test_a_cost_a_task_that_grows_with_the_size_is_not() -> None:
    verdict = LINEAR.judge(Summary([sample(2, n=10), sample(20, n=100), sample(200, n=1_000)]))

    assert verdict.measured == pytest.approx(2.0)
    assert verdict.outcome is Outcome.MISSED


def test_growth_is_not_judged_short_of_its_size() -> None:
    assert LINEAR.judge(Summary([sample(20, n=10), sample(20, n=999)])).outcome is Outcome.UNMEASURED


def test_a_busy_machine_is_carried_into_the_verdict() -> None:
    assert CHEAP.judge(Summary([sample(20, spin=2.0)])).noisy
    assert not CHEAP.judge(Summary([sample(20)])).noisy


def test_without_samples_nothing_is_measured() -> None:
    verdicts = judge(Summary([]))

    assert [verdict.target for verdict in verdicts] == list(TARGETS)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.UNMEASURED}


def test_every_target_names_something_the_suite_measures() -> None:
    figures = {(cell.name, figure.key) for cell in CELLS for figure in cell.figures}
    sizes = {(cell.name, entry.backend, entry.n) for cell in CELLS for entry in cell.entries}
    for target in TARGETS:
        assert (target.cell, target.figure) in figures
        if isinstance(target, AtLeastTimes | AtMostTimes):
            sides = {target.peer, target.backend if isinstance(target, AtLeastTimes) else "headrace"}
            assert sides <= {backend for cell, backend, _ in sizes if cell == target.cell}
        else:
            ours = target.backend if isinstance(target, AtMost) else "headrace"
            assert (target.cell, ours, target.n) in sizes
