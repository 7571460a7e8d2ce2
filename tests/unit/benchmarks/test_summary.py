"""Medians, ratios, growth."""

from __future__ import annotations

import pytest
from benchmarks.model import Sample
from benchmarks.summary import Summary, Value, growth_exponent, summarise


def sample(us: float, backend: str = "headrace", n: int = 10, *, quiet: bool = True) -> Sample:
    return Sample("noop", backend, n, 0, {"us": [us]}, spin=1.0 if quiet else 1.5)


def test_a_value_is_the_median_with_its_range() -> None:
    assert summarise([sample(3), sample(1), sample(8)], "us") == Value(3, 1, 8, 3)


def test_busy_samples_are_left_out_where_enough_are_quiet() -> None:
    samples = [sample(3), sample(5), sample(90, quiet=False), sample(80, quiet=False)]

    assert summarise(samples, "us") == Value(4, 3, 5, 2)


def test_all_samples_are_used_and_marked_where_too_few_are_quiet() -> None:
    samples = [sample(3), sample(9, quiet=False), sample(5, quiet=False)]

    assert summarise(samples, "us") == Value(5, 3, 9, 3, noisy=True)


def test_a_single_sample_is_its_own_value() -> None:
    assert summarise([sample(3)], "us") == Value(3, 3, 3, 1)
    assert summarise([sample(3, quiet=False)], "us") == Value(3, 3, 3, 1, noisy=True)


def test_several_values_of_one_process_are_pooled() -> None:
    samples = [Sample("import", "headrace", 1, 0, {"ms": [1.0, 2.0, 9.0]})]

    assert summarise(samples, "ms") == Value(2, 1, 9, 3)


def test_what_was_not_measured_has_no_value() -> None:
    assert summarise([], "us") is None
    assert summarise([sample(3)], "other") is None
    assert summarise([Sample("noop", "headrace", 10, 0, error="exit 1")], "us") is None


def test_another_process_on_the_machine_makes_a_sample_busy() -> None:
    assert Sample("noop", "headrace", 10, 0, spin=1.1, others=0.05).quiet
    assert not Sample("noop", "headrace", 10, 0, spin=1.1, others=0.2).quiet
    assert not Sample("noop", "headrace", 10, 0, spin=1.3, others=0.0).quiet


def test_a_ratio_is_that_of_the_medians() -> None:
    summary = Summary([sample(10), sample(20), sample(30), sample(100, "parsl"), sample(300, "parsl")])

    assert summary.ratio("noop", "us", ("parsl", 10), ("headrace", 10)) == (10.0, False)


def test_a_ratio_never_sets_a_quiet_side_against_a_busy_one() -> None:
    ours = [sample(10), sample(10), sample(30, quiet=False), sample(30, quiet=False), sample(30, quiet=False)]
    theirs = [sample(300, "parsl", quiet=False), sample(300, "parsl", quiet=False)]

    ratio = Summary([*ours, *theirs]).ratio("noop", "us", ("parsl", 10), ("headrace", 10))

    assert ratio == (10.0, True)


def test_a_ratio_needs_both_sides_above_zero() -> None:
    summary = Summary([sample(10), sample(0, "futures")])

    assert summary.ratio("noop", "us", ("parsl", 10), ("headrace", 10)) is None
    assert summary.ratio("noop", "us", ("futures", 10), ("headrace", 10)) is None
    assert summary.ratio("noop", "us", ("headrace", 10), ("futures", 10)) is None


def test_a_series_never_sets_quiet_sizes_against_busy_ones() -> None:
    small = [sample(10, n=10), sample(10, n=10), sample(30, n=10, quiet=False), sample(30, n=10, quiet=False)]
    small.append(sample(30, n=10, quiet=False))
    large = [sample(30, n=100, quiet=False), sample(30, n=100, quiet=False)]

    series = Summary([*small, *large]).series("noop", "us", "headrace")

    assert [(n, value.median, value.noisy) for n, value in series] == [(10, 30, True), (100, 30, True)]


def test_a_series_is_ordered_by_size_and_skips_what_failed() -> None:
    failed = Sample("noop", "headrace", 50, 0, error="exit 1: no memory")
    summary = Summary([sample(7, n=100), failed, sample(5, n=10)])

    assert [(n, value.median) for n, value in summary.series("noop", "us", "headrace")] == [(10, 5), (100, 7)]
    assert summary.sizes("noop", "headrace") == [10, 50, 100]
    assert summary.error("noop", "headrace", 50) == "exit 1: no memory"
    assert summary.error("noop", "headrace", 10) is None


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_growth_finds_the_power(power: float) -> None:
    points = [(n, 3.5 * n**power) for n in (10.0, 100.0, 5000.0)]

    assert growth_exponent(points) == pytest.approx(power)


def test_growth_needs_two_sizes() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        growth_exponent([(10, 1), (10, 2)])
