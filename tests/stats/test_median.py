"""Bounds of a median: never wrong in more than alpha of samples, whatever the distribution."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.beta import binomial_cdf
from harness.stats.median import bound_median


@pytest.mark.parametrize("n", [5, 14, 49, 200])
def test_the_bounds_are_the_order_statistics_of_the_binomial(n: int) -> None:
    low, high = bound_median([float(place) for place in range(n)], 0.05)
    assert low is not None
    assert high is not None
    assert low == n - 1 - high
    assert binomial_cdf(int(low), n, 0.5) <= 0.05 < binomial_cdf(int(low) + 1, n, 0.5)


def test_few_values_have_no_bounds() -> None:
    assert bound_median([1.0, 2.0, 3.0, 4.0], 0.05) == (None, None)
    assert bound_median([], 0.05) == (None, None)


def test_coverage_of_a_skewed_distribution() -> None:
    generator = np.random.default_rng(1)
    samples = generator.lognormal(0.0, 1.0, (400, 31))
    lows = [bound_median(sample.tolist(), 0.05)[0] for sample in samples]
    assert sum(low is not None and low > 1.0 for low in lows) <= 0.05 * 400 + 3 * (400 * 0.05 * 0.95) ** 0.5
