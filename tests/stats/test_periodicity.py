"""Periods: regular events are found with their period, independent ones seldom."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.intervals import clopper_pearson_lower
from harness.stats.periodicity import FEWEST_EVENTS, find_period


@pytest.mark.parametrize("count", [6, 10, 40])
def test_independent_events_are_seldom_called_periodic(count: int) -> None:
    random = np.random.default_rng(1)
    periods = [find_period(np.sort(random.random(count)).tolist()) for _ in range(1000)]
    alarms = sum(period is not None and period.p_value <= 0.01 for period in periods)
    assert clopper_pearson_lower(alarms, 1000, 0.01) <= 0.01


@pytest.mark.parametrize("missing", [(), (3,), (2, 5)])
def test_events_with_jitter_have_their_period_though_some_are_missing(missing: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)
    times = [60 * i + float(random.uniform(-1, 1)) for i in range(10) if i not in missing]
    period = find_period(times)
    assert period is not None
    assert period.seconds == pytest.approx(60, rel=0.05)
    assert period.p_value < 0.005


def test_one_more_event_between_does_not_hide_the_period() -> None:
    times = sorted([*(60.0 * i for i in range(10)), 85.0])
    period = find_period(times)
    assert period is not None
    assert period.p_value < 0.01


def test_few_events_have_no_period() -> None:
    assert find_period([10.0 * i for i in range(FEWEST_EVENTS - 1)]) is None
