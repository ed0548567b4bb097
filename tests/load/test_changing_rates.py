"""The rule of time blocks keeps its error rates when the rate changes, and blocks hold few or many requests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.core.arrival_settings import ArrivalSettings
from harness.stats.dependence import TIME_BLOCKS, judge_dependent_rate


@pytest.mark.parametrize(
    ("shape", "keys"),
    [("ramp", {"from_rate": 0.0}), ("spike", {"peak": 90.0}), ("steps", {"steps": [5.0, 20.0, 40.0]})],
)
def test_independent_requests_at_the_budget_fail_at_most_as_often_as_allowed(shape: str, keys: dict[str, Any]) -> None:
    load = ArrivalSettings(shape=shape, rate=30, duration=60, **keys)
    borders = np.linspace(load.judged_from, load.duration, TIME_BLOCKS + 1)
    expected = np.diff([load.curve.count_until(border) for border in borders])
    source, failed = np.random.default_rng(1), 0
    for _ in range(300):
        n = source.poisson(expected)
        over_quantiles = [source.binomial(n, 0.25), source.binomial(n, 0.1)]
        failed += judge_dependent_rate(n, source.binomial(n, 0.05), over_quantiles, 0.05, 0.1).decision == "fail"
        assert judge_dependent_rate(n, source.binomial(n, 0.2), over_quantiles, 0.05, 0.1).decision != "pass"
    assert 0 < failed <= 0.05 * 300 + 3 * (300 * 0.05 * 0.95) ** 0.5
