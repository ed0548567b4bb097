"""The shapes of a load's rate: how many requests, when, which are judged; the same on any number of workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.core.arrival_settings import SHAPES, ArrivalSettings
from harness.core.errors import UsageError
from harness.core.load_settings import LoadSettings
from harness.core.pacing import ARRIVALS, Pacer

GIVEN: dict[str, dict[str, Any]] = {
    "steady": {},
    "ramp": {"from_rate": 0.0},
    "steps": {"steps": [5.0, 0.0, 40.0]},
    "spike": {"peak": 90.0, "peak_at": 10.0, "peak_for": 5.0},
    "stress": {"peak": 200.0, "peak_at": 8.0, "peak_for": 4.0, "recovery": 3.0},
    "replay": {"times": [k * k / 500 for k in range(100)]},
    "soak": {"pauses": 4, "pause": 1.0},
}
loads = st.builds(
    lambda shape, rate, arrivals, burstiness: ArrivalSettings(
        shape=shape, rate=rate, arrivals=arrivals, burstiness=burstiness, **GIVEN[shape]
    ),
    st.sampled_from(sorted(SHAPES)), st.floats(1, 60), st.sampled_from(ARRIVALS), st.sampled_from([0.1, 1.0, 8.0]),
)  # fmt: skip


def list_times(pacer: Pacer) -> list[float]:
    return [pacer.get_arrival_time(k) for k in range(pacer.count)]


@settings(max_examples=40)
@given(loads, st.integers(0, 2**32))
def test_every_schedule_has_the_planned_requests_in_order_within_its_duration(load: ArrivalSettings, seed: int) -> None:
    times = list_times(load.make_pacer(seed))
    assert len(times) == load.requests > 0
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] < load.duration
    judged = sum(due >= load.judged_from for due in times)
    assert abs(judged - load.judged_requests) <= 1
    assert load.find_arrival_problem() is None


@settings(max_examples=20)
@given(loads, st.integers(2, 5))
def test_workers_share_one_schedule(load: ArrivalSettings, workers: int) -> None:
    pacers = [load.make_pacer(3) for _ in range(workers)]
    parts = [pacer.get_arrival_time(k) for i, pacer in enumerate(pacers) for k in range(i, pacer.count, workers)]
    assert sorted(parts) == list_times(load.make_pacer(3))


@pytest.mark.parametrize("arrivals", ARRIVALS)
@pytest.mark.parametrize("shape", ["steady", "ramp", "steps", "spike", "stress"])
def test_the_rate_in_each_window_is_that_of_the_curve(shape: str, arrivals: str) -> None:
    load = ArrivalSettings(shape=shape, rate=20, arrivals=arrivals, **GIVEN[shape])
    bins = np.linspace(0, load.duration, 31)
    counts = sum(np.histogram(list_times(load.make_pacer(seed)), bins)[0] for seed in range(10)) / 10
    expected = np.diff([load.curve.count_until(t) for t in bins])
    # Of 10 runs the mean is off by five standard deviations of a Poisson number at most; gaps may straddle a border.
    assert (abs(counts - expected) <= 1 + 5 * np.sqrt(expected / 10)).all()


@pytest.mark.parametrize("shape", ["ramp", "steps", "spike"])
def test_a_poisson_process_of_changing_rate_is_uniform_in_its_integral(shape: str) -> None:
    load = ArrivalSettings(shape=shape, rate=100, warm_up=2, **GIVEN[shape])
    whole = load.curve.count_until(load.duration)
    reached = [load.curve.count_until(t) for t in list_times(load.make_pacer(11))]
    assert stats.kstest(reached, "uniform", args=(0, whole)).pvalue > 0.01
    assert stats.kstest(np.diff(reached), "expon").pvalue > 0.01


@pytest.mark.parametrize("burstiness", [0.3, 1.0, 4.0])
def test_gamma_gaps_have_the_shape_and_hardly_another_scale(burstiness: float) -> None:
    gaps = np.diff(list_times(Pacer(50, 200, "gamma", 5, burstiness=burstiness)))
    expected = stats.gamma(burstiness, scale=1 / (50 * burstiness))
    assert stats.kstest(gaps, expected.cdf).pvalue > 0.01
    assert np.std(gaps) / np.mean(gaps) == pytest.approx(burstiness**-0.5, rel=0.05)
    assert stats.kstest(gaps, "expon", args=(0, 1 / 50)).pvalue < 0.001 or burstiness == 1


def test_the_shape_is_that_of_the_scenario_unless_one_is_given() -> None:
    assert ArrivalSettings().shape_name == "steady"
    assert ArrivalSettings(scenario="spike").shape_name == "spike"
    assert ArrivalSettings(scenario="spike", shape="ramp").shape_name == "ramp"
    assert ArrivalSettings(scenario="of_my_own").shape_name == "steady"


def test_a_stress_is_judged_after_its_recovery_and_a_spike_from_its_warm_up_on() -> None:
    assert ArrivalSettings(shape="stress", **GIVEN["stress"]).judged_from == 15
    assert ArrivalSettings(shape="stress").judged_from == pytest.approx(18)
    assert ArrivalSettings(shape="spike", **GIVEN["spike"]).judged_from == 3


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"arrivals": "gama"}, "arrivals"),
        ({"burstiness": 1e-9}, "burstiness"),
        ({"shape": "rmap"}, "shape"),
        ({"from_rate": -1.0}, "from_rate"),
        ({"steps": [0.0]}, "steps"),
        ({"steps": [1.0, float("nan")]}, "steps"),
        ({"shape": "spike", "peak_at": 29.0, "peak_for": 2.0}, "peak_at"),
        ({"shape": "spike", "peak_at": float("nan")}, "peak_at"),
        ({"shape": "stress", "recovery": 18.0}, "recovery"),
        ({"shape": "stress", "recovery": float("nan")}, "recovery"),
        ({"shape": "replay", "times": [0.0, 5.0, 4.0]}, "times"),
        ({"shape": "replay", "times": [0.0, 30.0]}, "times"),
        ({"shape": "replay"}, "dataset"),
        ({"warm_up": 30.0}, "warm_up"),
        ({"shape": "spike", "peak": 1e9}, "rate"),
        ({"rate": 0.01}, "rate"),
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_by_its_key(keys: dict[str, Any], key: str) -> None:
    problem = LoadSettings(**keys).find_problem()
    assert problem is not None
    assert problem[0] == key


def test_a_trace_is_replayed_from_its_first_line_within_the_duration() -> None:
    rows = [{"timestamp": 5000 + 1000 * k} for k in range(10)]
    load = ArrivalSettings(shape="replay", warm_up=0).take_trace(rows)
    assert load.times == list(range(10))
    assert load.requests == 10
    assert load.duration == pytest.approx(9.9, abs=0.01)
    twice = ArrivalSettings(shape="replay", warm_up=0, speed=2.0, duration=3).take_trace(rows)
    assert (twice.times, twice.duration) == ([0, 0.5, 1, 1.5, 2, 2.5], 3)
    assert list_times(twice.make_pacer(1)) == twice.times


@pytest.mark.parametrize("stamps", [[None], ["5"], [True], [1, 0], [float("nan"), 1]])
def test_a_trace_without_rising_times_is_refused(stamps: list[Any]) -> None:
    with pytest.raises(UsageError, match="timestamp"):
        ArrivalSettings(shape="replay").take_trace([{"timestamp": stamp} for stamp in stamps])
