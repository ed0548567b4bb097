"""The recovery time of a stress: an interval around the truth, and what is said where it is not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.load.recovery_time import measure_recovery
from harness.stats.histogram import Histogram


def make_line(t: int, values: list[float], errors: int = 0) -> dict[str, Any]:
    histogram = Histogram()
    histogram.add(values)
    return {"t": t, "requests": len(values) + errors, "errors": errors, "hist": {"latency": histogram.to_sparse()}}


def make_lines(recovers_at: int, until: int, n: int = 20, *, fails: bool = False) -> list[dict[str, Any]]:
    """The peak ends at second 10; until `recovers_at` requests take 3 s, or fail."""
    lines = [make_line(t, [5.0] * n) for t in range(10)]
    for t in range(10, until):
        bad = t < recovers_at
        lines.append(make_line(t, [] if bad and fails else [3.0 if bad else 0.1] * n, n if bad and fails else 0))
    return lines


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("recovers_at", [10, 11, 17, 29])
def test_the_interval_holds_the_recovery(recovers_at: int, fails: bool) -> None:
    time = measure_recovery(make_lines(recovers_at, 40, fails=fails), 10.0, {"latency": 1.0})
    assert time.high is not None
    assert time.low <= recovers_at - 10 <= time.high
    assert time.high - time.low <= 1
    assert "had recovered" in time.describe()


def test_a_service_that_stays_slow_has_not_recovered() -> None:
    time = measure_recovery(make_lines(99, 30), 10.0, {"latency": 1.0})
    assert (time.low, time.high, time.observed) == (20, None, 20)
    assert time.describe() == "the service had not recovered within the 20 s after the peak"


def test_too_few_requests_show_no_end() -> None:
    time = measure_recovery(make_lines(18, 20, n=2), 10.0, {"latency": 1.0})
    assert (time.low, time.high) == (8, None)
    assert "when is not shown" in time.describe()


def test_a_relapse_counts() -> None:
    lines = make_lines(12, 40)
    lines[30] = make_line(30, [3.0] * 20)
    time = measure_recovery(lines, 10.0, {"latency": 1.0})
    assert time.low == 21


def test_lines_of_several_workers_add_up_and_no_limit_counts_failures_alone() -> None:
    lines = make_lines(15, 40, fails=True)
    assert measure_recovery([*lines, *lines], 9.5, {}).low == 5.5
    assert measure_recovery(make_lines(15, 40), 9.5, {}).low == 0


def test_simulated_recoveries_lie_within_their_interval() -> None:
    random, covered = np.random.default_rng(6), 0
    for _ in range(200):
        truth = int(random.integers(11, 30))
        lines = []
        for t in range(10, 50):
            share = 0.9 if t < truth else 0.04
            bad = int(random.binomial(20, share))
            lines.append(make_line(t, [3.0] * bad + [0.1] * (20 - bad)))
        time = measure_recovery(lines, 10.0, {"latency": 1.0})
        covered += time.high is not None and time.low <= truth - 10 <= time.high
    assert covered >= 190
