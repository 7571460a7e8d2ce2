"""Confidence intervals: against printed tables, and what must hold of any samples."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.experiments.statistics import InvalidSamples, converged, mean_interval, t_quantile

#: Upper quantiles as printed in tables of Student's t, to three digits.
TABLE = {
    1: (3.078, 6.314, 12.706, 31.821, 63.657),
    2: (1.886, 2.920, 4.303, 6.965, 9.925),
    3: (1.638, 2.353, 3.182, 4.541, 5.841),
    4: (1.533, 2.132, 2.776, 3.747, 4.604),
    5: (1.476, 2.015, 2.571, 3.365, 4.032),
    10: (1.372, 1.812, 2.228, 2.764, 3.169),
    20: (1.325, 1.725, 2.086, 2.528, 2.845),
    30: (1.310, 1.697, 2.042, 2.457, 2.750),
    60: (1.296, 1.671, 2.000, 2.390, 2.660),
    120: (1.289, 1.658, 1.980, 2.358, 2.617),
}
PROBABILITIES = (0.9, 0.95, 0.975, 0.99, 0.995)
#: Of six decimals at most, so that their squares are in the range of a number, for what these are compared with.
NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 6))
SAMPLES = st.lists(NUMBERS, min_size=2, max_size=20)
CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.99])


@pytest.mark.parametrize("degrees", TABLE)
def test_the_quantiles_are_those_of_the_tables(degrees: int) -> None:
    assert tuple(round(t_quantile(probability, degrees), 3) for probability in PROBABILITIES) == TABLE[degrees]


@pytest.mark.parametrize("probability", [0.5001, 0.6, 0.9, 0.975, 0.9995, 1 - 1e-9])
def test_where_there_is_a_formula_the_quantiles_are_the_formulas(probability: float) -> None:
    p = probability
    both = 4 * p * (1 - p)
    by_four = 2 * math.sqrt(math.cos(math.acos(math.sqrt(both)) / 3) / math.sqrt(both) - 1)

    assert t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-6)
    assert t_quantile(p, 2) == pytest.approx((2 * p - 1) * math.sqrt(2 / both), rel=1e-6)
    assert t_quantile(p, 4) == pytest.approx(by_four, rel=1e-6)


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.7062047), (2, 4.3026527), (5, 2.5705818), (10, 2.2281389), (30, 2.0422725), (100, 1.9839715)],
)
def test_the_quantiles_at_95_percent_are_exact_to_a_millionth(degrees: int, quantile: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(quantile, abs=1e-6)


@pytest.mark.parametrize("probability", PROBABILITIES)
def test_with_many_degrees_the_quantiles_come_to_the_normal_distributions_without_a_step(probability: float) -> None:
    assert t_quantile(probability, 10**9) == pytest.approx(statistics.NormalDist().inv_cdf(probability), rel=1e-8)
    before, after = t_quantile(probability, 9_999), t_quantile(probability, 10_000)
    assert 0 < (before - after) / after < 1e-7


@given(st.floats(0.001, 0.999), st.integers(1, 500))
@settings(max_examples=40, deadline=None)
def test_the_distribution_is_symmetric(probability: float, degrees: int) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(-t_quantile(1 - probability, degrees), rel=1e-6, abs=1e-9)


@given(st.floats(0.5, 0.99), st.floats(0.001, 0.009), st.integers(1, 500))
@settings(max_examples=40, deadline=None)
def test_surer_is_further_out_and_more_samples_are_nearer(probability: float, more: float, degrees: int) -> None:
    assert t_quantile(probability + more, degrees) > t_quantile(probability, degrees)
    assert t_quantile(probability + more, degrees + 1) < t_quantile(probability + more, degrees)


@pytest.mark.parametrize(("probability", "degrees"), [(0, 3), (1, 3), (-0.1, 3), (math.nan, 3), (0.9, 0), (0.9, -1)])
def test_there_is_no_quantile_of_what_is_no_probability_or_without_freedom(probability: float, degrees: int) -> None:
    with pytest.raises(InvalidSamples):
        t_quantile(probability, degrees)


def test_an_interval_worked_out_by_hand() -> None:
    interval = mean_interval([10, 12, 14], confidence=0.95)

    assert (interval.mean, interval.std, interval.n, interval.confidence) == (12, 2, 3, 0.95)
    assert interval.half_width == pytest.approx(4.3026527 * 2 / math.sqrt(3), rel=1e-7)
    assert (interval.low, interval.high) == (12 - interval.half_width, 12 + interval.half_width)


@given(SAMPLES)
@settings(max_examples=60, deadline=None)
def test_mean_and_deviation_are_those_of_exact_arithmetic(samples: list[float]) -> None:
    exact = [Fraction(sample) for sample in samples]
    mean = sum(exact) / len(exact)
    variance = sum((one - mean) ** 2 for one in exact) / (len(exact) - 1)
    largest = max(abs(sample) for sample in samples)

    interval = mean_interval(samples)

    assert interval.mean == pytest.approx(float(mean), abs=1e-12 * largest)
    assert interval.std == pytest.approx(math.sqrt(variance), rel=1e-9, abs=1e-12 * largest)


@given(SAMPLES, CONFIDENCES, st.floats(-1e6, 1e6))
@settings(max_examples=40, deadline=None)
def test_shifting_all_samples_shifts_the_interval(samples: list[float], confidence: float, by: float) -> None:
    before = mean_interval(samples, confidence)
    after = mean_interval([sample + by for sample in samples], confidence)

    assert after.mean == pytest.approx(before.mean + by, abs=1e-6)
    assert after.half_width == pytest.approx(before.half_width, rel=1e-6, abs=1e-6)


@given(SAMPLES, CONFIDENCES, st.floats(1e-3, 1e3), st.sampled_from([1, -1]))
@settings(max_examples=40, deadline=None)
def test_scaling_all_samples_scales_the_interval(samples: list[float], confidence: float, by: float, sign: int) -> None:
    before = mean_interval(samples, confidence)
    after = mean_interval([sample * by * sign for sample in samples], confidence)
    rounding = 1e-9 * by * max(abs(sample) for sample in samples)

    assert after.mean == pytest.approx(before.mean * by * sign, abs=rounding)
    assert after.half_width == pytest.approx(before.half_width * by, rel=1e-9, abs=rounding)


@given(SAMPLES)
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_samples_does_not_matter(samples: list[float]) -> None:
    assert mean_interval(samples[::-1]).half_width == pytest.approx(
        mean_interval(samples).half_width, rel=1e-6, abs=1e-6
    )


def test_one_sample_says_nothing_of_how_far_off_it_is_and_is_never_enough() -> None:
    interval = mean_interval([7])

    assert (interval.mean, interval.half_width, interval.low, interval.high) == (7, math.inf, -math.inf, math.inf)
    assert math.isnan(interval.std)
    assert not converged([7], confidence=0.001, relative=1e300)


def test_equal_samples_are_settled_also_when_they_are_zero() -> None:
    assert converged([7, 7])
    assert converged([0, 0])
    assert not converged([1, -1])


def test_runs_are_settled_when_the_half_width_is_within_so_much_of_the_mean() -> None:
    samples = [10.0, 11.0, 10.5, 10.4, 10.6]
    interval = mean_interval(samples)
    share = interval.half_width / interval.mean

    assert converged(samples, relative=share * 1.001)
    assert not converged(samples, relative=share * 0.999)
    assert converged([-sample for sample in samples], relative=share * 1.001)


def test_very_large_and_very_small_samples_have_an_interval_too() -> None:
    large, small = mean_interval([1e308, 1.2e308]), mean_interval([1e-308, 3e-308])

    assert [large.mean, large.std] == pytest.approx([1.1e308, math.sqrt(2) * 1e307])
    assert [small.mean, small.std] == pytest.approx([2e-308, math.sqrt(2) * 1e-308], rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        ([], "there are no samples"),
        ([1.0, math.nan], "sample 1 is nan, which is no finite number"),
        ([math.inf], "sample 0 is inf"),
        ([10**400], "no finite number"),
        (["3"], "sample 0 is '3', which is no number"),
        ([1, True], "sample 1 is True, which is no number"),
        ([None], "sample 0 is None"),
        ([1j], "sample 0 is 1j"),
    ],
)
def test_what_has_no_mean_is_refused_and_the_error_says_which_sample(samples: list[float], says: str) -> None:
    for function in (mean_interval, converged):
        with pytest.raises(InvalidSamples) as refused:
            function(samples)
        assert says in str(refused.value)


@pytest.mark.parametrize("confidence", [0, 1, -1, 95, math.nan])
def test_a_confidence_is_between_0_and_1(confidence: float) -> None:
    with pytest.raises(InvalidSamples, match=r"between 0 and 1, as 0\.95"):
        mean_interval([1, 2], confidence)


@pytest.mark.parametrize("relative", [-0.1, math.nan, math.inf])
def test_a_relative_half_width_is_finite_and_0_or_more(relative: float) -> None:
    with pytest.raises(InvalidSamples, match=r"0 or more, as 0\.05"):
        converged([1, 2], relative=relative)
