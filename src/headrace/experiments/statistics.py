"""How sure a mean is: confidence intervals by Student's t, and whether repeated runs have settled."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, SupportsFloat

from headrace.experiments.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Interval", "InvalidSamples", "converged", "mean_interval", "t_quantile"]

#: From here on the expansion about the normal distribution is as exact as the fraction, and takes no longer for more.
_MANY_DEGREES: Final = 10_000
_STEPS_AT_MOST: Final = 10_000
_TINY: Final = 1e-300
_EPSILON: Final = 1e-16


class InvalidSamples(ExperimentError, ValueError):
    """No interval can be worked out: of no samples, of what is no finite number, or at a confidence that is none."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and how far off the true one may be.

    Attributes:
        mean: the samples' mean.
        half_width: the true mean is within so much of `mean`, as surely as `confidence` says, if the samples are
            independent and about normally distributed. Infinite for one sample, which says nothing of it.
        low: `mean` less `half_width`.
        high: `mean` and `half_width`.
        n: how many samples there were.
        confidence: how sure it is, between 0 and 1.
        std: the sample standard deviation, over n - 1; not a number for one sample, which has none.
    """

    mean: float
    half_width: float
    low: float
    high: float
    n: int
    confidence: float
    std: float


def mean_interval(samples: Iterable[SupportsFloat], confidence: float = 0.95) -> Interval:
    """Return the mean of samples, with its confidence interval by Student's t.

    Raises:
        InvalidSamples: there are none; one is no finite number (the message says which); `confidence` is not between
            0 and 1.
    """
    if not 0 < confidence < 1:
        raise InvalidSamples(f"a confidence is between 0 and 1, as 0.95, and {confidence!r} is not")
    numbers = [_number(place, sample) for place, sample in enumerate(samples)]
    if not numbers:
        raise InvalidSamples("there are no samples, so there is no mean: an interval needs one at least")
    mean, std = _moments(numbers)
    n = len(numbers)
    half = math.inf if n == 1 else t_quantile((1 + confidence) / 2, n - 1) * (std / math.sqrt(n))
    return Interval(mean, half, mean - half, mean + half, n, confidence, std)


def converged(samples: Iterable[SupportsFloat], confidence: float = 0.95, relative: float = 0.05) -> bool:
    """Tell whether the mean is known well enough: to within `relative` of itself, at that confidence.

    One sample is never enough; two or more that are all equal are. About a mean of 0 only zeros are settled, since
    any deviation is infinitely much of it: such a metric needs a criterion of its own.

    Raises:
        InvalidSamples: as `mean_interval`, or `relative` is negative or not finite.
    """
    if not (math.isfinite(relative) and relative >= 0):
        raise InvalidSamples(f"a relative half width is 0 or more, as 0.05, and {relative!r} is not")
    interval = mean_interval(samples, confidence)
    return interval.n > 1 and interval.half_width <= relative * abs(interval.mean)


@lru_cache(maxsize=1024)
def t_quantile(probability: float, degrees: int) -> float:
    """Return what a variable with Student's t distribution stays below with a probability.

    Off by less than 1e-9 of itself, or of 1 where it is smaller, for any number of degrees of freedom.

    Raises:
        InvalidSamples: `probability` is not between 0 and 1, or `degrees` is less than 1.
    """
    if not 0 < probability < 1:
        raise InvalidSamples(f"a quantile's probability is between 0 and 1, and {probability!r} is not")
    if degrees < 1:
        raise InvalidSamples(f"Student's t has 1 degree of freedom at least, and {degrees!r} is less")
    tail = min(probability, 1 - probability)
    if tail == 0.5:  # noqa: PLR2004 - the median
        quantile = 0.0
    elif degrees == 1:
        quantile = 1 / math.tan(math.pi * tail)
    elif degrees >= _MANY_DEGREES:
        quantile = _expanded(-statistics.NormalDist().inv_cdf(tail), degrees)
    else:
        quantile = _bisected(2 * tail, degrees)
    return math.copysign(quantile, probability - 0.5)


def _number(place: int, sample: SupportsFloat) -> float:
    # A text that could be read as a number, and a truth value, are mistakes of whoever measured.
    if isinstance(sample, str | bytes | bool) or not (hasattr(sample, "__float__") or hasattr(sample, "__index__")):
        raise InvalidSamples(f"sample {place} is {sample!r}, which is no number")
    try:
        number = float(sample)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidSamples(f"sample {place} is {sample!r}, which is no finite number: leave it out, or find out why")
    return number


def _moments(numbers: list[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation.

    One pass, by the differences from the mean so far (B. P. Welford, Technometrics 4 (1962), 419-420), so that a large
    offset costs no digits. Scaled by a power of two, which is exact, so that no square is out of a number's range.
    """
    scale = max(math.frexp(number)[1] for number in numbers)
    mean = squares = 0.0
    for count, number in enumerate(numbers, 1):
        scaled = math.ldexp(number, -scale)
        off = scaled - mean
        mean += off / count
        squares += off * (scaled - mean)
    if len(numbers) == 1:
        return numbers[0], math.nan
    return math.ldexp(mean, scale), _enlarged(math.sqrt(squares / (len(numbers) - 1)), scale)


def _enlarged(number: float, scale: int) -> float:
    try:
        return math.ldexp(number, scale)
    except OverflowError:
        return math.inf


def _bisected(tails: float, degrees: int) -> float:
    """Return where both tails together hold so much."""
    low, high = 0.0, 1.0
    while _both_tails(high, degrees) > tails:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if _both_tails(middle, degrees) > tails:
            low = middle
        else:
            high = middle
    return high if _both_tails(high, degrees) == tails else low


def _both_tails(t: float, degrees: int) -> float:
    """P(|T| > t) = I_x(n/2, 1/2), where x = n / (n + t²): Abramowitz and Stegun, 26.7.1 and 26.5.27."""
    a, b = degrees / 2, 0.5
    x, y = degrees / (degrees + t * t), t * t / (degrees + t * t)
    if y == 0:
        return 1.0
    # The fraction is quick below (a + 1) / (a + b + 2) only; above, I_x(a, b) = 1 - I_y(b, a).
    if x < (a + 1) / (a + b + 2):
        return _incomplete_beta(x, y, a, b)
    return 1 - _incomplete_beta(y, x, b, a)


def _incomplete_beta(x: float, y: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b), where y = 1 - x.

    By its continued fraction (NIST Digital Library of Mathematical Functions, 8.17.22), worked out from the front by
    Lentz's method (ibid., 3.10(iii); W. J. Lentz, Applied Optics 15 (1976), 668-671).
    """
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y) - math.log(a)
    )
    # 1 + d1 / (1 + d2 / (1 + ...)), as the product of the ratios of successive numerators and denominators.
    value = numerators = 1.0
    denominators = 0.0
    for step in range(1, _STEPS_AT_MOST):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominators = 1 / ((1 + term * denominators) or _TINY)
        numerators = (1 + term / numerators) or _TINY
        factor = numerators * denominators
        value *= factor
        if abs(factor - 1) < _EPSILON:
            break
    return front / value


def _expanded(z: float, degrees: int) -> float:
    """Return the quantile of Student's t from the normal one (Abramowitz and Stegun, 26.7.5)."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / degrees**power for power, term in enumerate(terms, 1))
