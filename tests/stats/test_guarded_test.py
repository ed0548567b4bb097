"""The sequential test with its guard: its error rates on dependent streams, and what it does at each end."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks._streams import STREAMS, Stream, get_stream
from benchmarks.boundary_errors import TabulatedTest, simulate_smoke
from harness.core.objective import PROFILES
from harness.stats.guarded_test import GuardedRateTest, compute_least_n
from harness.stats.sequential import RateTest
from tests.catalogues import sample_cases

PR = TabulatedTest(budget=0.05, loosened=0.10, cap=500)
RELEASE = TabulatedTest(budget=0.01, loosened=0.02, cap=1600)
RUNS = 100
MOST = 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)
IN_ORDER = [stream for stream in STREAMS if stream.every is None or stream.in_requests]


def run(over: list[bool], test: RateTest = PR) -> GuardedRateTest:
    guarded = GuardedRateTest(test)
    for is_over in over:
        guarded.add(float(is_over), is_over)
    return guarded


@pytest.mark.parametrize(
    "stream", sample_cases(IN_ORDER, *IN_ORDER[::3], mark=pytest.mark.simulation), ids=lambda stream: stream.name
)
def test_few_samples_are_judged_falsely(stream: Stream) -> None:
    """But for drift, whose share so far is under the limit when the test stops."""
    random = np.random.default_rng(11)
    if stream.count_disturbances(PR.loosened, PR.cap, 0) >= 3 and stream.name != "linear drift":
        assert simulate_smoke(random, stream, PR, PR.loosened, RUNS)[0].passed <= MOST
    if stream.count_disturbances(PR.budget, PR.cap, 0) >= 3:
        assert simulate_smoke(random, stream, PR, PR.budget, RUNS)[0].failed <= MOST


@pytest.mark.slow
@pytest.mark.parametrize(
    "stream", sample_cases(IN_ORDER, *IN_ORDER[::5], mark=pytest.mark.simulation), ids=lambda stream: stream.name
)
def test_few_samples_of_a_release_are_judged_falsely(stream: Stream) -> None:
    random = np.random.default_rng(12)
    if stream.count_disturbances(RELEASE.loosened, RELEASE.cap, 0) >= 3 and stream.name != "linear drift":
        assert simulate_smoke(random, stream, RELEASE, RELEASE.loosened, RUNS)[0].passed <= MOST
    if stream.count_disturbances(RELEASE.budget, RELEASE.cap, 0) >= 3:
        assert simulate_smoke(random, stream, RELEASE, RELEASE.budget, RUNS)[0].failed <= MOST


def test_a_healthy_service_passes() -> None:
    shares, mean_n = simulate_smoke(np.random.default_rng(13), get_stream("independent"), PR, 0.3 * PR.budget, RUNS)
    assert shares.passed >= 0.95
    assert 300 <= mean_n <= 350


@pytest.mark.parametrize("name", PROFILES)
def test_a_pass_needs_six_episodes_of_five(name: str) -> None:
    profile = PROFILES[name]
    loosened = (1 - profile.quantile) * profile.tolerance
    least = compute_least_n(loosened, profile.cap)
    assert least == {"pr": 300, "release": 1500, "strict": 3000}[name]
    assert (
        run([False] * (least - 1), RateTest(budget=loosened / 2, loosened=loosened, cap=profile.cap)).decision is None
    )


def test_it_passes_at_the_least_number_and_keeps_its_decision() -> None:
    guarded = run([False] * 400)
    assert (guarded.decision, guarded.n) == ("pass", 300)


def test_one_first_request_over_the_limit_fails_nothing_and_twelve_do() -> None:
    assert run([True] * 11).decision is None
    assert (run([True] * 12).decision, run([True] * 12).n) == ("fail", 12)
    assert run([False] + [True] * 38).decision is None
    assert run([True] * 12, RateTest(budget=0.2, loosened=0.4, cap=500)).decision is None


def test_one_burst_is_no_fail_and_sends_the_test_to_its_cap() -> None:
    """Thirty of the first sixty: as independent requests they would refute 5 % at once."""
    guarded = run([False] * 30 + [True] * 30 + [False] * 440)
    assert guarded.n == 500
    assert guarded.decision == "inconclusive"
    assert guarded.judged is not None
    assert guarded.judged.dependence.is_seen


def test_scattered_requests_over_the_limit_fail_early() -> None:
    guarded = run([i % 3 == 0 for i in range(60)])
    assert (guarded.decision, guarded.judged) == ("fail", None)
    assert guarded.n == 40
